// Package sha1 is SHA-1 (FIPS 180-4), small rather than fast. It is broken for
// signatures and is here for one use: the handshake of RFC 6455, which asks for
// it and needs nothing of its strength.
package sha1

import "math/bits"

// Sizes in bytes.
const (
	Size  = 20
	Block = 64
)

// Hash computes a SHA-1. It is an io.Writer. The zero value is not ready: Reset
// it first.
type Hash struct {
	h     [5]uint32
	w     [16]uint32 // the last 16 words of the message schedule
	block [Block]byte
	n     uint64 // bytes written
}

// Reset begins a new message.
func (s *Hash) Reset() {
	s.h = [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
	s.n = 0
}

// Write adds p to the message. It never fails.
func (s *Hash) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		at := int(s.n % Block)
		n := copy(s.block[at:], p)
		s.n += uint64(n)
		p = p[n:]
		if at+n == Block {
			s.compress()
		}
	}
	return written, nil
}

// Finish writes the digest to out. The hash must be Reset before it is used
// again.
func (s *Hash) Finish(out *[Size]byte) {
	at := int(s.n % Block)
	s.block[at] = 0x80
	clear(s.block[at+1:])
	if at+1 > Block-8 { // no room for the length
		s.compress()
		clear(s.block[:])
	}
	for i := range 8 {
		s.block[Block-1-i] = byte(s.n << 3 >> (8 * i))
	}
	s.compress()
	for i, v := range s.h {
		out[i*4], out[i*4+1], out[i*4+2], out[i*4+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
}

// compress is the function of FIPS 180-4, 6.1.2 and 6.1.3.
func (s *Hash) compress() {
	w := &s.w
	a, b, c, d, e := s.h[0], s.h[1], s.h[2], s.h[3], s.h[4]
	for i := range 80 {
		if i < 16 {
			p := s.block[i*4:][:4]
			w[i] = uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
		} else {
			w[i&15] = bits.RotateLeft32(w[(i-3)&15]^w[(i-8)&15]^w[(i-14)&15]^w[i&15], 1)
		}
		var t uint32
		switch i / 20 {
		case 0:
			t = (b&c ^ ^b&d) + 0x5a827999
		case 1:
			t = (b ^ c ^ d) + 0x6ed9eba1
		case 2:
			t = (b&c ^ b&d ^ c&d) + 0x8f1bbcdc
		default:
			t = (b ^ c ^ d) + 0xca62c1d6
		}
		t += bits.RotateLeft32(a, 5) + e + w[i&15]
		a, b, c, d, e = t, a, bits.RotateLeft32(b, 30), c, d
	}
	for i, v := range [5]uint32{a, b, c, d, e} {
		s.h[i] += v
	}
}
