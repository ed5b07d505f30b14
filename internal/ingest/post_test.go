package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func postTo(t testing.TB, server *httptest.Server, contentType string, body io.Reader) (status int, sentence string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(server.URL+"/push/door", contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Error string }
	if res.StatusCode != http.StatusNoContent {
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			t.Errorf("status %d: %v", res.StatusCode, err)
		}
	}
	return res.StatusCode, answer.Error
}

func multipart(jpegs ...[]byte) string {
	var b strings.Builder
	for _, j := range jpegs {
		fmt.Fprintf(&b, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(j), j)
	}
	return b.String()
}

const multipartType = "multipart/x-mixed-replace; boundary=frame"

func TestPost(t *testing.T) {
	const limit = 32 << 10
	a, c := picture(t, 1, 96, 96), picture(t, 2, 96, 96)
	big := sized(t, limit+1)
	bad := a[:len(a)-2]
	for _, tt := range []struct {
		name, contentType, body string
		frames                  int
		status                  int
		say                     string
	}{
		{"one", "image/jpeg", string(a), 1, 204, ""},
		{"several", "image/jpeg", string(a) + string(c) + string(a), 3, 204, ""},
		{"multipart", multipartType, multipart(a, c), 2, 204, ""},
		{"curl --data-binary", "application/x-www-form-urlencoded", string(a), 1, 204, ""},
		{"unannounced multipart", "", multipart(a, c), 2, 204, ""},
		{"empty", "image/jpeg", "", 0, 400, "empty"},
		{"empty multipart", multipartType, "", 0, 400, "empty"},
		{"form", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n" + string(a) + "\r\n--x--\r\n", 1, 204, ""},
		{"text", "text/plain", "hello there", 0, 415, `"text/plain" and begins with "hello there"`},
		{"PNG", "image/jpeg", "\x89PNG\r\n\x1a\n", 0, 415, "neither JPEG nor"},
		{"text as multipart", multipartType, "hello there", 0, 400, `"hello there"`},
		{"truncated", "image/jpeg", string(bad), 0, 400, "frame 1: the body ends in the middle of it"},
		{"truncated part", multipartType, multipart(a, bad, c), 2, 400, "frame 2: jpeg ends before its end-of-image marker FFD9"},
		{"too big", "image/jpeg", string(big), 0, 413, "allowed 32768 bytes"},
		{"one too big", multipartType, multipart(a, big, c), 2, 413, "(2 frames were taken)"},
		{"only bad ones", multipartType, strings.Repeat(multipart(bad), 200), 0, 400, "100 parts in a row"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			server := listen(t, b, Options{MaxFrame: limit}, false)
			// without a length, so that it is chunked
			status, sentence := postTo(t, server, tt.contentType, io.MultiReader(strings.NewReader(tt.body)))
			if status != tt.status || !strings.Contains(sentence, tt.say) {
				t.Errorf("%d %q", status, sentence)
			}
			if n := b.hub.Totals().Frames; n != uint64(tt.frames) {
				t.Errorf("%d frames", n)
			}
			if tt.frames == 0 && b.hub.Totals().Attached != 0 {
				t.Error("a request without a frame became the camera's connection")
			}
		})
	}
}

// A body that stops coming ends with 408, and one that comes slowly does not.
func TestPostIdle(t *testing.T) {
	b := newBench(t, stream.Options{})
	server := listen(t, b, Options{PostIdle: 200 * time.Millisecond}, false)
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() {
		for range 6 { // longer than the limit in all
			time.Sleep(60 * time.Millisecond)
			if _, err := io.WriteString(pw, multipart(picture(t, 1, 96, 96))); err != nil {
				return
			}
		}
	}()
	status, sentence := postTo(t, server, multipartType, pr)
	if status != http.StatusRequestTimeout || !strings.Contains(sentence, "6 frames") {
		t.Errorf("%d %q", status, sentence)
	}
	if reason := b.offline(t); !strings.Contains(reason, "broke off") {
		t.Errorf("reason %q", reason)
	}
}

// A request that is cut off leaves an offline camera, not a hanging one.
func TestPostConnectionLost(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	server := listen(t, b, Options{}, false)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /push/door HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000000\r\n\r\n%s", multipartType, multipart(picture(t, 1, 96, 96)))
	b.next(t)
	conn.Close()
	if reason := b.offline(t); !strings.Contains(reason, "broke off") {
		t.Errorf("reason %q", reason)
	}
}

// The hub can end a request that is under way.
func TestPostDetach(t *testing.T) {
	for reason, want := range map[stream.Reason]int{stream.Superseded: 409, stream.Forbidden: 401, stream.Update: 409, stream.Shutdown: 503} {
		b := newBench(t, stream.Options{})
		b.watch(t)
		server := listen(t, b, Options{}, false)
		pr, pw := io.Pipe()
		go func() {
			_, _ = io.WriteString(pw, multipart(picture(t, 1, 96, 96)))
			b.next(t)
			if reason == stream.Superseded {
				dial(t, server, "")
			} else {
				b.hub.Detach(reason)
			}
		}()
		if status, sentence := postTo(t, server, multipartType, pr); status != want {
			t.Errorf("%d: %d %q", reason, status, sentence)
		}
		pw.Close()
	}
}

