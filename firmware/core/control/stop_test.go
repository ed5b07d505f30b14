package control

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// visitor is a client that does not let go of the server. come connects it; what
// it returns is called again and again.
type visitor struct {
	name   string
	socket bool
	come   func(r *rig) (act func())
}

func nothing() {}

var visitors = []visitor{
	{"idle", false, func(r *rig) func() { r.connect(ample); return nothing }},
	{"half a request", false, func(r *rig) func() { r.connect(ample).Write([]byte("GET /sta")); return nothing }},
	{"half a body", false, func(r *rig) func() {
		r.connect(ample).Write([]byte("PUT /settings HTTP/1.1\r\n" + host + bearer + "Content-Length: 99\r\n\r\n{"))
		return nothing
	}},
	{"does not read", false, func(r *rig) func() { r.connect(5).Write([]byte(get("/status", bearer))); return nothing }},
	{"does not close", false, func(r *rig) func() { r.connect(ample).Write([]byte(get("/status", bearer))); return nothing }},
	{"WebSocket that never answers", true, func(r *rig) func() {
		far := r.connect(ample)
		far.Write([]byte(handshake))
		return func() { far.ReadAll() }
	}},
	{"WebSocket that never reads", true, func(r *rig) func() { r.connect(300).Write([]byte(handshake)); return nothing }},
	{"WebSocket that floods", true, func(r *rig) func() {
		far := r.connect(ample)
		far.Write([]byte(handshake))
		command := masked(`{"t":"led","flash":1}`)
		return func() {
			far.ReadAll()
			for range 20 {
				far.Write(command)
			}
		}
	}},
	{"WebSocket that floods and does not read", true, func(r *rig) func() {
		far := r.connect(300)
		far.Write([]byte(handshake))
		command := masked(`{"t":"status"}`)
		return func() {
			for range 20 {
				far.Write(command)
			}
		}
	}},
}

// parties are all ways to fill the server with visitors, at most so many
// WebSockets as it takes.
func parties() (all [][]visitor) {
	for set := range 1 << len(visitors) {
		var party []visitor
		sockets := 0
		for i, v := range visitors {
			if set>>i&1 == 1 {
				party = append(party, v)
				if v.socket {
					sockets++
				}
			}
		}
		if len(party) == hal.MaxControl && sockets <= MaxSockets {
			all = append(all, party)
		}
	}
	return all
}

// Whoever holds on to the server, and some wait for a place besides: after Stop
// nobody is accepted, in a second everything is over, and it can begin anew.
func TestStop(t *testing.T) {
	r := newRig(t)
	r.dev.pad = 850
	runs := 0
	for _, party := range parties() {
		var acts []func()
		name := ""
		for _, v := range party {
			acts = append(acts, v.come(r))
			r.step()
			name += v.name + ", "
		}
		var backlog [3]*haltest.Stream
		for i := range backlog {
			backlog[i] = r.connect(ample)
			backlog[i].Write([]byte(get("/status", "")))
		}
		step := func() {
			for _, act := range acts {
				act()
			}
			r.clock.Advance(10 * time.Millisecond)
			for range 5 {
				r.step()
			}
		}
		for range 40 {
			step()
		}
		if r.s.Open() != hal.MaxControl {
			t.Fatalf("%s: %d connections", name, r.s.Open())
		}
		stopped := r.clock.Now()
		r.s.Stop(stopped)
		if r.lan.connect(ample) != nil {
			t.Fatalf("%s: somebody can still connect", name)
		}
		for _, b := range backlog {
			if b.Err() != hal.ErrReset || b.ReadAll() != nil {
				t.Errorf("%s: one who waited is %v", name, b.State())
			}
		}
		for !r.s.Stopped() && r.clock.Now() < stopped+10*second {
			step()
		}
		if took := time.Duration(r.clock.Now() - stopped); took > stopTime+10*time.Millisecond {
			t.Errorf("%s: stopped after %v", name, took)
		}
		r.gone()
		calls := r.dev.calls
		step()
		if r.dev.calls != calls {
			t.Errorf("%s: the camera is told something by a server that has stopped", name)
		}
		r.start()
		if a := r.ask(get("/status", bearer)); a.code != 200 {
			t.Errorf("%s: %d after a new start", name, a.code)
		}
		r.s.Stop(r.clock.Now())
		r.settle()
		r.gone()
		r.start()
		runs++
	}
	if runs < 60 {
		t.Errorf("%d parties", runs)
	}
}

