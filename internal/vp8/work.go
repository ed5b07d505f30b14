package vp8

// work is where a macroblock's luma is predicted and reconstructed by
// subblocks: its 16x16 pixels with the row above, four pixels further to the
// right, and the column to the left.
type work struct {
	pix   [17 * workStride]byte
	preds [subModes][16]byte
}

const (
	workStride = 24
	workOrigin = workStride + 1
)

// load takes over the surroundings of the macroblock at an offset of a plane.
func (w *work) load(p *plane, at int) {
	copy(w.pix[:1+16+4], p.pix[at-p.stride-1:])
	for y := range 16 {
		w.pix[workOrigin+y*workStride-1] = p.pix[at+y*p.stride-1]
	}
	// The pixels to the right of the lower rows are not there yet: those above
	// the macroblock stand for them (RFC 6386 section 12.3).
	for y := 3; y < 15; y += 4 {
		copy(w.pix[workOrigin+y*workStride+16:][:4], w.pix[1+16:])
	}
}

func (w *work) block(x, y int) []byte {
	return w.pix[workOrigin+y*workStride+x:]
}

// edge gives the pixels round the subblock at x, y.
func (w *work) edge(x, y int) subEdge {
	at := workOrigin + y*workStride + x
	var e subEdge
	for i := range 4 {
		e[3-i] = w.pix[at+i*workStride-1]
	}
	copy(e[4:], w.pix[at-workStride-1:][:9])
	return e
}

// store copies the macroblock out.
func (w *work) store(dst window) {
	for y := range 16 {
		copy(dst.pix[y*dst.stride:][:16], w.pix[workOrigin+y*workStride:])
	}
}
