package vp8

// predictIntra predicts a square of 16 or 8 pixels at an offset of a plane from
// the pixels above and to the left of it (RFC 6386 sections 12.2 and 12.3). What
// setEdges put outside the frame counts, except in the average.
func predictIntra(dst []byte, stride int, p *plane, at, size, mode int, hasAbove, hasLeft bool) {
	above := p.pix[at-p.stride:][:size]
	switch mode {
	case modeDC:
		v := averageEdges(p, at, size, hasAbove, hasLeft)
		for y := range size {
			fill(dst[y*stride:][:size], v)
		}
	case modeV:
		for y := range size {
			copy(dst[y*stride:], above)
		}
	case modeH:
		for y := range size {
			fill(dst[y*stride:][:size], p.pix[at+y*p.stride-1])
		}
	case modeTM:
		corner := int32(p.pix[at-p.stride-1])
		for y := range size {
			slope := int32(p.pix[at+y*p.stride-1]) - corner
			row := dst[y*stride:][:size]
			for x, a := range above {
				row[x] = clamp255(int32(a) + slope)
			}
		}
	}
}

// averageEdges is the average of those edges that are in the frame.
func averageEdges(p *plane, at, size int, hasAbove, hasLeft bool) uint8 {
	sum, count := 0, 0
	if hasAbove {
		for _, v := range p.pix[at-p.stride:][:size] {
			sum += int(v)
		}
		count = size
	}
	if hasLeft {
		for y := range size {
			sum += int(p.pix[at+y*p.stride-1])
		}
		count += size
	}
	if count == 0 {
		return 128
	}
	return uint8((sum + count/2) / count)
}

// subEdge holds the 13 pixels round a subblock from the lowest one on the left
// over the corner, at 4, to the last one above and to the right.
type subEdge [13]byte

// predictSub predicts a subblock in every mode (section 12.3).
func predictSub(e *subEdge, preds *[subModes][16]byte) {
	var a2, a3 [12]byte // averages of e[i], e[i+1], and of e[i-1], e[i], e[i+1]
	for i := range 12 {
		a2[i] = uint8((uint(e[i]) + uint(e[i+1]) + 1) >> 1)
	}
	for i := 1; i < 12; i++ {
		a3[i] = average3(e[i-1], e[i], e[i+1])
	}
	last := average3(e[1], e[0], e[0])

	sum := uint(4)
	for i := range 4 {
		sum += uint(e[i]) + uint(e[5+i])
	}
	for i := range 16 {
		preds[subDC][i] = uint8(sum >> 3)
	}
	tm := &preds[subTM]
	for y := range 4 {
		slope := int32(e[3-y]) - int32(e[4])
		for x := range 4 {
			tm[4*y+x] = clamp255(int32(e[5+x]) + slope)
		}
	}
	preds[subVE] = [16]byte{
		a3[5], a3[6], a3[7], a3[8], a3[5], a3[6], a3[7], a3[8],
		a3[5], a3[6], a3[7], a3[8], a3[5], a3[6], a3[7], a3[8],
	}
	preds[subHE] = [16]byte{
		a3[3], a3[3], a3[3], a3[3], a3[2], a3[2], a3[2], a3[2],
		a3[1], a3[1], a3[1], a3[1], last, last, last, last,
	}
	end := average3(e[11], e[12], e[12])
	preds[subLD] = [16]byte{
		a3[6], a3[7], a3[8], a3[9], a3[7], a3[8], a3[9], a3[10],
		a3[8], a3[9], a3[10], a3[11], a3[9], a3[10], a3[11], end,
	}
	preds[subRD] = [16]byte{
		a3[4], a3[5], a3[6], a3[7], a3[3], a3[4], a3[5], a3[6],
		a3[2], a3[3], a3[4], a3[5], a3[1], a3[2], a3[3], a3[4],
	}
	preds[subVR] = [16]byte{
		a2[4], a2[5], a2[6], a2[7], a3[4], a3[5], a3[6], a3[7],
		a3[3], a2[4], a2[5], a2[6], a3[2], a3[4], a3[5], a3[6],
	}
	preds[subVL] = [16]byte{
		a2[5], a2[6], a2[7], a2[8], a3[6], a3[7], a3[8], a3[9],
		a2[6], a2[7], a2[8], a3[10], a3[7], a3[8], a3[9], a3[11],
	}
	preds[subHD] = [16]byte{
		a2[3], a3[4], a3[5], a3[6], a2[2], a3[3], a2[3], a3[4],
		a2[1], a3[2], a2[2], a3[3], a2[0], a3[1], a2[1], a3[2],
	}
	preds[subHU] = [16]byte{
		a2[2], a3[2], a2[1], a3[1], a2[1], a3[1], a2[0], last,
		a2[0], last, e[0], e[0], e[0], e[0], e[0], e[0],
	}
}

func average3(x, y, z byte) byte {
	return uint8((uint(x) + 2*uint(y) + uint(z) + 2) >> 2)
}
