package vp8

// macroblock is what is coded of a macroblock apart from its coefficients.
type macroblock struct {
	vector vector
	mode   uint8
	chroma uint8 // mode of both chroma planes, if not inter
	inter  bool
	empty  bool // has no coefficients
	sub    [16]uint8
}

// neighbours is what is known of a macroblock's vector from those around it
// (RFC 6386 section 16.3).
type neighbours struct {
	best, nearest, near vector
	probs               [4]uint8 // of interTree
}

// modeContexts are the probabilities of the inter modes by how often the
// neighbours have the vector of each.
var modeContexts = [6][4]uint8{
	{7, 1, 1, 143},
	{14, 18, 14, 107},
	{135, 64, 57, 68},
	{60, 56, 128, 65},
	{159, 134, 128, 34},
	{234, 188, 128, 28},
}

// survey looks at the macroblocks above, to the left, and above to the left.
// None is split, so the fourth count is zero unless it stands for a third vector.
func survey(above, left, corner *macroblock, limits *limits) neighbours {
	var found [4]vector
	var counts [4]int
	last := 0
	for i, mb := range [3]*macroblock{above, left, corner} {
		weight := 2 - i/2
		if !mb.inter {
			continue
		}
		if mb.vector == (vector{}) {
			counts[0] += weight
			continue
		}
		if last == 0 || found[last] != mb.vector {
			last++
			found[last] = mb.vector
		}
		counts[last] += weight
	}
	if counts[3] > 0 && found[3] == found[1] {
		counts[1]++
	}
	counts[3] = 0
	if counts[2] > counts[1] {
		counts[1], counts[2] = counts[2], counts[1]
		found[1], found[2] = found[2], found[1]
	}
	if counts[1] >= counts[0] {
		found[0] = found[1]
	}
	n := neighbours{best: limits.clamp(found[0]), nearest: limits.clamp(found[1]), near: limits.clamp(found[2])}
	for i, count := range counts {
		n.probs[i] = modeContexts[count][i]
	}
	return n
}

// limits are how far a macroblock's vector may point: one macroblock beyond
// the frame.
type limits struct{ left, right, top, bottom int }

func limitsAt(x, y, columns, rows int) limits {
	return limits{
		left: -(x + 1) * 64, right: (columns - x) * 64,
		top: -(y + 1) * 64, bottom: (rows - y) * 64,
	}
}

func (l *limits) clamp(v vector) vector {
	return vector{
		int16(min(max(int(v.x), l.left), l.right)),
		int16(min(max(int(v.y), l.top), l.bottom)),
	}
}

// contain tells whether a displacement is within the limits and not longer
// than a vector holds.
func (l *limits) contain(x, y int) bool {
	return x >= l.left && x <= l.right && y >= l.top && y <= l.bottom &&
		max(x, -x, y, -y) <= maxVector
}

const maxVector = 1 << 14

// Places in the probabilities of a vector's component (section 17.1).
const (
	vectorLong     = 0
	vectorSign     = 1
	vectorShort    = 2
	vectorBits     = vectorShort + 7
	vectorLongBits = 10
	vectorProbs    = vectorBits + vectorLongBits

	maxComponent = 1<<vectorLongBits - 1 // of a difference of vectors
)

// componentProbs are those of a vector's row and column.
type componentProbs [2][vectorProbs]uint8

var defaultComponentProbs = componentProbs{
	{
		162, 128, 225, 146, 172, 147, 214, 39, 156,
		128, 129, 132, 75, 145, 178, 206, 239, 254, 254,
	},
	{
		164, 128, 204, 170, 119, 235, 140, 230, 228,
		128, 130, 130, 74, 148, 180, 203, 236, 254, 254,
	},
}

var componentUpdateProbs = componentProbs{
	{
		237, 246, 253, 253, 254, 254, 254, 254, 254,
		254, 254, 254, 254, 254, 250, 250, 252, 254, 254,
	},
	{
		231, 243, 245, 253, 254, 254, 254, 254, 254,
		254, 254, 254, 254, 254, 251, 251, 254, 254, 254,
	},
}

// visitComponent calls put for every bool of a component of a vector, with
// the place of its probability.
func visitComponent(v int, put func(bit uint32, place int)) {
	size := v
	if v < 0 {
		size = -v
	}
	if size < 8 {
		put(0, vectorLong)
		path := &shortVectorTree[size]
		for i := range path.len {
			put(uint32(path.bits>>(path.len-1-i))&1, vectorShort+int(path.nodes[i]))
		}
		if size == 0 {
			return
		}
	} else {
		put(1, vectorLong)
		for i := range 3 {
			put(uint32(size>>i)&1, vectorBits+i)
		}
		for i := vectorLongBits - 1; i > 3; i-- {
			put(uint32(size>>i)&1, vectorBits+i)
		}
		if size > 15 {
			put(uint32(size>>3)&1, vectorBits+3)
		}
	}
	sign := uint32(0)
	if v < 0 {
		sign = 1
	}
	put(sign, vectorSign)
}

// componentCosts are the costs of each value of a row's or column's difference,
// from -maxComponent on, in 1/256 bit.
type componentCosts [2][2*maxComponent + 1]uint16

func (c *componentCosts) set(probs *componentProbs) {
	for i := range c {
		for size := range maxComponent + 1 {
			n := 0
			visitComponent(size, func(bit uint32, place int) { n += bitCost(bit, probs[i][place]) })
			c[i][maxComponent+size] = uint16(n)
			if size > 0 {
				n += bitCost(1, probs[i][vectorSign]) - bitCost(0, probs[i][vectorSign])
				c[i][maxComponent-size] = uint16(n)
			}
		}
	}
}

// cost is that of a vector coded as a difference from best, and whether it can
// be coded at all.
func (c *componentCosts) cost(v, best vector) (int, bool) {
	dx, dy := int(v.x)-int(best.x)+maxComponent, int(v.y)-int(best.y)+maxComponent
	if uint(dx) > 2*maxComponent || uint(dy) > 2*maxComponent {
		return 0, false
	}
	return int(c[0][dy]) + int(c[1][dx]), true
}
