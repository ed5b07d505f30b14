package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"camrelay/internal/pusher/rawws"
	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person is an Access: admin, viewer, or the id of the one camera they may see.
type person string

func (p person) CanView(camera string) bool {
	return p == "admin" || p == "viewer" || string(p) == camera
}
func (p person) CanControl() bool { return p == "admin" }
func (p person) Name() string     { return string(p) }
func (p person) Role() string     { return string(p) }
func (p person) Valid() bool      { return p != "signed out" }

// camera is a stream.Source.
type camera struct {
	mu    sync.Mutex
	paces []wire.Pace
	set   func(context.Context, wire.Settings) (wire.Settings, error)
}

func (c *camera) Pace(p wire.Pace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paces = append(c.paces, p)
}

func (c *camera) resting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.paces) > 0 && c.paces[len(c.paces)-1].Resting()
}

func (c *camera) CanSet() bool { return c.set != nil }

func (c *camera) Set(ctx context.Context, s wire.Settings) (wire.Settings, error) {
	return c.set(ctx, s)
}
func (c *camera) Pause(context.Context, bool) error { return nil }
func (c *camera) Detach(stream.Reason)              {}

// studio is a relay with viewers' addresses and one camera, door.
type studio struct {
	*testing.T
	reg  *stream.Registry
	srv  *Server
	http *httptest.Server
	hub  *stream.Hub
	feed *stream.Feed
	cam  *camera
}

func newStudio(t *testing.T, opt Options) *studio {
	t.Helper()
	return newStudioOf(t, opt, stream.Options{}, (*httptest.Server).Start)
}

func newTLSStudio(t *testing.T, opt Options) *studio {
	t.Helper()
	return newStudioOf(t, opt, stream.Options{}, (*httptest.Server).StartTLS)
}

func newStudioOf(t *testing.T, opt Options, streams stream.Options, start func(*httptest.Server)) *studio {
	t.Helper()
	s := &studio{T: t, reg: stream.NewRegistry(streams), cam: new(camera)}
	s.srv = NewServer(s.reg, opt)
	stop := s.reg.Observe(s.srv)
	s.hub, s.feed = s.add("door", s.cam)
	mux := http.NewServeMux()
	serve := func(pattern string, fn func(http.ResponseWriter, *http.Request, *stream.Hub, person)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			who := person(r.URL.Query().Get("as"))
			if who == "" {
				who = "viewer"
			}
			fn(w, r, s.reg.Get(r.PathValue("camera")), who)
		})
	}
	serve("/ws/view/{camera}", func(w http.ResponseWriter, r *http.Request, h *stream.Hub, p person) { s.srv.ServePlain(w, r, h, p) })
	serve("/ws/view", func(w http.ResponseWriter, r *http.Request, _ *stream.Hub, p person) { s.srv.ServeView(w, r, p) })
	serve("/cameras/{camera}/stream.mjpg", func(w http.ResponseWriter, r *http.Request, h *stream.Hub, p person) { s.srv.ServeMJPEG(w, r, h, p) })
	serve("/cameras/{camera}/snapshot.jpg", func(w http.ResponseWriter, r *http.Request, h *stream.Hub, _ person) { s.srv.ServeSnapshot(w, r, h) })
	s.http = httptest.NewUnstartedServer(mux)
	start(s.http)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		s.srv.Shutdown(ctx)
		s.http.CloseClientConnections()
		s.http.Close()
		stop()
		s.reg.Close()
		testkit.Eventually(t, 5*time.Second, func() bool { return s.reg.Pool().Live() == 0 }, "all frames released")
	})
	return s
}

func (s *studio) add(id string, cam *camera) (*stream.Hub, *stream.Feed) {
	s.Helper()
	h, err := s.reg.Add(id, "", "push")
	if err != nil {
		s.Fatal(err)
	}
	return h, h.Attach(cam, true)
}

func (s *studio) publish(picture []byte) { s.publishTo(s.feed, picture) }

