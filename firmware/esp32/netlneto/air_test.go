package netlneto

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"camrelay/firmware/core/hal"
)

// air is what is between two networks: frames get lost, late, and out of order.
type air struct {
	now      int64
	random   *rand.Rand
	loss     int // of 1000
	jitter   int64
	delay    int64
	ends     [2]*end
	lose     func(from int, frame []byte) bool // in addition
	corrupts bool
}

type packet struct {
	at    int64
	order int
	frame []byte
}

// end is the device of one network.
type end struct {
	air  *air
	side int
	down bool
	in   []packet
	sent int
}

func (a *air) Now() int64     { return a.now }
func (a *air) Unix() int64    { return 0 }
func (a *air) Uint32() uint32 { return a.random.Uint32() }
func (e *end) Up() bool       { return !e.down }
func (e *end) RSSI() int      { return -50 }

func (e *end) Send(p []byte) {
	a := e.air
	e.sent++
	if len(p) > frameSize || len(p) < minFrame {
		panic("a frame of an impossible size")
	}
	if s, ok := parse(p); ok && p[0]&1 != 0 {
		panic(fmt.Sprintf("TCP to everybody: %+v", s)) // hosts drop it
	}
	if a.random.IntN(1000) < a.loss || a.lose != nil && a.lose(e.side, p) {
		return
	}
	at := a.now + a.delay
	if a.jitter > 0 {
		at += a.random.Int64N(a.jitter)
	}
	to := a.ends[1-e.side]
	to.in = append(to.in, packet{at, e.sent, bytes.Clone(p)})
	slices.SortStableFunc(to.in, func(a, b packet) int { return int(a.at - b.at) })
}

func (e *end) Receive(p []byte) int {
	if len(e.in) == 0 || e.in[0].at > e.air.now {
		return 0
	}
	n := copy(p, e.in[0].frame)
	e.in = e.in[1:]
	return n
}

// newAir returns two networks that see each other.
func newAir(t testing.TB, seed uint64, loss int, delay, jitter int64) (*air, *Network, *Network) {
	a := &air{now: second, random: rand.New(rand.NewPCG(seed, 1)), loss: loss, delay: delay, jitter: jitter}
	var n [2]*Network
	for i := range n {
		a.ends[i] = &end{air: a, side: i}
		n[i] = new(Network)
		err := n[i].Init(Config{
			Device: a.ends[i], Clock: a, Random: a, MAC: [6]byte{2, 0, 0, 0, 0, byte(i + 1)}, Name: "camera" + string(rune('1'+i)),
			Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return a, n[0], n[1]
}

// run lets a millisecond pass, again and again, until done.
func run(t testing.TB, a *air, n, m *Network, limit int64, done func() bool) {
	t.Helper()
	for end := a.now + limit; !done(); a.now += millisecond {
		if a.now > end {
			t.Fatalf("not done after %d s; %+v %+v", limit/second, n.Stats(), m.Stats())
		}
		n.Poll()
		m.Poll()
	}
}

// connect has m dial n.
func connect(t testing.TB, a *air, n, m *Network, use hal.Use) (server, client hal.Stream) {
	t.Helper()
	l, err := n.Listen(80)
	if err != nil {
		t.Fatal(err)
	}
	run(t, a, n, m, second, func() bool { return n.Up() && m.Up() })
	if client, err = m.Dial(use, "10.0.0.1", 80); err != nil {
		t.Fatal(err)
	}
	run(t, a, n, m, 30*second, func() bool {
		if server == nil {
			server = l.Accept()
		}
		return server != nil && client.State() == hal.Open
	})
	return server, client
}

// pump sends all of data from one stream to another; give has it step by step.
type pump struct {
	from, to hal.Stream
	data     []byte
	got      []byte
	buf      [1500]byte
}

func (p *pump) step() {
	p.data = p.data[p.from.Write(p.data):]
	for {
		n := p.to.Read(p.buf[:])
		if n == 0 {
			return
		}
		p.got = append(p.got, p.buf[:n]...)
	}
}

func noise(seed byte, size int) []byte {
	p := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}
