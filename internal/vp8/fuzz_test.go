package vp8_test

import (
	"bytes"
	"image"
	"testing"
	"time"

	"camrelay/internal/vp8"
)

// FuzzEncode encodes pictures made of any bytes, with any options and sizes.
// Nothing panics, and what is a key frame decodes to what the encoder says.
func FuzzEncode(f *testing.F) {
	f.Add(uint16(64), uint16(48), uint8(0), uint32(100_000), uint8(1), uint8(0), []byte("a seed of some bytes"))
	f.Add(uint16(1), uint16(1), uint8(1), uint32(1000), uint8(127), uint8(127), []byte{0})
	f.Add(uint16(33), uint16(17), uint8(4), uint32(50_000_000), uint8(3), uint8(5), []byte{255, 0, 255})
	f.Fuzz(func(t *testing.T, width, height uint16, ratio uint8, rate uint32, low, high uint8, data []byte) {
		e, err := vp8.New(vp8.Options{BitRate: int(rate), MinQuantizer: int(low), MaxQuantizer: int(high)})
		if err != nil {
			return
		}
		var at time.Duration
		for n := range 6 {
			w, h := int(width)%200, int(height)%150
			if n > 3 {
				w, h = h, w
			}
			img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio(ratio%6))
			for i, p := range [][]byte{img.Y, img.Cb, img.Cr} {
				for j := range p {
					if len(data) > 0 {
						p[j] = data[(j*(n+1)+i+j/7)%len(data)]
					}
				}
			}
			key := len(data) > n && data[n]&1 == 1
			if len(data) > n {
				at += time.Duration(int8(data[n])) * time.Millisecond * 10
			}
			out, info, err := e.Encode([]byte("x"), img, at, key)
			if err != nil {
				if w > 0 && h > 0 {
					t.Fatal(err)
				}
				continue
			}
			if key && !info.Key {
				t.Fatal("no key frame although asked for")
			}
			if !info.Key {
				continue
			}
			got, err := decodeKey(out[1:])
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(appendPicture(nil, got), appendPicture(nil, e.Reconstruction())) {
				t.Fatal("the decoder shows something else")
			}
		}
	})
}
