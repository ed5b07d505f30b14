package control

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/firmware/core/hal"
	"camrelay/internal/halnet"
	"camrelay/internal/testkit"
)

const patience = 20 * time.Second

// live is a server on real sockets, moved by one goroutine as on a camera.
type live struct {
	t      *testing.T
	s      *Server
	dev    *device
	addr   string
	calls  chan func()
	opened recorder
	clock  *halnet.Clock
}

// recorder is a network that remembers the streams it accepted.
type recorder struct {
	*halnet.Network
	streams []hal.Stream
}

func (n *recorder) Listen(port uint16) (hal.Listener, error) {
	l, err := n.Network.Listen(port)
	return &recordingListener{l, n}, err
}

type recordingListener struct {
	hal.Listener
	n *recorder
}

func (l *recordingListener) Accept() hal.Stream {
	s := l.Listener.Accept()
	if s != nil {
		l.n.streams = append(l.n.streams, s)
	}
	return s
}

func newLive(t *testing.T) *live {
	l := &live{t: t, dev: newDevice(), calls: make(chan func()), clock: halnet.NewClock(), addr: "127.0.0.1:0"}
	l.opened.Network = halnet.New(halnet.Options{Listen: func(uint16) (net.Listener, error) {
		ln, err := net.Listen("tcp", l.addr)
		if err == nil {
			l.addr = ln.Addr().String()
		}
		return ln, err
	}})
	l.s = New(&l.opened, new(halnet.Random), l.dev)
	quit := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() { l.loop(quit) })
	t.Cleanup(func() {
		close(quit)
		loop.Wait()
		l.opened.Network.Close()
	})
	l.start()
	return l
}

func (l *live) loop(quit chan struct{}) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case call := <-l.calls:
			call()
		case <-l.opened.Changed():
		case <-tick.C:
		}
		for range 100 {
			if l.opened.Poll(); !l.s.Step(l.clock.Now()) {
				break
			}
		}
	}
}

// do calls f where the server is moved.
func (l *live) do(f func()) {
	done := make(chan struct{})
	l.calls <- func() { f(); close(done) }
	<-done
}

func (l *live) start() {
	l.t.Helper()
	var err error
	l.do(func() { err = l.s.Start(Options{ID: camera, Token: key}) })
	if err != nil {
		l.t.Fatal(err)
	}
}

// await waits until cond holds, which is called where the server is moved.
func (l *live) await(what string, cond func() bool) {
	l.t.Helper()
	for limit := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var ok bool
		if l.do(func() { ok = cond() }); ok {
			return
		}
		if time.Now().After(limit) {
			l.t.Fatalf("waited for %s", what)
		}
	}
}

func (l *live) dial() *net.TCPConn {
	l.t.Helper()
	conn, err := net.Dial("tcp", l.addr)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

func TestNetHTTP(t *testing.T) {
	l := newLive(t)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, test := range []struct {
		method, path, auth, body string
		code                     int
		want                     string
	}{
		{"GET", "/", "", "", 200, "control server"},
		{"HEAD", "/", "", "", 200, ""},
		{"GET", "/status", "", "", 200, `"uptime"`},
		{"GET", "/status", "Bearer " + key, "", 200, `"heap"`},
		{"POST", "/led", "Bearer " + key, `{"flash":9}`, 200, "true"},
		{"POST", "/led", "", `{"flash":9}`, 401, "key"},
		{"PUT", "/settings", "Bearer " + key, `{"quality":12}`, 200, "true"},
		{"PUT", "/settings", "Bearer " + key, strings.Repeat(" ", 1<<16), 413, "512"},
		{"DELETE", "/settings", "Bearer " + key, "", 405, "Allow"},
		{"POST", "/reboot", "Bearer " + key, "", 200, "true"},
		{"GET", "/" + strings.Repeat("x", 5000), "", "", 431, "1024"},
		{"GET", "/stream", "", "", 404, "nothing"},
	} {
		req, _ := http.NewRequest(test.method, "http://"+l.addr+test.path, strings.NewReader(test.body))
		if test.auth != "" {
			req.Header.Set("Authorization", test.auth)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Errorf("%s %.20s: %v", test.method, test.path, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != test.code || !strings.Contains(string(body), test.want) || !res.Close {
			t.Errorf("%s %.20s: %d %s, %v", test.method, test.path, res.StatusCode, body, err)
		}
	}
	// More at once than there are places: all have their turn.
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			res, err := client.Get("http://" + l.addr + "/status?t=" + key)
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
		})
	}
	all.Wait()
	l.await("the end of all connections", func() bool { return l.s.Open() == 0 })
}

