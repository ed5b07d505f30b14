package jpegscan

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"os/exec"
	"testing"

	"camrelay/internal/jpeg"
)

// encoded is a JPEG as Go's encoder makes it; the noisier, the longer.
func encoded(t testing.TB, width, height, quality, noise int) []byte {
	t.Helper()
	rnd := rand.New(rand.NewPCG(uint64(width), uint64(noise)))
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		img.Y[i] = byte(i/7 + rnd.IntN(noise+1))
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scan shows b to a Scanner, all of it or only what is not plain data, and
// returns how many bytes it took to come to a result.
func scan(b []byte, all bool) (Scanner, Status, int) {
	var s Scanner
	for i, c := range b {
		if !all && s.Plain() && c != 0xff {
			continue
		}
		if status := s.Next(c); status != More {
			return s, status, i + 1
		}
	}
	return s, More, len(b)
}

// compare checks the Scanner against the relay's, which sees the whole frame.
func compare(t *testing.T, b []byte) {
	t.Helper()
	s, status, n := scan(b, true)
	if fast, status2, n2 := scan(b, false); status2 != status || n2 != n || fast != s {
		t.Fatalf("without plain bytes: %d after %d; with: %d after %d", status2, n2, status, n)
	}
	info, err := jpeg.Scan(b)
	switch {
	case err == nil:
		w, h := s.Size()
		if status != Done || n != info.Len || int(w) != info.Width || int(h) != info.Height {
			t.Fatalf("%d after %d bytes, %d x %d; it is %+v", status, n, w, h, info)
		}
	case status == Done:
		t.Fatalf("done after %d of %d bytes: %v", n, len(b), err)
	case status == More && !errors.Is(err, jpeg.ErrTruncated) && len(b) >= 3:
		t.Fatalf("goes on after %d bytes: %v", n, err)
	case status == Bad:
		// What is bad is so from there on, whatever comes.
		if _, err := jpeg.Scan(append(bytes.Clone(b[:n]), 0xff, 0xd9)); err == nil {
			t.Fatalf("bad after %d bytes, which the relay takes", n)
		}
	}
}

func segment(marker byte, body ...byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(2+len(body))), body...)
}

// after puts bytes behind SOI.
func after(b []byte, extra ...byte) []byte {
	return append(append(bytes.Clone(b[:2]), extra...), b[2:]...)
}

func TestWholeFrames(t *testing.T) {
	for _, size := range [][2]int{{8, 8}, {17, 9}, {96, 96}, {160, 120}, {320, 240}, {640, 480}} {
		for _, quality := range []int{1, 10, 50, 90, 100} {
			b := encoded(t, size[0], size[1], quality, quality)
			s, status, n := scan(append(bytes.Clone(b), 0xff, 0xd9, 0, 0), true)
			if w, h := s.Size(); status != Done || n != len(b) || int(w) != size[0] || int(h) != size[1] {
				t.Errorf("%v quality %d: %d after %d of %d bytes, %d x %d", size, quality, status, n, len(b), w, h)
			}
			if s.Next(0xff) != Done || s.Next(0xd8) != Done {
				t.Errorf("%v quality %d: it does not stay done", size, quality)
			}
			compare(t, b)
			for n := 0; n < len(b); n += 1 + n/8 {
				compare(t, b[:n])
			}
		}
	}
}

// Each case is a frame up to its last byte.
func TestTraps(t *testing.T) {
	plain := encoded(t, 64, 48, 80, 40)
	thumbnail := encoded(t, 16, 16, 50, 9)
	dqt := bytes.Index(plain, []byte{0xff, 0xdb})
	trap := bytes.Clone(plain)
	trap[dqt+20], trap[dqt+21] = 0xff, 0xd9
	for name, b := range map[string][]byte{
		"an end in a table":           trap,
		"an end in a comment":         after(plain, segment(0xfe, 0xff, 0xd9, 0xff, 0xda)...),
		"a thumbnail with its end":    after(plain, segment(0xe1, thumbnail...)...),
		"an empty comment":            after(plain, segment(0xfe)...),
		"the longest segment":         after(plain, segment(0xe2, make([]byte, 65533)...)...),
		"fill bytes before a segment": after(plain, 0xff, 0xff, 0xff),
		"fill bytes before the end":   append(bytes.Clone(plain[:len(plain)-2]), 0xff, 0xff, 0xff, 0xd9),
		"a restart in the data":       append(bytes.Clone(plain[:len(plain)-2]), 0xff, 0xd3, 0x12, 0xff, 0x00, 0xff, 0xd9),
		"a second scan":               append(append(bytes.Clone(plain[:len(plain)-2]), segment(0xda, 1, 2, 3)...), 7, 0xff, 0xd9),
		"a comment between scans":     append(append(bytes.Clone(plain[:len(plain)-2]), segment(0xfe, 0xff, 0xd9)...), 0xff, 0xd9),
	} {
		if _, status, n := scan(b, true); status != Done || n != len(b) {
			t.Errorf("%s: %d after %d of %d bytes", name, status, n, len(b))
		}
		compare(t, b)
		compare(t, b[:len(b)-1])
	}
}