// A camera that posts a picture every so often stays online in between, and
// goes offline when it misses three.
func TestPostLinger(t *testing.T) {
	for _, tt := range []struct{ pause, want time.Duration }{
		{time.Second, minLinger}, {10 * time.Second, 30 * time.Second}, {time.Minute, 3 * time.Minute}, {80 * time.Second, 3 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			s := NewServer(b.Pool(), Options{Logger: quiet()})
			var tickers = time.NewTicker(stream.TickEvery)
			stop := make(chan struct{})
			go func() {
				for {
					select {
					case <-tickers.C:
						b.Tick()
					case <-stop:
						return
					}
				}
			}()
			defer close(stop)
			one := func() {
				w := httptest.NewRecorder()
				s.ServePost(w, httptest.NewRequest("POST", "/push/door", bytes.NewReader(picture(t, 1, 96, 96))), b.hub)
				if w.Code != http.StatusNoContent {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			}
			one()
			for range 4 {
				time.Sleep(tt.pause)
				if state, _ := b.hub.State(); state != stream.Online {
					t.Errorf("pause %v: %v between two posts", tt.pause, state)
				}
				one()
			}
			last := time.Now()
			if got := b.hub.Totals(); got.Attached != 1 || got.Frames != 5 {
				t.Errorf("%d connections, %d frames", got.Attached, got.Frames)
			}
			for len(b.states) > 0 {
				if c := <-b.states; c.State != "online" && c.LastFrame > 0 {
					t.Errorf("pause %v: it was %s", tt.pause, c.State)
				}
			}
			for c := range b.states {
				if c.State == "offline" {
					break
				}
			}
			if took := time.Since(last).Round(time.Second); took != tt.want {
				t.Errorf("pause %v: offline after %v", tt.pause, took)
			}
			if c := b.hub.Camera(); c.Reason != fmt.Sprintf("no picture was posted for %v", tt.want) {
				t.Errorf("reason %q", c.Reason)
			}
			one()
			s.mu.Lock()
			n := len(s.posters)
			s.mu.Unlock()
			if n != 1 {
				t.Errorf("%d posters", n)
			}
			b.Registry.Close() // detaches the one that lingers
			if len(s.posters) != 0 {
				t.Errorf("%d posters after the end", len(s.posters))
			}
		})
	}
}

func TestPostCurl(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	server := listen(t, b, Options{}, false)
	jpeg := picture(t, 1, 640, 480)
	file := filepath.Join(t.TempDir(), "a.jpg")
	if err := os.WriteFile(file, jpeg, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--data-binary", "@" + file}, {"-H", "Content-Type: image/jpeg", "-T", file, "-X", "POST"},
		{"-H", "Transfer-Encoding: chunked", "--data-binary", "@" + file}, {"-H", "Expect: 100-continue", "--data-binary", "@" + file},
		{"--http1.0", "--data-binary", "@" + file}, {"-H", "Connection: close", "--data-binary", "@" + file}, {"-F", "file=@" + file},
	} {
		out, err := exec.CommandContext(t.Context(), testkit.Tool(t, "curl"), append([]string{"-sS", "-w", "%{http_code}", server.URL + "/push/door"}, args...)...).CombinedOutput()
		if err != nil || string(out) != "204" {
			t.Errorf("%v: %v %s", args, err, out)
		}
		if got := b.next(t); !bytes.Equal(got.jpeg, jpeg) {
			t.Errorf("%v: another frame", args)
		}
	}
	out, err := exec.CommandContext(t.Context(), testkit.Tool(t, "curl"), "-sS", "-w", " %{http_code}", server.URL+"/push/door", "-d", "hello").CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), " 415") || !strings.Contains(string(out), `begins with \"hello\"`) {
		t.Errorf("%v %s", err, out)
	}
}

func TestPostFFmpeg(t *testing.T) {
	for _, format := range []string{"mpjpeg", "mjpeg", "image2pipe"} {
		t.Run(format, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			b.watch(t)
			server := listen(t, b, Options{MaxFPS: 240}, false)
			cmd := exec.CommandContext(t.Context(), testkit.Tool(t, "ffmpeg"), "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-t", "2",
				"-c:v", "mjpeg", "-q:v", "6", "-f", format, "-headers", "Authorization: Bearer KEY\r\n", "-method", "POST", server.URL+"/push/door")
			if format == "mpjpeg" { // as documented
				cmd.Args = slicesWithout(cmd.Args, "-method", "POST")
			}
			var out bytes.Buffer
			cmd.Stderr = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			first := b.next(t)
			if first.Width != 320 || first.Height != 240 {
				t.Errorf("%dx%d", first.Width, first.Height)
			}
			b.await(t, "online", func(c wire.Camera) bool { return c.State == "online" })
			if err := cmd.Wait(); err != nil {
				t.Errorf("ffmpeg: %v %s", err, out.String())
			}
			if reason := b.offline(t); reason != "the sender ended its stream" {
				t.Errorf("reason %q", reason)
			}
			if got := b.hub.Totals(); got.Frames != 50 || got.Faults != (stream.Totals{}).Faults {
				t.Errorf("%d frames of 50, faults %v", got.Frames, got.Faults)
			}
		})
	}
}

func slicesWithout(args []string, drop ...string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if i+1 < len(args) && args[i] == drop[0] && args[i+1] == drop[1] {
			i++
			continue
		}
		out = append(out, args[i])
	}
	return out
}
