package vp8

// motion is the state of the search for a macroblock's vector.
type motion struct {
	limits limits
	pred   [256]byte    // of the vector being tried
	saved  [3][256]byte // prediction of each plane, in rows of 16
}

// chooseInter finds the vector with the least cost.
func (e *Encoder) chooseInter(s *site, near *neighbours) interChoice {
	e.motion.limits = limitsAt(s.x, s.y, e.columns, e.rows)
	choice := interChoice{cost: maxCost}
	for _, known := range [3]interChoice{
		{mode: modeZero},
		{mode: modeNearest, vector: near.nearest},
		{mode: modeNear, vector: near.near},
	} {
		if known.mode != modeZero && known.vector == (vector{}) {
			continue
		}
		bits := interTree[known.mode].cost(near.probs[:])
		known.cost = e.quant.weigh(e.vectorDistortion(s, known.vector), bits)
		if known.cost < choice.cost {
			choice = known
		}
	}
	start := e.searchWhole(s, near, choice)
	return e.searchParts(s, near, start, choice)
}

// vectorDistortion is that of the prediction with a vector.
func (e *Encoder) vectorDistortion(s *site, v vector) int {
	src, ref := s.pixels(&e.source, 0), &e.last[0]
	if v.x&3 == 0 && v.y&3 == 0 {
		at := s.at[0] + int(v.y>>2)*ref.stride + int(v.x>>2)
		return satd(src.pix, src.stride, ref.pix[at:], ref.stride)
	}
	pred := &e.motion.pred
	predictLuma(pred[:], 16, ref, s.at[0], v)
	return satd(src.pix, src.stride, pred[:], 16)
}

// steps are the distances of the search in whole pixels.
var steps = [...]int{8, 4, 2, 1}

// searchWhole finds a vector of whole pixels: from the best of those of the
// neighbours and of the frame before, it goes down in steps that get shorter.
func (e *Encoder) searchWhole(s *site, near *neighbours, known interChoice) vector {
	src, ref := s.pixels(&e.source, 0), &e.last[0]
	best, least := vector{}, maxCost
	try := func(x, y int) bool {
		if !e.motion.limits.contain(x, y) {
			return false
		}
		v := vector{int16(x), int16(y)}
		bits, ok := e.costs.components.cost(v, near.best)
		if !ok {
			return false
		}
		cost := e.quant.weigh(0, bits)
		at := s.at[0] + y>>2*ref.stride + x>>2
		cost += sad(src.pix, src.stride, ref.pix[at:], ref.stride, least-cost)
		if cost >= least {
			return false
		}
		best, least = v, cost
		return true
	}
	whole := func(v vector) { try(int(v.x+2)&^3, int(v.y+2)&^3) }
	try(0, 0)
	for _, v := range [...]vector{known.vector, near.best, s.mb.vector} {
		if v != (vector{}) {
			whole(v)
		}
	}
	for _, step := range steps {
		d := 4 * step
		for range 8 {
			x, y := int(best.x), int(best.y)
			moved := try(x-d, y)
			moved = try(x+d, y) || moved
			moved = try(x, y-d) || moved
			moved = try(x, y+d) || moved
			if !moved {
				break
			}
		}
	}
	return best
}

// searchParts refines a vector to halves and quarters of a pixel, and returns
// the better of the outcome and what is known.
func (e *Encoder) searchParts(s *site, near *neighbours, start vector, known interChoice) interChoice {
	best := interChoice{mode: modeNew, vector: start, cost: maxCost}
	newBits := interTree[modeNew].cost(near.probs[:])
	try := func(x, y int) {
		if !e.motion.limits.contain(x, y) {
			return
		}
		v := vector{int16(x), int16(y)}
		bits, ok := e.costs.components.cost(v, near.best)
		if !ok {
			return
		}
		if cost := e.quant.weigh(e.vectorDistortion(s, v), newBits+bits); cost < best.cost {
			best.vector, best.cost = v, cost
		}
	}
	try(int(start.x), int(start.y))
	for d := 2; d > 0; d-- {
		x, y := int(best.vector.x), int(best.vector.y)
		try(x-d, y)
		try(x+d, y)
		try(int(best.vector.x), y-d)
		try(int(best.vector.x), y+d)
	}
	if best.cost < known.cost {
		return best
	}
	return known
}
