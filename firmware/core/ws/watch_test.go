package ws

import (
	"testing"
	"time"

	"camrelay/firmware/core/hal"
)

func TestPings(t *testing.T) {
	r := newRig(t, Client)
	r.pass(9 * time.Second)
	r.expect("before 10 s")
	r.pass(time.Second)
	r.expect("after 10 s", frame{Ping, true, "\x00\x00\x00\x01"})
	if r.conn.Answered() != 0 {
		t.Error("answered")
	}
	r.clock.Advance(30 * time.Millisecond)
	r.put(Pong, true, []byte("\x00\x00\x00\x00")) // of no ping
	r.put(Pong, true, []byte("\x00\x00\x00\x02")) // of a later one
	r.put(Pong, true, []byte("hello"))            // nobody asked for it
	r.step()
	if r.conn.Answered() != 0 || r.conn.RTT() != 0 {
		t.Errorf("answered %d, %d", r.conn.Answered(), r.conn.RTT())
	}
	r.put(Pong, true, []byte("\x00\x00\x00\x01"))
	r.step()
	if r.conn.Answered() != 1 || r.conn.RTT() != 30e6 {
		t.Errorf("answered %d, round trip %d", r.conn.Answered(), r.conn.RTT())
	}
	// A ping out of turn, and the answer to the later one answers both.
	n := r.conn.Ping()
	r.step()
	r.pass(10 * time.Second)
	r.expect("two more", frame{Ping, true, "\x00\x00\x00\x02"}, frame{Ping, true, "\x00\x00\x00\x03"})
	r.put(Pong, true, []byte("\x00\x00\x00\x03"))
	r.step()
	if n != 2 || r.conn.Answered() != 3 {
		t.Errorf("ping %d, answered %d", n, r.conn.Answered())
	}
	r.conn.SetPing(0, 0)
	r.pass(time.Minute)
	r.expect("none after SetPing(0)")
	if r.conn.State() != Open {
		t.Error("not open")
	}
}

func TestPongTimeout(t *testing.T) {
	r := newRig(t, Client)
	r.pass(29 * time.Second)
	r.put(Text, true, []byte("I am alive")) // but it does not answer
	r.step()
	if r.conn.State() != Open {
		t.Fatal("ended before 20 s without an answer")
	}
	r.pass(time.Second)
	if r.conn.State() != Closed || r.conn.End() != (End{Err: ErrPong, Code: Abnormal}) || r.far.Err() != hal.ErrReset {
		t.Errorf("%v, %+v", r.conn.State(), r.conn.End())
	}
	// Who answers one ping has 20 s for the next one from when that was sent.
	r = newRig(t, Client)
	r.pass(21 * time.Second) // the second was sent at 20 s
	r.put(Pong, true, []byte("\x00\x00\x00\x01"))
	r.step()
	r.pass(18 * time.Second)
	if r.conn.State() != Open || r.conn.RTT() != 0 {
		t.Errorf("%+v, round trip %d", r.conn.End(), r.conn.RTT())
	}
	r.pass(time.Second)
	if r.conn.State() != Closed {
		t.Error("open after 20 s without an answer")
	}
	// A peer that answers stays.
	r = newRig(t, Client)
	for range 100 {
		r.pass(time.Second)
		for _, f := range r.got() {
			r.put(Pong, true, []byte(f.payload))
		}
	}
	if r.conn.State() != Open || r.conn.Answered() != 9 {
		t.Errorf("%v, %d answered", r.conn.State(), r.conn.Answered())
	}
}

func TestWriteStall(t *testing.T) {
	r := newRig(t, Client)
	r.conn.SetPing(0, 0)
	r.pass(time.Minute) // nothing to acknowledge is no stall
	r.send("x", false)
	r.conn.Text([]byte("waits for the message's end, which is no stall"))
	r.pass(time.Minute)
	if r.conn.State() != Open {
		t.Fatalf("%+v", r.conn.End())
	}
	// Slow, but not dead.
	r.near.Hold(true)
	for range 5 {
		r.send("yyyyyyyyyy", false)
		r.pass(9 * time.Second)
		r.near.Hold(false)
		r.near.Hold(true)
		r.pass(time.Second)
	}
	if r.conn.State() != Open {
		t.Fatalf("%+v", r.conn.End())
	}
	r.send("z", false)
	r.pass(9 * time.Second)
	if r.conn.State() != Open {
		t.Error("ended before 10 s")
	}
	r.pass(2 * time.Second)
	if r.conn.State() != Closed || r.conn.End().Err != ErrStall {
		t.Errorf("%v, %+v", r.conn.State(), r.conn.End())
	}
}
