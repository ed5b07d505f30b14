package ov2640

import (
	"errors"
	"testing"

	"camrelay/internal/wire"
)

// The controls are those of docs/protocol.md, with its names and ranges, and
// zoom; fps and led_intensity are not the sensor's.
func TestProtocol(t *testing.T) {
	for c := range Controls {
		if c == FrameSize || c == Zoom {
			continue
		}
		low, high := c.Range()
		if r, ok := wire.SettingNamed(c.Name()); !ok || r.Min != low || r.Max != high {
			t.Errorf("%s: %d to %d; the protocol has %+v, %v", c.Name(), low, high, r, ok)
		}
	}
	known := 0
	for name := range allSettings() {
		if _, ok := ControlNamed([]byte(name)); ok {
			known++
		} else if name != "fps" && name != "led_intensity" {
			t.Errorf("%s is not known", name)
		}
	}
	if known != int(Controls)-1 {
		t.Errorf("%d controls of the protocol", known)
	}
	if len(wire.FrameSizes()) != int(Sizes) {
		t.Errorf("%d sizes", Sizes)
	}
	for i, f := range wire.FrameSizes() {
		size, ok := SizeNamed([]byte(f.Name))
		if width, height := size.Pixels(); !ok || int(size) != i || size.Name() != f.Name || width != f.Width || height != f.Height {
			t.Errorf("%+v: %d, %d x %d", f, size, width, height)
		}
	}
}

// allSettings has a name for each setting of the protocol.
func allSettings() wire.Settings {
	s := wire.Settings{wire.FrameSizeSetting: 0}
	for _, name := range []string{"quality", "fps", "brightness", "contrast", "saturation", "special_effect", "awb", "awb_gain", "wb_mode", "aec", "aec2",
		"ae_level", "aec_value", "agc", "agc_gain", "gainceiling", "bpc", "wpc", "raw_gma", "lenc", "hmirror", "vflip", "dcw", "colorbar", "led_intensity"} {
		s[name] = 0
	}
	return s
}

func TestSet(t *testing.T) {
	s := Defaults()
	if c, err := s.Check(); err != nil || s.Size() != VGA || s[Quality] != 12 {
		t.Errorf("the defaults: %v, %v, %v", s, c, err)
	}
	for c := range Controls {
		if c == FrameSize {
			continue
		}
		low, high := c.Range()
		for v, want := range map[int]error{low - 1: ErrRange, low: nil, high: nil, high + 1: ErrRange, 1 << 40: ErrRange, -1 << 40: ErrRange} {
			before := s
			if err := s.Set([]byte(c.Name()), v); err != want || want == nil && int(s[c]) != v || want != nil && s != before {
				t.Errorf("%s %d: %v, %d", c.Name(), v, err, s[c])
			}
		}
	}
	for name, want := range map[string]error{"": ErrName, "sharpness": ErrName, "Quality": ErrName, "qualit": ErrName, "framesize": ErrSize} {
		if err := s.Set([]byte(name), 10); !errors.Is(err, want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]error{"QVGA": nil, "UXGA": nil, "QXGA": ErrSize, "qvga": ErrSize, "": ErrSize, "UXGAA": ErrSize} {
		before := s
		if err := s.SetSize([]byte(name)); err != want || want == nil && s.Size().Name() != name || want != nil && s != before {
			t.Errorf("%q: %v, %s", name, err, s.Size().Name())
		}
	}
	s[WBMode] = 9
	if c, err := s.Check(); c != WBMode || !errors.Is(err, ErrRange) {
		t.Errorf("%v, %v", c, err)
	}
	if w, h := Sizes.Pixels(); Sizes.Name() != "" || w != 0 || h != 0 {
		t.Error("there is one size too many")
	}
}

func TestEncoded(t *testing.T) {
	s := Defaults()
	if p := s.Append(nil); len(p) != 0 {
		t.Errorf("the defaults are % x", p)
	}
	for c := range Controls {
		low, high := c.Range()
		s[c] = int16(low)
		if s[c] == controls[c].std {
			s[c] = int16(high)
		}
	}
	p := s.Append([]byte{7})
	if len(p) != 1+MaxEncoded || p[0] != 7 {
		t.Errorf("%d bytes, at most %d", len(p), MaxEncoded)
	}
	var got Settings
	if err := got.Decode(p[1:]); err != nil || got != s {
		t.Errorf("%v, want %v: %v", got, s, err)
	}
	if err := got.Decode(p); !errors.Is(err, ErrEncoded) || got != Defaults() {
		t.Errorf("one byte too many: %v, %v", got, err)
	}
	// What a newer firmware has stored, and what it allows more of.
	if err := got.Decode([]byte{200, 1, 0, byte(Quality), 30, 0, byte(WBMode), 5, 0, byte(AELevel), 0xff, 0xff}); err != nil || got != with(int(Quality), 30, int(AELevel), -1) {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 20, 0})
	f.Add([]byte{0, 99, 0, 255, 255, 255})
	f.Fuzz(func(t *testing.T, p []byte) {
		var s, again Settings
		err := s.Decode(p)
		if _, bad := s.Check(); bad != nil || err != nil && s != Defaults() {
			t.Fatalf("% x: %v, %v", p, s, bad)
		}
		if err := again.Decode(s.Append(nil)); err != nil || again != s {
			t.Fatalf("%v is not what it was: %v", again, err)
		}
	})
}
