package sha2

import "math/bits"

// Sizes of SHA-256, in bytes.
const (
	Size256  = 32
	Block256 = 64
)

// Hash256 computes a SHA-256. It is a hash.Hash. The zero value is not
// ready: Reset it first.
type Hash256 struct {
	h     [8]uint32
	w     [16]uint32 // the last 16 words of the message schedule
	block [Block256]byte
	n     uint64 // bytes written
}

// Reset begins a new message.
func (d *Hash256) Reset() {
	for i := range d.h {
		d.h[i] = uint32(start[i] >> 32)
	}
	d.n = 0
}

// Size returns Size256.
func (d *Hash256) Size() int { return Size256 }

// BlockSize returns Block256.
func (d *Hash256) BlockSize() int { return Block256 }

// Write adds p to the message. It never fails.
func (d *Hash256) Write(p []byte) (int, error) {
	written := len(p)
	at := int(d.n % Block256)
	d.n += uint64(written)
	if at > 0 {
		n := copy(d.block[at:], p)
		if p = p[n:]; at+n < Block256 {
			return written, nil
		}
		d.compress(d.block[:])
	}
	for ; len(p) >= Block256; p = p[Block256:] {
		d.compress(p)
	}
	copy(d.block[:], p)
	return written, nil
}

// Finish writes the digest to out. The hash must be Reset before it is used
// again.
func (d *Hash256) Finish(out *[Size256]byte) {
	at := int(d.n % Block256)
	d.block[at] = 0x80
	clear(d.block[at+1:])
	if at+1 > Block256-8 { // no room for the length
		d.compress(d.block[:])
		clear(d.block[:])
	}
	put64(d.block[Block256-8:], d.n<<3)
	d.compress(d.block[:])
	for i, v := range d.h {
		put32(out[i*4:], v)
	}
}

// Sum appends the digest of what has been written so far to b.
func (d *Hash256) Sum(b []byte) []byte {
	copied := *d
	var out [Size256]byte
	copied.Finish(&out)
	return append(b, out[:]...)
}

// compress is the function of FIPS 180-4, 6.2.2.
func (d *Hash256) compress(p []byte) {
	_ = p[Block256-1]
	w := &d.w
	v := d.h // a to h; the roles move instead of the values
	for i := range 64 {
		if i < 16 {
			w[i] = get32(p[i*4:])
		} else {
			x, y := w[(i-15)&15], w[(i-2)&15]
			w[i&15] += (bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3) + w[(i-7)&15] +
				(bits.RotateLeft32(y, -17) ^ bits.RotateLeft32(y, -19) ^ y>>10)
		}
		a, e := v[0], v[4]
		t1 := v[7] + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)) +
			(e&v[5] ^ ^e&v[6]) + uint32(k[i]>>32) + w[i&15]
		t2 := (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)) +
			(a&v[1] ^ a&v[2] ^ v[1]&v[2])
		v = [8]uint32{t1 + t2, a, v[1], v[2], v[3] + t1, e, v[5], v[6]}
	}
	for i := range d.h {
		d.h[i] += v[i]
	}
}
