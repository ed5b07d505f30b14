package vp8

import (
	"math"
	"time"
)

// rateControl chooses the quantizer of each frame so that the bit rate is met.
// It assumes that a frame's bits fall with a power of the quantizer's step and
// learns the factor, one for key frames and one for the others. What the frames
// have taken beyond the bit rate is a debt that the next ones pay back over time.
type rateControl struct {
	fps      float64
	bitRate  float64
	interval float64 // of the frames, in seconds: an average
	last     time.Duration
	running  bool
	size     int // of the frames, in macroblocks

	debt    float64    // bits
	factor  [2]float64 // bits · step^steepness, of inter and key frames; 0 if not known
	key     int        // place in factor
	target  float64    // bits of this frame
	limit   float64    // bits beyond which it is coded again
	current int        // quantizer of the last frame
}

const (
	// steepness is by what power of the step the bits fall.
	steepness = 1.3
	// learning is how much of the factor each frame replaces.
	learning = 0.3

	// How much of a second's bits each may be: what a key frame should take and
	// may take at most, what another frame may take at most, the debt that
	// halves the target of the frames, and how far debt and credit go.
	keyTarget  = 0.35
	keyLimit   = 0.6
	interLimit = 0.3
	halfDebt   = 0.5
	maxCredit  = 0.3
	maxDebt    = 2

	maxRetries = 2
)

func (r *rateControl) setBitRate(bits int) {
	r.bitRate = float64(bits)
}

// begin plans a frame that was captured at a time.
func (r *rateControl) begin(at time.Duration, key bool, macroblocks int) {
	if !r.running {
		r.interval = 1 / r.fps
		r.size = macroblocks
		r.factor[1] = float64(macroblocks) * guessedBits * math.Pow(guessedStep, steepness)
	}
	for i := range r.factor {
		r.factor[i] *= float64(macroblocks) / float64(r.size)
	}
	r.size = macroblocks
	elapsed := r.interval
	if d := at - r.last; r.running && d > 0 {
		elapsed = min(max(d.Seconds(), 1e-3), 1)
		r.interval += (elapsed - r.interval) / 8
	}
	r.last, r.running = at, true
	r.debt = min(max(r.debt-r.bitRate*elapsed, -maxCredit*r.bitRate), maxDebt*r.bitRate)
	// In debt, frames get as little as a quarter; credit is spent slowly.
	thrift := max(1-r.debt/(2*halfDebt*r.bitRate), 1.0/4)

	share := r.bitRate * r.interval
	if key {
		r.key = 1
		r.target = max(keyTarget*r.bitRate*min(thrift, 1), 2*share)
		r.limit = max(keyLimit*r.bitRate, 4*share)
		return
	}
	r.key = 0
	r.target = share * thrift
	r.limit = max(interLimit*r.bitRate, 4*share)
}

// The first key frame is expected to have so many bits per macroblock at a step.
const (
	guessedBits = 60
	guessedStep = 40
)

// quantizer is that of the planned frame, within bounds.
func (r *rateControl) quantizer(low, high int) int {
	q := r.current
	if f := r.factor[r.key]; f > 0 {
		step := math.Pow(f/r.target, 1/steepness)
		if r.key == 0 {
			old := float64(acSteps[r.current])
			step = min(max(step, old*0.9-0.5), old*1.3+1)
		}
		q = quantizerOf(step)
	}
	return min(max(q, low), high)
}

// quantizerOf is the index with the step nearest to one.
func quantizerOf(step float64) int {
	low, high := 0, quantizers-1
	for low < high {
		middle := (low + high) / 2
		if float64(acSteps[middle]) < step {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low > 0 && step-float64(acSteps[low-1]) < float64(acSteps[low])-step {
		low--
	}
	return low
}

// retry returns the quantizer to code the frame again with because it has
// become too large, or the same one if it has not.
func (r *rateControl) retry(try, bits, quantizer, high int) int {
	if try >= maxRetries || float64(bits) <= r.limit {
		return quantizer
	}
	wanted := max(r.target, r.limit/2)
	step := float64(acSteps[quantizer]) * math.Pow(float64(bits)/wanted, 1/steepness)
	return max(min(quantizerOf(step), high), quantizer)
}

// end takes note of what the frame has become.
func (r *rateControl) end(bits, quantizer int) {
	r.debt += float64(bits)
	r.current = quantizer
	f := float64(bits) * math.Pow(float64(acSteps[quantizer]), steepness)
	old := &r.factor[r.key]
	if *old == 0 || r.key == 1 {
		*old = f
	} else {
		*old += (f - *old) * learning
	}
}

// filterLevel is the strength of the loop filter: the coarser the quantizer, the
// more there is to smooth.
func filterLevel(quantizer int) int {
	return min(quantizer*2/5, 63)
}
