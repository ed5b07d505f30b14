package crc

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

func TestAgainstTheStandardLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	p := make([]byte, 300)
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
	for n := range p {
		split := rnd.IntN(n + 1)
		if got, want := Update(Update(0, p[:split]), p[split:n]), crc32.ChecksumIEEE(p[:n]); got != want {
			t.Errorf("%d bytes in two pieces: %08x, want %08x", n, got, want)
		}
	}
}
