package haltest

import (
	"bytes"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
)

var (
	_ hal.Network  = (*Network)(nil)
	_ hal.Stream   = (*Stream)(nil)
	_ hal.Listener = (*Listener)(nil)
	_ hal.Clock    = (*Clock)(nil)
	_ hal.Random   = (*Random)(nil)
)

func TestPipeIsBounded(t *testing.T) {
	near, far := Pipe(Buffers{10, 4}, Buffers{10, 4})
	if n := near.Write(make([]byte, 100)); n != 10 {
		t.Errorf("%d bytes taken", n)
	}
	// Four have arrived, six wait for the far end to read.
	if near.Unacked() != 6 || near.Space() != 4 {
		t.Errorf("%d unacknowledged, space %d", near.Unacked(), near.Space())
	}
	if got := far.ReadAll(); len(got) != 10 || near.Unacked() != 0 {
		t.Errorf("%d bytes read, %d unacknowledged", len(got), near.Unacked())
	}
	near.Hold(true)
	near.Write([]byte("abc"))
	if far.ReadAll() != nil || near.Unacked() != 3 {
		t.Error("what is held arrives")
	}
	near.Hold(false)
	if got := far.ReadAll(); string(got) != "abc" {
		t.Errorf("%q", got)
	}
}

func TestEnds(t *testing.T) {
	near, far := Pipe(Ample, Ample)
	near.Write([]byte("bye"))
	near.Close()
	if far.State() != hal.PeerClosed || near.State() != hal.Open || near.Space() != 0 {
		t.Errorf("%v and %v", near.State(), far.State())
	}
	if string(far.ReadAll()) != "bye" {
		t.Error("what was written before Close is lost")
	}
	far.Write([]byte("unread"))
	far.Close()
	if near.State() != hal.Closed || far.State() != hal.Closed || near.Err() != nil || far.Err() != nil {
		t.Errorf("%v %v, %v %v", near.State(), near.Err(), far.State(), far.Err())
	}

	near, far = Pipe(Ample, Ample)
	near.Abort()
	if near.Err() != nil || far.Err() != hal.ErrReset || near.State() != hal.Closed || far.State() != hal.Closed {
		t.Errorf("after Abort: %v, %v", near.Err(), far.Err())
	}

	near, far = Pipe(Ample, Ample)
	near.CutAfter(3)
	near.Write([]byte("12345"))
	if !bytes.Equal(far.ReadAll(), []byte("123")) || near.Err() != hal.ErrReset || near.Delivered() != 3 {
		t.Error("the cut is not after three bytes")
	}
}

func TestNetwork(t *testing.T) {
	n := NewNetwork()
	s, err := n.Dial(hal.Relay, "relay", 80)
	if err != nil || s.State() != hal.Dialing || n.Poll() {
		t.Fatal(err)
	}
	if _, err := n.Dial(hal.Download, "relay", 80); err != hal.ErrBusy {
		t.Error(err)
	}
	call := n.Next()
	if call.Host != "relay" || call.Port != 80 || call.Use != hal.Relay || n.Next() != nil {
		t.Errorf("%+v", call)
	}
	far := call.Accept()
	if s.State() != hal.Open || far == nil || !n.Poll() || n.Poll() {
		t.Error("not open")
	}
	n.SetUp(false)
	if s.State() != hal.Closed || s.Err() != hal.ErrDown {
		t.Errorf("%v, %v", s.State(), s.Err())
	}
	if _, err := n.Dial(hal.Relay, "relay", 80); err != hal.ErrDown {
		t.Error(err)
	}
	n.SetUp(true)
	again, err := n.Dial(hal.Relay, "relay", 80)
	if err != nil {
		t.Fatal(err)
	}
	n.Next().Fail(hal.ErrRefused)
	if again.Err() != hal.ErrRefused {
		t.Error(again.Err())
	}
	defer func() {
		if recover() == nil {
			t.Error("the old stream can still be used")
		}
	}()
	s.State()
}

func TestListener(t *testing.T) {
	n := NewNetwork()
	if _, err := n.Connect(80); err != hal.ErrRefused {
		t.Error(err)
	}
	l, err := n.Listen(80)
	if err != nil {
		t.Fatal(err)
	}
	var last hal.Stream
	for range hal.MaxControl {
		far, err := n.Connect(80)
		if err != nil {
			t.Fatal(err)
		}
		last = l.Accept()
		far.Write([]byte("x"))
		if last.Read(make([]byte, 2)) != 1 {
			t.Error("nothing arrives")
		}
	}
	if _, err := n.Connect(80); err != hal.ErrRefused || l.Accept() != nil {
		t.Error("a fifth connection")
	}
	last.Abort()
	waits, err := n.Connect(80)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if waits.Err() != hal.ErrReset {
		t.Error("a connection that was not accepted goes on")
	}
	if _, err := n.Connect(80); err != hal.ErrRefused {
		t.Error(err)
	}
}

func TestClockAndRandom(t *testing.T) {
	c := NewClock()
	if before := c.Now(); c.Advance(time.Second) != before+1e9 || c.Unix() != 0 {
		t.Error("clock")
	}
	c.SetUnix(time.Unix(1000, 0))
	c.Advance(time.Minute)
	if c.Unix() != 1060e6 {
		t.Errorf("%d", c.Unix())
	}
	if a, b := NewRandom(1), NewRandom(1); a.Uint32() != b.Uint32() || a.Uint32() == a.Uint32() {
		t.Error("random")
	}
}
