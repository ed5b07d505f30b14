package vp8

import "encoding/binary"

// vector is a displacement in quarters of a luma pixel.
type vector struct{ x, y int16 }

// sixTaps are the filters by eighths of a pixel (RFC 6386 section 18.3). The
// second and the fifth tap are to be subtracted.
var sixTaps = [8][6]uint64{
	{0, 0, 128, 0, 0, 0},
	{0, 6, 123, 12, 1, 0},
	{2, 11, 108, 36, 8, 1},
	{0, 9, 93, 50, 6, 0},
	{3, 16, 77, 77, 16, 3},
	{0, 6, 50, 93, 9, 0},
	{1, 8, 36, 108, 11, 2},
	{0, 1, 12, 123, 6, 0},
}

// predictLuma predicts a macroblock's luma at an offset of the reference.
func predictLuma(dst []byte, stride int, ref *plane, at int, v vector) {
	at += int(v.y>>2)*ref.stride + int(v.x>>2)
	interpolate(dst, stride, ref.pix, at, ref.stride, int(v.x&3)*2, int(v.y&3)*2, 16)
}

// predictChroma predicts a macroblock's part of a chroma plane, whose pixels
// are twice as far apart.
func predictChroma(dst []byte, stride int, ref *plane, at int, v vector) {
	at += int(v.y>>3)*ref.stride + int(v.x>>3)
	interpolate(dst, stride, ref.pix, at, ref.stride, int(v.x&7), int(v.y&7), 8)
}

// interpolate makes a square of size pixels that is displaced by fractions in
// eighths of a pixel: first along the rows, then along the columns.
func interpolate(dst []byte, stride int, src []byte, at, srcStride, fx, fy, size int) {
	switch {
	case fx == 0 && fy == 0:
		for y := range size {
			copy(dst[y*stride:][:size], src[at+y*srcStride:])
		}
	case fy == 0:
		filterRows(dst, stride, src[at-2:], srcStride, 1, &sixTaps[fx], size, size)
	case fx == 0:
		filterRows(dst, stride, src[at-2*srcStride:], srcStride, srcStride, &sixTaps[fy], size, size)
	default:
		var rows [(16 + 5) * 16]byte
		at -= 2 * srcStride
		filterRows(rows[:], 16, src[at-2:], srcStride, 1, &sixTaps[fx], size, size+5)
		filterRows(dst, stride, rows[:], 16, 16, &sixTaps[fy], size, size)
	}
}

// filterRows applies taps that are step apart, the first of them at src. The
// width is a multiple of eight, and as many pixels are made at a time.
func filterRows(dst []byte, stride int, src []byte, srcStride, step int, taps *[6]uint64, width, height int) {
	for y := range height {
		d := dst[y*stride:][:width]
		s := src[y*srcStride:]
		for len(d) >= 8 {
			p0, p1 := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[step:])
			p2, p3 := binary.LittleEndian.Uint64(s[2*step:]), binary.LittleEndian.Uint64(s[3*step:])
			p4, p5 := binary.LittleEndian.Uint64(s[4*step:]), binary.LittleEndian.Uint64(s[5*step:])
			even := sixLanes(taps, p0&evenBytes, p1&evenBytes, p2&evenBytes, p3&evenBytes, p4&evenBytes, p5&evenBytes)
			odd := sixLanes(taps, p0>>8&evenBytes, p1>>8&evenBytes, p2>>8&evenBytes, p3>>8&evenBytes, p4>>8&evenBytes, p5>>8&evenBytes)
			binary.LittleEndian.PutUint64(d, even|odd<<8)
			d, s = d[8:], s[8:]
		}
	}
}

// sixLanes filters four pixels, one in each lane. What is subtracted is below
// 8192 = 64·128, so with that much added no lane borrows from the next.
func sixLanes(taps *[6]uint64, p0, p1, p2, p3, p4, p5 uint64) uint64 {
	sum := p0*taps[0] + p2*taps[2] + p3*taps[3] + p5*taps[5] + (8192+64)*lanes -
		p1*taps[1] - p4*taps[4]
	v := (sum>>7&(0x1FF*lanes) | lanes<<15) - 64*lanes
	positive := v >> 15 & lanes
	v &= positive<<15 - positive
	over := v >> 8 & lanes
	return (v | (over<<8 - over)) & evenBytes
}
