package vp8

// filterStrength holds the thresholds of the loop filter (RFC 6386 section 15.4).
type filterStrength struct {
	level    int // 0 for none
	interior int32
	edge     int32 // between macroblocks
	subEdge  int32 // between subblocks
	variance int32 // above it an edge is taken for a real one
}

func (s *filterStrength) set(level int, key bool) {
	*s = filterStrength{
		level:    level,
		interior: int32(max(level, 1)),
	}
	s.edge = int32(level+2)*2 + s.interior
	s.subEdge = int32(level)*2 + s.interior
	switch {
	case level >= 40 && !key:
		s.variance = 3
	case level >= 40 || level >= 20 && !key:
		s.variance = 2
	case level >= 15:
		s.variance = 1
	}
}

// filterMacroblock smooths the edges of one macroblock, at the left and above
// only if there is another one, and inside only if wanted (section 15.1). The
// macroblocks of a frame are filtered in order, after all are reconstructed.
func (s *filterStrength) filterMacroblock(f *frame, x, y int, inside bool) {
	for i := range f {
		p := &f[i]
		size := planeSize(i)
		at := p.macroblock(x, y, size)
		if x > 0 {
			s.filterEdge(p.pix, at, 1, p.stride, size)
		}
		if inside {
			for d := 4; d < size; d += 4 {
				s.filterSubEdge(p.pix, at+d, 1, p.stride, size)
			}
		}
		if y > 0 {
			s.filterEdge(p.pix, at, p.stride, 1, size)
		}
		if inside {
			for d := 4; d < size; d += 4 {
				s.filterSubEdge(p.pix, at+d*p.stride, p.stride, 1, size)
			}
		}
	}
}

// filterEdge filters the edge between two macroblocks (section 15.3): across
// is the distance of pixels over the edge, along that of pixels on it.
func (s *filterStrength) filterEdge(pix []byte, at, across, along, size int) {
	for range size {
		b := pix[at-4*across : at+3*across+1]
		p3, p2, p1, p0 := int32(b[0]), int32(b[across]), int32(b[2*across]), int32(b[3*across])
		q0, q1, q2, q3 := int32(b[4*across]), int32(b[5*across]), int32(b[6*across]), int32(b[7*across])
		at += along
		if abs32(p0-q0)*2+abs32(p1-q1)>>1 > s.edge || !s.calm(p3, p2, p1, p0) || !s.calm(q3, q2, q1, q0) {
			continue
		}
		w := clamp127(clamp127(p1-q1) + 3*(q0-p0))
		if abs32(p1-p0) > s.variance || abs32(q1-q0) > s.variance {
			b[4*across] = clamp255(q0 - min(w+4, 127)>>3)
			b[3*across] = clamp255(p0 + min(w+3, 127)>>3)
			continue
		}
		a := (27*w + 63) >> 7
		b[4*across], b[3*across] = clamp255(q0-a), clamp255(p0+a)
		a = (18*w + 63) >> 7
		b[5*across], b[2*across] = clamp255(q1-a), clamp255(p1+a)
		a = (9*w + 63) >> 7
		b[6*across], b[across] = clamp255(q2-a), clamp255(p2+a)
	}
}

// filterSubEdge filters an edge between subblocks.
func (s *filterStrength) filterSubEdge(pix []byte, at, across, along, size int) {
	for range size {
		b := pix[at-4*across : at+3*across+1]
		p3, p2, p1, p0 := int32(b[0]), int32(b[across]), int32(b[2*across]), int32(b[3*across])
		q0, q1, q2, q3 := int32(b[4*across]), int32(b[5*across]), int32(b[6*across]), int32(b[7*across])
		at += along
		if abs32(p0-q0)*2+abs32(p1-q1)>>1 > s.subEdge || !s.calm(p3, p2, p1, p0) || !s.calm(q3, q2, q1, q0) {
			continue
		}
		w := 3 * (q0 - p0)
		sharp := abs32(p1-p0) > s.variance || abs32(q1-q0) > s.variance
		if sharp {
			w += clamp127(p1 - q1)
		}
		w = clamp127(w)
		a := min(w+4, 127) >> 3
		b[4*across] = clamp255(q0 - a)
		b[3*across] = clamp255(p0 + min(w+3, 127)>>3)
		if !sharp {
			a = (a + 1) >> 1
			b[5*across], b[2*across] = clamp255(q1-a), clamp255(p1+a)
		}
	}
}

// calm tells whether no two neighbours differ by more than the limit.
func (s *filterStrength) calm(a, b, c, d int32) bool {
	return abs32(a-b) <= s.interior && abs32(b-c) <= s.interior && abs32(c-d) <= s.interior
}

func clamp127(v int32) int32 {
	return min(max(v, -128), 127)
}
