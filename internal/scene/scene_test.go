package scene

import (
	"fmt"
	"image"
	"testing"
	"time"

	"camrelay/internal/jpeg"
	"camrelay/internal/wire"
)

func TestAppendIsWholeJPEG(t *testing.T) {
	s := newScene(t, 1, nil)
	for _, size := range wire.FrameSizes() {
		settings := wire.Settings{}
		settings.SetFrameSize(size.Name)
		if err := s.Set(settings); err != nil {
			t.Fatal(err)
		}
		b, err := s.Append([]byte("before"), time.Now(), 1)
		if err != nil {
			t.Fatal(err)
		}
		info, err := jpeg.Scan(b[len("before"):])
		if err != nil || info.Width != size.Width || info.Height != size.Height || info.Len != len(b)-len("before") {
			t.Errorf("%s: got %+v of %d bytes, %v", size.Name, info, len(b), err)
		}
	}
}

func TestSizeOfVGA(t *testing.T) {
	sizes := map[int]int{}
	for _, quality := range []int{4, 12, 63} {
		b, err := newScene(t, 1, wire.Settings{"quality": quality}).Append(nil, time.Unix(1795166000, 0), 1)
		if err != nil {
			t.Fatal(err)
		}
		sizes[quality] = len(b)
	}
	if n := sizes[12]; n < 15_000 || n > 30_000 {
		t.Errorf("VGA at quality 12 has %d bytes, want 15 to 30 thousand", n)
	}
	if sizes[4] <= sizes[12] || sizes[12] <= sizes[63] {
		t.Errorf("sizes by quality: %v: the better, the bigger", sizes)
	}
}

func TestJPEGQuality(t *testing.T) {
	for quality, want := range map[int]int{-1: 92, 4: 92, 10: 80, 12: 76, 25: 50, 26: 48, 63: 20, 99: 20} {
		if got := JPEGQuality(quality); got != want {
			t.Errorf("quality %d: got %d, want %d", quality, got, want)
		}
	}
	for quality := 5; quality <= 63; quality++ {
		if JPEGQuality(quality) > JPEGQuality(quality-1) {
			t.Errorf("quality %d is better than %d", quality, quality-1)
		}
	}
}

// middle is the part of the picture without marker and text.
func middle(img *image.YCbCr) image.Rectangle {
	b := img.Bounds()
	return image.Rect(0, b.Dy()*12/100, b.Dx(), b.Dy()*56/100)
}

type means struct{ y, cb, cr float64 }

func meansOf(img *image.YCbCr) (m means) {
	area := middle(img)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			k := img.YCbCrAt(x, y)
			m.y, m.cb, m.cr = m.y+float64(k.Y), m.cb+float64(k.Cb), m.cr+float64(k.Cr)
		}
	}
	n := float64(area.Dx() * area.Dy())
	return means{m.y / n, m.cb / n, m.cr / n}
}

// difference is how much luma differs on average between a and b, where b is
// looked up through at.
func difference(a, b *image.YCbCr, at func(x, y int) (int, int)) float64 {
	sum, n := 0, 0
	for y := a.Rect.Dy() * 12 / 100; y < a.Rect.Dy()*40/100; y++ {
		for x := range a.Rect.Dx() {
			bx, by := at(x, y)
			d := int(a.Y[y*a.YStride+x]) - int(b.Y[by*b.YStride+bx])
			sum, n = sum+max(d, -d), n+1
		}
	}
	return float64(sum) / float64(n)
}

func TestSettingsShow(t *testing.T) {
	at := time.Unix(1795166003, 0)
	with := func(settings wire.Settings) *image.YCbCr { return newScene(t, 1, settings).Image(at, 1) }
	plain := meansOf(with(nil))
	tests := []struct {
		name string
		set  wire.Settings
		ok   func(m means) bool
	}{
		{"brighter", wire.Settings{"brightness": 2}, func(m means) bool { return m.y > plain.y+30 }},
		{"darker", wire.Settings{"brightness": -2}, func(m means) bool { return m.y < plain.y-30 }},
		{"exposed more", wire.Settings{"ae_level": 2}, func(m means) bool { return m.y > plain.y+20 }},
		{"lit", wire.Settings{"led_intensity": 255}, func(m means) bool { return m.y > plain.y+20 }},
		{"grey", wire.Settings{"special_effect": 2}, func(m means) bool { return m.cb == 128 && m.cr == 128 }},
		{"negative", wire.Settings{"special_effect": 1}, func(m means) bool { return m.y > 254-plain.y && m.y < 256-plain.y }},
		{"red", wire.Settings{"special_effect": 3}, func(m means) bool { return m.cr > 170 }},
		{"green", wire.Settings{"special_effect": 4}, func(m means) bool { return m.cr < 90 }},
		{"blue", wire.Settings{"special_effect": 5}, func(m means) bool { return m.cb > 170 }},
		{"sepia", wire.Settings{"special_effect": 6}, func(m means) bool { return m.cb < 110 && m.cr > 140 }},
		{"home light", wire.Settings{"wb_mode": 4}, func(m means) bool { return m.cb > plain.cb+5 && m.cr < plain.cr-5 }},
	}
	for _, test := range tests {
		if m := meansOf(with(test.set)); !test.ok(m) {
			t.Errorf("%s: means %.1f, plain %.1f", test.name, m, plain)
		}
	}
}

