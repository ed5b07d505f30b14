package ws

import (
	"testing"
	"time"

	"camrelay/firmware/core/hal"
)

// The peer begins: its code is echoed.
func TestClosedByPeer(t *testing.T) {
	for code, echo := range map[uint16]string{
		1000: closePayload(1000, ""), 4001: closePayload(4001, ""), 1012: closePayload(1012, ""), 1014: closePayload(1014, ""), NoStatus: "",
	} {
		eachRole(t, func(t *testing.T, role Role) {
			r := newRig(t, role)
			r.send("half", code == 1000)
			r.conn.Text([]byte("never sent"))
			r.got()
			reason := "an update begins"
			if code == NoStatus {
				reason = ""
				r.put(CloseFrame, true, nil)
			} else {
				r.put(CloseFrame, true, []byte(closePayload(code, reason)))
			}
			r.step()
			r.expect("echo", frame{CloseFrame, true, echo})
			// A client waits for the server to end TCP.
			if waits := r.far.State() == hal.Open; waits != (role == Client) {
				t.Errorf("TCP is %v", r.far.State())
			}
			r.far.Close()
			r.step()
			if end := r.conn.End(); r.conn.State() != Closed || end != (End{Code: code, ByPeer: true}) || string(r.conn.Reason()) != reason {
				t.Errorf("%v, %+v, %q", r.conn.State(), end, r.conn.Reason())
			}
			if r.conn.Room() != 0 || r.conn.Text(nil) || r.conn.Send(0, true) != ErrNotOpen {
				t.Error("can still send")
			}
		})
	}
}

// We begin; the peer still sends, then answers.
func TestClose(t *testing.T) {
	eachRole(t, func(t *testing.T, role Role) {
		r := newRig(t, role)
		r.conn.Text([]byte("last words"))
		r.conn.Close(4001, "ota")
		r.conn.Close(1000, "again") // changes nothing
		if r.conn.State() != Closing || r.conn.Text([]byte("x")) || r.conn.Room() != 0 {
			t.Error("not closing")
		}
		r.step()
		r.expect("CLOSE", frame{Text, true, "last words"}, frame{CloseFrame, true, closePayload(4001, "ota")})
		r.put(Text, true, []byte("sent before the peer knew"))
		r.put(Ping, true, nil)
		r.step()
		if r.message() != "none" {
			t.Error("a message while closing")
		}
		r.put(CloseFrame, true, []byte(closePayload(4001, "")))
		r.step()
		r.far.Close()
		r.step()
		r.expect("nothing after CLOSE")
		if end := r.conn.End(); r.conn.State() != Closed || end != (End{Code: 4001}) {
			t.Errorf("%v, %+v", r.conn.State(), end)
		}
	})
}

// A code that must not be sent is none.
func TestCloseWithoutCode(t *testing.T) {
	r := newRig(t, Client)
	r.conn.Close(NoStatus, "not sent")
	r.step()
	r.expect("CLOSE", frame{CloseFrame, true, ""})
}

// Two seconds, whatever the peer does not do.
func TestCloseTimeouts(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(r *rig)
		err     error
	}{
		"no answer":          {func(r *rig) { r.step() }, ErrNoAnswer},
		"CLOSE cannot leave": {func(r *rig) { r.near.Hold(true); r.near.Write(make([]byte, 8192)); r.step() }, ErrNoAnswer},
		"peer ends TCP":      {func(r *rig) { r.step(); r.far.Close(); r.step() }, ErrNoAnswer},
		"peer breaks TCP":    {func(r *rig) { r.step(); r.far.Abort(); r.step() }, ErrNoAnswer},
		"peer sends garbage": {func(r *rig) { r.step(); r.raw([]byte{0xff, 0xff}); r.step() }, ErrNoAnswer},
		"peer keeps TCP": {func(r *rig) {
			r.step()
			r.put(CloseFrame, true, []byte(closePayload(1000, "")))
			r.step()
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Client)
			r.conn.Close(1000, "bye")
			c.prepare(r)
			r.pass(1900 * time.Millisecond)
			if name == "no answer" && r.conn.State() == Closed {
				t.Error("closed before its time")
			}
			r.pass(200 * time.Millisecond)
			if r.conn.State() != Closed || r.conn.End().Err != c.err || r.near.State() != hal.Closed {
				t.Errorf("%v, %+v, TCP %v", r.conn.State(), r.conn.End(), r.near.State())
			}
		})
	}
}

func TestLostConnections(t *testing.T) {
	for name, c := range map[string]struct {
		lose func(r *rig)
		err  error
	}{
		"reset":      {func(r *rig) { r.far.Abort() }, hal.ErrReset},
		"link down":  {func(r *rig) { r.near.Break(hal.ErrDown) }, hal.ErrDown},
		"TCP's end":  {func(r *rig) { r.far.Close() }, ErrDropped},
		"half frame": {func(r *rig) { r.raw([]byte{0x81}); r.far.Close() }, ErrDropped},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Client)
			c.lose(r)
			r.step()
			if r.conn.State() != Closed || r.conn.End() != (End{Err: c.err, Code: Abnormal, ByPeer: true}) || r.near.State() != hal.Closed {
				t.Errorf("%v, %+v", r.conn.State(), r.conn.End())
			}
			r.expect("no CLOSE frame")
		})
	}
}
