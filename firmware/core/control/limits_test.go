package control

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// lasts returns how long a connection lives, up to a minute and a half; each
// tick the client does something.
func (r *rig) lasts(client func()) time.Duration {
	r.t.Helper()
	const tick = 50 * time.Millisecond
	near := r.lan.made[len(r.lan.made)-1]
	for took := time.Duration(0); took < 90*time.Second; took += tick {
		if near.State() == hal.Closed {
			return took
		}
		client()
		r.pass(tick)
	}
	r.t.Error("the connection goes on")
	return 0
}

// Each phase of a connection has its limit, whatever the client does.
func TestLimits(t *testing.T) {
	body := post("POST /led", bearer, `{"flash":1}`)
	for _, test := range []struct {
		name  string
		holds int    // bytes the client takes before it reads
		first string // what it sends at once
		drip  string // and byte by byte
		reads int    // each so many ticks it reads a byte; 0: never
		ends  bool   // it ends its side when it has been answered
		lasts time.Duration
		code  int
	}{
		{"says nothing", ample, "", "", 0, false, 7 * time.Second, 0},
		{"half a head", ample, "GET /status", "", 0, false, 7 * time.Second, 408},
		{"slow head", ample, "", get("/status", "A: "+strings.Repeat("a", 900)+"\r\n"), 0, false, 7 * time.Second, 408},
		{"half a body", ample, body[:len(body)-3], "", 0, false, 7 * time.Second, 408},
		{"slow body", ample, post("PUT /settings", bearer, strings.Repeat(" ", 500))[:200], strings.Repeat(" ", 500), 0, false, 7 * time.Second, 408},
		{"never closes", ample, get("/status", ""), "", 0, false, 2 * time.Second, 200},
		{"closes", ample, get("/status", ""), "", 0, true, 0, 200},
		{"never reads", 0, get("/status", bearer), "", 0, false, 5 * time.Second, 0},
		{"reads some", 100, get("/status", bearer), "", 0, false, 5 * time.Second, 0},
		{"reads slowly", 10, get("/status", bearer), "", 1, false, 20 * time.Second, 0},
		{"reads more slowly", 10, get("/status", bearer), "", 10, false, 20 * time.Second, 0},
		{"takes the last of it slowly", 900, get("/status", bearer), "", 1, false, 12300 * time.Millisecond, 0},
	} {
		r := newRig(t)
		r.dev.pad = 850 // more than what a stream takes at once
		far := r.connect(test.holds)
		far.Write([]byte(test.first))
		r.settle()
		var got []byte
		drip := test.drip
		ticks := 0
		took := r.lasts(func() {
			ticks++
			if drip != "" {
				far.Write([]byte(drip[:1]))
				drip = drip[1:]
			}
			switch {
			case test.reads > 0 && ticks%test.reads == 0:
				var one [1]byte
				got = append(got, one[:far.Read(one[:])]...)
			case test.holds == ample:
				got = append(got, far.ReadAll()...)
			}
			if test.ends && far.State() == hal.PeerClosed {
				far.Close()
			}
		})
		if took < test.lasts || took > test.lasts+100*time.Millisecond {
			t.Errorf("%s: over after %v", test.name, took)
		}
		if test.code != 0 {
			if a := parse(t, test.first+test.drip, got); a.code != test.code {
				t.Errorf("%s: %d", test.name, a.code)
			}
		}
		if r.s.Open() != 0 {
			t.Errorf("%s: the place is still taken", test.name)
		}
	}
}

// A client that ends its side after the request is answered; after half of one
// it is not.
func TestHalfClosed(t *testing.T) {
	r := newRig(t)
	for request, want := range map[string]bool{
		get("/status", ""): true, "": false, "GET /": false, strings.TrimSuffix(post("POST /led", bearer, `{}`), "}"): false,
	} {
		far := r.connect(ample)
		far.Write([]byte(request))
		far.Close()
		before := r.lan.made[len(r.lan.made)-1].Delivered()
		r.settle()
		near := r.lan.made[len(r.lan.made)-1]
		if near.State() != hal.Closed || (near.Delivered() > before) != want {
			t.Errorf("%q: %v, %d bytes", request, near.State(), near.Delivered())
		}
	}
}

