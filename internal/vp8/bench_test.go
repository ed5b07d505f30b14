package vp8_test

import (
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"camrelay/internal/vp8"
)

// grainy copies pictures of a source and adds a sensor's noise, so that painting
// is no part of what is measured.
func grainy(paint source, frames int) []*image.YCbCr {
	rnd := rand.New(rand.NewPCG(3, 4))
	var pictures []*image.YCbCr
	for n := range frames {
		from := paint(n)
		img := image.NewYCbCr(image.Rectangle{Max: from.Rect.Size()}, from.SubsampleRatio)
		copy(img.Y, from.Y)
		copy(img.Cb, from.Cb)
		copy(img.Cr, from.Cr)
		for _, p := range [][]byte{img.Y, img.Cb, img.Cr} {
			for i, v := range p {
				p[i] = uint8(min(max(float64(v)+rnd.NormFloat64()*2+0.5, 0), 255))
			}
		}
		pictures = append(pictures, img)
	}
	return pictures
}

// panning shows a part of a wider picture that moves on by three pixels a frame.
func panning(paint source, width, height int) source {
	return func(n int) *image.YCbCr {
		return paint(n).SubImage(image.Rect(3*n, 0, 3*n+width, height)).(*image.YCbCr)
	}
}

func BenchmarkEncode(b *testing.B) {
	still := grainy(paintedScene(b, 640, 480), 30)
	wide := paintedScene(b, 800, 480)
	moving := grainy(func(n int) *image.YCbCr {
		return compact(panning(wide, 640, 480)(n))
	}, 30)
	white := noise(640, 480, image.YCbCrSubsampleRatio420)
	worst := []*image.YCbCr{compact(white(0)), compact(white(1)), compact(white(2))}
	for _, c := range []struct {
		name     string
		pictures []*image.YCbCr
		rate     int
		key      bool
	}{
		{"still/300k", still, 300_000, false},
		{"still/1200k", still, 1_200_000, false},
		{"moving/1200k", moving, 1_200_000, false},
		{"key/3000k", still, 3_000_000, true},
		{"noise/1200k", worst, 1_200_000, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			e, err := vp8.New(vp8.Options{BitRate: c.rate})
			if err != nil {
				b.Fatal(err)
			}
			var buf []byte
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				at := n % (2 * len(c.pictures))
				p := c.pictures[min(at, 2*len(c.pictures)-1-at)] // there and back
				if buf, _, err = e.Encode(buf[:0], p, time.Duration(n)*time.Second/15, c.key); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}

// compact copies a part of a picture to one without gaps.
func compact(img *image.YCbCr) *image.YCbCr {
	out := image.NewYCbCr(image.Rectangle{Max: img.Rect.Size()}, img.SubsampleRatio)
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			from := img.Rect.Min.Add(image.Pt(x, y))
			out.Y[out.YOffset(x, y)] = img.Y[img.YOffset(from.X, from.Y)]
			out.Cb[out.COffset(x, y)] = img.Cb[img.COffset(from.X, from.Y)]
			out.Cr[out.COffset(x, y)] = img.Cr[img.COffset(from.X, from.Y)]
		}
	}
	return out
}
