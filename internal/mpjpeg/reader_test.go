package mpjpeg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"camrelay/internal/jpeg"
	"camrelay/internal/stream"
)

const frameType = "multipart/x-mixed-replace; boundary=frame"

func part(b []byte) string {
	return fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(b), b)
}

// One bad part costs itself, and its error says what it was.
func TestBadParts(t *testing.T) {
	a, b := picture(t, 1), picture(t, 2)
	big := append(bytes.Clone(b[:2]), bytes.Repeat([]byte{0xFF, 0xFE, 0x40, 0, 1, 2}, 0)...)
	for range 20 { // comment segments
		big = append(big, 0xFF, 0xFE, 0x40, 0)
		big = append(big, bytes.Repeat([]byte{0x55}, 0x3FFE)...)
	}
	big = append(big, b[2:]...)
	tests := []struct {
		name, bad string
		fault     stream.Fault
		say       string
	}{
		{"truncated, right length", part(b[:len(b)-20]), stream.FaultPartial, "before its end-of-image marker FFD9"},
		{"truncated, length of the whole", fmt.Sprintf("--frame\r\nContent-Length: %d\r\n\r\n%s\r\n", len(b), b[:len(b)-200]), stream.FaultPartial, "FFD9"},
		{"truncated, no length", "--frame\r\n\r\n" + string(b[:len(b)/2]) + "\r\n", stream.FaultPartial, "FFD9"},
		{"no picture", part([]byte("hello, this is no picture")), stream.FaultPartial, `"hello, this is no picture"`},
		{"no picture, no length", "--frame\r\nContent-Type: image/jpeg\r\n\r\nhello\r\n", stream.FaultPartial, `begin with FFD8FF: "h`},
		{"header without picture", "--frame\r\nContent-Type: image/jpeg\r\n", stream.FaultPartial, "a header without a picture"},
		{"too big", part(big), stream.FaultTooBig, "more than the allowed 262144 bytes"},
		{"too big, no length", "--frame\r\n\r\n" + string(big) + "\r\n", stream.FaultTooBig, "262144"},
		{"text", "--frame\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\nCamera is busy\r\n", stream.FaultText, `text/plain, no picture: "Camera is busy"`},
		{"text without length", "--frame\r\nContent-Type: text/plain\r\n\r\nError: camera is busy\r\n", stream.FaultText, `"Error: camera is busy"`},
		{"header line too long", "--frame\r\nX-A: " + strings.Repeat("a", 5000) + "\r\n\r\n", stream.FaultFraming, "header line is longer than 2048"},
		{"too many headers", "--frame\r\n" + strings.Repeat("X-A: b\r\n", 40) + "\r\n", stream.FaultFraming, "more than 32 lines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := part(a) + tt.bad + part(b) + part(a)
			for how, n := range deliveries() {
				got := readAll(NewReader(chunked{strings.NewReader(body), n}, frameType, testMax))
				if len(got.faults) == 0 || got.faults[0].Fault != tt.fault || !strings.Contains(got.faults[0].Error(), tt.say) {
					t.Fatalf("%s: faults %v, want %v %q", how, got.faults, tt.fault, tt.say)
				}
				if !strings.HasPrefix(got.faults[0].Error(), "frame 2: ") {
					t.Errorf("%s: %q does not say which frame", how, got.faults[0])
				}
				if got.err != io.EOF || len(got.frames) != 3 {
					t.Fatalf("%s: %d frames, %v %v", how, len(got.frames), got.err, got.faults)
				}
				for i, want := range [][]byte{a, b, a} {
					if !bytes.Equal(got.frames[i], want) {
						t.Errorf("%s: frame %d is another", how, i)
					}
				}
			}
		})
	}
}

// A bare JPEG that breaks off is given up for the next one.
func TestBareTruncated(t *testing.T) {
	a, b := picture(t, 1), picture(t, 2)
	body := bytes.Join([][]byte{a, b[:len(b)/2], a, b}, nil)
	for how, n := range deliveries() {
		got := readAll(NewReader(chunked{bytes.NewReader(body), n}, "image/jpeg", testMax))
		if got.err != io.EOF || len(got.faults) != 1 || len(got.frames) != 3 || !bytes.Equal(got.frames[1], a) {
			t.Errorf("%s: %d frames, faults %v, %v", how, len(got.frames), got.faults, got.err)
		}
	}
}

