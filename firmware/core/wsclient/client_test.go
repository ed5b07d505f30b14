package wsclient

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/ws"
)

func TestMessagesAndClose(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.open()
	r.far.Write(append(ws.Header{Fin: true, Op: ws.Text, Length: 2}.Append(nil), "hi"...))
	r.step()
	if !r.client.Conn().Text([]byte("hello")) || r.client.Conn().Room() != 0 {
		t.Error("no text")
	}
	r.step()
	if r.client.Conn().Room() != ws.MaxFragment {
		t.Errorf("room %d", r.client.Conn().Room())
	}
	r.far.ReadAll()
	r.client.Close(4001, "ota")
	r.step()
	if r.client.State() != Closing {
		t.Errorf("%v", r.client.State())
	}
	r.closes(4001, "")
	r.expect("start", "connecting 1", "open", "message 1 hi", `closed 4001 "" false <nil>`, "disconnected", "stopped")
	if r.client.State() != Stopped || r.pauses[0] != -1 {
		t.Errorf("%v, pause %v", r.client.State(), r.pauses[0])
	}
	r.pass(time.Hour)
	r.expect()
	r.client.Start()
	r.accept()
	r.expect("start", "connecting 1", "open")
}

// A server that does not answer CLOSE has two seconds.
func TestCloseUnanswered(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.open()
	r.client.Close(1001, "reboot")
	r.pass(1900 * time.Millisecond)
	r.expect("start", "connecting 1", "open")
	r.pass(200 * time.Millisecond)
	r.expect(`closed 1001 "" false no answer to the CLOSE frame`, "disconnected", "stopped")
	if r.far.Err() != hal.ErrReset {
		t.Errorf("TCP: %v", r.far.Err())
	}
}

// Stop and Close in every state, and each Start has one Stopped.
func TestStopAnywhere(t *testing.T) {
	for name, reach := range map[string]func(r *rig){
		"stopped":  func(r *rig) {},
		"waiting":  func(r *rig) { r.client.Start(); r.call().Fail(hal.ErrRefused); r.step() },
		"dialling": func(r *rig) { r.client.Start(); r.call() },
		"shaking":  func(r *rig) { r.client.Start(); r.request() },
		"open":     func(r *rig) { r.open() },
		"closing":  func(r *rig) { r.open(); r.client.Close(1000, ""); r.step() },
		"away":     func(r *rig) { r.open(); r.closes(4001, "") },
	} {
		for _, how := range []string{"stop", "close"} {
			r := newRig(t, config("ws://relay/"))
			reach(r)
			started := strings.Count(strings.Join(r.events, ","), "start")
			if how == "stop" {
				r.client.Stop()
			} else {
				r.client.Close(1000, "bye")
			}
			r.step()
			if how == "close" && r.client.State() == Closing {
				r.closes(1000, "")
			}
			all := strings.Join(r.events, ",")
			if r.client.State() != Stopped || strings.Count(all, "stopped") != started ||
				strings.Count(all, "connecting") != strings.Count(all, "disconnected") {
				t.Errorf("%s in %s: %v, %s", how, name, r.client.State(), all)
			}
			if conn := r.client.Conn(); conn.State() == ws.Open || conn.Text(nil) || conn.Room() != 0 {
				t.Errorf("%s in %s: the connection is %v", how, name, conn.State())
			}
			if _, err := r.network.Dial(hal.Download, "x", 80); err != nil {
				t.Errorf("%s in %s: the memory is not free: %v", how, name, err)
			}
		}
	}
}

func TestStopAndStartAtOnce(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.open()
	r.client.Stop()
	r.client.Start()
	r.accept()
	r.expect("start", "connecting 1", "open", "disconnected", "stopped", "start", "connecting 1", "open")
	r.client.Close(1000, "")
	r.client.Start()
	r.step()
	r.closes(1000, "")
	r.accept()
	r.expect(`closed 1000 "" false <nil>`, "disconnected", "stopped", "start", "connecting 1", "open")
	r.client.Start() // it runs already
	r.client.Stop()
	r.pass(time.Minute)
	r.expect("disconnected", "stopped")
	r.client.Start()
	r.client.Stop() // it was not running, and does not
	r.pass(time.Minute)
	r.expect()
}

