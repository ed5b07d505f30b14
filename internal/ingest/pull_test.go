package ingest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// pull runs a puller until the test ends or stop is called.
func pull(t testing.TB, b *bench, cfg PullConfig) (stop func()) {
	t.Helper()
	cfg.Logger = quiet()
	if cfg.BackoffMin == 0 {
		cfg.BackoffMin, cfg.BackoffMax = time.Millisecond, 20*time.Millisecond
	}
	p, err := NewPuller(cfg, b.Pool(), b.hub)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(func() {
		stop()
		b.Registry.Close()
		if n := b.Pool().Live(); n != 0 {
			t.Errorf("%d frames are not released", n)
		}
	})
	return stop
}

// serve starts a look-alike camera that is stopped after its puller.
func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// raw starts a look-alike camera that writes its answers by hand; the request
// has been read.
func raw(t testing.TB, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				answer(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return "http://" + l.Addr().String()
}

const espBoundary = "123456789000000000000987654321"

// cameraWebServer is Espressif's example: one client, chunks, a boundary that
// comes first. It sends one frame every few milliseconds.
type cameraWebServer struct {
	t     testing.TB
	busy  sync.Mutex // its stream handler never returns
	conns atomic.Int32
	now   atomic.Int32 // connections at this time
	jpeg  atomic.Pointer[[]byte]
}

func newCameraWebServer(t testing.TB, jpeg []byte) *cameraWebServer {
	c := &cameraWebServer{t: t}
	c.jpeg.Store(&jpeg)
	return c
}

func (c *cameraWebServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for !c.busy.TryLock() { // TCP connects, and nothing comes
		select {
		case <-r.Context().Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	defer c.busy.Unlock()
	c.conns.Add(1)
	if c.now.Add(1) > 1 {
		c.t.Error("two connections at a time")
	}
	defer c.now.Add(-1)
	w.Header().Set("Content-Type", "multipart/x-mixed-replace;boundary="+espBoundary)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("X-Framerate", "60")
	for i := 0; r.Context().Err() == nil; i++ {
		jpeg := *c.jpeg.Load()
		for _, chunk := range []string{
			"\r\n--" + espBoundary + "\r\n",
			fmt.Sprintf("Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %d.000000\r\n\r\n", len(jpeg), i),
			string(jpeg),
		} {
			if _, err := w.Write([]byte(chunk)); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestPullCameraWebServer(t *testing.T) {
	b := newBench(t, stream.Options{Still: 5 * time.Second, Linger: time.Millisecond})
	time.Sleep(2 * time.Millisecond) // the hub has been without viewers for longer than that
	jpeg := picture(t, 1, 320, 240)
	cam := newCameraWebServer(t, jpeg)
	server := serve(t, cam.ServeHTTP)
	pull(t, b, PullConfig{URL: server.URL + "/stream"})
	b.await(t, "resting", func(c wire.Camera) bool { return c.State == "resting" })
	if n := cam.conns.Load(); n != 0 {
		t.Fatalf("%d connections while nobody watches", n)
	}
	for round := range int32(3) {
		leave := b.watch(t)
		for range 5 {
			if got := b.next(t); !bytes.Equal(got.jpeg, jpeg) || !got.Captured.IsZero() {
				t.Fatalf("another frame, captured %v", got.Captured)
			}
		}
		leave2 := b.watch(t)
		b.await(t, "online", func(c wire.Camera) bool { return c.State == "online" })
		if n := cam.conns.Load(); n != round+1 {
			t.Errorf("%d connections", n)
		}
		leave()
		leave2()
		time.Sleep(2 * time.Millisecond)
		b.Tick()
		b.await(t, "resting", func(c wire.Camera) bool { return c.State == "resting" && cam.now.Load() == 0 })
		for len(b.frames) > 0 {
			<-b.frames
		}
	}
	for range len(b.states) {
		if c := <-b.states; c.State == "offline" && c.Reason != "" {
			t.Errorf("it was offline: %s", c.Reason)
		}
	}
}

func TestPullBusy(t *testing.T) {
	b := newBench(t, stream.Options{})
	cam := newCameraWebServer(t, picture(t, 1, 96, 96))
	cam.busy.Lock() // by a browser
	server := serve(t, cam.ServeHTTP)
	b.watch(t)
	pull(t, b, PullConfig{URL: server.URL, HeaderTimeout: 50 * time.Millisecond})
	if reason := b.offline(t); reason != "camera busy: another client holds its stream" {
		t.Errorf("reason %q", reason)
	}
	cam.busy.Unlock()
	b.next(t) // it comes back by itself
	if c := b.await(t, "online", func(c wire.Camera) bool { return c.State == "online" }); c.Reason != "" {
		t.Errorf("reason %q", c.Reason)
	}
}

// Dialects of HTTP that are written by hand.
func TestPullHandwritten(t *testing.T) {
	jpeg := picture(t, 1, 320, 240)
	for name, tt := range map[string]struct{ head, before, after string }{
		"ESPHome": {
			"HTTP/1.0 200 OK\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\nContent-Type: multipart/x-mixed-replace;boundary=" + espBoundary + "\r\n\r\n--" + espBoundary + "\r\n",
			"Content-Type: image/jpeg\r\nContent-Length: LENGTH\r\n\r\n", "\r\n--" + espBoundary + "\r\n",
		},
		"Tasmota": {
			"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=gc0p4Jq0M2Yt08jU534c0p\r\n\r\n",
			"Content-Type: image/jpeg\r\nContent-Length: LENGTH\r\n\r\n", "\r\n--gc0p4Jq0M2Yt08jU534c0p\r\n",
		},
		"no content type": {"HTTP/1.0 200 OK\r\n\r\n", "--x\r\n\r\n", "\r\n"},
		"bare JPEGs":      {"HTTP/1.0 200 OK\r\nContent-Type: video/x-motion-jpeg\r\n\r\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			b.watch(t)
			addr := raw(t, func(conn net.Conn) {
				fmt.Fprint(conn, tt.head)
				for {
					if _, err := fmt.Fprint(conn, strings.ReplaceAll(tt.before, "LENGTH", fmt.Sprint(len(jpeg))), string(jpeg), tt.after); err != nil {
						return
					}
					time.Sleep(2 * time.Millisecond) // the pace of a camera
				}
			})
			pull(t, b, PullConfig{URL: addr + "/", MaxFPS: 10000})
			for range 5 {
				if got := b.next(t); !bytes.Equal(got.jpeg, jpeg) {
					t.Fatal("another frame")
				}
			}
		})
	}
}

// Every way in which a camera cannot be read has its sentence.
func TestPullReasons(t *testing.T) {
	jpeg := picture(t, 1, 96, 96)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, tt := range []struct {
		name   string
		url    string
		answer string
		cfg    PullConfig
		want   string
	}{
		{name: "refused", url: "http://" + gone.Addr().String(), want: "connection refused by " + gone.Addr().String() + ": is the port right?"},
		{name: "unknown name", url: "http://no-such-camera.invalid/stream?secret=1", want: "no address is known for no-such-camera.invalid: check the name"},
		{name: "wants a password", answer: "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n", want: "the camera wants a user name and a password"},
		{name: "wrong password", answer: "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n", cfg: PullConfig{Username: "u", Password: "p"}, want: "wrong user name or password"},
		{name: "wrong digest password", answer: "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"1\", qop=\"auth\"\r\n\r\n", cfg: PullConfig{Username: "u", Password: "p"}, want: "wrong user name or password"},
		{name: "forbidden", answer: "403 Forbidden\r\n\r\n", want: "the camera refuses access (403 Forbidden)"},
		{name: "not found", answer: "404 Not Found\r\n\r\nNothing matches the given URI", want: "there is no stream at this address (404 Not Found): check the path of the URL"},
		{name: "MJPEG2SD busy", answer: "500 Internal Server Error\r\n\r\nNo free task", want: "camera busy: another client holds its stream (No free task)"},
		{name: "unavailable", answer: "503 Service Unavailable\r\n\r\nwarming up", want: `the camera answers 503 Service Unavailable: "warming up"`},
		{name: "web page", answer: "200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<!DOCTYPE html><html>", want: `not an MJPEG stream: got text/html; charset=utf-8, which begins with "<!DOCTYPE html><html>"`},
		{name: "web page as multipart", answer: "200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n<!DOCTYPE html><html>", want: `not an MJPEG stream: no boundary, part header or JPEG at byte 0: "<!DOCTYPE html><html>"`},
		{name: "text part", answer: "200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nImage acquisition failed\r\n--x\r\n", want: `the camera sends no whole picture: it is text/plain, no picture: "Image acquisition failed"`},
		{name: "broken pictures", answer: "200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n--x\r\n\r\n" + string(jpeg[:300]) + "\r\n--x\r\n", want: "the camera sends no whole picture: jpeg ends before its end-of-image marker FFD9 (300 bytes)"},
		{name: "empty", answer: "200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n", want: "the camera ended the stream"},
		{name: "no answer", answer: "", want: "closed the connection without an answer: another client may hold its stream"},
		{name: "endless redirect", answer: "302 Found\r\nLocation: /again\r\n\r\n", want: "the camera redirects too often or to something that is not HTTP"},
		{name: "redirect elsewhere", answer: "302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", want: "the camera redirects too often or to something that is not HTTP"},
		{name: "stalls", answer: "200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n--x\r\nSTALL", cfg: PullConfig{IdleTimeout: 50 * time.Millisecond}, want: "no picture for too long"},
		{name: "not HTTP", answer: "RAW", want: "does not speak HTTP: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			b.watch(t)
			if tt.cfg.URL = tt.url; tt.url == "" {
				release := make(chan struct{})
				tt.cfg.URL = raw(t, func(conn net.Conn) {
					head, stall, isStall := strings.Cut(tt.answer, "STALL")
					switch {
					case tt.answer == "":
					case tt.answer == "RAW":
						fmt.Fprint(conn, "hello there\r\n\r\n")
					default:
						fmt.Fprint(conn, "HTTP/1.1 ", head, stall)
					}
					if isStall {
						<-release
					}
				})
				t.Cleanup(func() { close(release) })
			}
			stop := pull(t, b, tt.cfg)
			if reason := b.offline(t); !strings.Contains(reason, tt.want) {
				t.Errorf("reason %q\nwant   %q", reason, tt.want)
			}
			stop()
		})
	}
}

// A stream that ends is taken up again, whatever it ended with.
func TestPullReconnects(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	jpeg := picture(t, 1, 96, 96)
	var n atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", multipartType)
		body := multipart(jpeg)
		if n.Add(1)%2 == 0 {
			body += multipart(jpeg)[:300]
		}
		fmt.Fprint(w, body)
	})
	pull(t, b, PullConfig{URL: server.URL})
	for range 10 {
		b.next(t)
	}
	if got := b.hub.Totals(); got.Attached != 1 {
		t.Errorf("%d feeds", got.Attached)
	}
}

// Two relays that push each other out give way: the pauses grow, though every
// connection brought a frame.
func TestPullEviction(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	times := make(chan time.Time, 100)
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		times <- time.Now()
		w.Header().Set("Content-Type", multipartType)
		fmt.Fprint(w, multipart(picture(t, 1, 96, 96)))
	})
	pull(t, b, PullConfig{URL: server.URL, BackoffMin: 20 * time.Millisecond, BackoffMax: 10 * time.Second, Rand: func() float64 { return 0.99 }})
	last := <-times
	for i := range 5 {
		at := <-times
		if gap, want := at.Sub(last), 35*time.Millisecond<<i; gap < want {
			t.Errorf("pause %d: %v, want at least %v", i, gap, want)
		}
		last = at
	}
}

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		rand float64
		want []time.Duration
	}{
		{0, []time.Duration{1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9, 1e9}},
		{0.5, []time.Duration{15e8, 25e8, 45e8, 85e8, 165e8, 305e8, 305e8, 305e8}},
	} {
		b := backoff{min: time.Second, max: time.Minute, rand: func() float64 { return tt.rand }}
		for round := range 2 {
			for i, want := range tt.want {
				if got := b.next(false); got != want {
					t.Errorf("round %d, try %d: %v, want %v", round, i, got, want)
				}
			}
			b.reset()
		}
		for range 100 {
			if got := b.next(false); got < time.Second || got > time.Minute {
				t.Errorf("%v is out of bounds", got)
			}
		}
		if got := b.next(true); got < 30*time.Second || got > time.Minute {
			t.Errorf("slow: %v", got)
		}
	}
}

