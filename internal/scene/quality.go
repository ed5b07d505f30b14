package scene

// JPEGQuality maps an OV2640's quality, 4 (best) to 63, to that of image/jpeg,
// 92 to 20.
//
// The OV2640 multiplies one quantisation table by its quality value (register
// QS); libjpeg, and image/jpeg after it, scale theirs (T.81 annex K) by
// S = 200 - 2Q percent, or 5000/Q below Q = 50. Both are linear in the step, so
// one factor joins them: S = 4·QS percent, with which a VGA scene at 12 has the
// 15 to 30 KB that cameras give.
func JPEGQuality(quality int) int {
	s := 4 * min(max(quality, 4), 63)
	if s > 100 {
		return (5000 + s/2) / s
	}
	return 100 - s/2
}
