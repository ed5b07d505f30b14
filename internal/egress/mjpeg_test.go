package egress

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// mjpeg opens the stream and leaves its bytes to the test.
func (s *studio) mjpeg(query string, header ...string) *bufio.Reader {
	s.Helper()
	conn, err := net.Dial("tcp", s.addr())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "GET /cameras/door/stream.mjpg%s HTTP/1.1\r\nHost: x\r\n%s\r\n", query, strings.Join(header, ""))
	return bufio.NewReader(conn)
}

func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(r, b); err != nil || string(b) != want {
		t.Fatalf("got %q, %v, want %q", b[:n], err, want)
	}
}

// The bytes are exactly these. With one single frame the client has the whole
// part and the boundary line after it.
func TestMJPEGBytes(t *testing.T) {
	s := newStudio(t, Options{})
	r := s.mjpeg("")
	expect(t, r, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nCache-Control: no-store\r\n"+
		"X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n--frame\r\n")
	testkit.Eventually(t, 5*time.Second, func() bool { return s.hub.Viewers() == 1 }, "joined")
	for i, at := range []time.Time{time.UnixMicro(1795166000123456), time.UnixMicro(1795166001000007), time.Unix(1795166002, 999)} {
		body := picture(i, 1000+i)
		d := s.reg.Pool().Draft(len(body))
		d.Append(body)
		s.feed.Publish(d.Frame(len(body), stream.Meta{Received: at}))
		stamp := []string{"1795166000.123456", "1795166001.000007", "1795166002.000000"}[i]
		expect(t, r, fmt.Sprintf("Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %s\r\nX-Sequence: %d\r\n\r\n%s\r\n--frame\r\n",
			len(body), stamp, i+1, body))
	}
}

// A browser gets the head of the next part with each part, since it paints the
// part when it has read that.
func TestMJPEGBytesForBrowsers(t *testing.T) {
	s := newStudio(t, Options{})
	s.publish(picture(0, 1000))
	r := s.mjpeg("", "Accept: image/avif,image/webp,*/*;q=0.8\r\n")
	for line := ""; line != "\r\n"; line, _ = r.ReadString('\n') {
	}
	expect(t, r, "--frame\r\nContent-Type: image/jpeg\r\n\r\n"+string(picture(0, 1000))+"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n")
	s.publish(picture(1, 1000))
	expect(t, r, string(picture(1, 1000))+"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n")
	s.feed.Close("lost")
	s.sweep(time.Now().Add(2 * quietAfter))
	if soi, err := r.Peek(3); err != nil || !bytes.Equal(soi, []byte{0xFF, 0xD8, 0xFF}) {
		t.Errorf("the placeholder begins with %x, %v", soi, err)
	}
}

// During an update the viewer reads every two seconds what is going on.
func TestMJPEGDuringAnUpdate(t *testing.T) {
	s := newStudio(t, Options{})
	s.publish(picture(0, 1000))
	r := s.mjpeg("", "Accept: image/*\r\n")
	for line := ""; line != "\r\n"; line, _ = r.ReadString('\n') {
	}
	expect(t, r, "--frame\r\nContent-Type: image/jpeg\r\n\r\n"+string(picture(0, 1000))+"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n")
	s.hub.SetUpdating("updating to 1.5.0: 37 %")
	begin := time.Now()
	s.sweep(begin) // pictures still come
	for _, after := range []time.Duration{tellUpdate, 2 * tellUpdate} {
		s.sweep(begin.Add(after + 100*time.Millisecond))
		if soi, err := r.Peek(3); err != nil || !bytes.Equal(soi, []byte{0xFF, 0xD8, 0xFF}) {
			t.Fatalf("after %v: %x, %v", after, soi, err)
		}
		if _, err := jpegPart(r); err != nil {
			t.Fatal(err)
		}
	}
}

// jpegPart reads up to the head of the next part.
func jpegPart(r *bufio.Reader) (text string, err error) {
	for err == nil && !strings.HasSuffix(text, "\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n") {
		var line string
		line, err = r.ReadString('\n')
		text += line
	}
	return text, err
}

