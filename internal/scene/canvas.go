package scene

import (
	"image"
	"math"
)

// canvas is a 4:2:0 picture to paint on. With a look, colours and positions go
// through it as through a sensor; without, they are painted as they are.
type canvas struct {
	img  *image.YCbCr
	w, h int
	look *look
}

func newCanvas(width, height int) canvas {
	return canvas{img: image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420), w: width, h: height}
}

func (c canvas) place(x, y float64) (float64, float64) {
	if c.look != nil && c.look.mirror {
		x = float64(c.w) - x
	}
	if c.look != nil && c.look.flip {
		y = float64(c.h) - y
	}
	return x, y
}

func (c canvas) colour(k colour) colour {
	if c.look == nil {
		return k
	}
	return c.look.of(k)
}

// shape paints k wherever cover, which gets the centres of pixels, says so: 0
// none to 1 all of it. It is only asked within the box.
func (c canvas) shape(x0, y0, x1, y1 float64, k colour, cover func(x, y float64) float64) {
	left, right := max(0, int(x0)), min(c.w, int(math.Ceil(x1)))
	top, bottom := max(0, int(y0)), min(c.h, int(math.Ceil(y1)))
	for y := top; y < bottom; y++ {
		row := c.img.Y[y*c.img.YStride:]
		colours := (y / 2) * c.img.CStride
		for x := left; x < right; x++ {
			a := cover(float64(x)+0.5, float64(y)+0.5)
			if a <= 0 {
				continue
			}
			alpha := int(min(a, 1) * 256)
			row[x] = mix(row[x], k.y, alpha)
			if x&1 == 0 && y&1 == 0 {
				i := colours + x/2
				c.img.Cb[i] = mix(c.img.Cb[i], k.cb, alpha)
				c.img.Cr[i] = mix(c.img.Cr[i], k.cr, alpha)
			}
		}
	}
}

// mix blends b over a, alpha 0 to 256.
func mix(a, b uint8, alpha int) uint8 {
	return uint8((int(a)*(256-alpha) + int(b)*alpha) >> 8)
}

func (c canvas) disc(x, y, r float64, k colour) {
	x, y = c.place(x, y)
	c.shape(x-r-1, y-r-1, x+r+1, y+r+1, c.colour(k), func(px, py float64) float64 {
		dx, dy := px-x, py-y
		return r + 0.5 - math.Sqrt(dx*dx+dy*dy)
	})
}

// line paints a straight line with round ends, r wide on either side.
func (c canvas) line(x0, y0, x1, y1, r float64, k colour) {
	x0, y0 = c.place(x0, y0)
	x1, y1 = c.place(x1, y1)
	dx, dy := x1-x0, y1-y0
	length := dx*dx + dy*dy
	c.shape(min(x0, x1)-r-1, min(y0, y1)-r-1, max(x0, x1)+r+1, max(y0, y1)+r+1, c.colour(k), func(px, py float64) float64 {
		at := min(max(((px-x0)*dx+(py-y0)*dy)/length, 0), 1)
		ex, ey := px-x0-at*dx, py-y0-at*dy
		return r + 0.5 - math.Sqrt(ex*ex+ey*ey)
	})
}

// rect paints a rectangle, alpha 0 to 256.
func (c canvas) rect(x0, y0, x1, y1 float64, k colour, alpha int) {
	x0, y0 = c.place(x0, y0)
	x1, y1 = c.place(x1, y1)
	k = c.colour(k)
	left, right := clip(min(x0, x1), c.w), clip(max(x0, x1), c.w)
	top, bottom := clip(min(y0, y1), c.h), clip(max(y0, y1), c.h)
	for y := top; y < bottom; y++ {
		blendRow(c.img.Y[y*c.img.YStride:][left:right], k.y, alpha)
		if y&1 == 0 {
			at := y / 2 * c.img.CStride
			blendRow(c.img.Cb[at+left/2:at+(right+1)/2], k.cb, alpha)
			blendRow(c.img.Cr[at+left/2:at+(right+1)/2], k.cr, alpha)
		}
	}
}

func blendRow(row []uint8, v uint8, alpha int) {
	for i := range row {
		row[i] = mix(row[i], v, alpha)
	}
}

func clip(v float64, limit int) int { return min(max(int(math.Round(v)), 0), limit) }

// text writes in white; what is under it should be neutral in colour.
func (c canvas) text(f *typeface, left, top int, s string) {
	for _, r := range s {
		g := f.glyph(r)
		for y := range f.height {
			py := top + y
			if py < 0 || py >= c.h {
				continue
			}
			row := c.img.Y[py*c.img.YStride:]
			for x, a := range g[y*f.width : (y+1)*f.width] {
				if px := left + x; a > 0 && px >= 0 && px < c.w {
					row[px] = mix(row[px], whiteColour.y, int(a)+1)
				}
			}
		}
		left += f.width
	}
}
