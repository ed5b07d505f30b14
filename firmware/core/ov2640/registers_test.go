package ov2640

import (
	"image"
	"testing"

	"camrelay/firmware/core/ov2640/ovsim"
)

// registers are values by bank<<8 | register.
type registers map[int]int

func (r *rig) expect(what string, want registers) {
	r.t.Helper()
	for at, v := range want {
		if got := r.cam.Register(uint8(at>>8), uint8(at)); int(got) != v {
			r.t.Errorf("%s: register %d:%02X is %02X, want %02X", what, at>>8, at&0xff, got, v)
		}
	}
}

// The registers of each size, and the part of the sensor that is seen. The
// figures are the maker's, where it has any.
func TestSizes(t *testing.T) {
	cif := registers{0x112: 0x20, 0x103: 0x0a, 0x132: 0x89, 0x118: 0x43, 0x11a: 0x25, 0x137: 0xc3, 0x0c0: 0x32, 0x0c1: 0x25, 0x050: 0x80, 0x0d3: 0x08}
	svga := registers{0x112: 0x40, 0x103: 0x0a, 0x132: 0x09, 0x118: 0x43, 0x11a: 0x4b, 0x137: 0xc3, 0x142: 0x03, 0x0c0: 0x64, 0x0c1: 0x4b, 0x050: 0x80, 0x0d3: 0x08}
	uxga := registers{0x112: 0x00, 0x103: 0x0f, 0x132: 0x36, 0x118: 0x75, 0x11a: 0x97, 0x137: 0x40, 0x142: 0x83, 0x0c0: 0xc8, 0x0c1: 0x96, 0x050: 0x00, 0x0d3: 0x0c}
	all := registers{0x005: 0, 0x111: 0, 0x0da: 0x12, 0x0e0: 0, 0x0d7: 0x03, 0x0e1: 0x77, 0x0e5: 0x1f, 0x0d9: 0x10, 0x0df: 0x80, 0x033: 0x80, 0x03c: 0x10, 0x0eb: 0x30, 0x0dd: 0x7f}
	tests := []struct {
		size   Size
		mode   registers
		window registers
		source image.Rectangle
		fps    float64
	}{
		{S96X96, cif, registers{0x051: 0x4b, 0x052: 0x4a, 0x053: 0x32, 0x054: 0, 0x055: 0, 0x057: 0, 0x05a: 0x18, 0x05b: 0x18, 0x05c: 0}, image.Rect(200, 0, 1400, 1184), 50},
		{QQVGA, cif, registers{0x051: 0x64, 0x052: 0x4a, 0x05a: 0x28, 0x05b: 0x1e, 0x05c: 0}, image.Rect(0, 0, 1600, 1184), 50},
		{S128X128, cif, registers{0x05a: 0x20, 0x05b: 0x20}, image.Rect(200, 0, 1400, 1184), 50},
		{QCIF, cif, registers{0x051: 0x5d, 0x052: 0x4a, 0x053: 0x0c, 0x05a: 0x2c, 0x05b: 0x24}, image.Rect(48, 0, 1536, 1184), 50},
		{HQVGA, cif, registers{0x05a: 0x3c, 0x05b: 0x2c}, image.Rect(0, 0, 1600, 1184), 50},
		{S240X240, cif, registers{0x05a: 0x3c, 0x05b: 0x3c}, image.Rect(200, 0, 1400, 1184), 50},
		{QVGA, cif, registers{0x051: 0x64, 0x052: 0x4a, 0x05a: 0x50, 0x05b: 0x3c, 0x05c: 0}, image.Rect(0, 0, 1600, 1184), 50},
		// 300 by 296 pixels are not enough for it.
		{S320X320, svga, registers{0x051: 0x96, 0x052: 0x96, 0x053: 0x64, 0x05a: 0x50, 0x05b: 0x50}, image.Rect(200, 0, 1400, 1200), 25},
		{CIF, cif, registers{0x051: 0x64, 0x052: 0x4a, 0x05a: 0x64, 0x05b: 0x4a}, image.Rect(0, 0, 1600, 1184), 50},
		{HVGA, svga, registers{0x051: 0xc6, 0x052: 0x84, 0x053: 0x04, 0x054: 0x24, 0x05a: 0x78, 0x05b: 0x50}, image.Rect(8, 72, 1592, 1128), 25},
		{VGA, svga, registers{0x051: 0xc8, 0x052: 0x96, 0x05a: 0xa0, 0x05b: 0x78, 0x05c: 0}, image.Rect(0, 0, 1600, 1200), 25},
		{SVGA, svga, registers{0x051: 0xc8, 0x052: 0x96, 0x05a: 0xc8, 0x05b: 0x96}, image.Rect(0, 0, 1600, 1200), 25},
		{XGA, uxga, registers{0x051: 0x90, 0x052: 0x2c, 0x055: 0x88, 0x05a: 0x00, 0x05b: 0xc0, 0x05c: 0x01}, image.Rect(0, 0, 1600, 1200), 12.5},
		{HD, uxga, registers{0x051: 0x90, 0x052: 0xe1, 0x053: 0, 0x054: 0x96, 0x055: 0x08, 0x057: 0, 0x05a: 0x40, 0x05b: 0xb4, 0x05c: 0x01}, image.Rect(0, 150, 1600, 1050), 12.5},
		{SXGA, uxga, registers{0x051: 0x77, 0x052: 0x2c, 0x053: 0x32, 0x055: 0x88, 0x05a: 0x40, 0x05b: 0x00, 0x05c: 0x05}, image.Rect(50, 0, 1550, 1200), 12.5},
		{UXGA, uxga, registers{0x051: 0x90, 0x052: 0x2c, 0x055: 0x88, 0x057: 0, 0x05a: 0x90, 0x05b: 0x2c, 0x05c: 0x05}, image.Rect(0, 0, 1600, 1200), 12.5},
	}
	if len(tests) != int(Sizes) {
		t.Errorf("%d sizes of %d", len(tests), Sizes)
	}
	for _, test := range tests {
		r := newRig(t, with(int(FrameSize), int(test.size)))
		r.start()
		name := test.size.Name()
		r.expect(name, test.mode)
		r.expect(name, test.window)
		r.expect(name, all)
		p := r.picture()
		width, height := test.size.Pixels()
		if p.Width != width || p.Height != height || p.Source != test.source || p.FPS != test.fps {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// Whatever the zoom, the picture has its size, and what is seen is there.
func TestZoom(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	for _, test := range []struct {
		size   Size
		zoom   int
		source image.Rectangle
		fps    float64
	}{
		{VGA, 100, image.Rect(0, 0, 1600, 1200), 25},
		{VGA, 125, image.Rect(160, 120, 1440, 1080), 25},
		{VGA, 200, image.Rect(400, 300, 1200, 900), 12.5},
		{VGA, 400, image.Rect(480, 360, 1120, 840), 12.5}, // what the sensor has pixels for
		{QVGA, 400, image.Rect(600, 450, 1000, 750), 12.5},
		{UXGA, 200, image.Rect(0, 0, 1600, 1200), 12.5},
	} {
		r.want(with(int(FrameSize), int(test.size), int(Zoom), test.zoom))
		if p := r.picture(); p.Source != test.source || p.FPS != test.fps {
			t.Errorf("%s at %d %%: %+v", test.size.Name(), test.zoom, p)
		}
	}
	field := image.Rect(0, 0, 1600, 1200)
	for size := range Sizes {
		width, height := size.Pixels()
		for zoom := 100; zoom <= 400; zoom++ {
			w := windowOf(size, zoom)
			d := w.mode.divisor()
			a := w.source
			if a.width < width || a.height < height || w.width != width || w.height != height || a.width%4 != 0 || a.height%4 != 0 {
				t.Fatalf("%s at %d %%: %+v", size.Name(), zoom, w)
			}
			if !image.Rect(a.x*d, a.y*d, (a.x+a.width)*d, (a.y+a.height)*d).In(field) {
				t.Fatalf("%s at %d %%: %+v is not all on the sensor", size.Name(), zoom, w)
			}
		}
	}
}

// The registers of each control, and what the picture looks like.
func TestControls(t *testing.T) {
	type picture = ovsim.Picture
	tests := []struct {
		settings []int
		want     registers
		is       func(p picture) bool
	}{
		{[]int{int(Quality), 4}, registers{0x044: 4}, func(p picture) bool { return p.Quality == 4 }},
		{[]int{int(Quality), 63}, registers{0x044: 63}, func(p picture) bool { return p.Quality == 63 }},
		{[]int{int(WBMode), 1}, registers{0x0c7: 0x50, 0x0cc: 0x5e, 0x0cd: 0x41, 0x0ce: 0x54}, func(p picture) bool { return p.Light == 1 }},
		{[]int{int(WBMode), 2}, registers{0x0c7: 0x50, 0x0cc: 0x65, 0x0cd: 0x41, 0x0ce: 0x4f}, func(p picture) bool { return p.Light == 2 }},
		{[]int{int(WBMode), 3}, registers{0x0c7: 0x50, 0x0cc: 0x52, 0x0cd: 0x41, 0x0ce: 0x66}, func(p picture) bool { return p.Light == 3 }},
		{[]int{int(WBMode), 4}, registers{0x0c7: 0x50, 0x0cc: 0x42, 0x0cd: 0x3f, 0x0ce: 0x71}, func(p picture) bool { return p.Light == 4 }},
		{[]int{int(AELevel), -2}, registers{0x124: 0x20, 0x125: 0x18, 0x126: 0x60}, func(p picture) bool { return p.AELevel == -2 }},
		{[]int{int(AELevel), -1}, registers{0x124: 0x34, 0x125: 0x1c, 0x126: 0x00}, func(p picture) bool { return p.AELevel == -1 }},
		{[]int{int(AELevel), 0}, registers{0x124: 0x3e, 0x125: 0x38, 0x126: 0x81}, func(p picture) bool { return p.AELevel == 0 }},
		{[]int{int(AELevel), 1}, registers{0x124: 0x48, 0x125: 0x40, 0x126: 0x81}, func(p picture) bool { return p.AELevel == 1 }},
		{[]int{int(AELevel), 2}, registers{0x124: 0x58, 0x125: 0x50, 0x126: 0x92}, func(p picture) bool { return p.AELevel == 2 }},
		{[]int{int(AEC), 0}, registers{0x113: 0xe4}, func(p picture) bool { return !p.AutoExposure && p.Exposure == 300 }},
		{[]int{int(AEC), 0, int(AECValue), 1199}, registers{0x104: 0x2b, 0x110: 0x2b, 0x145: 0x01}, func(p picture) bool { return p.Exposure == 1199 }},
		{[]int{int(AEC), 0, int(AECValue), 0}, registers{0x104: 0x28, 0x110: 0, 0x145: 0}, func(p picture) bool { return p.Exposure == 0 }},
		{[]int{int(AGC), 0}, registers{0x113: 0xe1, 0x100: 0}, func(p picture) bool { return !p.AutoGain && p.Gain == 1 }},
		{[]int{int(AGC), 0, int(AGCGain), 30}, registers{0x100: 0xff}, func(p picture) bool { return p.Gain == 31 }},
		{[]int{int(AEC), 0, int(AGC), 0}, registers{0x113: 0xe0}, func(p picture) bool { return !p.AutoGain && !p.AutoExposure }},
		{[]int{int(GainCeiling), 0}, registers{0x114: 0x08}, func(p picture) bool { return p.GainCeiling == 2 }},
		{[]int{int(GainCeiling), 6}, registers{0x114: 0xc8}, func(p picture) bool { return p.GainCeiling == 128 }},
		{[]int{int(HMirror), 1}, registers{0x104: 0xa8}, func(p picture) bool { return p.Mirror && !p.Flip }},
		{[]int{int(VFlip), 1}, registers{0x104: 0x78}, func(p picture) bool { return p.Flip && !p.Mirror }},
		{[]int{int(HMirror), 1, int(VFlip), 1}, registers{0x104: 0xf8}, func(p picture) bool { return p.Flip && p.Mirror }},
		{[]int{int(ColorBar), 1}, registers{0x112: 0x42}, func(p picture) bool { return p.ColorBar && p.Width == 640 }},
		{[]int{int(AEC2), 0}, registers{0x0c2: 0x4c}, func(p picture) bool { return !p.AutoExposureDSP }},
		{[]int{int(AEC2), 1}, registers{0x0c2: 0x0c}, func(p picture) bool { return p.AutoExposureDSP }},
		{[]int{int(AWB), 0}, registers{0x0c3: 0xf7}, func(p picture) bool { return !p.WhiteBalance }},
		{[]int{int(AWBGain), 0}, registers{0x0c3: 0xfb}, func(p picture) bool { return !p.WhiteBalanceGain }},
		{[]int{int(RawGMA), 0}, registers{0x0c3: 0xdf}, func(p picture) bool { return !p.Gamma }},
		{[]int{int(LENC), 0}, registers{0x0c3: 0xfd}, func(p picture) bool { return !p.Lens }},
		{[]int{int(BPC), 1}, registers{0x087: 0xd0}, func(p picture) bool { return p.BlackPixels }},
		{[]int{int(WPC), 0}, registers{0x087: 0x10}, func(p picture) bool { return !p.WhitePixels }},
		{[]int{int(DCW), 0}, registers{0x086: 0x1d}, func(p picture) bool { return !p.Scaled }},
	}
	changed := newRig(t, Defaults())
	changed.start()
	for _, test := range tests {
		fresh := newRig(t, with(test.settings...))
		fresh.start()
		changed.want(with(test.settings...))
		for _, r := range []*rig{fresh, changed} {
			what := Control(test.settings[0]).Name()
			r.expect(what, test.want)
			if p := r.picture(); !test.is(p) {
				t.Errorf("%v: %+v", test.settings, p)
			}
		}
	}
}

// The block of the effects, behind a port of its own: mode, and what lies behind
// its other addresses.
func TestEffects(t *testing.T) {
	for _, test := range []struct {
		c       Control
		value   int
		mode    uint8
		address int
		values  []uint8
	}{
		{SpecialEffect, 1, 0x40, 5, []uint8{0x80, 0x80}},
		{SpecialEffect, 2, 0x18, 5, []uint8{0x80, 0x80}},
		{SpecialEffect, 3, 0x18, 5, []uint8{0x40, 0xc0}},
		{SpecialEffect, 4, 0x18, 5, []uint8{0x40, 0x40}},
		{SpecialEffect, 5, 0x18, 5, []uint8{0xa0, 0x40}},
		{SpecialEffect, 6, 0x18, 5, []uint8{0x40, 0xa6}},
		{Saturation, -2, 0x02, 3, []uint8{0x28, 0x28}},
		{Saturation, -1, 0x02, 3, []uint8{0x38, 0x38}},
		{Saturation, 1, 0x02, 3, []uint8{0x58, 0x58}},
		{Saturation, 2, 0x02, 3, []uint8{0x68, 0x68}},
		{Contrast, -2, 0x04, 7, []uint8{0x20, 0x18, 0x34, 0x06}},
		{Contrast, -1, 0x04, 7, []uint8{0x20, 0x1c, 0x2a, 0x06}},
		{Contrast, 1, 0x04, 7, []uint8{0x20, 0x24, 0x16, 0x06}},
		{Contrast, 2, 0x04, 7, []uint8{0x20, 0x28, 0x0c, 0x06}},
		{Brightness, -2, 0x04, 9, []uint8{0x00}},
		{Brightness, -1, 0x04, 9, []uint8{0x10}},
		{Brightness, 1, 0x04, 9, []uint8{0x30}},
		{Brightness, 2, 0x04, 9, []uint8{0x40}},
		{Brightness, 0, 0x00, 5, []uint8{0x80, 0x80}}, // as after the start
	} {
		r := newRig(t, with(int(test.c), test.value))
		r.start()
		if got := r.cam.Effects(); got[0] != test.mode || string(got[test.address:][:len(test.values)]) != string(test.values) {
			t.Errorf("%s %d: % x", test.c.Name(), test.value, got)
		}
	}
	// All of them at once: none undoes another.
	r := newRig(t, Defaults())
	r.start()
	for effect := range 7 {
		for level := -2; level <= 2; level++ {
			r.want(with(int(SpecialEffect), effect, int(Saturation), level, int(Contrast), level, int(Brightness), level))
			p := r.picture()
			if p.Effect != effect || p.Saturation != level || p.Contrast != level || p.Brightness != level {
				t.Errorf("effect %d, level %d: %+v", effect, level, p)
			}
		}
	}
}

// The gain's code is not a number: these are esp32-camera's.
func TestGainCode(t *testing.T) {
	for i, want := range []int{0x00, 0x10, 0x18, 0x30, 0x34, 0x38, 0x3c, 0x70, 0x72, 0x74, 0x76, 0x78, 0x7a, 0x7c, 0x7e, 0xf0} {
		if got := gainCode(i + 1); got != want {
			t.Errorf("gain %d: %02X, want %02X", i+1, got, want)
		}
	}
	for i := range 16 {
		if got := gainCode(16 + i); got != 0xf0+i {
			t.Errorf("gain %d: %02X", 16+i, got)
		}
	}
}

// No combination of settings makes a program that is too long.
func TestLongestProgram(t *testing.T) {
	s := with(int(AEC), 0, int(AGC), 0, int(WBMode), 4, int(FrameSize), int(SVGA))
	var p program
	p.controls(change{to: &s})
	controls := p.n
	p.reset()
	p.size(windowOf(SVGA, 100))
	if longest := max(controls, p.n); longest > maxProgram {
		t.Errorf("%d of %d", longest, maxProgram)
	}
	t.Logf("controls %d, size %d of %d", controls, p.n, maxProgram)
}
