package vp8

import "image"

// A vector may point a macroblock beyond an edge, and filters read three pixels
// more, so a plane has a border that repeats its edge.
const (
	lumaBorder   = 32
	chromaBorder = lumaBorder / 2
)

// plane is one component of a picture, in whole macroblocks and with a border.
type plane struct {
	pix           []byte
	stride        int
	origin        int // of the pixel at 0, 0
	border        int
	width, height int
}

// frame is a picture in 4:2:0: luma and the two chroma planes.
type frame [3]plane

func newPlane(width, height, border int) plane {
	stride := width + 2*border
	return plane{
		pix:    make([]byte, stride*(height+2*border)),
		stride: stride,
		origin: stride*border + border,
		border: border,
		width:  width,
		height: height,
	}
}

// macroblock is the offset of a macroblock whose part has so many pixels.
func (p *plane) macroblock(x, y, size int) int {
	return p.origin + (y*p.stride+x)*size
}

// newFrame makes a frame of so many columns and rows of macroblocks.
func newFrame(columns, rows int) frame {
	return frame{
		newPlane(16*columns, 16*rows, lumaBorder),
		newPlane(8*columns, 8*rows, chromaBorder),
		newPlane(8*columns, 8*rows, chromaBorder),
	}
}

// setEdges puts the values that prediction within the frame finds above it,
// 127, and left of it, 129 (RFC 6386 section 12.2). The pixel at the corner
// counts as above.
func (f *frame) setEdges() {
	for i := range f {
		p := &f[i]
		above := p.pix[p.origin-p.stride-1:][:p.width+1+4]
		for j := range above {
			above[j] = 127
		}
		for y := range p.height {
			p.pix[p.origin+y*p.stride-1] = 129
		}
	}
}

// extend repeats the edges into the border, where vectors may point.
func (f *frame) extend() {
	for i := range f {
		p := &f[i]
		for y := range p.height {
			row := p.pix[p.origin+y*p.stride-p.border:][:p.stride]
			fill(row[:p.border], row[p.border])
			fill(row[p.border+p.width:], row[p.border+p.width-1])
		}
		first := p.pix[p.border*p.stride:][:p.stride]
		last := p.pix[(p.border+p.height-1)*p.stride:][:p.stride]
		for y := range p.border {
			copy(p.pix[y*p.stride:], first)
			copy(p.pix[(p.border+p.height+y)*p.stride:], last)
		}
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// picture shows a part of the frame from its upper left corner.
func (f *frame) picture(width, height int) *image.YCbCr {
	y, cb, cr := &f[0], &f[1], &f[2]
	return &image.YCbCr{
		Y: y.pix[y.origin:], Cb: cb.pix[cb.origin:], Cr: cr.pix[cr.origin:],
		YStride: y.stride, CStride: cb.stride,
		SubsampleRatio: image.YCbCrSubsampleRatio420,
		Rect:           image.Rect(0, 0, width, height),
	}
}

// extendRow repeats the last pixel of a row four times: what the last
// macroblock of the next row finds above and to the right (RFC 6386 section
// 12.3).
func (p *plane) extendRow(y int) {
	row := p.pix[p.origin+y*p.stride:][:p.width+4]
	fill(row[p.width:], row[p.width-1])
}

// window shows the pixels of a plane from some place on.
type window struct {
	pix    []byte
	stride int
}

// copyFrom copies a square of pixels.
func (w window) copyFrom(from window, size int) {
	for y := range size {
		copy(w.pix[y*w.stride:][:size], from.pix[y*from.stride:])
	}
}