// libjpeg's encoder, with restart markers and in several scans.
func TestOtherEncoder(t *testing.T) {
	for _, option := range []string{"cv2.IMWRITE_JPEG_RST_INTERVAL, 2", "cv2.IMWRITE_JPEG_PROGRESSIVE, 1", "cv2.IMWRITE_JPEG_QUALITY, 20"} {
		b, err := exec.Command("/usr/bin/python3", "-c", `import cv2, numpy, sys
img = numpy.random.RandomState(1).randint(0, 255, (120, 160, 3), numpy.uint8)
sys.stdout.buffer.write(cv2.imencode(".jpg", img, [`+option+`])[1].tobytes())`).Output()
		if err != nil {
			t.Fatalf("python3 (apt-get install python3-opencv): %v", err)
		}
		if _, status, n := scan(b, true); status != Done || n != len(b) {
			t.Errorf("%s: %d after %d of %d bytes", option, status, n, len(b))
		}
		compare(t, b)
	}
}

func TestBad(t *testing.T) {
	plain := encoded(t, 16, 16, 50, 9)
	sof := bytes.Index(plain, []byte{0xff, 0xc0})
	sos := bytes.LastIndex(plain, []byte{0xff, 0xda})
	changed := func(at int, p ...byte) []byte {
		b := bytes.Clone(plain)
		copy(b[at:], p)
		return b
	}
	tests := []struct {
		name string
		b    []byte
		n    int // the byte after which it is known
	}{
		{"text", []byte("HTTP"), 1},
		{"no SOI", []byte{0xff, 0xd9, 0xff}, 2},
		{"no marker after SOI", []byte{0xff, 0xd8, 0x00}, 3},
		{"end at once", []byte{0xff, 0xd8, 0xff, 0xd9}, 4},
		{"SOI twice", after(plain, 0xff, 0xd8), 4},
		{"restart before the scan", after(plain, 0xff, 0xd0), 4},
		{"TEM", after(plain, 0xff, 0x01), 4},
		{"FF00 for a marker", after(plain, 0xff, 0x00), 4},
		{"segment of length 1", after(plain, 0xff, 0xfe, 0, 1), 6},
		{"width 0", changed(sof+7, 0, 0), sof + 19},
		{"height 0", changed(sof+5, 0, 0), sof + 19},
		{"short frame header", after(plain, segment(0xc0, 8, 0, 1, 0, 1)...), 11},
		{"no scan", append(bytes.Clone(plain[:sos]), 0xff, 0xd9), sos + 2},
		{"scan without a frame header", after(plain, segment(0xda, 1)...), 7},
		{"SOI in the data", append(bytes.Clone(plain[:len(plain)-2]), 0xff, 0xd8), len(plain)},
	}
	for _, test := range tests {
		s, status, n := scan(test.b, true)
		if status != Bad || n != test.n {
			t.Errorf("%s: %d after %d bytes, want %d", test.name, status, n, test.n)
		}
		if s.Next(0xff) != Bad {
			t.Errorf("%s: it does not stay bad", test.name)
		}
		s.Reset()
		if s != (Scanner{}) {
			t.Errorf("%s: %+v after a reset", test.name, s)
		}
		compare(t, test.b)
	}
}

// Bytes that get lost or change on the way never end a frame early.
func TestDamage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	plain := encoded(t, 80, 60, 90, 200)
	for range 3000 {
		b := bytes.Clone(plain)
		for range 1 + rnd.IntN(3) {
			at := rnd.IntN(len(b))
			switch rnd.IntN(3) {
			case 0:
				b[at] ^= 1 << rnd.IntN(8)
			case 1:
				b[at] = 0xff
			case 2:
				b = append(b[:at], b[min(len(b), at+1+rnd.IntN(4)):]...)
			}
		}
		compare(t, b)
	}
}

func FuzzScanner(f *testing.F) {
	plain := encoded(f, 8, 8, 50, 9)
	f.Add(plain)
	f.Add(append(plain, 0, 0))
	f.Add(after(plain, segment(0xfe, 0xff, 0xd9)...))
	f.Add(after(plain, 0xff, 0xff))
	f.Add(plain[:len(plain)/2])
	f.Fuzz(func(t *testing.T, b []byte) { compare(t, b) })
}

func TestAllocations(t *testing.T) {
	b := encoded(t, 64, 48, 80, 40)
	if n := testing.AllocsPerRun(10, func() { scan(b, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkScanner(b *testing.B) {
	frame := encoded(b, 640, 480, 80, 40)
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		scan(frame, false)
	}
}
