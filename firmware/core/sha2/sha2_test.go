package sha2

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/rand/v2"
	"testing"
)

var (
	_ hash.Hash = (*Hash256)(nil)
	_ hash.Hash = (*Hash512)(nil)
)

func pairs() map[string][2]hash.Hash {
	ours256, ours512 := new(Hash256), new(Hash512)
	ours256.Reset()
	ours512.Reset()
	return map[string][2]hash.Hash{
		"SHA-256": {ours256, sha256.New()},
		"SHA-512": {ours512, sha512.New()},
	}
}

// Every length around two blocks, written in one piece, byte by byte and in
// random pieces, gives the standard library's digest.
func TestAgainstTheStandardLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	message := make([]byte, 3*Block512+5)
	for i := range message {
		message[i] = byte(rnd.Uint32())
	}
	for name, pair := range pairs() {
		for n := range message {
			pair[1].Reset()
			pair[1].Write(message[:n])
			want := pair[1].Sum(nil)
			for _, most := range []int{n, 1, 100} {
				pair[0].Reset()
				for at := 0; at < n; {
					piece := most
					if most == 100 {
						piece = rnd.IntN(100)
					}
					piece = min(piece, n-at)
					pair[0].Write(message[at : at+piece])
					at += piece
				}
				if got := pair[0].Sum(nil); !bytes.Equal(got, want) {
					t.Fatalf("%s of %d bytes in pieces of %d: %x, want %x", name, n, most, got, want)
				}
			}
		}
	}
}

func TestSumLeavesTheMessageOpen(t *testing.T) {
	for name, pair := range pairs() {
		pair[0].Write([]byte("first"))
		prefix := []byte{1, 2}
		if got := pair[0].Sum(prefix); !bytes.Equal(got[:2], prefix) || len(got) != 2+pair[0].Size() {
			t.Errorf("%s: Sum appended %d bytes", name, len(got)-2)
		}
		pair[0].Write([]byte(" second"))
		pair[1].Write([]byte("first second"))
		if got, want := pair[0].Sum(nil), pair[1].Sum(nil); !bytes.Equal(got, want) {
			t.Errorf("%s after Sum: %x, want %x", name, got, want)
		}
		if pair[0].BlockSize() != pair[1].BlockSize() {
			t.Errorf("%s: block size %d", name, pair[0].BlockSize())
		}
	}
}

func TestNoAllocation(t *testing.T) {
	var d Hash256
	var e Hash512
	var out [Size256]byte
	var out512 [Size512]byte
	message := make([]byte, 1000)
	if n := testing.AllocsPerRun(100, func() {
		d.Reset()
		d.Write(message)
		d.Finish(&out)
		e.Reset()
		e.Write(message)
		e.Finish(&out512)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