func (s *studio) publishTo(feed *stream.Feed, picture []byte) {
	d := s.reg.Pool().Draft(len(picture))
	d.Append(picture)
	feed.Publish(d.Frame(len(picture), stream.Meta{Received: time.Now(), Width: 640, Height: 480}))
}

// picture is n bytes that look enough like a JPEG and say which one it is.
func picture(i, n int) []byte {
	b := make([]byte, n)
	copy(b, fmt.Sprintf("\xFF\xD8\xFFpicture %d ", i))
	for k := 32; k < n-2; k++ {
		b[k] = byte(i + k)
	}
	b[n-2], b[n-1] = 0xFF, 0xD9
	return b
}

func (s *studio) addr() string { return s.http.Listener.Addr().String() }

// sweep does what is due at a time, as Run does every second.
func (s *studio) sweep(now time.Time) {
	for _, c := range s.srv.all() {
		c.sweep(now)
	}
}

// viewers waits until so many connections are served.
func (s *studio) viewers(n int) {
	s.Helper()
	testkit.Eventually(s, 10*time.Second, func() bool { return len(s.srv.all()) == n }, "%d viewers", n)
}

// dial opens a WebSocket with an independent client.
func (s *studio) dial(path string, protocols ...string) *websocket.Conn {
	s.Helper()
	dialer := websocket.Dialer{Subprotocols: protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	ws, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.http.URL, "http")+path, nil)
	if err != nil {
		s.Fatalf("dial %s: %v", path, err)
	}
	ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	s.Cleanup(func() { ws.Close() })
	return ws
}

// raw opens a WebSocket and leaves its bytes to the test.
func (s *studio) raw(path string, protocols ...string) (net.Conn, *bufio.Reader) {
	s.Helper()
	conn, err := net.Dial("tcp", s.addr())
	if err != nil {
		s.Fatal(err)
	}
	if s.http.TLS != nil {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	s.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	request := "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if len(protocols) > 0 {
		request += "Sec-WebSocket-Protocol: " + strings.Join(protocols, ", ") + "\r\n"
	}
	io.WriteString(conn, request+"\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		s.Fatalf("open %s: %v, %v", path, response, err)
	}
	return conn, reader
}

// get asks for a path and returns the response, its body still to be read.
func (s *studio) get(path string, header ...string) *http.Response {
	s.Helper()
	r, _ := http.NewRequestWithContext(s.Context(), "GET", s.http.URL+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := s.http.Client()
	response, err := client.Do(r)
	if err != nil {
		s.Fatalf("get %s: %v", path, err)
	}
	s.Cleanup(func() {
		response.Body.Close()
		client.CloseIdleConnections()
	})
	return response
}

func message(t *testing.T, ws *websocket.Conn) []byte {
	t.Helper()
	kind, b, err := ws.ReadMessage()
	if err != nil || kind != websocket.BinaryMessage {
		t.Fatalf("read a frame: kind %d, %v", kind, err)
	}
	return b
}

// closeCode reads to the end of a connection and returns its close code; 0 if
// it ended without one.
func closeCode(ws *websocket.Conn) int {
	for {
		if _, _, err := ws.ReadMessage(); err != nil {
			var closed *websocket.CloseError
			if e, ok := err.(*websocket.CloseError); ok {
				closed = e
			}
			if closed == nil || closed.Code == websocket.CloseAbnormalClosure {
				return 0
			}
			return closed.Code
		}
	}
}

// frames reads WebSocket frames until one with the opcode.
func frameWith(t *testing.T, r io.Reader, opcodes ...byte) rawws.Frame {
	t.Helper()
	for {
		f, err := rawws.Read(r, 1<<20)
		if err != nil {
			t.Fatalf("wait for a frame with opcode %v: %v", opcodes, err)
		}
		if slices.Contains(opcodes, f.Opcode) {
			return f
		}
	}
}
