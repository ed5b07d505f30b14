package vp8

// putIfWorth adds the residue to an inter macroblock, predicted in the frame,
// and puts its tokens, unless what they cost is worth more than the error they
// mend. Much of the difference between two frames of a camera is noise.
func (e *Encoder) putIfWorth(s *site) {
	c := &e.coder
	if c.empty(true) {
		e.putResidue(s, true)
		return
	}
	luma, u, v := s.pixels(&e.current, 0), s.pixels(&e.current, 1), s.pixels(&e.current, 2)
	before := e.siteError(s)
	saved := &e.motion.saved
	window{saved[0][:], 16}.copyFrom(luma, 16)
	window{saved[1][:], 16}.copyFrom(u, 8)
	window{saved[2][:], 16}.copyFrom(v, 8)
	above, left, mark := c.above[s.x], c.left, len(e.tokens.bools)

	c.addLuma(luma.pix, luma.stride)
	c.addChroma(u.pix, u.stride, 16)
	c.addChroma(v.pix, v.stride, 20)
	e.tokens.cost = 0
	c.put(&e.tokens, s.x, true)
	bits := e.tokens.cost + e.costs.empty[0] - e.costs.empty[1]
	if int64(before-e.siteError(s)) > int64(e.quant.lambdaSquares)*int64(bits)>>16 {
		return
	}
	luma.copyFrom(window{saved[0][:], 16}, 16)
	u.copyFrom(window{saved[1][:], 16}, 8)
	v.copyFrom(window{saved[2][:], 16}, 8)
	c.above[s.x], c.left = above, left
	e.tokens.bools = e.tokens.bools[:mark]
	c.putNone(s.x, true)
	s.mb.empty = true
}

// siteError is the squared error of a macroblock as it is in the frame.
func (e *Encoder) siteError(s *site) int {
	sum := 0
	for i := range s.at {
		a, b := s.pixels(&e.source, i), s.pixels(&e.current, i)
		sum += squares(a.pix, a.stride, b.pix, b.stride, planeSize(i))
	}
	return sum
}