// An address that gives one picture is asked again and again, politely.
func TestPullSnapshots(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	jpeg := picture(t, 1, 96, 96)
	var now, n atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if now.Add(1) > 1 {
			t.Error("two requests at a time")
		}
		defer now.Add(-1)
		n.Add(1)
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write(jpeg)
	})
	began := time.Now()
	stop := pull(t, b, PullConfig{URL: server.URL + "/capture", SnapshotInterval: 50 * time.Millisecond})
	for range 5 {
		if got := b.next(t); !bytes.Equal(got.jpeg, jpeg) {
			t.Error("another frame")
		}
	}
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("five in %v", took)
	}
	stop()
	for range len(b.states) {
		if c := <-b.states; c.State == "offline" && c.Reason != "" && !strings.Contains(c.Reason, "stops") {
			t.Errorf("it was offline: %s", c.Reason)
		}
	}
}

func md5hex(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }

// Digest by RFC 7616 section 3.4.1, checked by hand; Basic is not tried on such
// a camera. The nonce becomes stale with every connection.
func TestPullDigest(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	jpeg := picture(t, 1, 96, 96)
	var nonce atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		if strings.Contains(auth, "Basic") || strings.Contains(auth, "s3cret") {
			t.Errorf("the password was sent: %s", auth)
		}
		field := func(name string) string {
			_, rest, _ := strings.Cut(auth, name+"=")
			if strings.HasPrefix(rest, `"`) {
				value, _, _ := strings.Cut(rest[1:], `"`)
				return value
			}
			value, _, _ := strings.Cut(rest, ",")
			return strings.TrimSpace(value)
		}
		current := fmt.Sprint("nonce", nonce.Load())
		want := md5hex(strings.Join([]string{
			md5hex("admin:cam:s3cret"), current, field("nc"), field("cnonce"), "auth", md5hex("GET:" + r.URL.RequestURI()),
		}, ":"))
		if field("response") != want || field("uri") != r.URL.RequestURI() {
			w.Header().Add("WWW-Authenticate", `Basic realm="cam"`)
			w.Header().Add("WWW-Authenticate", `Digest realm="cam", nonce="`+current+`", qop="auth", algorithm=MD5, stale=true`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		nonce.Add(1)
		w.Header().Set("Content-Type", multipartType)
		fmt.Fprint(w, multipart(jpeg))
	})
	pull(t, b, PullConfig{URL: server.URL + "/video?x=1&y=2", Username: "admin", Password: "s3cret"})
	for range 3 {
		b.next(t)
	}
}

