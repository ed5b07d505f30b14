package ws

import (
	"fmt"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// rig is a connection whose peer the test plays.
type rig struct {
	t     testing.TB
	conn  *Conn
	role  Role
	near  *haltest.Stream
	far   *haltest.Stream
	clock *haltest.Clock
	head  []byte // what the peer has read and not looked at
}

func newRig(t testing.TB, role Role) *rig { return newRigWith(t, role, haltest.For(hal.Relay), nil) }

func newRigWith(t testing.TB, role Role, buffers haltest.Buffers, early []byte) *rig {
	r := &rig{t: t, conn: new(Conn), role: role, clock: haltest.NewClock()}
	r.near, r.far = haltest.Pipe(buffers, haltest.Ample)
	opt := DefaultOptions()
	opt.Fragment = make([]byte, FragmentSize)
	r.conn.Open(role, r.near, haltest.NewRandom(1), opt, early, r.clock.Now())
	return r
}

// put is what the peer sends: frames in its role, whole.
func (r *rig) put(op Opcode, fin bool, payload []byte) {
	r.raw(encode(r.role == Server, op, fin, payload))
}

// maskBit is that of the peer's frames.
func (r *rig) maskBit() byte {
	if r.role == Server {
		return 0x80
	}
	return 0
}

func encode(masked bool, op Opcode, fin bool, payload []byte) []byte {
	h := Header{Fin: fin, Op: op, Length: uint64(len(payload)), Masked: masked}
	if masked {
		h.Key = 0xa1b2c3d4
	}
	b := h.Append(nil)
	at := len(b)
	b = append(b, payload...)
	Mask(b[at:], h.Key, 0)
	return b
}

func (r *rig) raw(p []byte) {
	if n := r.far.Write(p); n != len(p) {
		r.t.Helper()
		r.t.Fatalf("%d of %d bytes written", n, len(p))
	}
}

// step steps until nothing happens, or a message is there.
func (r *rig) step() {
	for r.conn.Step(r.clock.Now()) {
		if _, _, ok := r.conn.Message(); ok {
			return
		}
	}
}

// pass lets time pass, a second at a time.
func (r *rig) pass(d time.Duration) {
	for ; d > 0; d -= time.Second {
		r.clock.Advance(min(d, time.Second))
		r.step()
	}
}

type frame struct {
	op      Opcode
	fin     bool
	payload string
}

func (f frame) String() string { return fmt.Sprintf("%x/%v %q", f.op, f.fin, f.payload) }

// got is the frames the peer has received.
func (r *rig) got() []frame {
	r.t.Helper()
	r.head = append(r.head, r.far.ReadAll()...)
	var all []frame
	for {
		var h Header
		n, err := h.Decode(r.head)
		if err != nil {
			r.t.Fatalf("the peer cannot read %x: %v", r.head, err)
		}
		if n > len(r.head) || len(r.head)-n < int(h.Length) {
			return all
		}
		if h.Masked != (r.role == Client) {
			r.t.Fatalf("frame of a %v is masked: %v", r.role, h.Masked)
		}
		p := r.head[n:][:h.Length]
		if h.Masked {
			Mask(p, h.Key, 0)
		}
		all = append(all, frame{h.Op, h.Fin, string(p)})
		r.head = r.head[n+len(p):]
	}
}

// expect compares what the peer has received.
func (r *rig) expect(what string, want ...frame) {
	r.t.Helper()
	if got := r.got(); fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Fatalf("%s: the peer got %v, want %v", what, got, want)
	}
}

func (r *rig) send(payload string, fin bool) {
	r.t.Helper()
	n := copy(r.conn.Buffer(), payload)
	if err := r.conn.Send(n, fin); err != nil {
		r.t.Fatalf("send %q: %v", payload, err)
	}
}

func (r *rig) message() string {
	op, p, ok := r.conn.Message()
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%d %s", op, p)
}

func closePayload(code uint16, reason string) string {
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

var roles = map[string]Role{"client": Client, "server": Server}

func eachRole(t *testing.T, test func(t *testing.T, role Role)) {
	for name, role := range roles {
		t.Run(name, func(t *testing.T) { test(t, role) })
	}
}
