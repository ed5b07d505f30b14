package jpeg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// encoded is a JPEG as Go's encoder makes it, of noise if asked for.
func encoded(t testing.TB, width, height int, noise bool) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = byte(i)
		if noise {
			img.Pix[i] = byte(i*i*2654435761>>13) | 1
		}
	}
	img.Set(0, 0, color.White)
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// byFFmpeg is a picture as another encoder makes it.
func byFFmpeg(t *testing.T, filter string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.jpg")
	args = append([]string{"-v", "error", "-f", "lavfi", "-i", filter, "-frames:v", "1"}, append(args, path)...)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg (apt-get install ffmpeg): %v\n%s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// byOpenCV is a picture of libjpeg's encoder with its options.
func byOpenCV(t *testing.T, option string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.jpg")
	script := `import cv2, numpy, sys
cv2.imwrite(sys.argv[1], numpy.random.RandomState(1).randint(0, 255, (120, 160, 3), numpy.uint8), [` + option + `])`
	if out, err := exec.Command("/usr/bin/python3", "-c", script, path).CombinedOutput(); err != nil {
		t.Fatalf("python3 (apt-get install python3-opencv): %v\n%s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func segment(marker byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xFF, marker}, uint16(2+len(body)))
	return append(b, body...)
}

// after puts bytes behind SOI.
func after(b []byte, extra ...byte) []byte {
	return append(append(bytes.Clone(b[:2]), extra...), b[2:]...)
}

// sosAt is where the scan of a baseline JPEG begins.
func sosAt(t *testing.T, b []byte) int {
	t.Helper()
	i := bytes.LastIndex(b, []byte{0xFF, 0xDA})
	if i < 0 {
		t.Fatal("no scan")
	}
	return i
}

func TestScan(t *testing.T) {
	plain := encoded(t, 64, 48, true)
	thumbnail := encoded(t, 16, 16, false)
	progressive := byOpenCV(t, "cv2.IMWRITE_JPEG_PROGRESSIVE, 1")
	restarts := byOpenCV(t, "cv2.IMWRITE_JPEG_RST_INTERVAL, 2")
	if bytes.Count(progressive, []byte{0xFF, 0xDA}) < 5 || !bytes.Contains(progressive, []byte{0xFF, 0xC2}) {
		t.Fatal("the progressive fixture is none")
	}
	if !bytes.Contains(restarts, []byte{0xFF, 0xDD}) || !bytes.Contains(restarts, []byte{0xFF, 0xD7}) {
		t.Fatal("the fixture with restarts has none")
	}
	fill := append(bytes.Clone(plain[:len(plain)-2]), 0xFF, 0xFF, 0xFF, 0xD9)
	tests := []struct {
		name          string
		b             []byte
		width, height int
		padding       int
	}{
		{"baseline", plain, 64, 48, 0},
		{"ffmpeg", byFFmpeg(t, "testsrc=size=320x240", "-c:v", "mjpeg"), 320, 240, 0},
		{"ffmpeg, 4:2:2", byFFmpeg(t, "testsrc=size=176x144", "-c:v", "mjpeg", "-pix_fmt", "yuvj422p"), 176, 144, 0},
		{"progressive", progressive, 160, 120, 0},
		{"restart intervals", restarts, 160, 120, 0},
		{"padding of zeros", append(bytes.Clone(plain), make([]byte, 512)...), 64, 48, 512},
		{"padding with another end", append(bytes.Clone(plain), 0, 0, 0xFF, 0xD9), 64, 48, 4},
		{"another picture follows", append(bytes.Clone(plain), thumbnail...), 64, 48, len(thumbnail)},
		{"thumbnail with its own end", after(plain, segment(0xE1, append([]byte("Exif\x00\x00"), thumbnail...))...), 64, 48, 0},
		{"comment", after(plain, segment(0xFE, []byte("\xFF\xD9\xFF\xDA"))...), 64, 48, 0},
		{"empty comment", after(plain, segment(0xFE, nil)...), 64, 48, 0},
		{"fill bytes before a segment", after(plain, 0xFF, 0xFF), 64, 48, 0},
		{"fill bytes before the end", fill, 64, 48, 0},
	}
	for _, test := range tests {
		info, err := Scan(test.b)
		if err != nil || info.Len != len(test.b)-test.padding || info.Width != test.width || info.Height != test.height {
			t.Errorf("%s: %+v of %d bytes, %v", test.name, info, len(test.b), err)
			continue
		}
		if c, err := stdjpeg.DecodeConfig(bytes.NewReader(test.b)); err != nil || c.Width != info.Width || c.Height != info.Height {
			t.Errorf("%s: the decoder says %+v, %v", test.name, c, err)
		}
		for n := range info.Len {
			if _, err := Scan(test.b[:n]); !errors.Is(err, ErrTruncated) && !(n < 3 && errors.Is(err, ErrNoSOI)) {
				t.Fatalf("%s cut at byte %d of %d: %v", test.name, n, info.Len, err)
			}
		}
	}
}

func TestScanRefuses(t *testing.T) {
	plain := encoded(t, 16, 16, false)
	sof := bytes.Index(plain, []byte{0xFF, 0xC0})
	sos := sosAt(t, plain)
	changed := func(at int, b ...byte) []byte {
		c := bytes.Clone(plain)
		copy(c[at:], b)
		return c
	}
	without := func(from, to int) []byte { return append(bytes.Clone(plain[:from]), plain[to:]...) }
	sofEnd := sof + 2 + int(binary.BigEndian.Uint16(plain[sof+2:]))
	tests := []struct {
		name string
		b    []byte
		err  error
	}{
		{"nothing", nil, ErrNoSOI},
		{"text", []byte("HTTP/1.1 200 OK"), ErrNoSOI},
		{"png", []byte("\x89PNG\r\n\x1a\n"), ErrNoSOI},
		{"begins late", append([]byte{0}, plain...), ErrNoSOI},
		{"SOI and EOI only", []byte{0xFF, 0xD8, 0xFF, 0xD9}, ErrNoSize},
		{"no frame header", without(sof, sofEnd), ErrNoSize},
		{"no scan", append(bytes.Clone(plain[:sos]), 0xFF, 0xD9), ErrNoScan},
		{"width 0", changed(sof+7, 0, 0), ErrNoSize},
		{"height 0", changed(sof+5, 0, 0), ErrNoSize},
		{"short frame header", append(append(bytes.Clone(plain[:sof]), segment(0xC0, []byte{8, 0, 1})...), plain[sofEnd:]...), ErrNoSize},
		{"SOI twice", after(plain, 0xFF, 0xD8), ErrMarker},
		{"restart before the scan", after(plain, 0xFF, 0xD0), ErrMarker},
		{"TEM", after(plain, 0xFF, 0x01), ErrMarker},
		{"FF00 for a marker", after(plain, 0xFF, 0x00), ErrMarker},
		{"no marker after a segment", changed(sof, 0x00), ErrMarker},
		{"segment of length 1", changed(sof+2, 0, 1), ErrMarker},
		{"segment beyond the end", changed(sof+2, 0xFF, 0xFF), ErrTruncated},
	}
	for _, test := range tests {
		if _, err := Scan(test.b); !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", test.name, err, test.err)
		}
	}
}

// A frame that a camera gave up on is no frame, wherever it stopped, though
// more frames may follow.
func TestScanOfTwoHalves(t *testing.T) {
	a, b := encoded(t, 64, 48, true), encoded(t, 64, 48, false)
	for n := 3; n < len(a); n += 7 {
		info, err := Scan(append(bytes.Clone(a[:n]), b...))
		if err == nil && n < sosAt(t, a) && info.Len != n+len(b) {
			t.Errorf("cut at %d in the headers: %+v", n, info)
		}
	}
}

func FuzzScan(f *testing.F) {
	plain := encoded(f, 8, 8, false)
	f.Add(plain)
	f.Add(append(plain, 0, 0))
	f.Add(plain[:len(plain)/2])
	f.Add(after(plain, segment(0xFE, []byte("crl1"))...))
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Scan(b)
		if info.Len > len(b) || info.Len < 0 {
			t.Fatalf("%d of %d bytes", info.Len, len(b))
		}
		if err != nil {
			if info.Len != 0 {
				t.Errorf("an error and a length: %+v, %v", info, err)
			}
			return
		}
		if !bytes.HasPrefix(b, []byte{0xFF, 0xD8}) || !bytes.HasSuffix(b[:info.Len], []byte{0xFF, 0xD9}) || info.Width == 0 || info.Height == 0 {
			t.Errorf("%+v of %x", info, b)
		}
		if again, err := Scan(b[:info.Len]); err != nil || again != info {
			t.Errorf("without padding: %+v, %v; with: %+v", again, err, info)
		}
		// What the decoder takes as a whole has the size that Scan found.
		if info.Width*info.Height > 1<<20 {
			return
		}
		if img, err := stdjpeg.Decode(bytes.NewReader(b)); err == nil {
			if d := img.Bounds(); d.Dx() != info.Width || d.Dy() != info.Height {
				t.Errorf("decoded %v, scanned %+v", d, info)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	jpeg := encoded(b, 640, 480, true)
	b.SetBytes(int64(len(jpeg)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Scan(jpeg); err != nil {
			b.Fatal(err)
		}
	}
}
