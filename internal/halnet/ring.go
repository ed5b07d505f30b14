package halnet

// ring is a bounded queue of bytes.
type ring struct {
	buf   []byte
	start int
	n     int
}

// first is the oldest bytes that lie together.
func (r *ring) first() []byte { return r.buf[r.start:min(r.start+r.n, len(r.buf))] }

// free is room behind the newest byte, as far as it lies together.
func (r *ring) free() []byte {
	end := r.start + r.n
	if end >= len(r.buf) {
		return r.buf[end-len(r.buf) : r.start]
	}
	return r.buf[end:]
}

// drop removes the n oldest bytes.
func (r *ring) drop(n int) {
	r.start = (r.start + n) % len(r.buf)
	r.n -= n
}

func (r *ring) read(p []byte) int {
	total := 0
	for total < len(p) && r.n > 0 {
		n := copy(p[total:], r.first())
		r.drop(n)
		total += n
	}
	return total
}

func (r *ring) write(p []byte) int {
	total := 0
	for total < len(p) && r.n < len(r.buf) {
		n := copy(r.free(), p[total:])
		r.n += n
		total += n
	}
	return total
}