func TestPullBasic(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	var asked atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok {
			asked.Add(1)
		}
		if user != "admin" || password != "s3:cret" {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", multipartType)
		fmt.Fprint(w, multipart(picture(t, 1, 96, 96)))
	})
	pull(t, b, PullConfig{URL: strings.Replace(server.URL, "http://", "http://admin:s3%3Acret@", 1)})
	for range 3 {
		b.next(t)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked for the password %d times", n)
	}
}

// Passwords stay with the camera that they are for.
func TestPullRedirect(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	jpeg := picture(t, 1, 96, 96)
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("leaked %v", r.Header)
		}
		if r.URL.Path == "/ask" {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", multipartType)
		fmt.Fprint(w, multipart(jpeg))
	})
	elsewhere, err := url.Parse(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Host = "localhost:" + elsewhere.Port() // another host than 127.0.0.1
	var asked atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		path := "/ask"
		if asked.Add(1) > 1 {
			path = "/stream"
		}
		http.Redirect(w, r, elsewhere.String()+path, http.StatusFound)
	})
	pull(t, b, PullConfig{URL: server.URL + "/?token=secret", Username: "admin", Password: "s3cret"})
	b.next(t)
}

func TestPullDetach(t *testing.T) {
	for _, reason := range []stream.Reason{stream.Superseded, stream.Forbidden, stream.Shutdown} {
		b := newBench(t, stream.Options{})
		b.watch(t)
		cam := newCameraWebServer(t, picture(t, 1, 96, 96))
		server := serve(t, cam.ServeHTTP)
		p, err := NewPuller(PullConfig{URL: server.URL, Logger: quiet()}, b.Pool(), b.hub)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); p.Run(t.Context()) }()
		b.next(t)
		p.Detach(reason)
		<-done // Run has returned
		b.Registry.Close()
	}
}