// How a stream ends tells whether something was lost.
func TestEnds(t *testing.T) {
	a := picture(t, 1)
	for name, tt := range map[string]struct {
		body   string
		frames int
		want   error
	}{
		"empty":                      {"", 0, io.EOF},
		"after a part":               {part(a), 1, io.EOF},
		"after a boundary":           {part(a) + "--frame\r\n", 1, io.EOF},
		"in a header":                {part(a) + "--frame\r\nContent-Type: image/jpeg\r\n", 1, io.ErrUnexpectedEOF},
		"in a part":                  {part(a) + part(a)[:300], 1, io.ErrUnexpectedEOF},
		"in a part without length":   {"--frame\r\n\r\n" + string(a[:300]), 0, io.ErrUnexpectedEOF},
		"with a part without length": {"--frame\r\n\r\n" + string(a), 1, io.EOF},
		"short of its length":        {fmt.Sprintf("--frame\r\nContent-Length: %d\r\n\r\n%s", 2*len(a), a), 1, io.EOF},
	} {
		for how, n := range deliveries() {
			got := readAll(NewReader(chunked{strings.NewReader(tt.body), n}, frameType, testMax))
			if got.err != tt.want || len(got.frames) != tt.frames || len(got.faults) > 0 {
				t.Errorf("%s, %s: %d frames, %v, faults %v", name, how, len(got.frames), got.err, got.faults)
			}
		}
	}
}

// What is no motion JPEG at all is said with its first bytes.
func TestSyntaxError(t *testing.T) {
	for name, body := range map[string]string{
		"short": "<!DOCTYPE html><html><body>Login please</body></html>",
		"long":  strings.Repeat("<p>no camera here</p>\n", 1<<17),
	} {
		got := readAll(NewReader(strings.NewReader(body), frameType, testMax))
		var syntax *SyntaxError
		if !errors.As(got.err, &syntax) || syntax.Offset != 0 || !strings.Contains(syntax.Error(), body[:20]) {
			t.Errorf("%s: %v", name, got.err)
		}
	}
}

// Errors of the transport come through as they are.
func TestTransportError(t *testing.T) {
	broken := errors.New("connection reset")
	body := part(picture(t, 1)) + part(picture(t, 2))
	for cut := range len(body) {
		r := io.MultiReader(strings.NewReader(body[:cut]), iotest.ErrReader(broken))
		if got := readAll(NewReader(r, frameType, testMax)); !errors.Is(got.err, broken) {
			t.Fatalf("cut at %d: %v", cut, got.err)
		}
	}
	if got := readAll(NewReader(iotest.DataErrReader(strings.NewReader(body)), frameType, testMax)); got.err != io.EOF || len(got.frames) != 2 {
		t.Errorf("data with EOF: %d frames, %v", len(got.frames), got.err)
	}
}

type neverReader struct{}

func (neverReader) Read([]byte) (int, error) { return 0, nil }

func TestNoProgress(t *testing.T) {
	if got := readAll(NewReader(neverReader{}, frameType, testMax)); got.err != io.ErrNoProgress {
		t.Errorf("got %v", got.err)
	}
}

// Without a length, a JPEG is complete with its last byte, not with the
// boundary that comes before the next one.
func TestNoWaitForBoundary(t *testing.T) {
	a := picture(t, 1)
	pr, pw := io.Pipe()
	go func() { _, _ = pw.Write([]byte("--frame\r\nContent-Type: image/jpeg\r\n\r\n" + string(a))) }()
	d := stream.NewPool().Draft(0)
	got, err := NewReader(pr, frameType, testMax).Next(&d) // hangs if it waits for more
	if err != nil || got.Len != len(a) {
		t.Errorf("%d bytes, %v", got.Len, err)
	}
}

// endFinder and jpeg.Scan agree about where a JPEG ends.
func TestEndFinder(t *testing.T) {
	for n := range 20 {
		b := picture(t, n)
		for step := range 5 {
			var find endFinder
			at := 0
			for at < len(b) && find.state != findDone {
				k := min(step*step*step+1, len(b)-at)
				if find.feed(b[at:at+k]) != k {
					t.Fatalf("picture %d, steps of %d: stopped at %d in state %d", n, k, at, find.state)
				}
				at += k
			}
			if find.state != findDone || at != len(b) {
				t.Errorf("picture %d: state %d at %d of %d", n, find.state, at, len(b))
			}
		}
	}
}

