package sha2

import "math/bits"

// Sizes of SHA-512, in bytes.
const (
	Size512  = 64
	Block512 = 128
)

// Hash512 computes a SHA-512. It is a hash.Hash. The zero value is not
// ready: Reset it first.
type Hash512 struct {
	h     [8]uint64
	w     [16]uint64 // the last 16 words of the message schedule
	block [Block512]byte
	n     uint64 // bytes written
}

// Reset begins a new message.
func (d *Hash512) Reset() {
	for i := range d.h {
		d.h[i] = start[i]
	}
	d.n = 0
}

// Size returns Size512.
func (d *Hash512) Size() int { return Size512 }

// BlockSize returns Block512.
func (d *Hash512) BlockSize() int { return Block512 }

// Write adds p to the message. It never fails.
func (d *Hash512) Write(p []byte) (int, error) {
	written := len(p)
	at := int(d.n % Block512)
	d.n += uint64(written)
	if at > 0 {
		n := copy(d.block[at:], p)
		if p = p[n:]; at+n < Block512 {
			return written, nil
		}
		d.compress(d.block[:])
	}
	for ; len(p) >= Block512; p = p[Block512:] {
		d.compress(p)
	}
	copy(d.block[:], p)
	return written, nil
}

// Finish writes the digest to out. The hash must be Reset before it is used
// again.
func (d *Hash512) Finish(out *[Size512]byte) {
	at := int(d.n % Block512)
	d.block[at] = 0x80
	clear(d.block[at+1:])
	if at+1 > Block512-16 { // no room for the length
		d.compress(d.block[:])
		clear(d.block[:])
	}
	put64(d.block[Block512-8:], d.n<<3)
	d.compress(d.block[:])
	for i, v := range d.h {
		put64(out[i*8:], v)
	}
}

// Sum appends the digest of what has been written so far to b.
func (d *Hash512) Sum(b []byte) []byte {
	copied := *d
	var out [Size512]byte
	copied.Finish(&out)
	return append(b, out[:]...)
}

// compress is the function of FIPS 180-4, 6.4.2.
func (d *Hash512) compress(p []byte) {
	_ = p[Block512-1]
	w := &d.w
	v := d.h // a to h; the roles move instead of the values
	for i := range 80 {
		if i < 16 {
			w[i] = get64(p[i*8:])
		} else {
			x, y := w[(i-15)&15], w[(i-2)&15]
			w[i&15] += (bits.RotateLeft64(x, -1) ^ bits.RotateLeft64(x, -8) ^ x>>7) + w[(i-7)&15] +
				(bits.RotateLeft64(y, -19) ^ bits.RotateLeft64(y, -61) ^ y>>6)
		}
		a, e := v[0], v[4]
		t1 := v[7] + (bits.RotateLeft64(e, -14) ^ bits.RotateLeft64(e, -18) ^ bits.RotateLeft64(e, -41)) +
			(e&v[5] ^ ^e&v[6]) + k[i] + w[i&15]
		t2 := (bits.RotateLeft64(a, -28) ^ bits.RotateLeft64(a, -34) ^ bits.RotateLeft64(a, -39)) +
			(a&v[1] ^ a&v[2] ^ v[1]&v[2])
		v = [8]uint64{t1 + t2, a, v[1], v[2], v[3] + t1, e, v[5], v[6]}
	}
	for i := range d.h {
		d.h[i] += v[i]
	}
}