// Detach ends a pause between two tries as well.
func TestPullDetachInBackoff(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	p, err := NewPuller(PullConfig{URL: "http://127.0.0.1:1/", BackoffMin: time.Hour, Logger: quiet()}, b.Pool(), b.hub)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); p.Run(t.Context()) }()
	b.offline(t)
	p.Detach(stream.Forbidden)
	<-done
	p.Run(t.Context()) // detached for good
	b.Registry.Close()
}

// An update of the camera's firmware ends the connection, and it is read again
// afterwards.
func TestPullUpdate(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	cam := newCameraWebServer(t, picture(t, 1, 96, 96))
	server := serve(t, cam.ServeHTTP)
	pull(t, b, PullConfig{URL: server.URL})
	b.next(t)
	b.hub.Detach(stream.Update)
	b.await(t, "second connection", func(c wire.Camera) bool { return cam.conns.Load() == 2 && c.State == "online" })
}

func TestPullPause(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	cam := newCameraWebServer(t, picture(t, 1, 96, 96))
	server := serve(t, cam.ServeHTTP)
	pull(t, b, PullConfig{URL: server.URL, ControlURL: server.URL + "/nothing"})
	b.next(t)
	if err := b.hub.Pause(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	b.await(t, "rest", func(c wire.Camera) bool { return c.State == "resting" && cam.now.Load() == 0 })
	for len(b.frames) > 0 {
		<-b.frames
	}
	if err := b.hub.Pause(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	b.next(t)
}

func TestNewPullerErrors(t *testing.T) {
	b := newBench(t, stream.Options{})
	for cfg, want := range map[pullURLs]string{
		{"", ""}:                              `url of camera door: "" is not supported: use http or https`,
		{"rtsp://cam/stream", ""}:             `"rtsp" is not supported`,
		{"http:///stream", ""}:                "it has no host",
		{"http://user:pass word@cam\x7f", ""}: "it is no URL",
		{"http://cam/", "ftp://cam"}:          `control_url of camera door: "ftp" is not supported`,
	} {
		_, err := NewPuller(PullConfig{URL: cfg.url, ControlURL: cfg.control}, b.Pool(), b.hub)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pass word") {
			t.Errorf("%q: %v", cfg, err)
		}
	}
}

type pullURLs struct{ url, control string }

// ffmpeg is an MJPEG server that somebody else wrote.
func TestPullFFmpeg(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), testkit.Tool(t, "ffmpeg"), "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-t", "20",
		"-c:v", "mjpeg", "-f", "mpjpeg", "-listen", "1", "http://"+addr+"/stream")
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := pull(t, b, PullConfig{URL: "http://" + addr + "/stream"})
	for range 10 {
		if got := b.next(t); got.Width != 320 || got.Height != 240 {
			t.Errorf("%dx%d", got.Width, got.Height)
		}
	}
	stop()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
