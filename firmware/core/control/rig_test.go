package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	core "camrelay/firmware/core/json"
	"camrelay/firmware/core/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	camera = "door"
	key    = "crk_aaaabbbbccccddddeeeeffffgggghhhh"
	bearer = "Authorization: Bearer " + key + "\r\n"
	host   = "Host: 192.168.1.20\r\n"
)

// device is a camera that notes what it is told.
type device struct {
	uptime   int64
	long     bool // its status is too long
	pad      int  // of it
	why      string
	flash    int
	red      int
	settings []string
	saved    int
	reboots  int
	calls    int
}

func newDevice() *device { return &device{flash: -1, red: -1} }

func (d *device) Status(w *core.Writer, all bool) {
	w.KeyString("id", camera)
	w.KeyString("version", "1.4.2")
	w.KeyInt("uptime", d.uptime)
	if all {
		w.KeyInt("heap", 61208)
		w.Key("settings")
		w.Object()
		w.KeyString("framesize", "VGA")
		w.KeyInt("quality", 12)
		w.End()
		w.KeyString("pad", strings.Repeat("p", d.pad))
	}
	if d.long {
		w.KeyString("more", strings.Repeat("m", MaxStatus))
	}
}

func (d *device) Set(settings []byte, save bool, why []byte) []byte {
	d.calls++
	d.settings = append(d.settings, string(settings))
	if save {
		d.saved++
	}
	if d.why != "" {
		return append(why[:0], d.why...)
	}
	return nil
}

func (d *device) LED(flash, red int) { d.calls++; d.flash, d.red = flash, red }
func (d *device) Reboot()            { d.calls++; d.reboots++ }

// lan is a network in memory that remembers all connections.
type lan struct {
	port    uint16 // 0: nobody listens
	waiting []*haltest.Stream
	made    []*haltest.Stream
}

func (l *lan) Up() bool                                         { return true }
func (l *lan) RSSI() int                                        { return 0 }
func (l *lan) Poll() bool                                       { return false }
func (l *lan) Dial(hal.Use, string, uint16) (hal.Stream, error) { return nil, hal.ErrBusy }
func (l *lan) Listen(port uint16) (hal.Listener, error) {
	if l.port != 0 {
		return nil, hal.ErrBusy
	}
	l.port = port
	return l, nil
}

// open is how many connections the camera has memory for at the moment.
func (l *lan) open() int {
	n := 0
	for _, s := range l.made {
		if s.State() != hal.Closed && !slices.Contains(l.waiting, s) {
			n++
		}
	}
	return n
}

func (l *lan) Accept() hal.Stream {
	if len(l.waiting) == 0 || l.open() == hal.MaxControl {
		return nil
	}
	s := l.waiting[0]
	l.waiting = l.waiting[1:]
	return s
}

func (l *lan) Close() {
	l.port = 0
	for _, s := range l.waiting {
		s.Abort()
	}
	l.waiting = nil
}

// connect returns the client's end, which holds so many bytes that it has not
// read yet; nil if the connection is refused.
func (l *lan) connect(holds int) *haltest.Stream {
	if l.port == 0 {
		return nil
	}
	near, far := haltest.Pipe(haltest.For(hal.Control), haltest.Buffers{Send: 1 << 13, Receive: holds})
	l.made = append(l.made, near)
	l.waiting = append(l.waiting, near)
	return far
}

const ample = 1 << 20

// rig is a server on a lan.
type rig struct {
	t       testing.TB
	clock   *haltest.Clock
	lan     *lan
	dev     *device
	s       *Server
	steps   int
	stopAt  int   // after so many steps the server is stopped; 0: never
	stopped int64 // when that was
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, clock: haltest.NewClock(), lan: new(lan), dev: newDevice()}
	r.s = New(r.lan, haltest.NewRandom(1), r.dev)
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	if err := r.s.Start(Options{ID: camera, Token: key}); err != nil {
		r.t.Fatal(err)
	}
	r.stopAt, r.stopped = 0, 0
}

func (r *rig) step() bool {
	progress := r.s.Step(r.clock.Now())
	if r.stopped != 0 && r.clock.Now()-r.stopped >= stopTime && !r.s.Stopped() {
		r.t.Fatal("not stopped in time")
	}
	if r.steps++; r.steps == r.stopAt {
		r.stopped = r.clock.Now()
		r.s.Stop(r.stopped)
	}
	if n := r.lan.open(); n > hal.MaxControl {
		r.t.Fatalf("%d connections", n)
	}
	return progress
}

// settle steps until there is nothing to do.
func (r *rig) settle() {
	r.t.Helper()
	for range 300 {
		if !r.step() {
			return
		}
	}
	r.t.Fatal("there is always something to do")
}

// pass lets time pass.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	const tick = 50 * time.Millisecond
	for ; d > 0; d -= tick {
		r.clock.Advance(min(d, tick))
		r.settle()
	}
}

