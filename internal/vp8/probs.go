package vp8

// probabilities are all that a frame hands on to the next (RFC 6386 section 9).
type probabilities struct {
	coeffs     coeffProbs
	luma       [lumaModes - 1]uint8
	chroma     [chromaModes - 1]uint8
	components componentProbs
}

// reset sets what holds from a key frame on.
func (p *probabilities) reset() {
	p.coeffs = defaultCoeffProbs
	p.luma, p.chroma = defaultLumaProbs, defaultChromaProbs
	p.components = defaultComponentProbs
}

// tally counts how often each bool of a frame was false and true.
type tally struct {
	coeffs     [1 << 11][2]uint32 // those below coeffProbCount are used
	luma       [lumaModes - 1][2]uint32
	chroma     [chromaModes - 1][2]uint32
	components [2][vectorProbs][2]uint32
	inter      [2]uint32 // macroblocks predicted in the frame, and from the previous one
	empty      [2]uint32 // macroblocks with and without coefficients
}

// ideal is the probability that suits the counts.
func ideal(n [2]uint32) uint8 {
	all := uint64(n[0]) + uint64(n[1])
	if all == 0 {
		return 128
	}
	return uint8(min(max((uint64(n[0])*256+all/2)/all, 1), 255))
}

// total is what bools so counted cost at a probability, in 1/256 bit.
func total(n [2]uint32, prob uint8) int64 {
	return int64(n[0])*int64(bitCosts[prob]) + int64(n[1])*int64(bitCosts[-prob])
}

// worth tells whether a new probability saves more than it costs: width bits
// and a flag that is unlikely to be true.
func worth(n [2]uint32, old, new, update uint8, width int) bool {
	cost := width*256 + bitCost(1, update) - bitCost(0, update)
	return total(n, old)-total(n, new) > int64(cost)
}

// putCoeffs writes the token probabilities that are worth a change, and
// changes them (section 13.4).
func (p *probabilities) putCoeffs(w *boolWriter, t *tally) {
	for i := range p.coeffs {
		update := coeffUpdateProbs[i]
		n := t.coeffs[i]
		if n[0]|n[1] == 0 {
			w.put(0, update)
			continue
		}
		prob := ideal(n)
		if !worth(n, p.coeffs[i], prob, update, 8) {
			w.put(0, update)
			continue
		}
		w.put(1, update)
		w.literal(int(prob), 8)
		p.coeffs[i] = prob
	}
}

// putModes does the same for a set of mode probabilities (section 9.10): all
// are written, or none.
func putModes(w *boolWriter, probs []uint8, counts [][2]uint32) {
	saved := int64(0)
	for i, n := range counts {
		saved += total(n, probs[i]) - total(n, ideal(n))
	}
	if saved <= int64(len(probs))*8*256 {
		w.flag(false)
		return
	}
	w.flag(true)
	for i, n := range counts {
		probs[i] = ideal(n)
		w.literal(int(probs[i]), 8)
	}
}

// putComponents does the same for the probabilities of vectors, of which seven
// bits are kept (section 17.2).
func (p *probabilities) putComponents(w *boolWriter, t *tally) {
	for i := range p.components {
		for j, n := range t.components[i] {
			update := componentUpdateProbs[i][j]
			prob := max(ideal(n)&^1, 1)
			if !worth(n, p.components[i][j], prob, update, 7) {
				w.put(0, update)
				continue
			}
			w.put(1, update)
			w.literal(int(prob>>1), 7)
			p.components[i][j] = prob
		}
	}
}

// countPath counts the bools of a tree's value.
func countPath(path treePath, counts [][2]uint32) {
	for i := range path.len {
		counts[path.nodes[i]][path.bits>>(path.len-1-i)&1]++
	}
}
