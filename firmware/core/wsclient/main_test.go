package wsclient

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a Client whose server the test plays.
type rig struct {
	t       testing.TB
	client  *Client
	network *haltest.Network
	clock   *haltest.Clock
	far     *haltest.Stream
	events  []string
	pauses  []time.Duration // of EventDisconnected
	on      func(e *Event)
	headers bool // record those, too
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	r := &rig{t: t, network: haltest.NewNetwork(), clock: haltest.NewClock()}
	var err error
	if r.client, err = New(cfg, r.network, r.clock, haltest.NewRandom(1), r); err != nil {
		t.Fatal(err)
	}
	r.client.Step(r.clock.Now())
	return r
}

func config(url string) Config {
	cfg := Default()
	cfg.URL = url
	return cfg
}

// OnEvent implements Handler.
func (r *rig) OnEvent(e *Event) {
	s := e.Kind.String()
	switch e.Kind {
	case EventConnecting:
		s = fmt.Sprintf("connecting %d", e.Attempt)
	case EventHeader:
		s = fmt.Sprintf("header %s=%s", e.Name, e.Value)
	case EventMessage:
		s = fmt.Sprintf("message %d %s", e.Op, e.Data)
	case EventError:
		s = fmt.Sprintf("error %v %v %d %d", e.Failure, e.Err, e.Status, e.Code)
	case EventClosed:
		s = fmt.Sprintf("closed %d %q %v %v", e.Code, e.Reason, e.ByPeer, e.Err)
	case EventDisconnected:
		r.pauses = append(r.pauses, time.Duration(e.Delay))
	}
	if e.Kind != EventHeader || r.headers {
		r.events = append(r.events, s)
	}
	if r.on != nil {
		r.on(e)
	}
}

// step steps until nothing happens.
func (r *rig) step() {
	for r.client.Step(r.clock.Now()) {
	}
}

func (r *rig) pass(d time.Duration) {
	for ; d > 0; d -= 100 * time.Millisecond {
		r.clock.Advance(min(d, 100*time.Millisecond))
		r.step()
	}
}

// expect compares the events since the last time.
func (r *rig) expect(want ...string) {
	r.t.Helper()
	if !slices.Equal(r.events, want) {
		r.t.Fatalf("events\n\t%s\nwant\n\t%s", strings.Join(r.events, "\n\t"), strings.Join(want, "\n\t"))
	}
	r.events = nil
}

// call waits for the client to dial.
func (r *rig) call() *haltest.Call {
	r.t.Helper()
	for range 10_000 {
		r.step()
		if c := r.network.Next(); c != nil {
			return c
		}
		r.clock.Advance(100 * time.Millisecond)
	}
	r.t.Fatalf("nothing was dialled; events %q", r.events)
	return nil
}

// request accepts a call and reads the request.
func (r *rig) request() *http.Request {
	r.t.Helper()
	r.far = r.call().Accept()
	r.step()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(r.far.ReadAll())))
	if err != nil {
		r.t.Fatal(err)
	}
	return req
}

// switched is the head that accepts a request, with more lines.
func switched(req *http.Request, lines ...string) string {
	head := fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
		ws.AppendAccept(nil, []byte(req.Header.Get("Sec-WebSocket-Key"))))
	for _, l := range lines {
		head += l + "\r\n"
	}
	return head + "\r\n"
}

// open starts the client and accepts it.
func (r *rig) open() *http.Request {
	r.t.Helper()
	r.client.Start()
	return r.accept()
}

func (r *rig) accept() *http.Request {
	r.t.Helper()
	req := r.request()
	var lines []string
	if p := req.Header.Get("Sec-WebSocket-Protocol"); p != "" {
		lines = append(lines, "Sec-WebSocket-Protocol: "+p)
	}
	io.WriteString(writer{r.far}, switched(req, lines...))
	r.step()
	if r.client.State() != Open {
		r.t.Fatalf("%v after the handshake: %q", r.client.State(), r.events)
	}
	return req
}

// closeFrame is what the server sends.
func closeFrame(code uint16, reason string) []byte {
	p := append([]byte{byte(code >> 8), byte(code)}, reason...)
	return append(ws.Header{Fin: true, Op: ws.CloseFrame, Length: uint64(len(p))}.Append(nil), p...)
}

// closes is the server's side of the closing handshake.
func (r *rig) closes(code uint16, reason string) {
	r.far.Write(closeFrame(code, reason))
	r.step()
	r.far.ReadAll()
	r.far.Close()
	r.step()
}

type writer struct{ s hal.Stream }

func (w writer) Write(p []byte) (int, error) { return w.s.Write(p), nil }
