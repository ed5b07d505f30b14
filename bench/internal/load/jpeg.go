package load

import (
	"bytes"
	"image"
	"image/jpeg"
	"math/rand/v2"
)

// JPEG is a JPEG of exactly size bytes, nearly all of them scan data as in
// a camera's picture.
func JPEG(size int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	best := []byte(nil)
	for width := 64; ; width += 16 {
		img := image.NewGray(image.Rect(0, 0, width, width*3/4))
		for i := range img.Pix {
			img.Pix[i] = byte(128 + rng.IntN(96) - 48)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 60}); err != nil {
			panic(err)
		}
		if b.Len() > size-4 {
			break
		}
		best = b.Bytes()
	}
	return pad(best, size)
}

// pad makes the JPEG as long as wanted by comment segments after its SOI.
func pad(j []byte, size int) []byte {
	out := append([]byte(nil), j[:2]...)
	for missing := size - len(j); missing > 0; {
		n := min(missing, 60000)
		if missing-n > 0 && missing-n < 4 {
			n -= 4
		}
		out = append(out, 0xFF, 0xFE, byte((n-2)>>8), byte(n-2))
		out = append(out, make([]byte, n-4)...)
		missing -= n
	}
	return append(out, j[2:]...)
}