func TestNextAllocations(t *testing.T) {
	const n = 200
	b := picture(t, 8)
	body := []byte(strings.Repeat(part(b), n+10))
	r := NewReader(bytes.NewReader(body), frameType, testMax)
	pool := stream.NewPool()
	allocs := testing.AllocsPerRun(n, func() {
		d := pool.Draft(len(b) + len(b)/4)
		info, err := r.Next(&d)
		if err != nil {
			t.Fatal(err)
		}
		d.Frame(info.Len, stream.Meta{}).Release()
	})
	if allocs > 0 {
		t.Errorf("%.1f allocations a frame", allocs)
	}
}

func TestBoundaryOf(t *testing.T) {
	for contentType, want := range map[string]string{
		"":                          "",
		"image/jpeg":                "",
		"multipart/x-mixed-replace": "",
		"multipart/x-mixed-replace;boundary=frame":               "frame",
		`multipart/x-mixed-replace; Boundary="--a b"; charset=x`: "a b",
		"multipart/x-mixed-replace; boundary=--x:y":              "x:y",
		"multipart/x-mixed-replace;BOUNDARY='x'":                 "x",
		`multipart/x-mixed-replace; boundary="x`:                 "x",
		"multipart/x-mixed-replace boundary = --":                "",
		"\u2126\u2126\u2126;boundary=x":                          "x",
		"a;boundary=" + strings.Repeat("x", 200):                 "",
	} {
		if got := boundaryOf(contentType); got.core != want {
			t.Errorf("%q: %q, want %q", contentType, got.core, want)
		}
	}
}

func FuzzReader(f *testing.F) {
	jpegs := pictures(f, 3)
	for _, d := range dialects() {
		f.Add(d.contentType, d.stream(jpegs), uint16(1), true)
		f.Add(d.contentType, d.stream(jpegs), uint16(1000), false)
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte, size uint16, sniff bool) {
		const limit = 4 << 10
		r := NewReader(chunked{bytes.NewReader(body), func() int { return int(size) }}, contentType, limit)
		if sniff {
			_, _, _ = r.Sniff()
		}
		pool := stream.NewPool()
		for calls := 0; ; calls++ {
			if calls > len(body)+10 {
				t.Fatalf("no progress after %d calls", calls)
			}
			d := pool.Draft(0)
			part, err := r.Next(&d)
			if n := cap(d.Bytes()); n > 16<<10 {
				t.Fatalf("draft of %d bytes for a limit of %d", n, limit)
			}
			if n := cap(r.src.buf); n > 3*windowSize {
				t.Fatalf("window of %d bytes", n)
			}
			var fault *PartError
			switch {
			case err == nil:
				info, err := jpeg.Scan(d.Bytes()[:part.Len])
				if err != nil || info != part.Info || part.Len > limit {
					t.Fatalf("returned %+v, scan says %+v, %v", part.Info, info, err)
				}
			case !errors.As(err, &fault):
				return
			}
			d.Discard()
		}
	})
}

// Well-formed streams survive any fragmentation.
func FuzzFragments(f *testing.F) {
	f.Add(uint8(0), uint8(1), []byte{1, 2, 3})
	f.Add(uint8(9), uint8(7), []byte{255, 0, 90})
	f.Fuzz(func(t *testing.T, which, n uint8, sizes []byte) {
		all := dialects()
		d := all[int(which)%len(all)]
		jpegs := pictures(t, 1+int(n)%8)
		at := 0
		next := func() int {
			if len(sizes) == 0 {
				return 100
			}
			at++
			return 7 * int(sizes[at%len(sizes)])
		}
		got := readAll(NewReader(chunked{bytes.NewReader(d.stream(jpegs)), next}, d.contentType, testMax))
		if got.err != io.EOF || len(got.faults) > 0 || len(got.frames) != len(jpegs) {
			t.Fatalf("%s: %d frames of %d, faults %v, %v", d.name, len(got.frames), len(jpegs), got.faults, got.err)
		}
		for i := range jpegs {
			if !bytes.Equal(got.frames[i], jpegs[i]) {
				t.Fatalf("%s: frame %d is another", d.name, i)
			}
		}
	})
}
