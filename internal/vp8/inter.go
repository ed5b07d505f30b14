package vp8

// interChoice is a way to predict a macroblock from the last frame.
type interChoice struct {
	mode   uint8
	vector vector
	cost   int
}

// encodeInter codes a macroblock of a frame that is not a key frame.
func (e *Encoder) encodeInter(s *site) {
	src, ref := s.pixels(&e.source, 0), s.pixels(&e.last, 0)
	change := sad(src.pix, src.stride, ref.pix, ref.stride, maxCost)
	e.still.add(change)
	isStill := e.still.like(change)
	if (isStill || change <= 256*int(e.quant.luma.step[1])/8) && e.encodeStill(s, isStill) {
		return
	}
	near := e.surveyAt(s.x, s.y)
	best := e.chooseInter(s, &near)
	limit := best.cost - e.quant.weigh(0, e.costs.inter[0]-e.costs.inter[1])
	if intra := e.chooseIntra(s, limit); intra.cost < limit {
		e.codeIntra(s, intra)
		return
	}
	*s.mb = macroblock{inter: true, mode: best.mode, vector: best.vector}
	c, v := &e.coder, best.vector
	for i := range s.at {
		src, dst := s.pixels(&e.source, i), s.pixels(&e.current, i)
		if i == 0 {
			predictLuma(dst.pix, dst.stride, &e.last[0], s.at[0], v)
			c.transformLuma(src.pix, src.stride, dst, &e.quant)
			continue
		}
		predictChroma(dst.pix, dst.stride, &e.last[i], s.at[i], v)
		c.transformChroma(src.pix, src.stride, dst, &e.quant, 12+4*i)
	}
	e.putIfWorth(s)
}

// encodeStill codes a macroblock as one that has not moved, if it is known to
// be still or no coefficient of the difference survives quantization.
func (e *Encoder) encodeStill(s *site, known bool) bool {
	c := &e.coder
	for i := range s.at {
		src, ref := s.pixels(&e.source, i), s.pixels(&e.last, i)
		if i == 0 {
			c.transformLuma(src.pix, src.stride, ref, &e.quant)
			continue
		}
		c.transformChroma(src.pix, src.stride, ref, &e.quant, 12+4*i)
	}
	if !known && !c.empty(true) {
		return false
	}
	*s.mb = macroblock{inter: true, mode: modeZero}
	for i := range s.at {
		s.pixels(&e.current, i).copyFrom(s.pixels(&e.last, i), planeSize(i))
	}
	e.putIfWorth(s)
	return true
}
