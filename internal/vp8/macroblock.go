package vp8

// site is where a macroblock is, in the frame and in its planes.
type site struct {
	x, y  int
	mb    *macroblock
	at    [3]int // offsets in the planes of frames
	above bool   // there is a macroblock above
	left  bool
}

func (e *Encoder) siteAt(x, y int) site {
	s := site{x: x, y: y, mb: &e.blocks[e.place(x, y)], above: y > 0, left: x > 0}
	for i := range s.at {
		s.at[i] = e.current[i].macroblock(x, y, planeSize(i))
	}
	return s
}

// planeSize is the width and height of a macroblock's part of a plane.
func planeSize(plane int) int {
	if plane == 0 {
		return 16
	}
	return 8
}

// pixels of a plane of a frame from the site on.
func (s *site) pixels(f *frame, plane int) window {
	p := &f[plane]
	return window{p.pix[s.at[plane]:], p.stride}
}

func (e *Encoder) encodeMacroblock(x, y int) {
	s := e.siteAt(x, y)
	if e.key {
		e.codeIntra(&s, e.chooseIntra(&s, maxCost))
		return
	}
	e.encodeInter(&s)
}

const maxCost = 1 << 30

// weigh adds what bits are worth to a distortion.
func (q *quantizerSet) weigh(distortion, bits int) int {
	return distortion + (q.lambda*bits)>>16
}

// intraChoice is the best way to predict a macroblock from its frame.
type intraChoice struct {
	mode int
	sub  [16]uint8
	cost int
}

// chooseIntra finds the intra mode of luma with the least cost. Subblock modes
// are not tried if no cost below the limit is in reach.
func (e *Encoder) chooseIntra(s *site, limit int) intraChoice {
	src := s.pixels(&e.source, 0)
	best := intraChoice{cost: maxCost}
	var pred [256]byte
	for mode := range modeSub {
		predictIntra(pred[:], 16, &e.current[0], s.at[0], 16, mode, s.above, s.left)
		cost := e.quant.weigh(satd(src.pix, src.stride, pred[:], 16), e.costs.luma[mode])
		if cost < best.cost {
			best.mode, best.cost = mode, cost
		}
	}
	if !e.noSub && best.cost < limit {
		e.trySub(s, &best)
	}
	return best
}

// trySub codes the luma by subblocks into the coder and its work area, as long
// as that costs less than the best found so far, and takes the place of that.
func (e *Encoder) trySub(s *site, best *intraChoice) {
	w := &e.work
	w.load(&e.current[0], s.at[0])
	src := s.pixels(&e.source, 0)
	i := e.place(s.x, s.y)
	cost := e.quant.weigh(0, e.costs.luma[modeSub])
	var sub [16]uint8
	for b := range 16 {
		x, y := b&3*4, b>>2*4
		costs := &e.costs.sub
		var key [subModes]int
		if e.key {
			above, left := e.subContext(i, b)
			for mode, c := range e.costs.keySub[above][left] {
				key[mode] = int(c)
			}
			costs = &key
		}
		edge := w.edge(x, y)
		predictSub(&edge, &w.preds)
		from := src.pix[y*src.stride+x:]
		least, mode := maxCost, 0
		for m := range subModes {
			if c := e.quant.weigh(satd4(from, src.stride, &w.preds[m]), costs[m]); c < least {
				least, mode = c, m
			}
		}
		cost += least
		if cost >= best.cost {
			return
		}
		sub[b] = uint8(mode)
		s.mb.sub[b] = uint8(mode)
		pred := &w.preds[mode]
		c := &e.coder
		forward(from, src.stride, pred[:], 4, &c.coeffs[b])
		c.ends[b] = e.quant.luma.quantize(&c.coeffs[b], &c.levels[b], 0)
		dst := w.block(x, y)
		for row := range 4 {
			copy(dst[row*workStride:][:4], pred[4*row:])
		}
		c.add(b, dst, workStride)
	}
	best.mode, best.sub, best.cost = modeSub, sub, cost
}

// codeIntra codes a macroblock as chosen.
func (e *Encoder) codeIntra(s *site, choice intraChoice) {
	mb, c := s.mb, &e.coder
	*mb = macroblock{mode: uint8(choice.mode)}
	luma := s.pixels(&e.current, 0)
	walsh := choice.mode != modeSub
	if walsh {
		for i := range mb.sub {
			mb.sub[i] = impliedSubMode[choice.mode]
		}
		predictIntra(luma.pix, luma.stride, &e.current[0], s.at[0], 16, choice.mode, s.above, s.left)
		src := s.pixels(&e.source, 0)
		c.transformLuma(src.pix, src.stride, luma, &e.quant)
		c.addLuma(luma.pix, luma.stride)
	} else {
		mb.sub = choice.sub
		e.work.store(luma)
	}
	mb.chroma = uint8(e.chooseChroma(s))
	for i := 1; i < 3; i++ {
		pred, src := s.pixels(&e.current, i), s.pixels(&e.source, i)
		predictIntra(pred.pix, pred.stride, &e.current[i], s.at[i], 8, int(mb.chroma), s.above, s.left)
		first := 12 + 4*i
		c.transformChroma(src.pix, src.stride, pred, &e.quant, first)
		c.addChroma(pred.pix, pred.stride, first)
	}
	e.putResidue(s, walsh)
}

// chooseChroma finds the mode of both chroma planes with the least cost.
func (e *Encoder) chooseChroma(s *site) int {
	var pred [64]byte
	best, least := 0, maxCost
	for mode := range chromaModes {
		distortion := 0
		for i := 1; i < 3; i++ {
			src := s.pixels(&e.source, i)
			predictIntra(pred[:], 8, &e.current[i], s.at[i], 8, mode, s.above, s.left)
			distortion += satd8(src.pix, src.stride, pred[:], 8)
		}
		if cost := e.quant.weigh(distortion, e.costs.chroma[mode]); cost < least {
			best, least = mode, cost
		}
	}
	return best
}

// putResidue appends the macroblock's tokens.
func (e *Encoder) putResidue(s *site, walsh bool) {
	s.mb.empty = e.coder.empty(walsh)
	if s.mb.empty {
		e.coder.putNone(s.x, walsh)
	} else {
		e.coder.put(&e.tokens, s.x, walsh)
	}
}