// What people do with curl.
func TestCurl(t *testing.T) {
	l := newLive(t)
	for _, test := range []struct {
		args string
		want []string
	}{
		{`$A/`, []string{"HTTP/1.1 200 OK", "control server"}},
		{`-H "Authorization: Bearer $KEY" $A/status`, []string{"200 OK", `"heap"`}},
		{`-u anybody:$KEY $A/status`, []string{"200 OK", `"heap"`}},
		{`-u anybody:wrong $A/status`, []string{"401 Unauthorized", `Basic realm="camera"`}},
		{`$A/status?t=$KEY`, []string{"200 OK", `"heap"`}},
		{`-I $A/status`, []string{"200 OK", "Content-Length"}},
		{`--http2 $A/status`, []string{"200 OK", "Content-Length"}},
		{`--http1.0 $A/status`, []string{"200 OK", "Content-Length"}},
		{`-u :$KEY $A/led -d '{"flash":128,"red":true}'`, []string{"200 OK", `{"ok":true}`}},
		{`-u :$KEY $A/settings -X PUT -d '{"quality":12,"save":true}'`, []string{"200 OK", `{"ok":true}`}},
		{`-u :$KEY $A/settings -X PUT -d '{"save":true}' -H 'Expect: 100-continue'`, []string{"100 Continue", "200 OK", `{"ok":true}`}},
		{`-u :$KEY $A/settings -X PUT -d '{}' -H 'Transfer-Encoding: chunked'`, []string{"411 Length Required"}},
		{`-u :$KEY $A/settings -T /etc/services`, []string{"413 Content Too Large"}},
		{`-u :$KEY $A/reboot -X POST`, []string{"200 OK", `{"ok":true}`}},
		{`-H 'Host: evil.example' $A/status`, []string{"421 Misdirected Request"}},
		{`-H 'Host: door.local' $A/status`, []string{"200 OK"}},
		{`-H 'Origin: http://evil.example' $A/status`, []string{"403 Forbidden"}},
	} {
		out, err := l.curl("-i " + test.args)
		for _, want := range test.want {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("curl %s: %s, %v", test.args, out, err)
			}
		}
	}
	l.do(func() {
		if l.dev.flash != 128 || l.dev.red != 1 || l.dev.saved != 2 {
			t.Errorf("%+v", l.dev)
		}
	})
}

