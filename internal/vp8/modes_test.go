package vp8

import (
	"image"
	"math"
	"testing"
	"time"
)

// TestEveryModeIsChosen encodes a texture that moves in parts and counts the
// modes, so that what the decoders agree on elsewhere is known to contain them.
func TestEveryModeIsChosen(t *testing.T) {
	const width, height = 256, 160
	e, err := New(Options{BitRate: 400_000})
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	modes := map[bool]*[modeNew + 1]int{true: {}, false: {}} // by whether it is a key frame
	subs := map[bool]*[subModes]int{true: {}, false: {}}
	var chroma [chromaModes]int
	for n := range 40 {
		paintParts(img, n)
		_, info, err := e.Encode(nil, img, time.Duration(n)*time.Second/15, n%20 == 0)
		if err != nil {
			t.Fatal(err)
		}
		for y := range e.rows {
			for x := range e.columns {
				mb := &e.blocks[e.place(x, y)]
				modes[info.Key][mb.mode]++
				if !mb.inter {
					chroma[mb.chroma]++
				}
				for _, sub := range mb.sub {
					if mb.mode == modeSub {
						subs[info.Key][sub]++
					}
				}
			}
		}
	}
	for mode, n := range modes[true] {
		if (n > 0) != (mode <= modeSub) {
			t.Errorf("key frames: mode %d was chosen %d times", mode, n)
		}
	}
	for mode, n := range modes[false] {
		if n == 0 {
			t.Errorf("other frames: mode %d was never chosen", mode)
		}
	}
	for key, counts := range subs {
		for mode, n := range counts {
			if n == 0 {
				t.Errorf("subblock mode %d was never chosen, key frame %v", mode, key)
			}
		}
	}
	for mode, n := range chroma {
		if n == 0 {
			t.Errorf("chroma mode %d was never chosen", mode)
		}
	}
}

// paintParts paints a still part, one that moves, and one that is new in every
// frame.
func paintParts(img *image.YCbCr, n int) {
	r := img.Rect
	at := func(x, y, plane int) uint8 {
		u, v := float64(x), float64(y)
		a := float64(n*7%5 + y/32)
		switch {
		case x > 3*r.Dx()/4: // always new: stripes in all directions
			return uint8(128 + 90*math.Sin((u*math.Cos(a)+v*math.Sin(a))*0.6+a))
		case x > r.Dx()/2: // always new: columns, rows, slopes and grain
			switch (n + y/48) % 4 {
			case 0:
				return uint8(128 + 60*math.Sin(u*u+float64(n)))
			case 1:
				return uint8(128 + 60*math.Sin(v*v+float64(n)))
			case 2:
				return uint8(120 + 50*math.Sin(u/7+float64(n)) + 50*math.Sin(v/5))
			}
			return uint8(120 + (x*7919^y*104729^n*31)%29)
		case y > r.Dy()/3:
			s := math.Sin(float64(n)*0.4) * 6
			u, v = u+s, v+s*0.7
		}
		wave := math.Sin(u*0.31+math.Sin(v*0.11)*2) + math.Sin(v*0.23+math.Cos(u*0.07)*3)
		return uint8(128 + wave*float64(50-10*plane))
	}
	for y := range r.Dy() {
		for x := range r.Dx() {
			img.Y[img.YOffset(x, y)] = at(x, y, 0)
			if x&y&1 == 0 {
				img.Cb[img.COffset(x, y)] = at(x, y, 1)
				img.Cr[img.COffset(x, y)] = at(y, x, 2)
			}
		}
	}
}

// TestPartitionLimit lowers the limit of the first partition to below what a
// frame has, which is then coded again without subblock modes.
func TestPartitionLimit(t *testing.T) {
	e, err := New(Options{BitRate: 10_000_000})
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewYCbCr(image.Rect(0, 0, 160, 120), image.YCbCrSubsampleRatio420)
	paintParts(img, 0)
	encode := func() (partition, sub int, err error) {
		b, info, err := e.Encode([]byte("kept"), img, 0, true)
		if string(b[:4]) != "kept" {
			t.Errorf("what was before is %q", b[:4])
		}
		if err != nil {
			return 0, 0, err
		}
		if !info.Key {
			t.Error("not a key frame")
		}
		for _, mb := range e.blocks {
			if mb.mode == modeSub {
				sub++
			}
		}
		return (int(b[4]) | int(b[5])<<8 | int(b[6])<<16) >> 5, sub, nil
	}
	partition, sub, err := encode()
	if err != nil || sub == 0 {
		t.Fatalf("%d macroblocks with subblock modes in the first place, %v", sub, err)
	}
	e.maxPartition = partition - 1
	if smaller, sub, err := encode(); err != nil || sub > 0 || smaller >= partition {
		t.Errorf("partition of %d bytes after %d, %d macroblocks with subblock modes, %v", smaller, partition, sub, err)
	}
	e.maxPartition = 1
	if _, _, err := encode(); err == nil {
		t.Error("a partition of one byte")
	}
	e.maxPartition = maxPartition
	if again, sub, err := encode(); err != nil || sub == 0 || again != partition {
		t.Errorf("partition of %d bytes instead of %d, %d macroblocks with subblock modes, %v", again, partition, sub, err)
	}
}
