package vp8

// quantizers is the number of quantizer indices; 0 is the finest.
const quantizers = 128

// zigzag is the order in which coefficients are coded (RFC 6386 section 13).
var zigzag = [16]uint8{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}

// quantizer divides the coefficients of one kind of block by their steps.
type quantizer struct {
	step      [2]int32 // of DC and AC
	inverse   [2]int64 // 1/step, in 1/one
	rounding  [2]int64 // what is added to the quotient, in 1/one
	threshold [2]int32 // the least value that does not become zero
}

// quantizerSet holds the quantizers of a frame (section 9.6, 14.1).
type quantizerSet struct {
	index  int
	luma   quantizer
	walsh  quantizer // of the DC coefficients of the luma blocks
	chroma quantizer
	// What a bit is worth: for the choice of modes in sums of transformed
	// differences, and in squared error, both in 1/256.
	lambda        int
	lambdaSquares int
}

// Rounding below one half makes a dead zone around zero: small coefficients
// cost more bits than they are worth.
const (
	roundDC = one * 40 / 100
	roundAC = one * 24 / 100

	one = 1 << 32
)

func (s *quantizerSet) set(index int) {
	dc, ac := int32(dcSteps[index]), int32(acSteps[index])
	s.index = index
	s.luma.set(dc, ac)
	s.walsh.set(2*dc, max(ac*155/100, 8))
	s.chroma.set(min(dc, 132), ac)
	s.lambda = int(ac) * 256 / 5
	s.lambdaSquares = int(ac*ac) * 256 / 28
}

func (q *quantizer) set(dc, ac int32) {
	q.step = [2]int32{dc, ac}
	q.rounding = [2]int64{roundDC, roundAC}
	for i, step := range q.step {
		q.inverse[i] = one / int64(step)
		q.threshold[i] = int32((one - q.rounding[i] + q.inverse[i] - 1) / q.inverse[i])
	}
}

// quantize turns coefficients from the one at first on into levels in coding
// order, and replaces them by what a decoder makes of the levels. It returns
// the number of levels up to the last that is not zero.
func (q *quantizer) quantize(coeffs, levels *block, first int) int {
	end := 0
	dc := first
	if first == 0 {
		coeffs[0], levels[0] = q.level(coeffs[0], 0)
		if levels[0] != 0 {
			end = 1
		}
		dc = 1
	}
	threshold := q.threshold[1]
	for i := dc; i < 16; i++ {
		at := zigzag[i&15]
		v := int32(coeffs[at&15])
		if v < threshold && v > -threshold {
			coeffs[at&15], levels[i&15] = 0, 0
			continue
		}
		coeffs[at&15], levels[i&15] = q.level(int16(v), 1)
		end = i + 1
	}
	return end
}

func (q *quantizer) level(v int16, kind int) (dequantized, level int16) {
	sign := int32(v) >> 31
	n := int32((int64(int32(v)^sign-sign)*q.inverse[kind] + q.rounding[kind]) >> 32)
	n = min(n, maxLevel) ^ sign - sign
	return int16(n * q.step[kind]), int16(n)
}

// maxLevel is the greatest value that a token can carry (section 13.2).
const maxLevel = 2048
