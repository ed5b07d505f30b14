package vp8_test

import (
	"bytes"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"camrelay/internal/scene"
	"camrelay/internal/vp8"
)

// source paints the frame n of a stream.
type source func(n int) *image.YCbCr

func paintedScene(t testing.TB, width, height int) source {
	s, err := scene.New("door", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Resize(width, height); err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	return func(n int) *image.YCbCr { return s.Image(begin.Add(time.Duration(n)*time.Second/15), uint32(n)) }
}

// each paints every sample of every plane; x and y are in pixels.
func each(width, height int, ratio image.YCbCrSubsampleRatio, at func(plane, x, y, n int) uint8) source {
	img := image.NewYCbCr(image.Rect(0, 0, width, height), ratio)
	return func(n int) *image.YCbCr {
		for y := range height {
			for x := range width {
				img.Y[img.YOffset(x, y)] = at(0, x, y, n)
				img.Cb[img.COffset(x, y)] = at(1, x, y, n)
				img.Cr[img.COffset(x, y)] = at(2, x, y, n)
			}
		}
		return img
	}
}

func noise(width, height int, ratio image.YCbCrSubsampleRatio) source {
	rnd := rand.New(rand.NewPCG(1, uint64(width)))
	return each(width, height, ratio, func(_, _, _, _ int) uint8 { return uint8(rnd.Uint32()) })
}

func gradient(width, height int) source {
	return each(width, height, image.YCbCrSubsampleRatio420, func(plane, x, y, n int) uint8 {
		return uint8((x*(3-plane) + y*(plane+1) + 5*n) / 2)
	})
}

func solid(width, height int, v uint8) source {
	return each(width, height, image.YCbCrSubsampleRatio420, func(plane, _, _, _ int) uint8 { return v ^ uint8(plane*85) })
}

// drift moves a smooth texture by a part of a pixel a frame, and turns round
// from time to time.
func drift(width, height int, dx, dy float64) source {
	return each(width, height, image.YCbCrSubsampleRatio420, func(plane, x, y, n int) uint8 {
		step := math.Abs(float64(n%20 - 10))
		u, v := float64(x)+dx*step, float64(y)+dy*step
		wave := math.Sin(u*0.31+math.Sin(v*0.11)*2) + math.Sin(v*0.23+math.Cos(u*0.07)*3)
		return uint8(128 + wave*(50-10*float64(plane)))
	})
}

// chaos cuts between sources.
func chaos(sources ...source) source {
	return func(n int) *image.YCbCr { return sources[n/3%len(sources)](n) }
}

// check encodes pictures and compares what three decoders make of them with
// what the encoder says they do. It returns what Encode told of each frame.
func check(t *testing.T, o vp8.Options, frames int, paint source, key func(n int) bool) []vp8.Info {
	t.Helper()
	var r recorder
	infos := r.run(t, o, frames, paint, key)
	r.verify(t)
	return infos
}

// run adds the frames of one encoder.
func (r *recorder) run(t *testing.T, o vp8.Options, frames int, paint source, key func(n int) bool) []vp8.Info {
	t.Helper()
	e, err := vp8.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var infos []vp8.Info
	for n := range frames {
		infos = append(infos, r.encode(t, e, paint(n), time.Duration(n)*time.Second/15, key != nil && key(n)))
	}
	return infos
}

func TestDecodersAgree(t *testing.T) {
	everyFifth := func(n int) bool { return n%5 == 0 }
	for _, c := range []struct {
		name    string
		options vp8.Options
		frames  int
		paint   source
		key     func(int) bool
	}{
		{"scene", vp8.Options{}, 12, paintedScene(t, 640, 480), nil},
		{"scene coarse", vp8.Options{BitRate: 30_000}, 30, paintedScene(t, 320, 240), nil},
		{"scene fine", vp8.Options{BitRate: 50_000_000, MinQuantizer: 1}, 10, paintedScene(t, 320, 240), nil},
		{"keys", vp8.Options{}, 12, paintedScene(t, 160, 120), everyFifth},
		{"noise", vp8.Options{}, 6, noise(80, 64, image.YCbCrSubsampleRatio420), nil},
		{"noise fine", vp8.Options{BitRate: vp8.MaxBitRate, MinQuantizer: 1}, 4, noise(64, 48, image.YCbCrSubsampleRatio420), nil},
		{"noise coarse", vp8.Options{MinQuantizer: 127, MaxQuantizer: 127}, 4, noise(64, 48, image.YCbCrSubsampleRatio420), nil},
		{"gradient", vp8.Options{}, 10, gradient(176, 144), nil},
		{"black", vp8.Options{}, 5, solid(33, 17, 0), nil},
		{"white", vp8.Options{}, 5, solid(48, 48, 255), everyFifth},
		{"drift", vp8.Options{BitRate: 300_000}, 40, drift(176, 144, 0.6, 0.35), nil},
		{"fast drift", vp8.Options{BitRate: 300_000}, 40, drift(100, 70, 7.25, 5.5), nil},
		{"drift back", vp8.Options{BitRate: 1_000_000}, 20, drift(129, 65, -2.5, 3.75), nil},
		{"chaos", vp8.Options{BitRate: 200_000}, 40, chaos(
			drift(97, 83, 2, -1), noise(97, 83, image.YCbCrSubsampleRatio422), solid(97, 83, 200), gradient(97, 83)), nil},
	} {
		t.Run(c.name, func(t *testing.T) { check(t, c.options, c.frames, c.paint, c.key) })
	}
}

func TestEverySize(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	sizes := []image.Point{{1, 1}, {1, 2}, {2, 1}, {15, 16}, {16, 15}, {16, 16}, {17, 17}, {1, 100}, {100, 1}, {640, 479}}
	for range 10 {
		sizes = append(sizes, image.Pt(1+rnd.IntN(160), 1+rnd.IntN(120)))
	}
	var r recorder
	for i, size := range sizes {
		paint := chaos(drift(size.X, size.Y, 1.5, 1), gradient(size.X, size.Y))
		r.run(t, vp8.Options{BitRate: 100_000 << (i % 4)}, 5, paint, nil)
	}
	r.verify(t)
}

func TestEveryQuantizer(t *testing.T) {
	var r recorder
	for q := 1; q < 128; q++ {
		for n, info := range r.run(t, vp8.Options{MinQuantizer: q, MaxQuantizer: q}, 4, drift(64, 48, 1.25, 0.5), nil) {
			if info.Quantizer != q {
				t.Errorf("frame %d: quantizer %d, want %d", n, info.Quantizer, q)
			}
		}
	}
	r.verify(t)
}

func TestSizeChange(t *testing.T) {
	small, large := drift(70, 50, 1, 1), gradient(200, 120)
	infos := check(t, vp8.Options{}, 12, func(n int) *image.YCbCr {
		if n/4 == 1 {
			return large(n)
		}
		return small(n)
	}, nil)
	for n, info := range infos {
		if want := n%4 == 0; info.Key != want {
			t.Errorf("frame %d: key is %v, want %v", n, info.Key, want)
		}
	}
	if infos[4].Width != 200 || infos[4].Height != 120 || infos[4].Macroblocks != 13*8 {
		t.Errorf("frame 4: %+v", infos[4])
	}
}

func TestLongRun(t *testing.T) {
	pictures := grainy(paintedScene(t, 160, 112), 30)
	infos := check(t, vp8.Options{BitRate: 60_000, KeyInterval: 10 * time.Second}, 300, func(n int) *image.YCbCr {
		return pictures[n%len(pictures)]
	}, nil)
	for n, info := range infos {
		if want := n%150 == 0; info.Key != want {
			t.Errorf("frame %d: key is %v, want %v", n, info.Key, want)
		}
	}
}

// TestEveryRatio encodes the same colours in all subsampling ratios and from
// any corner of a picture, and looks at what comes out.
func TestEveryRatio(t *testing.T) {
	const width, height = 61, 43
	paint := func(plane, x, y, _ int) uint8 { return uint8(60 + 40*plane + x + y) }
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio444,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		full := each(width, height, ratio, paint)(0)
		for _, corner := range []image.Point{{}, {1, 0}, {0, 1}, {3, 5}, {8, 2}} {
			img := full.SubImage(image.Rectangle{Min: corner, Max: full.Rect.Max}).(*image.YCbCr)
			e, err := vp8.New(vp8.Options{BitRate: 10_000_000, MinQuantizer: 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := e.Encode(nil, img, 0, false); err != nil {
				t.Fatal(err)
			}
			got := e.Reconstruction()
			size := img.Rect.Size()
			if got.Rect.Size() != size {
				t.Fatalf("%v at %v: size %v, want %v", ratio, corner, got.Rect.Size(), size)
			}
			for y := range size.Y {
				for x := range size.X {
					a, b := got.YCbCrAt(x, y), img.YCbCrAt(corner.X+x, corner.Y+y)
					if far(a.Y, b.Y, 5) || far(a.Cb, b.Cb, 9) || far(a.Cr, b.Cr, 9) {
						t.Fatalf("%v at %v: pixel %d,%d is %v, want %v", ratio, corner, x, y, a, b)
					}
				}
			}
		}
	}
}

func far(a, b uint8, limit int) bool {
	d := int(a) - int(b)
	return max(d, -d) > limit
}

func TestDeterministic(t *testing.T) {
	var streams [2][]byte
	for i := range streams {
		e, err := vp8.New(vp8.Options{BitRate: 200_000})
		if err != nil {
			t.Fatal(err)
		}
		paint := paintedScene(t, 320, 240)
		for n := range 12 {
			streams[i], _, err = e.Encode(streams[i], paint(n), time.Duration(n)*time.Second/15, n == 6)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if !bytes.Equal(streams[0], streams[1]) {
		t.Error("the same pictures gave different streams")
	}
}

func TestNoAllocations(t *testing.T) {
	pictures := grainy(paintedScene(t, 160, 112), 20)
	e, err := vp8.New(vp8.Options{BitRate: 150_000})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 1<<18)
	n := 0
	encode := func() {
		n++
		if _, _, err := e.Encode(buf, pictures[n%len(pictures)], time.Duration(n)*time.Second/15, n%7 == 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 40 {
		encode()
	}
	if allocs := testing.AllocsPerRun(40, encode); allocs != 0 {
		t.Errorf("%v allocations a frame", allocs)
	}
}

func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		options vp8.Options
		want    string
	}{
		{vp8.Options{BitRate: 999}, "bit rate 999"},
		{vp8.Options{BitRate: -1}, "bit rate -1"},
		{vp8.Options{FPS: -1}, "frame rate -1"},
		{vp8.Options{FPS: math.NaN()}, "frame rate NaN"},
		{vp8.Options{MinQuantizer: -1}, "quantizers -1"},
		{vp8.Options{MaxQuantizer: 128}, "to 128"},
		{vp8.Options{MinQuantizer: 50, MaxQuantizer: 40}, "50 to 40"},
		{vp8.Options{KeyInterval: -1}, "key interval -1ns"},
	} {
		if _, err := vp8.New(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v): error %v, want one with %q", c.options, err, c.want)
		}
	}
	e, err := vp8.New(vp8.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []image.Point{{0, 10}, {10, 0}, {16384, 1}, {1, 16384}, {16000, 16000}} {
		img := &image.YCbCr{Rect: image.Rectangle{Max: size}}
		dst := []byte("kept")
		got, _, err := e.Encode(dst, img, 0, false)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%dx%d", size.X, size.Y)) {
			t.Errorf("%v: error %v, want one that names the size", size, err)
		}
		if string(got) != "kept" {
			t.Errorf("%v: returned %q", size, got)
		}
	}
	short := solid(20, 20, 9)(0)
	short.Cr = short.Cr[:50]
	if _, _, err := e.Encode(nil, short, 0, false); err == nil || !strings.Contains(err.Error(), "50 bytes") {
		t.Errorf("a plane that is too short: error %v", err)
	}
	if e.Reconstruction() != nil {
		t.Error("a reconstruction without a frame")
	}
	if _, info, err := e.Encode(nil, solid(20, 20, 9)(0), 0, false); err != nil || !info.Key {
		t.Errorf("after bad pictures: %+v, %v", info, err)
	}
}
