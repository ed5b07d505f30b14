package mpjpeg

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"testing"

	"camrelay/internal/stream"
)

const testMax = 256 << 10

// picture makes a JPEG that differs with n.
func picture(t testing.TB, n int) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 1))
	img := image.NewGray(image.Rect(0, 0, 16+8*(n%9), 16+8*(n%5)))
	for i := range img.Pix {
		img.Pix[i] = uint8(r.UintN(256))
	}
	img.SetGray(0, 0, color.Gray{Y: uint8(n)})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 60 + n%40}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pictures(t testing.TB, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = picture(t, i)
	}
	return all
}

// chunked reads at most n bytes at a time.
type chunked struct {
	r io.Reader
	n func() int
}

func (c chunked) Read(p []byte) (int, error) {
	return c.r.Read(p[:min(len(p), max(1, c.n()))])
}

// result is what a stream came to.
type result struct {
	frames [][]byte
	parts  []Part
	faults []*PartError
	err    error
}

// readAll reads a stream to its end.
func readAll(r *Reader) result {
	pool := stream.NewPool()
	var got result
	for {
		d := pool.Draft(0)
		part, err := r.Next(&d)
		var fault *PartError
		switch {
		case err == nil:
			got.frames = append(got.frames, bytes.Clone(d.Bytes()[:part.Len]))
			got.parts = append(got.parts, part)
		case errors.As(err, &fault):
			got.faults = append(got.faults, fault)
		default:
			got.err = err
			d.Discard()
			return got
		}
		d.Discard()
	}
}
