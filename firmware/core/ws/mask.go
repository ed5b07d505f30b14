package ws

import (
	"math/bits"

	"camrelay/firmware/core/le"
)

// Mask masks or unmasks p (RFC 6455 section 5.3). phase is how many bytes of the
// payload came before, and what is returned how many there are now, both modulo
// 4.
func Mask(p []byte, key uint32, phase int) int {
	key = bits.RotateLeft32(key, -8*(phase&3))
	next := (phase + len(p)) & 3
	for len(p) >= 4 {
		le.Put32(p, le.U32(p)^key)
		p = p[4:]
	}
	for i := range p {
		p[i] ^= byte(key >> (8 * i))
	}
	return next
}