// curl runs a command line.
func (l *live) curl(args string) (string, error) {
	cmd := exec.Command("sh", "-c", testkit.Tool(l.t, "curl")+" -sS --max-time 10 "+args)
	cmd.Env = append(os.Environ(), "A=http://"+l.addr, "KEY="+key)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestGorilla(t *testing.T) {
	l := newLive(t)
	url := "ws://" + l.addr + "/ws?t=" + key
	dial := func(origin string) (*websocket.Conn, *http.Response, error) {
		conn, res, err := websocket.DefaultDialer.Dial(url, http.Header{"Origin": {origin}})
		if conn != nil {
			t.Cleanup(func() { conn.Close() })
			conn.SetReadDeadline(time.Now().Add(patience))
		}
		return conn, res, err
	}
	if _, res, err := dial("http://evil.example"); err == nil || res.StatusCode != 403 {
		t.Errorf("foreign origin: %v", err)
	}
	conn, _, err := dial("http://" + l.addr)
	if err != nil {
		t.Fatal(err)
	}
	hear := func(kind string) map[string]any {
		t.Helper()
		for {
			var m map[string]any
			if err := conn.ReadJSON(&m); err != nil {
				t.Fatal(err)
			}
			if m["t"] == kind {
				return m
			}
		}
	}
	if m := hear("status"); m["heap"] == nil {
		t.Errorf("%v", m)
	}
	for id := range 50 {
		if err := conn.WriteJSON(map[string]any{"t": "led", "id": id, "flash": id}); err != nil {
			t.Fatal(err)
		}
	}
	for id := range 50 {
		if m := hear("ack"); m["id"] != float64(id) || m["ok"] != true {
			t.Errorf("%v", m)
		}
	}
	hear("status") // two seconds later
	ponged := false
	conn.SetPongHandler(func(data string) error { ponged = data == "hello"; return nil })
	conn.WriteControl(websocket.PingMessage, []byte("hello"), time.Now().Add(patience))
	conn.WriteJSON(map[string]any{"t": "status"})
	hear("status")
	if !ponged {
		t.Error("a ping was not answered")
	}
	second, _, err := dial("http://" + l.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, res, err := dial("http://" + l.addr); err == nil || res.StatusCode != 503 {
		t.Errorf("a third WebSocket: %v", err)
	}
	l.do(func() { l.s.Stop(l.clock.Now()) })
	for _, c := range []*websocket.Conn{conn, second} {
		var err error
		for err == nil {
			_, _, err = c.ReadMessage()
		}
		if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Error(err)
		}
		c.Close()
	}
	l.await("the end", l.s.Stopped)
}

// TestStopLive is TestStop over real sockets.
func TestStopLive(t *testing.T) {
	raw := func(text string) func(*live) { return func(l *live) { io.WriteString(l.dial(), text) } }
	floods := func(read bool) func(*live) {
		return func(l *live) {
			conn := l.dial()
			io.WriteString(conn, handshake)
			conn.Read(make([]byte, 1)) // the answer begins
			command := masked(`{"t":"led","flash":1}`)
			var both sync.WaitGroup
			both.Go(func() {
				for {
					if _, err := conn.Write(command); err != nil {
						return
					}
				}
			})
			if read {
				both.Go(func() { io.Copy(io.Discard, conn) })
			}
			l.t.Cleanup(func() { conn.Close(); both.Wait() })
		}
	}
	guests := map[string]func(*live){
		"idle":         raw(""),
		"half":         raw("GET /sta"),
		"half a body":  raw("PUT /settings HTTP/1.1\r\n" + host + bearer + "Content-Length: 99\r\n\r\n{"),
		"does not end": raw(get("/status", bearer)),
		"mute":         raw(handshake),
		"floods":       floods(true),
		"floods, deaf": floods(false),
	}
	for _, names := range [][]string{
		{"idle", "half", "mute", "floods"},
		{"idle", "half a body", "floods, deaf", "does not end"},
		{"half", "mute", "floods, deaf", "does not end"},
		{"idle", "half", "half a body", "does not end"},
		{"floods", "floods, deaf", "idle", "idle"},
	} {
		t.Run(strings.Join(names, "+"), func(t *testing.T) {
			t.Parallel()
			l := newLive(t)
			for round := range 2 {
				for i, name := range names {
					guests[name](l)
					l.await(name, func() bool { return l.s.Open() == i+1 })
				}
				waits := l.dial() // in the backlog
				io.WriteString(waits, get("/status", ""))

				began := time.Now()
				l.do(func() { l.s.Stop(l.clock.Now()) })
				refused(t, l.addr)
				l.await("the end", l.s.Stopped)
				took := time.Since(began)
				if took > 4*time.Second {
					t.Errorf("round %d: stopped after %v", round, took)
				}
				t.Logf("stopped after %v", took)
				refused(t, l.addr)
				if n, err := waits.Read(make([]byte, 1)); n > 0 || !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("one who waited: %d bytes, %v", n, err)
				}
				l.do(func() {
					for i, s := range l.opened.streams {
						if s.State() != hal.Closed {
							t.Errorf("stream %d is %v", i, s.State())
						}
					}
					l.opened.streams = nil
				})
				l.start()
				conn := l.dial()
				io.WriteString(conn, get("/status", bearer))
				answer, err := io.ReadAll(conn)
				if err != nil || parse(t, "GET", answer).code != 200 {
					t.Errorf("after a new start: %q, %v", answer, err)
				}
				conn.Close()
				l.await("its end", func() bool { return l.s.Open() == 0 })
			}
		})
	}
}

// refused wants nobody to listen.
func refused(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("connection to a server that was stopped: %v", err)
	}
}

// docs/firmware.md has all routes, limits and refusals, and its examples work.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../../docs/firmware.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Control server\n")
	section, _, _ = strings.Cut(section, "\n## ")
	want := []string{"1,024 bytes, 5 s", "512 bytes, 5 s more", "20 s for all"}
	for r := toPage; r < nowhere; r++ {
		want = append(want, "| `"+routes[r].method+" "+routes[r].path+"` |")
	}
	for _, p := range []problem{tooLate, headTooLong, bodyTooLong, noLength, badLength, otherHost, otherOrigin, noRoute, badMethod, noToken, lockedOut, notSocket, noSocket, noFit} {
		want = append(want, strconv.Itoa(p.code))
	}
	for _, w := range want {
		if !strings.Contains(section, w) {
			t.Errorf("docs/firmware.md does not have %s", w)
		}
	}
	l := newLive(t)
	examples := 0
	for line := range strings.Lines(section) {
		args, ok := strings.CutPrefix(line, "curl ")
		if !ok {
			continue
		}
		examples++
		out, err := l.curl("-f " + strings.NewReplacer("http://ADDRESS", "$A", "KEY", "$KEY").Replace(args))
		if err != nil || !strings.HasPrefix(out, "{") {
			t.Errorf("%s: %s %v", line, out, err)
		}
	}
	if examples < 5 {
		t.Errorf("%d examples", examples)
	}
}
