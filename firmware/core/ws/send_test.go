package ws

import (
	"strings"
	"testing"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// A message leaves in fragments of one segment each, one Write each; control
// frames go between them, and a text waits for its end.
func TestFragments(t *testing.T) {
	r := newRig(t, Client)
	if r.conn.Room() != MaxFragment || len(r.conn.Buffer()) != MaxFragment || MaxFragment != 1452 {
		t.Fatalf("room %d, buffer %d", r.conn.Room(), len(r.conn.Buffer()))
	}
	full := strings.Repeat("x", MaxFragment)
	writes := r.near.Writes()
	r.send(full, false)
	if r.near.Writes() != writes+1 || r.near.Delivered() != FragmentSize {
		t.Errorf("%d writes, %d bytes", r.near.Writes()-writes, r.near.Delivered())
	}
	if !r.conn.Text([]byte("status")) || r.conn.Text([]byte("another")) {
		t.Error("there is room for exactly one text")
	}
	r.put(Ping, true, []byte("are you there"))
	r.step()
	number := r.conn.Ping()
	if number != 1 || r.conn.Room() != 0 {
		t.Errorf("ping %d, room %d before it has left", number, r.conn.Room())
	}
	r.step()
	r.send("yz", false)
	r.send("", true)
	if r.conn.Room() != 0 {
		t.Error("a new message may begin before the text that waits")
	}
	r.step()
	r.expect("all", frame{Binary, false, full}, frame{Pong, true, "are you there"}, frame{Ping, true, "\x00\x00\x00\x01"},
		frame{Continuation, false, "yz"}, frame{Continuation, true, ""}, frame{Text, true, "status"})
	if r.conn.Room() != MaxFragment || !r.conn.TextRoom() {
		t.Error("no room after that")
	}
}

// Without space for a header and a byte there is no room; a fragment is never
// written in part.
func TestRoomIsTheStreams(t *testing.T) {
	r := newRig(t, Client)
	r.near.Hold(true)
	for r.conn.Room() == MaxFragment {
		r.send(strings.Repeat("x", MaxFragment), false)
	}
	left := 8192 - 5*FragmentSize
	if got := r.conn.Room(); got != left-8 || r.near.Space() != left {
		t.Errorf("room %d, space %d", got, r.near.Space())
	}
	if err := r.conn.Send(left-7, false); err != ErrNoRoom || r.near.Space() != left {
		t.Errorf("one byte too many: %v", err)
	}
	r.send(strings.Repeat("y", left-8), false)
	if err := r.conn.Send(0, true); r.conn.Room() != 0 || err != ErrNoRoom {
		t.Errorf("room %d: %v", r.conn.Room(), err)
	}
	r.near.Hold(false)
	r.send("", true)
	if got := r.got(); len(got) != 7 || !got[6].fin {
		t.Errorf("%d frames", len(got))
	}
}

func TestCancel(t *testing.T) {
	r := newRig(t, Client)
	r.conn.Cancel() // nothing to cancel
	r.step()
	r.expect("cancel of nothing")
	r.send("half", false)
	r.near.Hold(true)
	for r.conn.Room() > 0 {
		if err := r.conn.Send(r.conn.Room(), false); err != nil {
			t.Fatal(err)
		}
	}
	r.got()
	r.conn.Text([]byte("why"))
	r.conn.Cancel()
	r.step()
	if !r.conn.Sending() {
		t.Error("cancelled without room for the frame")
	}
	r.near.Hold(false)
	r.step()
	got := r.got()
	if n := len(got); n < 2 || got[n-2] != (frame{Continuation, true, ""}) || got[n-1] != (frame{Text, true, "why"}) {
		t.Errorf("got %v", got)
	}
	if r.conn.Sending() {
		t.Error("still open")
	}
	r.send("next", true)
	r.expect("next", frame{Binary, true, "next"})
}

// A control frame is written whole or not at all, too.
func TestControlFramesAreWhole(t *testing.T) {
	for space := range 30 {
		r := newRig(t, Client)
		r.near.Hold(true)
		for range 5 {
			r.send(strings.Repeat("x", MaxFragment), true)
		}
		r.send(strings.Repeat("y", r.near.Space()-8-space), true)
		r.put(Ping, true, []byte("a ping of 20 bytes.."))
		r.step()
		if left := r.near.Space(); left != space && left != space-26 {
			t.Fatalf("%d of %d bytes are left", left, space)
		}
		r.near.Hold(false)
		r.step()
		if got := r.got(); len(got) != 7 || got[6] != (frame{Pong, true, "a ping of 20 bytes.."}) {
			t.Fatalf("space %d: %d frames", space, len(got))
		}
	}
}

// On the wire it is 80 80 and the key.
func TestCancelBytes(t *testing.T) {
	r := newRig(t, Client)
	r.send("half", false)
	r.far.ReadAll()
	r.conn.Cancel()
	r.step()
	if got := r.far.ReadAll(); len(got) != 6 || got[0] != 0x80 || got[1] != 0x80 {
		t.Errorf("%x", got)
	}
}

// A text longer than the stream's buffer leaves in pieces, and nothing gets in
// between.
func TestTextThroughASmallBuffer(t *testing.T) {
	eachRole(t, func(t *testing.T, role Role) {
		r := newRigWith(t, role, haltest.Buffers{Send: 200, Receive: 200}, nil)
		long := strings.Repeat("0123456789abcdef", MaxText/16)
		if !r.conn.Text([]byte(long)) || r.conn.Text([]byte("x")) {
			t.Fatal("one text fits")
		}
		r.near.Hold(true)
		r.step()
		r.put(Ping, true, []byte("now"))
		r.step()
		if r.conn.TextRoom() || r.conn.Room() != 0 {
			t.Error("room while a text is partly written")
		}
		r.near.Hold(false)
		r.step()
		r.expect("all", frame{Text, true, long}, frame{Pong, true, "now"})
		if r.conn.Text(make([]byte, MaxText+1)) {
			t.Error("too long a text is taken")
		}
	})
}

// The newest ping is answered.
func TestOnePongWaits(t *testing.T) {
	r := newRig(t, Client)
	r.near.Hold(true)
	for r.conn.Room() > 0 {
		r.conn.Send(r.conn.Room(), true)
	}
	for i := range 5 {
		r.put(Ping, true, []byte{byte('0' + i)})
		r.step()
	}
	r.got()
	r.near.Hold(false)
	r.step()
	got := r.got()
	if last := got[len(got)-1]; last != (frame{Pong, true, "4"}) || got[len(got)-2].op == Pong {
		t.Errorf("%v", got[len(got)-2:])
	}
}

// The stream may end between Room and Send.
func TestLostWhileSending(t *testing.T) {
	r := newRig(t, Client)
	stream := &dying{Stream: r.near}
	r.conn.Open(Client, stream, haltest.NewRandom(1), Options{Fragment: make([]byte, FragmentSize)}, nil, r.clock.Now())
	stream.dies = true
	if err := r.conn.Send(10, true); err != ErrNotOpen || r.conn.State() != Closed || r.conn.End().Err != hal.ErrReset {
		t.Errorf("%v, %v, %+v", err, r.conn.State(), r.conn.End())
	}
}

// dying is a stream that breaks in the middle of Write.
type dying struct {
	*haltest.Stream
	dies bool
}

func (d *dying) Write(p []byte) int {
	if d.dies {
		d.Break(hal.ErrReset)
	}
	return d.Stream.Write(p)
}

// Keys of masks are new for each frame.
func TestMaskKeys(t *testing.T) {
	r := newRig(t, Client)
	seen := map[uint32]bool{}
	for range 50 {
		r.send("a", true)
		r.conn.Text([]byte("b"))
		r.conn.Ping()
		r.step()
		for p := r.far.ReadAll(); len(p) > 0; {
			var h Header
			n, err := h.Decode(p)
			if err != nil || !h.Masked || seen[h.Key] {
				t.Fatalf("%+v, %v", h, err)
			}
			seen[h.Key] = true
			p = p[n+int(h.Length):]
		}
	}
	if len(seen) != 150 {
		t.Errorf("%d keys", len(seen))
	}
}