// Four connections are served at a time; the next has its turn when one of them
// has run into its limit.
func TestTurns(t *testing.T) {
	r := newRig(t)
	for range hal.MaxControl {
		r.connect(ample)
	}
	r.settle()
	far := r.connect(ample)
	far.Write([]byte(get("/status", "")))
	r.settle()
	if r.s.Open() != hal.MaxControl || far.ReadAll() != nil {
		t.Errorf("%d connections", r.s.Open())
	}
	r.pass(7100 * time.Millisecond)
	if a := parse(t, "GET", far.ReadAll()); a.code != 200 {
		t.Error(a.code)
	}
}

// instant is a network with one client, which sends a request when it is its
// turn, takes the answer and is gone.
type instant struct {
	lan
	request string
	turn    bool
	at      int
	written int
	closed  bool
}

func (n *instant) Listen(uint16) (hal.Listener, error) { return n, nil }
func (n *instant) Close()                              { n.closed = true }

func (n *instant) Accept() hal.Stream {
	if !n.turn {
		return nil
	}
	n.turn, n.closed, n.at, n.written = false, false, 0, 0
	return n
}

func (n *instant) State() hal.State {
	if n.closed {
		return hal.Closed
	}
	return hal.Open
}

func (n *instant) Read(p []byte) int {
	i := copy(p, n.request[n.at:])
	n.at += i
	return i
}

func (n *instant) Err() error         { return nil }
func (n *instant) Space() int         { return 1024 }
func (n *instant) Write(p []byte) int { n.written += len(p); return len(p) }
func (n *instant) Unacked() int       { return 0 }
func (n *instant) Abort()             { n.closed = true }

func TestNothingIsAllocated(t *testing.T) {
	for _, request := range []string{
		get("/status", bearer), get("/status", ""), get("/status", basic("me", key)), get("/status?t=%63"+key[1:], ""), get("/", ""),
		post("POST /led", bearer, `{"flash":1}`), get("/nothing", ""), get("/status", "Authorization: Bearer wrong\r\n"),
	} {
		n := &instant{request: request}
		s := New(n, haltest.NewRandom(1), newDevice())
		if err := s.Start(Options{ID: camera, Token: key}); err != nil {
			t.Fatal(err)
		}
		now := int64(1)
		shortest := 1 << 30
		allocs := testing.AllocsPerRun(100, func() {
			now += 10 * second
			for n.turn = true; n.turn || s.Open() > 0; {
				s.Step(now)
			}
			shortest = min(shortest, n.written)
		})
		if allocs != 0 || shortest < 150 {
			t.Errorf("%.40q: %v allocations, %d bytes of answer", request, allocs, shortest)
		}
	}
	r := newRig(t)
	far := r.connect(ample)
	far.Write([]byte(handshake))
	r.settle()
	far.ReadAll()
	command := masked(`{"t":"led","id":1,"flash":1}`)
	got, buf := 0, make([]byte, 4096)
	if allocs := testing.AllocsPerRun(100, func() {
		far.Write(command)
		r.clock.Advance(100 * time.Millisecond)
		r.settle()
		got += far.Read(buf)
	}); allocs != 0 || r.dev.calls != 101 || got < 3000 {
		t.Errorf("WebSocket: %v allocations, %d calls, %d bytes", allocs, r.dev.calls, got)
	}
	t.Logf("Server has %d bytes, of which a connection %d and a WebSocket %d", unsafe.Sizeof(Server{}), unsafe.Sizeof(conn{}), unsafe.Sizeof(socket{}))
}
