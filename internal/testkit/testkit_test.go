package testkit

import (
	"bytes"
	"errors"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"camrelay/internal/pusher/rawws"
	"camrelay/internal/scene"
)

// recorder is a test that notes whether it was failed.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failed   bool
	said     string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
	r.said = format
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// ends runs f and says whether it ended the test.
func (r *recorder) ends(f func()) (ended bool) {
	defer func() {
		if v := recover(); v == r {
			ended = true
		} else if v != nil {
			panic(v)
		}
	}()
	f()
	return false
}

func (r *recorder) finish() {
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
}

func TestLeaksFindsOne(t *testing.T) {
	r := &recorder{TB: t}
	Leaks(r)
	release := make(chan struct{})
	go func() { <-release }()
	r.finish()
	close(release)
	if !r.failed {
		t.Error("a goroutine was left behind and not found")
	}

	clean := &recorder{TB: t}
	Leaks(clean)
	clean.finish()
	if clean.failed {
		t.Error("a clean test was failed")
	}
}

func TestEventually(t *testing.T) {
	n := 0
	Eventually(t, time.Minute, func() bool { n++; return n == 3 }, "third time")
	r := &recorder{TB: t}
	if !r.ends(func() { Eventually(r, 20*time.Millisecond, func() bool { return false }, "never") }) {
		t.Error("did not end a test that waits for nothing")
	}
}

func TestTool(t *testing.T) {
	if path := Tool(t, "sh"); !strings.HasPrefix(path, "/") {
		t.Errorf("sh is at %q: want an absolute path", path)
	}
	r := &recorder{TB: t}
	if !r.ends(func() { Tool(r, "no-such-program") }) {
		t.Error("did not end a test whose tool is missing")
	}
}

func TestJPEGSizes(t *testing.T) {
	for _, test := range []struct{ w, h, size int }{
		{640, 480, 20_000}, {640, 480, 20_001}, {640, 480, 20_002}, {640, 480, 20_003}, {640, 480, 60_000},
		{160, 120, 5_000}, {800, 600, 200_000}, {100, 75, 2_500},
	} {
		b := JPEG(test.w, test.h, test.size)
		if len(b) != test.size {
			t.Errorf("%+v: got %d bytes", test, len(b))
		}
		img, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		if size := img.Bounds().Size(); size.X != test.w || size.Y != test.h {
			t.Errorf("%+v: got %v", test, size)
		}
		if m, err := scene.ReadMarker(img, img.Bounds()); err != nil || m.Camera != 1 {
			t.Errorf("%+v: got marker %v, %v", test, m, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a VGA picture of 1000 bytes was promised")
		}
	}()
	JPEG(640, 480, 1000)
}

// tcpPair is a connection through a link: what the client holds, what the
// server holds.
func tcpPair(t *testing.T, cfg LinkConfig) (client, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	link := NewLink(t, listener.Addr().String(), cfg)
	near, err := net.Dial("tcp", link.Addr())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near.(*net.TCPConn), far.(*net.TCPConn)
}

func TestLinkBoundsRate(t *testing.T) {
	Leaks(t)
	const mbit = 125_000
	client, server := tcpPair(t, LinkConfig{Rate: mbit})
	const n = mbit / 2
	go func() {
		client.Write(make([]byte, n))
		client.CloseWrite()
	}()
	began := time.Now()
	got, err := io.Copy(io.Discard, server)
	took := time.Since(began)
	if err != nil || got != n {
		t.Fatalf("got %d bytes of %d, %v", got, n, err)
	}
	if took < 450*time.Millisecond || took > time.Second {
		t.Errorf("%d bytes took %v at 1 Mbit/s, want half a second", n, took)
	}
}

func TestLinkLatency(t *testing.T) {
	Leaks(t)
	client, server := tcpPair(t, LinkConfig{Rate: 1_000_000, Latency: 40 * time.Millisecond})
	go io.Copy(server, server)
	for range 3 {
		began := time.Now()
		client.Write([]byte("ping"))
		if _, err := io.ReadFull(client, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 80*time.Millisecond || took > 400*time.Millisecond {
			t.Errorf("round trip of %v, want 80 ms", took)
		}
	}
}

// What was written and is neither in the sender's queue nor in the receiver's
// is in the link.
func TestLinkHoldsLittle(t *testing.T) {
	Leaks(t)
	for _, cfg := range []LinkConfig{{}, {Rate: 10_000_000}} {
		client, server := tcpPair(t, cfg)
		client.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := client.Write(make([]byte, 64<<20))
		if err == nil {
			t.Fatal("64 MB were taken though nobody reads")
		}
		unsent, unread := queued(t, client, unix.SIOCOUTQ), queued(t, server, unix.SIOCINQ)
		if held := n - unsent - unread; held < 0 || held > LinkHolds {
			t.Errorf("%+v: the link holds %d bytes of %d, %d are to be sent and %d to be read; want at most %d", cfg, held, n, unsent, unread, LinkHolds)
		} else {
			t.Logf("%+v: the link holds %d bytes", cfg, held)
		}
	}
}

func queued(t *testing.T, c *net.TCPConn, request uint) int {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), request) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLinkCarriesReset(t *testing.T) {
	Leaks(t)
	client, server := tcpPair(t, LinkConfig{})
	reset(client)
	server.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := server.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v, want a reset", err)
	}
}

func TestCameraFragments(t *testing.T) {
	Leaks(t)
	messages := make(chan []byte, 4)
	upgrader := websocket.Upgrader{Subprotocols: []string{"p1"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			_, b, err := ws.ReadMessage()
			if err != nil {
				return
			}
			messages <- b
		}
	}))
	defer server.Close()
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	if _, response, err := TryCamera(t, url, "wrong"); err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Fatalf("a wrong key: got %v, %v", response, err)
	}
	camera := DialCamera(t, url, "secret", "p1")
	defer camera.Close()
	if got := camera.Header.Get("Sec-Websocket-Protocol"); got != "p1" {
		t.Errorf("subprotocol %q", got)
	}
	picture := JPEG(160, 120, 5000)
	if err := camera.Slowly(picture, 1000, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := <-messages; !bytes.Equal(got, picture) {
		t.Errorf("got %d bytes", len(got))
	}
	if err := camera.Half(picture, 700); err != nil {
		t.Fatal(err)
	}
	if got := <-messages; !bytes.Equal(got, picture[:2500]) {
		t.Errorf("got %d bytes, want the first half", len(got))
	}
	camera.Frame(true, rawws.Ping, []byte("there?"))
	if f, err := camera.Read(5 * time.Second); err != nil || f.Opcode != rawws.Pong || string(f.Payload) != "there?" {
		t.Errorf("got %+v, %v, want a pong", f, err)
	}
	camera.Reset()
}
