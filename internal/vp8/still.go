package vp8

// still knows how much macroblocks differ from the last frame where nothing
// moves: by the noise of the sensor. Before a camera that stands still that is
// most of the picture, and there is no use in searching it for motion.
type still struct {
	counts [stillBins]int
	total  int
	floor  int // a difference that a quarter of the last frame did not exceed
}

const (
	stillBins = 512
	stillBin  = 8 // of a macroblock's sum of absolute differences
)

// begin starts a frame.
func (s *still) begin() {
	s.counts, s.total = [stillBins]int{}, 0
}

// add notes the difference of a macroblock.
func (s *still) add(difference int) {
	s.counts[min(difference/stillBin, stillBins-1)]++
	s.total++
}

// end takes the frame's floor.
func (s *still) end() {
	n := 0
	for i, count := range s.counts {
		n += count
		if 4*n >= s.total {
			s.floor = (i + 1) * stillBin
			return
		}
	}
}

// like tells whether a difference is like those where nothing moves. One so
// large that the last bin holds it is not.
func (s *still) like(difference int) bool {
	return s.floor < stillBins*stillBin && difference <= s.floor+s.floor/8
}