// Those who behave are told, and get what they asked for.
func TestStopIsPolite(t *testing.T) {
	r := newRig(t)
	r.dev.pad = 850
	socket := mustConnect(t, r)
	socket.pass(100 * time.Millisecond)
	reader := r.connect(100)
	reader.Write([]byte(get("/status", bearer)))
	idle, half := r.connect(ample), r.connect(ample)
	half.Write([]byte("PUT /settings HTTP/1.1\r\n" + host + bearer + "Content-Length: 99\r\n\r\n{"))
	r.settle()

	r.s.Stop(r.clock.Now())
	var got []byte
	for range 50 {
		buf := make([]byte, 60)
		got = append(got, buf[:reader.Read(buf)]...)
		if reader.State() == hal.PeerClosed {
			reader.Close()
		}
		for _, far := range []*haltest.Stream{idle, half} {
			if far.State() == hal.PeerClosed {
				far.Close()
			}
		}
		socket.pass(10 * time.Millisecond)
	}
	if a := parse(t, "GET /status", got); a.code != 200 {
		t.Error(a.code)
	}
	if end := socket.ws.End(); end.Code != 1001 || !end.ByPeer || end.Err != nil {
		t.Errorf("%+v, %v", end, socket.ws.State())
	}
	for _, far := range []*haltest.Stream{idle, half} {
		if far.Err() != nil || far.ReadAll() != nil {
			t.Errorf("%v", far.Err())
		}
	}
	r.gone() // half a second after Stop
}

func TestStart(t *testing.T) {
	r := newRig(t)
	if err := r.s.Start(Options{Token: key}); err != ErrRunning || err.Error() == "" {
		t.Errorf("a second start: %v", err)
	}
	if r.lan.port != 80 {
		t.Errorf("port %d", r.lan.port)
	}
	r.connect(ample)
	r.settle()
	r.s.Stop(r.clock.Now())
	r.s.Stop(r.clock.Now() + 10*second) // does not put the end off
	r.pass(time.Second)
	r.gone()
	r.lan.port = 8080 // taken by somebody else
	if err := r.s.Start(Options{Port: 8080}); err != hal.ErrBusy || !r.s.Stopped() {
		t.Error(err)
	}
	r.lan.port = 0
	if err := r.s.Start(Options{Port: 8080}); err != nil || r.lan.port != 8080 {
		t.Error(err)
	}
}

// A restart that was asked for does not happen in the middle of what the server
// was stopped for.
func TestStopForgetsReboot(t *testing.T) {
	r := newRig(t)
	r.ask(post("POST /reboot", bearer, ""))
	r.s.Stop(r.clock.Now())
	r.pass(3 * time.Second)
	r.start()
	r.pass(3 * time.Second)
	if r.dev.reboots != 0 {
		t.Error("it restarts")
	}
}

// Stop may be called by the camera while it does what it was asked to.
func TestStopWithin(t *testing.T) {
	r := newRig(t)
	stops := &stopper{device: r.dev, r: r}
	r.s.device = stops
	if a := r.ask(post("POST /led", bearer, `{"flash":1}`)); a.code != 200 {
		t.Error(a.code)
	}
	r.settle()
	r.gone()
}

type stopper struct {
	*device
	r *rig
}

func (s *stopper) LED(int, int) { s.r.s.Stop(s.r.clock.Now()) }

// What happens, stop at every step of it: within a second all is over, and the
// server starts again.
func TestStopSweep(t *testing.T) {
	slowly := func(request string) func(*rig) {
		return func(r *rig) {
			far := r.connect(ample)
			for i := range request {
				far.Write([]byte{request[i]})
				r.step()
			}
			for range 10 {
				r.step()
				far.ReadAll()
			}
			far.Close()
			for range 3 {
				r.step()
			}
		}
	}
	scenarios := map[string]func(*rig){
		"status":   slowly(get("/status", bearer)),
		"led":      slowly(post("POST /led", bearer, `{"flash":1}`)),
		"refused":  slowly(post("POST /led", "", `{"flash":1}`)),
		"reboot":   slowly(post("POST /reboot", bearer, "")),
		"garbage":  slowly("\x00\xff\r\n\r\n"),
		"too long": slowly(string(bytes.Repeat([]byte("x"), MaxHead+10))),
		"WebSocket": func(r *rig) {
			c, err := r.connectSocket()
			if err != nil {
				return
			}
			for i := range 60 {
				c.ws.Text(fmt.Appendf(nil, `{"t":"status","id":%d}`, i))
				if i == 50 {
					c.ws.Close(1000, "")
				}
				r.clock.Advance(200 * time.Millisecond)
				c.step()
				r.step()
				r.step()
			}
		},
	}
	for _, v := range visitors {
		scenarios[v.name] = func(r *rig) {
			act := v.come(r)
			for range 400 {
				act()
				r.clock.Advance(100 * time.Millisecond)
				r.step()
			}
		}
	}
	for name, scenario := range scenarios {
		last := 1
		for stopAt := 1; stopAt <= last; stopAt++ {
			r := newRig(t)
			r.dev.pad = 850
			r.stopAt = stopAt
			scenario(r)
			last = r.steps
			if r.steps < stopAt {
				break
			}
			for range 11 {
				r.clock.Advance(100 * time.Millisecond)
				r.step()
			}
			r.gone()
			r.start()
			if a := r.ask(get("/status", bearer)); a.code != 200 {
				t.Errorf("%d after a new start", a.code)
			}
			if t.Failed() {
				t.Fatalf("%s, stopped at step %d", name, stopAt)
			}
		}
		if last < 10 {
			t.Errorf("%s has %d steps", name, last)
		}
	}
}
