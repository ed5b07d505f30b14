package ws

import (
	"bytes"
	"strings"
	"testing"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

func TestMessages(t *testing.T) {
	eachRole(t, func(t *testing.T, role Role) {
		r := newRig(t, role)
		for _, c := range []struct {
			name string
			put  func()
			want string
		}{
			{"text", func() { r.put(Text, true, []byte("hello")) }, "1 hello"},
			{"empty", func() { r.put(Text, true, nil) }, "1 "},
			{"binary", func() { r.put(Binary, true, []byte{0xff, 0}) }, "2 \xff\x00"},
			{"fragments", func() {
				r.put(Text, false, []byte("a\xc3"))
				r.put(Ping, true, []byte("p"))
				r.put(Continuation, false, nil)
				r.put(Continuation, true, []byte("\xa9z"))
			}, "1 aéz"},
			{"longest", func() { r.put(Text, true, bytes.Repeat([]byte("m"), MaxMessage)) }, "1 " + strings.Repeat("m", MaxMessage)},
			{"longest in two", func() {
				r.put(Binary, false, make([]byte, 1000))
				r.put(Continuation, true, make([]byte, 24))
			}, "2 " + string(make([]byte, MaxMessage))},
		} {
			c.put()
			r.step()
			if got := r.message(); got != c.want {
				t.Errorf("%s: %.40q, want %.40q", c.name, got, c.want)
			}
			r.conn.Step(r.clock.Now())
			if got := r.message(); got != "none" {
				t.Errorf("%s: still there after a Step: %q", c.name, got)
			}
		}
		// Each Step gives one.
		r.put(Text, true, []byte("first"))
		r.put(Text, true, []byte("second"))
		r.conn.Step(r.clock.Now())
		first := r.message()
		r.conn.Step(r.clock.Now())
		if first != "1 first" || r.message() != "1 second" {
			t.Errorf("%q, %q", first, r.message())
		}
	})
}

// What was read behind the head comes first, wherever it is cut.
func TestEarlyBytes(t *testing.T) {
	all := encode(false, Text, true, []byte("one"))
	all = append(all, encode(false, Ping, true, []byte("p"))...)
	all = append(all, encode(false, Text, false, bytes.Repeat([]byte("two"), 100))...)
	all = append(all, encode(false, Continuation, true, []byte("!"))...)
	for cut := range len(all) + 1 {
		r := newRigWith(t, Client, haltest.For(hal.Relay), all[:cut])
		r.raw(all[cut:])
		r.step()
		first := r.message()
		r.step()
		if second := r.message(); first != "1 one" || second != "1 "+strings.Repeat("two", 100)+"!" {
			t.Fatalf("cut at %d: %q, %q", cut, first, second)
		}
	}
	r := newRigWith(t, Client, haltest.For(hal.Relay), make([]byte, MaxEarly+1))
	r.step()
	if r.conn.State() == Open {
		t.Error("more than MaxEarly bytes: some would be lost, and it goes on")
	}
}

func TestViolations(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(r *rig)
		code uint16
		err  error
	}{
		{"reserved bit", func(r *rig) { r.raw([]byte{0xc1, 0}) }, 1002, ErrReserved},
		{"reserved opcode", func(r *rig) { r.raw([]byte{0x83, 0}) }, 1002, ErrOpcode},
		{"long control frame", func(r *rig) { r.raw([]byte{0x89, 0x7e | r.maskBit(), 0, 126}) }, 1002, ErrControl},
		{"fragmented control frame", func(r *rig) { r.put(Ping, false, nil) }, 1002, ErrControl},
		{"long form of a short length", func(r *rig) { r.raw([]byte{0x81, 0x7e | r.maskBit(), 0, 5}) }, 1002, ErrLength},
		{"wrong mask", func(r *rig) { r.raw(encode(r.role == Client, Text, true, []byte("x"))) }, 1002, ErrMask},
		{"continuation of nothing", func(r *rig) { r.put(Continuation, true, []byte("x")) }, 1002, ErrFragment},
		{"message within a message", func(r *rig) { r.put(Text, false, []byte("x")); r.put(Text, true, []byte("x")) }, 1002, ErrFragment},
		{"bad UTF-8", func(r *rig) { r.put(Text, true, []byte("x\xff")) }, 1007, ErrUTF8},
		{"bad UTF-8 over fragments", func(r *rig) { r.put(Text, false, []byte("\xc3")); r.put(Continuation, true, []byte("\x28")) }, 1007, ErrUTF8},
		{"character cut off", func(r *rig) { r.put(Text, true, []byte("x\xe2\x82")) }, 1007, ErrUTF8},
		{"too long", func(r *rig) { r.put(Binary, true, make([]byte, MaxMessage+1)) }, 1009, ErrTooLong},
		{"too long in fragments", func(r *rig) { r.put(Binary, false, make([]byte, MaxMessage)); r.put(Continuation, true, []byte("x")) }, 1009, ErrTooLong},
		{"64-bit length", func(r *rig) { r.put(Binary, true, make([]byte, 65536)) }, 1009, ErrTooLong},
		{"one byte of CLOSE", func(r *rig) { r.put(CloseFrame, true, []byte{3}) }, 1002, ErrCloseCode},
		{"CLOSE with 1005", func(r *rig) { r.put(CloseFrame, true, []byte(closePayload(1005, ""))) }, 1002, ErrCloseCode},
		{"CLOSE with 999", func(r *rig) { r.put(CloseFrame, true, []byte(closePayload(999, ""))) }, 1002, ErrCloseCode},
		{"CLOSE with 5000", func(r *rig) { r.put(CloseFrame, true, []byte(closePayload(5000, ""))) }, 1002, ErrCloseCode},
		{"CLOSE with bad UTF-8", func(r *rig) { r.put(CloseFrame, true, []byte(closePayload(1000, "\xff"))) }, 1007, ErrUTF8},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachRole(t, func(t *testing.T, role Role) {
				r := newRig(t, role)
				c.send(r)
				r.step()
				got := r.got()
				want := frame{CloseFrame, true, closePayload(c.code, c.err.Error())}
				if len(got) != 1 || got[0] != want {
					t.Fatalf("the peer got %v, want %v", got, want)
				}
				if r.far.State() != hal.PeerClosed {
					t.Errorf("TCP is %v", r.far.State())
				}
				r.far.Close()
				r.step()
				if end := r.conn.End(); r.conn.State() != Closed || end.Err != c.err || end.Code != c.code || end.ByPeer {
					t.Errorf("%v, %+v", r.conn.State(), end)
				}
			})
		})
	}
}

// What came before the end of TCP is delivered.
func TestLastMessage(t *testing.T) {
	r := newRig(t, Client)
	r.put(Text, true, []byte("last"))
	r.far.Close()
	r.step()
	if r.message() != "1 last" {
		t.Errorf("%q", r.message())
	}
}
