package vp8

import "math/bits"

// Dimensions of the token probabilities (RFC 6386 section 13.3).
const (
	blockTypes = 4
	bands      = 8
	contexts   = 3
	tokenNodes = 11

	coeffProbCount = blockTypes * bands * contexts * tokenNodes
)

// Types of blocks.
const (
	typeLumaAC = iota // luma whose DC is in a walsh block
	typeWalsh
	typeChroma
	typeLuma
)

// band is that of each position in coding order; the last is past the end.
var band = [17]uint8{0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0}

// tokenBool is one bool of the token partition: in bit 15 its value, and below
// the index of its probability among coeffProbs or, if bit 14 is set, its
// probability itself. Tokens are kept until the frame's probabilities are known.
type tokenBool uint16

const (
	tokenOne   tokenBool = 1 << 15
	tokenFixed tokenBool = 1 << 14
)

// tokenBuffer gathers the tokens of a frame.
type tokenBuffer struct {
	bools []tokenBool
	cost  int // of all since it was last set to zero, in 1/256 bit
	// costs are those of a zero and a one by index into coeffProbs.
	costs [coeffProbCount][2]uint16
}

// setProbs makes the buffer reckon costs with the probabilities.
func (t *tokenBuffer) setProbs(probs *coeffProbs) {
	for i, p := range probs {
		t.costs[i] = [2]uint16{bitCosts[p], bitCosts[-p]}
	}
}

func (t *tokenBuffer) zero(node int) {
	t.bools = append(t.bools, tokenBool(node))
	t.cost += int(t.costs[node][0])
}

func (t *tokenBuffer) one(node int) {
	t.bools = append(t.bools, tokenBool(node)|tokenOne)
	t.cost += int(t.costs[node][1])
}

// choose is one or zero.
func (t *tokenBuffer) choose(one bool, node int) {
	if one {
		t.one(node)
	} else {
		t.zero(node)
	}
}

func (t *tokenBuffer) fixed(bit int, prob uint8) {
	t.bools = append(t.bools, tokenBool(bit)<<15|tokenFixed|tokenBool(prob))
	if bit != 0 {
		prob = -prob
	}
	t.cost += int(bitCosts[prob])
}

// block appends the levels of a block from the one at first up to end
// (section 13.2). The context is the number of its two neighbours that have
// levels.
func (t *tokenBuffer) block(kind, context, first int, levels *block, end int) {
	node := func(i, context int) int {
		return ((kind*bands+int(band[i]))*contexts + context) * tokenNodes
	}
	at := node(first, context)
	if end <= first {
		t.zero(at)
		return
	}
	for i := first; i < end; i++ {
		t.one(at)
		for levels[i&15] == 0 {
			t.zero(at + 1)
			i++
			at = node(i, 0)
		}
		t.one(at + 1)
		v := int(levels[i&15])
		sign := v >> 63
		v = v ^ sign - sign
		if v == 1 {
			t.zero(at + 2)
			context = 1
		} else {
			t.one(at + 2)
			t.large(at, v)
			context = 2
		}
		t.bools = append(t.bools, tokenBool(sign&1)<<15|tokenFixed|128)
		t.cost += 256
		at = node(i+1, context)
	}
	if end < 16 {
		t.zero(at)
	}
}

// category is a range of values that share a token.
type category struct {
	base  int
	probs []uint8 // of the bits of what is added to base
}

var categories = [6]category{
	{5, []uint8{159}},
	{7, []uint8{165, 145}},
	{11, []uint8{173, 148, 140}},
	{19, []uint8{176, 155, 140, 135}},
	{35, []uint8{180, 157, 141, 134, 130}},
	{67, []uint8{254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129}},
}

// large appends the rest of the token of a value above one.
func (t *tokenBuffer) large(at, v int) {
	if v <= 4 {
		t.zero(at + 3)
		t.choose(v > 2, at+4)
		if v > 2 {
			t.choose(v == 4, at+5)
		}
		return
	}
	t.one(at + 3)
	c := 0
	for c < 5 && v >= categories[c+1].base {
		c++
	}
	t.choose(c >= 2, at+6)
	if c < 2 {
		t.choose(c == 1, at+7)
	} else {
		t.choose(c >= 4, at+8)
		t.choose(c&1 == 1, at+9+(c-2)/2)
	}
	rest := v - categories[c].base
	probs := categories[c].probs
	for i, p := range probs {
		t.fixed(rest>>(len(probs)-1-i)&1, p)
	}
}

// count adds up how often each probability was asked for and which way it went.
func (t *tokenBuffer) count(counts *[1 << 11][2]uint32) {
	for _, b := range t.bools {
		if b&tokenFixed == 0 {
			counts[b&(1<<11-1)][b>>15]++
		}
	}
}

// write writes the tokens. It is put of boolWriter, unrolled: most bools of a
// stream go through here.
func (t *tokenBuffer) write(w *boolWriter, coeffs *coeffProbs) {
	var probs [1 << 11]uint8
	copy(probs[:], coeffs[:])
	bottom, width, shifts := w.bottom, w.width, w.shifts
	for _, b := range t.bools {
		p := uint8(b)
		if b&tokenFixed == 0 {
			p = probs[b&(1<<11-1)]
		}
		split := 1 + (width-1)*uint32(p)>>8
		if b&tokenOne != 0 {
			bottom += uint64(split)
			split = width - split
		}
		shift := uint(bits.LeadingZeros32(split)) - 24
		width = split << (shift & 31)
		bottom <<= shift & 63
		shifts += shift
		if shifts >= 40 {
			w.bottom, w.shifts = bottom, shifts
			w.spill()
			bottom, shifts = w.bottom, w.shifts
		}
	}
	w.bottom, w.width, w.shifts = bottom, width, shifts
}

// begin starts a frame.
func (t *tokenBuffer) begin(probs *coeffProbs) {
	t.bools = t.bools[:0]
	t.setProbs(probs)
}
