package ws

import (
	"testing"
	"unsafe"

	"camrelay/firmware/core/haltest"
)

func TestIdle(t *testing.T) {
	var c Conn
	c.Abort()
	c.Close(1000, "")
	c.Cancel()
	if c.Step(1) || c.Room() != 0 || c.Text(nil) || c.Send(0, true) != ErrNotOpen || c.State() != Idle {
		t.Error("an idle connection does something")
	}
	// It is used again after its end.
	r := newRig(t, Client)
	r.send("half", false)
	r.conn.Text([]byte("x"))
	r.far.Abort()
	r.step()
	r.near, r.far = haltest.Pipe(haltest.Ample, haltest.Ample)
	r.head = nil
	r.conn.Open(Client, r.near, haltest.NewRandom(2), DefaultOptions(), nil, r.clock.Now())
	r.step()
	r.expect("a new connection begins with nothing")
	if r.conn.Room() != 0 || r.conn.Buffer() != nil || r.conn.Sending() {
		t.Error("fragments without memory for them")
	}
}

func TestNoAllocation(t *testing.T) {
	r := newRig(t, Client)
	text := encode(false, Text, true, []byte(`{"t":"pace","fps":5}`))
	ping := encode(false, Ping, true, []byte("x"))
	status := []byte(`{"t":"stats"}`)
	sink := make([]byte, 4096)
	now := r.clock.Now()
	if n := testing.AllocsPerRun(200, func() {
		for range 3 { // a frame in fragments
			if r.conn.Send(MaxFragment, false) != nil {
				t.Fatal("no room")
			}
		}
		r.conn.Send(100, true)
		r.far.Write(ping)
		r.far.Write(text)
		r.conn.Text(status)
		r.conn.Ping()
		for r.conn.Step(now) {
			r.conn.Message()
		}
		for r.far.Read(sink) > 0 {
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if size := unsafe.Sizeof(Conn{}); size > 3200 {
		t.Errorf("a Conn has %d bytes", size)
	} else {
		t.Logf("a Conn has %d bytes", size)
	}
}
