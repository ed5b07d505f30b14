package vp8_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"os/exec"
	"testing"
	"time"

	xvp8 "golang.org/x/image/vp8"

	"camrelay/internal/vp8"
)

// ivf is a stream in the container of the same name.
type ivf struct{ b []byte }

func newIVF(width, height, fps int) *ivf {
	h := []byte("DKIF\x00\x00\x20\x00VP80")
	h = binary.LittleEndian.AppendUint16(h, uint16(width))
	h = binary.LittleEndian.AppendUint16(h, uint16(height))
	h = binary.LittleEndian.AppendUint32(h, uint32(fps))
	h = binary.LittleEndian.AppendUint32(h, 1)
	h = append(h, 0, 0, 0, 0, 0, 0, 0, 0)
	return &ivf{h}
}

func (v *ivf) add(frame []byte, n int) {
	v.b = binary.LittleEndian.AppendUint32(v.b, uint32(len(frame)))
	v.b = binary.LittleEndian.AppendUint64(v.b, uint64(n))
	v.b = append(v.b, frame...)
}

// appendPicture appends the planes of a 4:2:0 picture.
func appendPicture(b []byte, img *image.YCbCr) []byte {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		b = append(b, img.Y[y*img.YStride:][:w]...)
	}
	for _, p := range [][]byte{img.Cb, img.Cr} {
		for y := range (h + 1) / 2 {
			b = append(b, p[y*img.CStride:][:(w+1)/2]...)
		}
	}
	return b
}

// decoders are those of ffmpeg: libvpx and its own.
var decoders = []string{"libvpx", "vp8"}

// decode returns the raw frames of a stream of one size.
func decode(t *testing.T, stream []byte, decoder string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("ffmpeg", "-v", "error", "-threads", "1", "-c:v", decoder, "-f", "ivf", "-i", "-",
		"-vsync", "passthrough", "-autoscale", "0", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stream), &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("ffmpeg with %s: %v: %s", decoder, err, errs.String())
	}
	return out.Bytes()
}

// decodeKey decodes a key frame with an independent decoder in Go.
func decodeKey(frame []byte) (*image.YCbCr, error) {
	d := xvp8.NewDecoder()
	d.Init(bytes.NewReader(frame), len(frame))
	if _, err := d.DecodeFrameHeader(); err != nil {
		return nil, fmt.Errorf("decode header: %w", err)
	}
	return d.DecodeFrame()
}

// recorder keeps a stream and what its encoder says a decoder shows.
type recorder struct {
	stream *ivf
	want   []*image.YCbCr
}

// encode adds a picture to the stream. A key frame is decoded at once.
func (r *recorder) encode(t *testing.T, e *vp8.Encoder, img *image.YCbCr, at time.Duration, key bool) vp8.Info {
	t.Helper()
	n := len(r.want)
	b, info, err := e.Encode(nil, img, at, key)
	if err != nil {
		t.Fatalf("frame %d: %v", n, err)
	}
	if r.stream == nil {
		r.stream = newIVF(info.Width, info.Height, 15)
	}
	r.stream.add(b, n)
	want := e.Reconstruction()
	want.Y, want.Cb, want.Cr = bytes.Clone(want.Y), bytes.Clone(want.Cb), bytes.Clone(want.Cr)
	r.want = append(r.want, want)
	if info.Key {
		got, err := decodeKey(b)
		if err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		samePicture(t, fmt.Sprintf("x/image: frame %d", n), appendPicture(nil, got), want)
	}
	return info
}

// verify compares what the other decoders make of the stream.
func (r *recorder) verify(t *testing.T) {
	t.Helper()
	for _, decoder := range decoders {
		got := decode(t, r.stream.b, decoder)
		for n, want := range r.want {
			size := len(appendPicture(nil, want))
			if len(got) < size {
				t.Fatalf("%s: decoded %d frames of %d", decoder, n, len(r.want))
			}
			samePicture(t, fmt.Sprintf("%s: frame %d", decoder, n), got[:size], want)
			got = got[size:]
		}
		if len(got) > 0 {
			t.Fatalf("%s: decoded %d bytes too many", decoder, len(got))
		}
	}
}

// samePicture fails if a decoded frame is not what the encoder reconstructed.
func samePicture(t *testing.T, name string, got []byte, want *image.YCbCr) {
	t.Helper()
	raw := appendPicture(nil, want)
	if bytes.Equal(got, raw) {
		return
	}
	if len(got) != len(raw) {
		t.Fatalf("%s: %d bytes, want %d", name, len(got), len(raw))
	}
	size := want.Rect.Size()
	at := 0
	for got[at] == raw[at] {
		at++
	}
	luma, half := size.X*size.Y, (size.X+1)/2
	if at < luma {
		t.Fatalf("%s: luma differs at %d,%d: %d, want %d", name, at%size.X, at/size.X, got[at], raw[at])
	}
	t.Fatalf("%s: chroma differs at %d,%d: %d, want %d", name, (at-luma)%half, (at-luma)/half, got[at], raw[at])
}