func (r *rig) connect(holds int) *haltest.Stream {
	r.t.Helper()
	far := r.lan.connect(holds)
	if far == nil {
		if r.stopAt > 0 { // a scenario goes on without a server
			far, _ = haltest.Pipe(haltest.Ample, haltest.Ample)
			return far
		}
		r.t.Fatal("connection refused")
	}
	return far
}

// ask sends a request and returns all of the answer.
func (r *rig) ask(request string) *answer {
	r.t.Helper()
	far := r.connect(ample)
	far.Write([]byte(request))
	r.settle()
	raw := far.ReadAll()
	if far.State() != hal.PeerClosed {
		r.t.Errorf("%.60q: after the answer the connection is %v", request, far.State())
	}
	far.Close()
	r.settle()
	return parse(r.t, request, raw)
}

// answer is one of the server's.
type answer struct {
	code   int
	header http.Header
	body   string
}

// parse checks what all answers have in common.
func parse(t testing.TB, request string, raw []byte) *answer {
	t.Helper()
	method, _, _ := strings.Cut(request, " ")
	in := bufio.NewReader(strings.NewReader(string(raw)))
	res, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.60q: answer %q: %v", request, raw, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%.60q: answer %q: %v", request, raw, err)
	}
	if rest, _ := io.ReadAll(in); len(rest) > 0 {
		t.Errorf("%.60q: %q behind the answer", request, rest)
	}
	a := &answer{res.StatusCode, res.Header, string(body)}
	if res.StatusCode == 101 {
		return a
	}
	if !res.Close || res.ContentLength < 0 || res.Header.Get("Cache-Control") != "no-store" || len(res.Status) < 6 {
		t.Errorf("%.60q: %+v", request, res)
	}
	if method != "HEAD" && res.Header.Get("Content-Type") == "application/json" {
		a.check(t, request)
	}
	return a
}

// check wants an object, with an error if it is one.
func (a *answer) check(t testing.TB, request string) {
	t.Helper()
	var object struct{ Error *string }
	if err := json.Unmarshal([]byte(a.body), &object); err != nil || (a.code >= 400) != (object.Error != nil) {
		t.Errorf("%.60q: %d with %q, %v", request, a.code, a.body, err)
	}
}

// gone wants everything to be over: no listener, no connection, and none of the
// clients' places held.
func (r *rig) gone() {
	r.t.Helper()
	if !r.s.Stopped() || r.lan.port != 0 || r.lan.connect(1) != nil {
		r.t.Errorf("not stopped: %d connections, port %d", r.s.Open(), r.lan.port)
	}
	for i, s := range r.lan.made {
		if s.State() != hal.Closed {
			r.t.Errorf("connection %d is %v", i, s.State())
		}
	}
	for i := range r.s.sockets {
		if r.s.sockets[i].busy {
			r.t.Errorf("WebSocket %d is in use", i)
		}
	}
}

// client is a WebSocket client on the lan.
type client struct {
	r   *rig
	far *haltest.Stream
	ws  ws.Conn
	got []map[string]any
}

var errHandshake = errors.New("no handshake")

const handshake = "GET /ws HTTP/1.1\r\n" + host + bearer + "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// connectSocket does the handshake.
func (r *rig) connectSocket() (*client, error) {
	far := r.connect(ample)
	far.Write([]byte(handshake))
	for range 10 {
		r.step()
	}
	head := far.ReadAll()
	if !strings.HasPrefix(string(head), "HTTP/1.1 101 ") {
		return nil, errHandshake
	}
	_, rest, _ := strings.Cut(string(head), "\r\n\r\n")
	c := &client{r: r, far: far}
	c.ws.Open(ws.Client, far, haltest.NewRandom(2), ws.DefaultOptions(), []byte(rest), r.clock.Now())
	return c, nil
}

// step moves the client, and keeps what it hears.
func (c *client) step() {
	for c.ws.Step(c.r.clock.Now()) {
		if op, p, ok := c.ws.Message(); ok && op == ws.Text {
			var m map[string]any
			if err := json.Unmarshal(p, &m); err != nil {
				c.r.t.Errorf("%q: %v", p, err)
			}
			c.got = append(c.got, m)
		}
	}
}

// pass lets time pass for both ends.
func (c *client) pass(d time.Duration) {
	const tick = 50 * time.Millisecond
	for ; d > 0; d -= tick {
		c.r.clock.Advance(min(d, tick))
		c.step()
		c.r.settle()
		c.step()
	}
}

// say sends a command and returns what is heard in answer.
func (c *client) say(text string) []map[string]any {
	c.r.t.Helper()
	c.got = nil
	if !c.ws.Text([]byte(text)) {
		c.r.t.Fatalf("no room to send %q", text)
	}
	for range 5 {
		c.step()
		c.r.settle()
	}
	return c.got
}
