package vp8_test

import (
	"image"
	"testing"
	"time"

	"camrelay/internal/vp8"
)

// TestBitRate encodes a camera's pictures at several rates, with pictures that
// come irregularly, and adds up what the second half of the stream takes.
func TestBitRate(t *testing.T) {
	pictures := grainy(paintedScene(t, 160, 112), 30)
	for _, rate := range []int{30_000, 80_000, 200_000} {
		e, err := vp8.New(vp8.Options{BitRate: rate, MinQuantizer: 1})
		if err != nil {
			t.Fatal(err)
		}
		var at, begin time.Duration
		bits := 0
		for n := range 200 {
			at += time.Duration(50+n%5*10) * time.Millisecond
			b, info, err := e.Encode(nil, pictures[n%len(pictures)], at, n == 0 || n == 150)
			if err != nil {
				t.Fatal(err)
			}
			if limit := rate * 6 / 10; info.Key && len(b)*8 > limit {
				t.Errorf("%d bit/s: key frame of %d bits, more than %d", rate, len(b)*8, limit)
			}
			if n == 60 {
				begin = at
			}
			if n > 60 {
				bits += len(b) * 8
			}
		}
		if got := float64(bits) / (at - begin).Seconds(); got < 0.9*float64(rate) || got > 1.1*float64(rate) {
			t.Errorf("%d bit/s: got %.0f", rate, got)
		}
	}
}

// TestSceneCut shows a picture that has nothing to do with the one before: its
// frame may be large, but not without limit, and the rate is met again soon.
func TestSceneCut(t *testing.T) {
	const rate = 100_000
	a, b := grainy(paintedScene(t, 160, 112), 30), grainy(drift(160, 112, 3, 1), 30)
	e, err := vp8.New(vp8.Options{BitRate: rate})
	if err != nil {
		t.Fatal(err)
	}
	bits := 0
	for n := range 120 {
		pictures := a
		if n >= 40 {
			pictures = b
		}
		out, _, err := e.Encode(nil, pictures[n%30], time.Duration(n)*time.Second/15, false)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && len(out)*8 > rate*4/10 {
			t.Errorf("frame %d has %d bits, %d are a second's worth", n, len(out)*8, rate)
		}
		if n >= 90 {
			bits += len(out) * 8
		}
	}
	if got := bits / 2; got > rate*11/10 {
		t.Errorf("%d bit/s three seconds after the cut, want %d", got, rate)
	}
}

// TestSetBitRate halves the rate in the middle of a stream.
func TestSetBitRate(t *testing.T) {
	pictures := grainy(drift(160, 112, 1, 0.5), 30)
	e, err := vp8.New(vp8.Options{BitRate: 160_000, MinQuantizer: 1})
	if err != nil {
		t.Fatal(err)
	}
	var bits [3]int
	for n := range 90 {
		if n == 30 {
			if err := e.SetBitRate(40_000); err != nil {
				t.Fatal(err)
			}
		}
		out, _, err := e.Encode(nil, pictures[n%30], time.Duration(n)*time.Second/15, false)
		if err != nil {
			t.Fatal(err)
		}
		bits[n/30] += len(out) * 8 / 2
	}
	if bits[0] < 120_000 || bits[2] > 48_000 || bits[2] < 32_000 {
		t.Errorf("bits a second: %v, want about 160000, less, 40000", bits)
	}
	if err := e.SetBitRate(1); err == nil {
		t.Error("a rate of 1 bit/s was taken")
	}
}

// TestManyKeyFrames asks for a key frame every third frame, as viewers who come
// and go do: they get smaller, and the rate is met afterwards.
func TestManyKeyFrames(t *testing.T) {
	const rate = 50_000
	pictures := grainy(paintedScene(t, 160, 112), 30)
	e, err := vp8.New(vp8.Options{BitRate: rate})
	if err != nil {
		t.Fatal(err)
	}
	bits, sizes := 0, []int{}
	for n := range 120 {
		out, info, err := e.Encode(nil, pictures[n%30], time.Duration(n)*time.Second/15, n < 45 && n%3 == 0)
		if err != nil {
			t.Fatal(err)
		}
		if info.Key {
			sizes = append(sizes, len(out))
		}
		if n >= 90 {
			bits += len(out) * 8
		}
	}
	if first, last := sizes[0], sizes[len(sizes)-1]; last > first*2/3 {
		t.Errorf("the first key frame has %d bytes, the last %d", first, last)
	}
	if got := bits / 2; got > rate*11/10 {
		t.Errorf("%d bit/s three seconds later, want %d", got, rate)
	}
}

// TestNoiseIsNotCoded shows a still picture with a sensor's noise: once it
// has settled, it takes a fraction of the bit rate.
func TestNoiseIsNotCoded(t *testing.T) {
	paint := paintedScene(t, 320, 240)
	pictures := grainy(func(int) *image.YCbCr { return paint(0) }, 12)
	e, err := vp8.New(vp8.Options{BitRate: 250_000})
	if err != nil {
		t.Fatal(err)
	}
	bits := 0
	for n := range 60 {
		out, _, err := e.Encode(nil, pictures[n%len(pictures)], time.Duration(n)*time.Second/15, false)
		if err != nil {
			t.Fatal(err)
		}
		if n >= 30 {
			bits += len(out) * 8 / 2
		}
	}
	t.Logf("%d bit/s", bits)
	if bits > 20_000 {
		t.Errorf("%d bit/s for noise", bits)
	}
}
