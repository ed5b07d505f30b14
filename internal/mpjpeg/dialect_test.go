package mpjpeg

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// dialect is how one kind of server writes its stream.
type dialect struct {
	name        string
	contentType string
	head        string
	part        func(i int, jpeg []byte) string
	tail        string
}

const espBoundary = "123456789000000000000987654321"

func dialects() []dialect {
	length := func(format string) func(int, []byte) string {
		return func(_ int, b []byte) string { return fmt.Sprintf(format, len(b)) + string(b) }
	}
	plain := func(head, tail string) func(int, []byte) string {
		return func(_ int, b []byte) string { return head + string(b) + tail }
	}
	return []dialect{
		{name: "CameraWebServer", contentType: "multipart/x-mixed-replace;boundary=" + espBoundary,
			part: func(i int, b []byte) string {
				return fmt.Sprintf("\r\n--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %d.%06d\r\n\r\n%s",
					espBoundary, len(b), 100+i, 250000, b)
			}},
		{name: "CameraWebServer before 2020, boundary after the part", contentType: "multipart/x-mixed-replace;boundary=" + espBoundary,
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--%s\r\n", len(b), b, espBoundary)
			}},
		{name: "esp32-camera README", contentType: "multipart/x-mixed-replace;boundary=" + espBoundary,
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("\r\n--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s", espBoundary, len(b), b)
			}},
		{name: "MJPEG2SD, padded length", contentType: "multipart/x-mixed-replace;boundary=" + espBoundary,
			part: length("\r\n--" + espBoundary + "\r\nContent-Type: image/jpeg\r\nContent-Length: %10d\r\n\r\n")},
		{name: "ESPHome", contentType: "multipart/x-mixed-replace;boundary=12345678900000000000098765432",
			head: "--12345678900000000000098765432\r\n",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--12345678900000000000098765432\r\n", len(b), b)
			}},
		{name: "Tasmota, no first boundary", contentType: "multipart/x-mixed-replace;boundary=gc0p4Jq0M2Yt08jU534c0p",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--gc0p4Jq0M2Yt08jU534c0p\r\n", len(b), b)
			}},
		{name: "Foscam, dashes in the header", contentType: "multipart/x-mixed-replace;boundary=--ipcamera",
			part: length("--ipcamera\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n")},
		{name: "Foscam, four dashes", contentType: "multipart/x-mixed-replace;boundary=--ipcamera",
			part: length("----ipcamera\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n")},
		{name: "doubled boundary", contentType: "multipart/x-mixed-replace;boundary=ipcamera",
			part: length("--ipcamera\r\n\r\n--ipcamera\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n")},
		{name: "no dashes in the body", contentType: "multipart/x-mixed-replace;boundary=ipcamera",
			part: length("ipcamera\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n")},
		{name: "ffmpeg mpjpeg", contentType: "multipart/x-mixed-replace;boundary=ffmpeg", head: "--ffmpeg\r\n",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("Content-type: image/jpeg\r\nContent-length: %d\r\n\r\n%s\r\n--ffmpeg\r\n", len(b), b)
			}},
		{name: "ustreamer", contentType: "multipart/x-mixed-replace;boundary=boundarydonotcross", head: "--boundarydonotcross\r\n",
			part: func(i int, b []byte) string {
				return fmt.Sprintf("Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %d.250000\r\nX-UStreamer-Online: true\r\n"+
					"X-UStreamer-Width: 640\r\n\r\n%s\r\n--boundarydonotcross\r\n", len(b), 100+i, b)
			}},
		{name: "mjpg-streamer", contentType: "multipart/x-mixed-replace;boundary=boundarydonotcross", head: "--boundarydonotcross\r\n",
			part: func(i int, b []byte) string {
				return fmt.Sprintf("Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %d.250000\r\n\r\n%s\r\n--boundarydonotcross\r\n",
					len(b), 100+i, b)
			}},
		{name: "go2rtc", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(b), b)
			}},
		{name: "Motion", contentType: "multipart/x-mixed-replace; boundary=BoundaryString",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("--BoundaryString\r\nContent-type: image/jpeg\r\nContent-Length: %9d\r\n\r\n%s\r\n", len(b), b)
			}},
		{name: "no length", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: plain("--frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n")},
		{name: "no length, boundary after the part", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: plain("Content-Type: image/jpeg\r\n\r\n", "\r\n--frame\r\n")},
		{name: "length zero", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: plain("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 0\r\n\r\n", "\r\n")},
		{name: "length absurd", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: plain("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 99999999999999\r\n\r\n", "\r\n")},
		{name: "length too short", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(b)-100, b)
			}},
		{name: "length by three too long", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(b)+3, b)
			}},
		{name: "length far too long", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", 3*len(b), b)
			}},
		{name: "padding within the length", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s%s\r\n", len(b)+500, b, make([]byte, 500))
			}},
		{name: "padding without a length", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: plain("--frame\r\nContent-Type: image/jpeg\r\n\r\n", string(make([]byte, 500))+"\r\n")},
		{name: "line feeds only", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: length("\n--frame\nContent-Type: image/jpeg\nContent-Length: %d\n\n")},
		{name: "line feeds only, no length", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: plain("--frame\nContent-Type: image/jpeg\n\n", "\n")},
		{name: "quoted boundary and final one", contentType: `multipart/x-mixed-replace; boundary="my frame"`,
			part: length("\r\n--my frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"), tail: "\r\n--my frame--\r\n"},
		{name: "final boundary without line break", contentType: `multipart/x-mixed-replace;boundary='x'`,
			part: length("\r\n--x\r\nContent-Length: %d\r\n\r\n"), tail: "\r\n--x--"},
		{name: "final boundary after every part", contentType: "multipart/x-mixed-replace; boundary=x",
			part: func(_ int, b []byte) string {
				return fmt.Sprintf("--x\r\nContent-Length: %d\r\n\r\n%s\r\n--x--\r\n", len(b), b)
			}},
		{name: "no boundary announced", contentType: "multipart/x-mixed-replace",
			part: length("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n")},
		{name: "no content type, no length", part: plain("--frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n")},
		{name: "another boundary than announced", contentType: "multipart/x-mixed-replace; boundary=one",
			part: plain("--two\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n")},
		{name: "no header", contentType: "multipart/x-mixed-replace; boundary=frame", part: plain("--frame\r\n\r\n", "\r\n")},
		{name: "no empty line after the header", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: plain("--frame\r\nContent-Type: image/jpeg\r\n", "\r\n")},
		{name: "many headers", contentType: "multipart/x-mixed-replace; boundary=frame",
			part: func(_ int, b []byte) string {
				s := "--frame\r\nSERVER : x\r\n"
				for i := range 20 {
					s += fmt.Sprintf("X-Thing-%d: %050d\r\n", i, i)
				}
				return s + fmt.Sprintf("CONTENT-LENGTH:%d\r\ncontent-type:IMAGE/JPEG; charset=none\r\n\r\n%s", len(b), b)
			}},
		{name: "one letter", contentType: "multipart/form-data; boundary=x", part: plain("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "\r\n")},
		{name: "bare JPEGs", contentType: "image/jpeg", part: plain("", "")},
		{name: "bare JPEGs with padding", part: plain("", "\x00\x00\x00\x00")},
		{name: "bare JPEGs under multipart", contentType: "multipart/x-mixed-replace; boundary=frame", part: plain("", "")},
	}
}

