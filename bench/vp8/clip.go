package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"time"

	"camrelay/internal/scene"
)

// paint makes the pictures of a camera: a painted scene with a sensor's noise,
// as JPEG and back. A panning camera moves by so many pixels a frame.
func paint(width, height, frames, fps int, grain, pan float64) ([]*image.YCbCr, error) {
	s, err := scene.New("bench", 1)
	if err != nil {
		return nil, err
	}
	margin := int(pan*float64(frames)) + 1
	if err := s.Resize((width+margin+15)&^15, height); err != nil {
		return nil, err
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	var pictures []*image.YCbCr
	var buf bytes.Buffer
	for n := range frames {
		full := s.Image(begin.Add(time.Duration(n)*time.Second/time.Duration(fps)), uint32(n))
		img := shift(full, width, height, pan*float64(n))
		addNoise(img, rnd, grain)
		buf.Reset()
		if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: 80}); err != nil {
			return nil, err
		}
		decoded, err := jpeg.Decode(&buf)
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, decoded.(*image.YCbCr))
	}
	return pictures, nil
}

// shift cuts a part out of a wider picture, at a fraction of a pixel.
func shift(img *image.YCbCr, width, height int, offset float64) *image.YCbCr {
	out := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	cut := func(dst []byte, dstStride int, src []byte, srcStride, width, height int, offset float64) {
		whole := int(offset)
		part := offset - float64(whole)
		for y := range height {
			for x := range width {
				i := y*srcStride + x + whole
				a, b := float64(src[i]), float64(src[min(i+1, len(src)-1)])
				dst[y*dstStride+x] = uint8(a + (b-a)*part + 0.5)
			}
		}
	}
	cut(out.Y, out.YStride, img.Y, img.YStride, width, height, offset)
	cut(out.Cb, out.CStride, img.Cb, img.CStride, (width+1)/2, (height+1)/2, offset/2)
	cut(out.Cr, out.CStride, img.Cr, img.CStride, (width+1)/2, (height+1)/2, offset/2)
	return out
}

func addNoise(img *image.YCbCr, rnd *rand.Rand, deviation float64) {
	for _, plane := range [][]byte{img.Y, img.Cb, img.Cr} {
		for i, v := range plane {
			plane[i] = uint8(min(max(float64(v)+rnd.NormFloat64()*deviation+0.5, 0), 255))
		}
	}
}

// meter measures the peak signal-to-noise ratio of a stream, over all planes.
type meter struct {
	squares, samples float64
}

func (m *meter) add(a, b *image.YCbCr) {
	w, h := a.Rect.Dx(), a.Rect.Dy()
	m.plane(a.Y, a.YStride, b.Y, b.YStride, w, h)
	m.plane(a.Cb, a.CStride, b.Cb, b.CStride, (w+1)/2, (h+1)/2)
	m.plane(a.Cr, a.CStride, b.Cr, b.CStride, (w+1)/2, (h+1)/2)
}

func (m *meter) plane(a []byte, aStride int, b []byte, bStride, width, height int) {
	sum := 0
	for y := range height {
		p, q := a[y*aStride:][:width], b[y*bStride:][:width]
		for x := range p {
			d := int(p[x]) - int(q[x])
			sum += d * d
		}
	}
	m.squares += float64(sum)
	m.samples += float64(width * height)
}

func (m *meter) psnr() float64 {
	return 10 * math.Log10(255*255*m.samples/m.squares)
}