func TestMirrorAndFlip(t *testing.T) {
	at := time.Unix(1795166003, 0)
	plain := newScene(t, 1, nil).Image(at, 1)
	w, h := plain.Rect.Dx(), plain.Rect.Dy()
	same := func(x, y int) (int, int) { return x, y }
	across := func(x, y int) (int, int) { return w - 1 - x, y }

	mirrored := newScene(t, 1, wire.Settings{"hmirror": 1}).Image(at, 1)
	if d := difference(plain, mirrored, across); d > 1 {
		t.Errorf("hmirror: the mirrored picture differs by %.1f from the plain one mirrored", d)
	}
	if d := difference(plain, mirrored, same); d < 3 {
		t.Errorf("hmirror: differs by %.1f only: not seen", d)
	}
	// Top and bottom are covered by text, so flip is checked by turning twice.
	flipped := newScene(t, 1, wire.Settings{"vflip": 1}).Image(at, 1)
	turned := newScene(t, 1, wire.Settings{"vflip": 1, "hmirror": 1}).Image(at, 1)
	if d := difference(flipped, turned, across); d > 1 {
		t.Errorf("vflip with hmirror: differs by %.1f from vflip mirrored", d)
	}
	if flipped.Y[(h/8)*flipped.YStride+w/4] >= plain.Y[(h/8)*plain.YStride+w/4] {
		t.Error("vflip: the hills are not on top")
	}
	for _, img := range []*image.YCbCr{mirrored, flipped, turned} {
		if _, err := ReadMarker(img, img.Bounds()); err != nil {
			t.Errorf("mirrored or flipped: %v", err)
		}
	}
}

// What moves is seen to move between two frames at 10 a second.
func TestMoves(t *testing.T) {
	s := newScene(t, 1, nil)
	at := time.Unix(1795166003, 0)
	before := append([]uint8(nil), s.Image(at, 1).Y...)
	after := s.Image(at.Add(100*time.Millisecond), 1).Y
	changed := 0
	for i := range before {
		if before[i] != after[i] {
			changed++
		}
	}
	if changed < 500 {
		t.Errorf("%d pixels changed in 100 ms", changed)
	}
}

func TestSetRefuses(t *testing.T) {
	s := newScene(t, 1, wire.Settings{"quality": 20})
	for name, settings := range map[string]wire.Settings{
		"range": {"quality": 64, "brightness": 2}, "unknown": {"zoom": 2}, "size": {"framesize": 99},
	} {
		if err := s.Set(settings); err == nil {
			t.Errorf("%s: %v was accepted", name, settings)
		}
	}
	if s.settings["quality"] != 20 || s.settings["brightness"] != 0 {
		t.Errorf("a refused set changed something: %v", s.settings)
	}
	if err := s.Resize(47, 100); err == nil {
		t.Error("47x100 was accepted")
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []string{"QVGA", "VGA", "UXGA"} {
		b.Run(size, func(b *testing.B) {
			settings := wire.Settings{}
			settings.SetFrameSize(size)
			s := newScene(b, 1, settings)
			at := time.Unix(1795166003, 0)
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(100 * time.Millisecond)
				var err error
				if buf, err = s.Append(buf[:0], at, 1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(buf)), "bytes/frame")
		})
	}
}

func ExampleReadMarker() {
	s, err := New("door", 7)
	if err != nil {
		panic(err)
	}
	img := s.Image(time.UnixMilli(1795166000123), 1)
	m, err := ReadMarker(img, img.Bounds())
	fmt.Println(m.Time.UnixMilli(), m.Camera, err)
	// Output: 1795166000123 7 <nil>
}