// A handler may do anything.
func TestHandlerCallsBack(t *testing.T) {
	r := newRig(t, config("ws://relay/a"))
	r.on = func(e *Event) {
		switch e.Kind {
		case EventConnecting:
			if err := r.client.SetURL(fmt.Sprintf("ws://relay/attempt-%d", e.Attempt)); err != nil {
				t.Error(err)
			}
			if err := r.client.SetAuth(Auth{Scheme: Bearer, Secret: "new"}); err != nil {
				t.Error(err)
			}
			if err := r.client.SetHeaders([]string{"X-Late: yes"}); err != nil {
				t.Error(err)
			}
		case EventOpen:
			r.client.Conn().Text([]byte("hello"))
		case EventMessage:
			r.client.Close(1000, string(e.Data))
		}
	}
	r.client.Start()
	r.call().Fail(hal.ErrRefused)
	req := r.accept()
	if req.RequestURI != "/attempt-2" || req.Header.Get("Authorization") != "Bearer new" || req.Header.Get("X-Late") != "yes" {
		t.Errorf("%s %v", req.RequestURI, req.Header)
	}
	if got := r.far.ReadAll(); len(got) != 2+4+5 {
		t.Errorf("%x", got)
	}
	r.far.Write(append(ws.Header{Fin: true, Op: ws.Text, Length: 3}.Append(nil), "bye"...))
	r.step()
	r.closes(1000, "")
	if r.client.State() != Stopped {
		t.Errorf("%v", r.client.State())
	}

	r = newRig(t, config("ws://relay/"))
	r.on = func(e *Event) {
		if e.Kind == EventConnecting {
			r.client.Stop()
		}
	}
	r.client.Start()
	r.step()
	r.expect("start", "connecting 1", "disconnected", "stopped")
	if r.network.Next() != nil {
		t.Error("dialled after Stop")
	}
}

func TestPingSettings(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.open()
	if err := r.client.SetPing(int64(time.Second), int64(3*time.Second)); err != nil {
		t.Fatal(err)
	}
	r.pass(time.Second)
	if got := r.far.ReadAll(); len(got) != 10 || got[0] != 0x89 {
		t.Errorf("%x", got)
	}
	r.events = nil
	r.pass(3 * time.Second)
	if len(r.events) < 2 || r.events[0] != "error pong no answer to pings 0 0" || r.events[1] != "disconnected" {
		t.Errorf("%q", r.events)
	}
	if c := r.client.Config(); c.PingInterval != int64(time.Second) || c.PongTimeout != int64(3*time.Second) {
		t.Error("the setting is not kept")
	}
}

func TestLosses(t *testing.T) {
	for want, lose := range map[string]func(r *rig){
		"lost connection reset 0 0":                                       func(r *rig) { r.far.Abort() },
		"lost connection ended without a CLOSE frame 0 0":                 func(r *rig) { r.far.Close() },
		"protocol frame with reserved bits 0 0":                           func(r *rig) { r.far.Write([]byte{0xff}); r.step(); r.far.Close() },
		"stall the peer acknowledges nothing 0 0":                         func(r *rig) { r.far.Hold(true); r.near().Hold(true); r.pass(21 * time.Second) },
		"pong no answer to pings 0 0":                                     func(r *rig) { r.pass(31 * time.Second) },
		"closed <nil> 0 1012":                                             func(r *rig) { r.closes(1012, "restart") },
		"protocol text is not UTF-8 0 0":                                  func(r *rig) { r.far.Write([]byte{0x81, 1, 0xff}); r.step(); r.far.Close() },
		"protocol message too long 0 0":                                   func(r *rig) { r.far.Write([]byte{0x82, 126, 4, 1}); r.step(); r.far.Close() },
		"protocol frame masked by a server or not masked by a client 0 0": func(r *rig) { r.far.Write([]byte{0x81, 0x80}); r.step(); r.far.Close() },
	} {
		r := newRig(t, config("ws://relay/"))
		r.open()
		r.events = nil
		lose(r)
		r.step()
		if len(r.events) < 2 || r.events[0] != "error "+want || r.events[len(r.events)-1] != "disconnected" && r.client.State() == Waiting {
			t.Errorf("%q: events %q", want, r.events)
		}
	}
}

// near is the client's end.
func (r *rig) near() *haltest.Stream { return r.client.stream.(*haltest.Stream) }

func TestNoAllocation(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.open()
	texts := 0
	r.on = func(e *Event) { texts++ }
	r.events = make([]string, 0, 1)
	quiet := handlerFunc(func(e *Event) { texts += len(e.Data) })
	r.client.handler = quiet
	text := append(ws.Header{Fin: true, Op: ws.Text, Length: 5}.Append(nil), "hello"...)
	sink := make([]byte, 4096)
	now := r.clock.Now()
	conn := r.client.Conn()
	status := []byte(`{"t":"stats"}`)
	if n := testing.AllocsPerRun(200, func() {
		for i := range 4 {
			if conn.Room() < ws.MaxFragment || conn.Send(ws.MaxFragment, i == 3) != nil {
				t.Fatal("no room")
			}
		}
		conn.Text(status)
		r.far.Write(text)
		for r.client.Step(now) {
		}
		for r.far.Read(sink) > 0 {
		}
	}); n != 0 || texts != 5*201 {
		t.Errorf("%v allocations, %d bytes of text", n, texts)
	}
	if size := unsafe.Sizeof(Client{}); size > 5500 {
		t.Errorf("a Client has %d bytes", size)
	} else {
		t.Logf("a Client has %d bytes", size)
	}
}

type handlerFunc func(e *Event)

func (f handlerFunc) OnEvent(e *Event) { f(e) }