// The wrapping's overhead is an upper bound, so that the block never grows.
func TestWrappingOverhead(t *testing.T) {
	pool := stream.NewPool()
	for _, wrap := range []*stream.Wrapping{plainWrapping(), viewWrapping(), partWrapping(), imageWrapping()} {
		for _, n := range []int{0, 125, 126, 65_535, 65_536, 1 << 20} {
			d := pool.Draft(n)
			d.Append(make([]byte, n))
			f := d.Frame(n, stream.Meta{
				Stream: 1<<32 - 1, Seq: 1<<32 - 1, Width: 65_535, Height: 65_535,
				Received: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), Captured: time.Now(), Still: true,
			})
			if got := len(wrap.Append(nil, f)) - n; got > wrap.Overhead {
				t.Errorf("%d bytes of overhead for a frame of %d, at most %d are announced", got, n, wrap.Overhead)
			}
			f.Release()
		}
	}
}

func TestMJPEGByMultipartReader(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		response := s.get("/cameras/door/stream.mjpg")
		_, params, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
		if err != nil || params["boundary"] != boundary {
			s.Fatalf("%v, %v", params, err)
		}
		testkit.Eventually(s, 5*time.Second, func() bool { return s.hub.Viewers() == 1 }, "joined")
		parts := multipart.NewReader(response.Body, params["boundary"])
		for i, n := range []int{100, 20_000, 300_000} {
			s.publish(picture(i, n))
			part, err := parts.NextPart()
			if err != nil {
				s.Fatal(err)
			}
			if b, err := io.ReadAll(part); err != nil || !bytes.Equal(b, picture(i, n)) || part.Header.Get("X-Sequence") != fmt.Sprint(i+1) {
				s.Fatalf("part %d: %d bytes, %v, %v", i, len(b), err, part.Header)
			}
		}
	})
}

func TestMJPEGHead(t *testing.T) {
	s := newStudio(t, Options{})
	response, err := s.http.Client().Head(s.http.URL + "/cameras/door/stream.mjpg")
	if err != nil || response.StatusCode != 200 || response.Header.Get("Content-Type") != "multipart/x-mixed-replace; boundary=frame" {
		t.Errorf("%v, %v", response, err)
	}
	s.http.Client().CloseIdleConnections()
	for query, want := range map[string]string{"max_fps=x": `max_fps=\"x\"`, "max_fps=-1": "0 to 120", "max_fps=NaN": "0 to 120", "max_fps=121": "0 to 120"} {
		response := s.get("/cameras/door/stream.mjpg?" + query)
		b, _ := io.ReadAll(response.Body)
		if response.StatusCode != 400 || !strings.Contains(string(b), want) {
			t.Errorf("%s: %s %s", query, response.Status, b)
		}
	}
}

func TestMJPEGMaxFPS(t *testing.T) {
	s := newStudio(t, Options{})
	r := s.mjpeg("?max_fps=5")
	testkit.Eventually(t, 5*time.Second, func() bool { return s.hub.Viewers() == 1 }, "joined")
	at := time.Now()
	for i := range 41 {
		d := s.reg.Pool().Draft(100)
		d.Append(picture(i, 100))
		s.feed.Publish(d.Frame(100, stream.Meta{Received: at.Add(time.Duration(i) * 50 * time.Millisecond)}))
	}
	s.reg.Remove("door")
	b, _ := io.ReadAll(r)
	if n := strings.Count(string(b), "X-Sequence"); n < 10 || n > 12 {
		t.Errorf("2 s at most 5 fps: %d frames", n)
	}
}

// film publishes real pictures until the test ends.
func (s *studio) film(fps int) {
	body := testkit.JPEG(640, 480, 20_000)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Second / time.Duration(fps))
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				s.publish(body)
			}
		}
	}()
	s.Cleanup(func() {
		close(stop)
		<-done
	})
}

func TestMJPEGByFFmpeg(t *testing.T) {
	s := newStudio(t, Options{})
	s.film(25)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), testkit.Tool(t, "ffmpeg"), "-v", "error", "-i", s.http.URL+"/cameras/door/stream.mjpg",
		"-frames:v", "10", "-c", "copy", filepath.Join(dir, "%d.jpg"))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	for i := 1; i <= 10; i++ {
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i, ".jpg")))
		if err != nil || !bytes.Equal(b, testkit.JPEG(640, 480, 20_000)) {
			t.Errorf("frame %d: %d bytes, %v", i, len(b), err)
		}
	}
}

const openCV = `
import cv2, sys
v = cv2.VideoCapture(sys.argv[1])
for _ in range(10):
    ok, picture = v.read()
    print(ok, picture.shape if ok else None)
`

func TestMJPEGByOpenCV(t *testing.T) {
	s := newStudio(t, Options{})
	s.film(25)
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", openCV, s.http.URL+"/cameras/door/stream.mjpg").Output()
	if want := strings.Repeat("True (480, 640, 3)\n", 10); err != nil || string(out) != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// A part of the stream with its body.
func readPart(t *testing.T, r *bufio.Reader) []byte {
	t.Helper()
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		fmt.Sscanf(line, "Content-Length: %d", &length)
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		t.Fatal(err)
	}
	expect(t, r, "\r\n--frame\r\n")
	return body
}

