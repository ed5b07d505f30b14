package vp8

import (
	"fmt"
	"image"
)

// checkPlanes tells of a picture whose planes do not hold its size.
func checkPlanes(img *image.YCbCr) error {
	r := img.Rect
	y, c := img.YOffset(r.Max.X-1, r.Max.Y-1), img.COffset(r.Max.X-1, r.Max.Y-1)
	if y >= len(img.Y) || c >= min(len(img.Cb), len(img.Cr)) || img.YStride < r.Dx() || img.CStride < 1 {
		return fmt.Errorf("vp8: picture of %dx%d pixels with planes of %d, %d and %d bytes, which do not hold it",
			r.Dx(), r.Dy(), len(img.Y), len(img.Cb), len(img.Cr))
	}
	return nil
}

// load copies a picture into the frame as 4:2:0 and repeats its right and lower
// edges up to whole macroblocks.
func (f *frame) load(img *image.YCbCr) {
	r := img.Rect
	at := img.YOffset(r.Min.X, r.Min.Y)
	for y := range r.Dy() {
		copy(f[0].row(y), img.Y[at+y*img.YStride:][:r.Dx()])
	}
	f[0].pad(r.Dx(), r.Dy())
	f[1].loadChroma(img, img.Cb)
	f[2].loadChroma(img, img.Cr)
}

// row is the row y, without borders.
func (p *plane) row(y int) []byte {
	return p.pix[p.origin+y*p.stride:][:p.width]
}

// pad repeats the last column and row of a picture smaller than the plane.
func (p *plane) pad(width, height int) {
	for y := range height {
		row := p.row(y)
		fill(row[width:], row[width-1])
	}
	for y := height; y < p.height; y++ {
		copy(p.row(y), p.row(height-1))
	}
}

// loadChroma halves a chroma plane as far as it is not halved already. Pixels
// are averaged; where a picture begins at an odd coordinate, or has another
// ratio than JPEG's usual three, each is looked up.
func (p *plane) loadChroma(img *image.YCbCr, pix []byte) {
	r := img.Rect
	width, height := (r.Dx()+1)/2, (r.Dy()+1)/2
	even := r.Min.X&1 == 0 && r.Min.Y&1 == 0
	at := img.COffset(r.Min.X, r.Min.Y)
	switch {
	case even && img.SubsampleRatio == image.YCbCrSubsampleRatio420:
		for y := range height {
			copy(p.row(y), pix[at+y*img.CStride:][:width])
		}
	case even && img.SubsampleRatio == image.YCbCrSubsampleRatio422:
		for y := range height {
			a := pix[at+2*y*img.CStride:][:width]
			b := pix[at+min(2*y+1, r.Dy()-1)*img.CStride:][:width]
			dst := p.row(y)[:width]
			for x := range dst {
				dst[x] = uint8((uint(a[x]) + uint(b[x]) + 1) >> 1)
			}
		}
	default:
		p.lookUpChroma(img, pix, width, height)
	}
	p.pad(width, height)
}

func (p *plane) lookUpChroma(img *image.YCbCr, pix []byte, width, height int) {
	r := img.Rect
	for y := range height {
		top := r.Min.Y + 2*y
		bottom := min(top+1, r.Max.Y-1)
		dst := p.row(y)[:width]
		for x := range dst {
			left := r.Min.X + 2*x
			right := min(left+1, r.Max.X-1)
			sum := uint(pix[img.COffset(left, top)]) + uint(pix[img.COffset(right, top)]) +
				uint(pix[img.COffset(left, bottom)]) + uint(pix[img.COffset(right, bottom)])
			dst[x] = uint8((sum + 2) >> 2)
		}
	}
}