func (d dialect) stream(jpegs [][]byte) []byte {
	var b bytes.Buffer
	b.WriteString(d.head)
	for i, j := range jpegs {
		b.WriteString(d.part(i, j))
	}
	b.WriteString(d.tail)
	return b.Bytes()
}

// deliveries are ways in which a network cuts a stream into reads.
func deliveries() map[string]func() int {
	r := rand.New(rand.NewPCG(7, 7))
	return map[string]func() int{
		"whole": func() int { return 1 << 20 }, "one byte": func() int { return 1 }, "three bytes": func() int { return 3 },
		"segments": func() int { return 1440 }, "random": func() int { return 1 + r.IntN(3000) },
	}
}

func TestDialects(t *testing.T) {
	jpegs := pictures(t, 12)
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			body := d.stream(jpegs)
			for how, n := range deliveries() {
				got := readAll(NewReader(chunked{bytes.NewReader(body), n}, d.contentType, testMax))
				if got.err != io.EOF || len(got.faults) > 0 {
					t.Fatalf("%s: error %v, faults %v", how, got.err, got.faults)
				}
				if len(got.frames) != len(jpegs) {
					t.Fatalf("%s: %d frames of %d", how, len(got.frames), len(jpegs))
				}
				for i := range jpegs {
					if !bytes.Equal(got.frames[i], jpegs[i]) {
						t.Fatalf("%s: frame %d is another", how, i)
					}
				}
			}
		})
	}
}

// A stream that is looked at first is read as well as one that is not.
func TestSniff(t *testing.T) {
	jpegs := pictures(t, 2)
	for _, d := range dialects() {
		r := NewReader(bytes.NewReader(d.stream(jpegs)), "", testMax)
		ok, head, err := r.Sniff()
		if d.name == "no dashes in the body" {
			continue // only the Content-Type tells
		}
		if !ok || err != nil {
			t.Errorf("%s: not recognised: %q, %v", d.name, head, err)
		}
		if got := readAll(r); got.err != io.EOF || len(got.frames) < 1 {
			t.Errorf("%s: %d frames, %v", d.name, len(got.frames), got.err)
		}
	}
	for _, text := range []string{"", "x", "<html>camera</html>", "\xFE\xD8\xFF\x00", "GIF89a and more than thirty-two bytes of it"} {
		ok, head, err := NewReader(bytes.NewReader([]byte(text)), "", testMax).Sniff()
		if ok || err != nil || string(head) != text[:min(len(text), maxShown)] {
			t.Errorf("%q: %v, %q, %v", text, ok, head, err)
		}
	}
}

func TestTimestamps(t *testing.T) {
	for _, d := range dialects() {
		got := readAll(NewReader(bytes.NewReader(d.stream(pictures(t, 2))), d.contentType, testMax))
		var want time.Time
		switch d.name {
		case "CameraWebServer", "ustreamer", "mjpg-streamer":
			want = time.Unix(101, 250_000_000)
		}
		if !got.parts[1].Time.Equal(want) {
			t.Errorf("%s: %v, want %v", d.name, got.parts[1].Time, want)
		}
	}
	for text, want := range map[string]time.Time{
		"1700000000.5": time.Unix(1700000000, 500_000_000), "12": time.Unix(12, 0), "1.1234567891": time.Unix(1, 123456789),
		"": {}, "-1": {}, "x": {}, "1.x": {}, "1.-5": {}, "99999999999999999999": {},
	} {
		if got := parseTimestamp(text); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
