package vp8

// Modes of a macroblock: the first four predict luma and chroma from the edges
// (RFC 6386 section 11.2), the last four from the previous frame (section 16.2).
const (
	modeDC = iota
	modeV
	modeH
	modeTM
	modeSub // every 4x4 luma subblock has a mode of its own
	modeZero
	modeNearest
	modeNear
	modeNew

	lumaModes   = modeSub + 1
	chromaModes = modeTM + 1
)

// Modes of a subblock (section 11.2).
const (
	subDC = iota
	subTM
	subVE
	subHE
	subLD
	subRD
	subVR
	subVL
	subHD
	subHU

	subModes
)

// impliedSubMode is what a macroblock's luma mode counts as where it is the
// context of a subblock's mode (section 11.3).
var impliedSubMode = [modeSub]uint8{subDC, subVE, subHE, subTM}

// treePath is the way from the root of a coding tree to a value: the bits, the
// last one lowest, and the node each is taken at, which chooses its
// probability.
type treePath struct {
	bits  uint16
	len   uint8
	nodes [9]uint8
}

// The coding trees (sections 11.2, 11.4, 16.1, 16.2, 17.1).
var (
	keyLumaTree = [lumaModes]treePath{
		modeDC:  {0b100, 3, [9]uint8{0, 1, 2}},
		modeV:   {0b101, 3, [9]uint8{0, 1, 2}},
		modeH:   {0b110, 3, [9]uint8{0, 1, 3}},
		modeTM:  {0b111, 3, [9]uint8{0, 1, 3}},
		modeSub: {0b0, 1, [9]uint8{0}},
	}
	lumaTree = [lumaModes]treePath{
		modeDC:  {0b0, 1, [9]uint8{0}},
		modeV:   {0b100, 3, [9]uint8{0, 1, 2}},
		modeH:   {0b101, 3, [9]uint8{0, 1, 2}},
		modeTM:  {0b110, 3, [9]uint8{0, 1, 3}},
		modeSub: {0b111, 3, [9]uint8{0, 1, 3}},
	}
	chromaTree = [chromaModes]treePath{
		modeDC: {0b0, 1, [9]uint8{0}},
		modeV:  {0b10, 2, [9]uint8{0, 1}},
		modeH:  {0b110, 3, [9]uint8{0, 1, 2}},
		modeTM: {0b111, 3, [9]uint8{0, 1, 2}},
	}
	subTree = [subModes]treePath{
		subDC: {0b0, 1, [9]uint8{0}},
		subTM: {0b10, 2, [9]uint8{0, 1}},
		subVE: {0b110, 3, [9]uint8{0, 1, 2}},
		subHE: {0b11100, 5, [9]uint8{0, 1, 2, 3, 4}},
		subRD: {0b111010, 6, [9]uint8{0, 1, 2, 3, 4, 5}},
		subVR: {0b111011, 6, [9]uint8{0, 1, 2, 3, 4, 5}},
		subLD: {0b11110, 5, [9]uint8{0, 1, 2, 3, 6}},
		subVL: {0b111110, 6, [9]uint8{0, 1, 2, 3, 6, 7}},
		subHD: {0b1111110, 7, [9]uint8{0, 1, 2, 3, 6, 7, 8}},
		subHU: {0b1111111, 7, [9]uint8{0, 1, 2, 3, 6, 7, 8}},
	}
	interTree = [modeNew + 1]treePath{
		modeZero:    {0b0, 1, [9]uint8{0}},
		modeNearest: {0b10, 2, [9]uint8{0, 1}},
		modeNear:    {0b110, 3, [9]uint8{0, 1, 2}},
		modeNew:     {0b1110, 4, [9]uint8{0, 1, 2, 3}},
	}
	shortVectorTree = [8]treePath{
		{0b000, 3, [9]uint8{0, 1, 2}},
		{0b001, 3, [9]uint8{0, 1, 2}},
		{0b010, 3, [9]uint8{0, 1, 3}},
		{0b011, 3, [9]uint8{0, 1, 3}},
		{0b100, 3, [9]uint8{0, 4, 5}},
		{0b101, 3, [9]uint8{0, 4, 5}},
		{0b110, 3, [9]uint8{0, 4, 6}},
		{0b111, 3, [9]uint8{0, 4, 6}},
	}
)

// Probabilities of the modes of key frames (sections 11.2, 11.4), those that
// the other frames begin with (section 16.1), and the one fixed set for the
// subblocks of these.
var (
	keyLumaProbs       = [lumaModes - 1]uint8{145, 156, 163, 128}
	keyChromaProbs     = [chromaModes - 1]uint8{142, 114, 183}
	defaultLumaProbs   = [lumaModes - 1]uint8{112, 86, 140, 37}
	defaultChromaProbs = [chromaModes - 1]uint8{162, 101, 204}
	subProbs           = [subModes - 1]uint8{120, 90, 79, 133, 87, 85, 80, 111, 151}
)

// cost is what the value at the end of the path takes, in 1/256 bit.
func (p treePath) cost(probs []uint8) int {
	n := 0
	for i := range p.len {
		n += bitCost(uint32(p.bits>>(p.len-1-i))&1, probs[p.nodes[i]])
	}
	return n
}

// bitCost is what a bool takes, in 1/256 bit.
func bitCost(bit uint32, prob uint8) int {
	if bit != 0 {
		prob = -prob
	}
	return int(bitCosts[prob])
}
