package imageserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// ProbeSize is the length of the probe in bytes.
const ProbeSize = 1024

// Probe returns what ServeProbe serves: byte i is i%256 exclusive-or i/256, so
// each value is there and no quarter is like another.
func Probe() []byte {
	p := make([]byte, ProbeSize)
	for i := range p {
		p[i] = byte(i) ^ byte(i>>8)
	}
	return p
}

func newProbe() object {
	p := Probe()
	sum := sha256.Sum256(p)
	return object{hex.EncodeToString(sum[:]), ProbeSize, bytes.NewReader(p)}
}