// When no frames come for five seconds, a picture says so, and again every five
// seconds; frames go on when the camera is back.
func TestPlaceholder(t *testing.T) {
	s := newStudio(t, Options{})
	s.hub.Rename("Front door")
	s.publish(testkit.JPEG(640, 480, 20_000))
	r := s.mjpeg("")
	for line := ""; line != "--frame\r\n"; line, _ = r.ReadString('\n') {
	}
	readPart(t, r)
	s.feed.Close("camera busy: another client holds its stream")
	begin := time.Now()
	var pictures [][]byte
	for after := range 21 { // seconds, by the sweep's clock
		s.sweep(begin.Add(time.Duration(after) * time.Second))
	}
	for range 4 {
		pictures = append(pictures, readPart(t, r))
	}
	if n := r.Buffered(); n != 0 {
		t.Errorf("%d bytes too many", n)
	}
	if !bytes.Equal(pictures[0], pictures[3]) {
		t.Error("the picture was made anew")
	}
	img, err := jpeg.Decode(bytes.NewReader(pictures[0]))
	if err != nil || img.Bounds() != image.Rect(0, 0, 640, 480) {
		t.Fatalf("%v, %v", img.Bounds(), err)
	}
	if _, ok := img.(*image.YCbCr); !ok {
		t.Errorf("the picture is a %T: players do not like it when the format changes", img)
	}
	if dir := os.Getenv("CAMRELAY_LOOK"); dir != "" {
		look(t, dir, "notice", img)
	}
	s.feed = s.hub.Attach(s.cam, true)
	s.publish(picture(1, 1000))
	if b := readPart(t, r); !bytes.Equal(b, picture(1, 1000)) {
		t.Error("the camera is back, and its frame is not")
	}
	s.sweep(time.Now())
	s.publish(picture(2, 1000))
	if b := readPart(t, r); !bytes.Equal(b, picture(2, 1000)) {
		t.Error("a placeholder among frames")
	}
}

// look stores a picture for people.
func look(t *testing.T, dir, name string, img image.Image) {
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

// The text is bright, centred, not cut off, and fits at every size of a camera.
func TestNoticeIsReadable(t *testing.T) {
	var n notices
	sizes := []wire.FrameSize{{Name: "unknown"}, {Name: "huge", Width: 4000, Height: 3000}}
	for _, name := range []string{"96X96", "QQVGA", "QVGA", "VGA", "UXGA"} {
		size, _ := wire.FrameSizeNamed(name)
		sizes = append(sizes, size)
	}
	for _, size := range sizes {
		camera := wire.Camera{Name: "Front door", State: "offline", Since: 1795166000123456, Width: size.Width, Height: size.Height,
			Reason: "camera busy: another client holds its stream"}
		img, err := jpeg.Decode(bytes.NewReader(n.jpeg(camera)))
		if err != nil {
			t.Fatal(err)
		}
		b := img.Bounds()
		if size.Width > 0 && size.Width <= 1600 && (b.Dx() != size.Width || b.Dy() != size.Height) {
			t.Errorf("%s: %v", size.Name, b)
		}
		bright := image.Rectangle{}
		for y := range b.Dy() {
			for x := range b.Dx() {
				if img.(*image.YCbCr).YCbCrAt(x, y).Y > 0x80 {
					bright = bright.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		if b.Dy() > 96 && !bright.In(b.Inset(1)) || bright.Empty() { // the smallest size is full of text
			t.Errorf("%s: text in %v of %v", size.Name, bright, b)
		}
		if middle := (bright.Min.Y + bright.Max.Y) / 2; middle < b.Dy()*2/5 || middle > b.Dy()*3/5 {
			t.Errorf("%s: the text is not in the middle: %v of %v", size.Name, bright, b)
		}
		if dir := os.Getenv("CAMRELAY_LOOK"); dir != "" {
			look(t, dir, size.Name, img)
		}
	}
	for i := range 10 * maxNotices {
		n.jpeg(wire.Camera{Name: fmt.Sprint(i), Width: 96, Height: 96})
	}
	if len(n) > maxNotices {
		t.Errorf("%d pictures are kept", len(n))
	}
}

var etagPattern = regexp.MustCompile(`^"[0-9a-f]+-[0-9a-f]+"$`)
