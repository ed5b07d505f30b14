package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/testkit"
)

// stockCamera behaves like Espressif's CameraWebServer: it streams to one
// client; a second one is accepted by TCP and then waits for ever.
type stockCamera struct {
	addr        string
	connections atomic.Int32 // ever
	streaming   atomic.Int32 // now
}

func startStockCamera(t testing.TB) *stockCamera {
	t.Helper()
	ln, err := net.Listen("tcp", freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	c := &stockCamera{addr: ln.Addr().String()}
	waiting := make(chan net.Conn, 100)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		ln.Close()
		wg.Wait()
	})
	wg.Go(func() {
		defer close(waiting)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			c.connections.Add(1)
			waiting <- conn
		}
	})
	wg.Go(func() {
		for conn := range waiting {
			c.serve(conn)
		}
	})
	return c
}

func (c *stockCamera) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return
	}
	c.streaming.Add(1)
	defer c.streaming.Add(-1)
	fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=123456789000000000000987654321\r\nTransfer-Encoding: chunked\r\n\r\n")
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for now := range ticker.C {
		jpeg := testkit.JPEGAt(320, 240, 9000, 77, now)
		part := fmt.Sprintf("\r\n--123456789000000000000987654321\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: %d.000000\r\n\r\n%s", len(jpeg), now.Unix(), jpeg)
		conn.SetDeadline(now.Add(5 * time.Second))
		if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(part), part); err != nil {
			return
		}
	}
}

// viewer watches a camera by a plain WebSocket and counts its frames.
func (r *relay) viewer(t testing.TB, id string) (frames *atomic.Int64, leave func()) {
	t.Helper()
	ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), r.ws("/ws/view/"+id), http.Header{"Authorization": {"Bearer " + r.token}})
	if err != nil {
		t.Fatalf("view %s: %v %v", id, err, res)
	}
	frames = new(atomic.Int64)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, _, err := ws.ReadMessage(); err != nil {
				return
			}
			frames.Add(1)
		}
	}()
	leave = func() {
		ws.Close()
		<-ended
	}
	t.Cleanup(leave)
	return frames, leave
}

// A camera that the relay fetches is asked once, however many watch, and left
// alone when nobody does.
func TestPull(t *testing.T) {
	cam := startStockCamera(t)
	r := startRelay(t, fmt.Sprintf("cameras: [{id: yard, name: Yard, url: 'http://%s/stream'}]\nrest: {linger: 300ms}", cam.addr))
	r.waitState("yard", "resting")
	before := cam.connections.Load()
	if before != 0 {
		t.Errorf("nobody has watched yet, and the camera was connected to %d times", before)
	}
	first, leaveFirst := r.viewer(t, "yard")
	second, leaveSecond := r.viewer(t, "yard")
	p := r.signIn()
	p.waitState("yard", "live")
	eventually(t, func() bool {
		m := p.mustRead("yard")
		return m.Camera == 77 && m.age <= maxAge
	}, "the page shows a fresh picture of the right camera")
	eventually(t, func() bool { return first.Load() > 5 && second.Load() > 5 }, "both viewers get frames")
	if n := cam.connections.Load() - before; n != 1 {
		t.Errorf("the camera has %d connections for three viewers, want 1", n)
	}
	leaveFirst()
	leaveSecond()
	p.Open("about:blank")
	eventually(t, func() bool { return cam.streaming.Load() == 0 }, "the camera is left alone")
	r.waitState("yard", "resting")

	began := time.Now()
	p.Open(r.url + "/")
	eventually(t, func() bool { return p.mustRead("yard").Time.After(began) }, "the page shows a new picture")
	p.waitState("yard", "live")
	t.Logf("woken and live after %v", time.Since(began).Round(time.Millisecond))
	if n := cam.connections.Load() - before; n != 2 {
		t.Errorf("the camera was connected to %d times, want 2", n)
	}
}

// When somebody else holds the camera's only stream, the page says so.
func TestPullBusy(t *testing.T) {
	cam := startStockCamera(t)
	hog, err := net.Dial("tcp", cam.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer hog.Close()
	fmt.Fprint(hog, "GET /stream HTTP/1.1\r\nHost: camera\r\n\r\n")
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		bufio.NewReader(hog).WriteTo(discard{})
	}()
	eventually(t, func() bool { return cam.streaming.Load() == 1 }, "the camera streams to somebody")

	r := startRelay(t, fmt.Sprintf("cameras: [{id: yard, name: Yard, url: 'http://%s/stream'}]\npull: {header_timeout: 500ms, backoff_min: 200ms, backoff_max: 500ms}", cam.addr))
	p := r.signIn()
	p.waitState("yard", "offline")
	p.wait(`document.querySelector(".tile .veil").innerText.includes("camera busy")`)
	if reason := r.camera("yard").Reason; !strings.Contains(reason, "another client") {
		t.Errorf("the reason is %q", reason)
	}
	hog.Close()
	<-drained
	p.waitState("yard", "live")
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
