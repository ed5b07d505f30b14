package netlneto

import (
	"fmt"
	"testing"

	"camrelay/firmware/core/hal"
)

// loseFirst loses the first count segments that match.
func loseFirst(count int, match func(from int, s segment) bool) func(int, []byte) bool {
	return func(from int, frame []byte) bool {
		s, ok := parse(frame)
		if !ok || count == 0 || !match(from, s) {
			return false
		}
		count--
		return true
	}
}

func TestLostHandshake(t *testing.T) {
	for name, match := range map[string]func(int, segment) bool{
		"SYN":     func(_ int, s segment) bool { return s.flags == flagSYN },
		"SYN-ACK": func(_ int, s segment) bool { return s.flags == flagSYN|flagACK },
		"ACK":     func(from int, s segment) bool { return from == 1 && s.flags == flagACK },
	} {
		for count := 1; count <= 3; count++ {
			t.Run(fmt.Sprint(name, count), func(t *testing.T) {
				a, n, m := newAir(t, 1, 0, millisecond, 0)
				a.lose = loseFirst(count, match)
				server, client := connect(t, a, n, m, hal.Broker)
				up := pump{from: client, to: server, data: noise(1, 3000)}
				run(t, a, n, m, 10*second, func() bool { up.step(); return len(up.got) == 3000 })
			})
		}
	}
}

func TestLostARP(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	lost := 0
	a.lose = func(_ int, frame []byte) bool {
		if frame[12] == 8 && frame[13] == 6 && lost < 2 {
			lost++
			return true
		}
		return false
	}
	connect(t, a, n, m, hal.Broker)
	if lost != 2 {
		t.Errorf("%d lost", lost)
	}
}

// TestRetransmission shows that lneto's timer is there: a single lost segment
// arrives all the same.
func TestRetransmission(t *testing.T) {
	for _, use := range []hal.Use{hal.Relay, hal.Download, hal.Broker} {
		for side := range 2 {
			a, n, m := newAir(t, 1, 0, millisecond, 0)
			server, client := connect(t, a, n, m, use)
			p := pump{from: server, to: client, data: noise(1, 100)}
			if side == 1 {
				p.from, p.to = client, server
			}
			a.lose = loseFirst(1, func(_ int, s segment) bool { return s.data > 0 })
			began := a.now
			run(t, a, n, m, 10*second, func() bool { p.step(); return len(p.got) == 100 })
			if took := a.now - began; took < second/2 || took > 3*second || n.Stats().Resent+m.Stats().Resent != 1 {
				t.Errorf("use %d, from %d: after %d ms; %+v %+v", use, side, took/millisecond, n.Stats(), m.Stats())
			}
		}
	}
}

// TestManyAcknowledgements loses what the peer says while it takes much: all its
// acknowledgements are then ahead of it, which is no reason to give up.
func TestManyAcknowledgements(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	server, client := connect(t, a, n, m, hal.Relay)
	lost := 0
	a.lose = func(from int, frame []byte) bool {
		s, ok := parse(frame)
		if ok && from == 0 && s.data > 0 && lost < 2 {
			lost++
			return true
		}
		return false
	}
	server.Write([]byte("hello"))
	up := pump{from: client, to: server, data: noise(1, 200_000)}
	text := ""
	run(t, a, n, m, 60*second, func() bool {
		up.step()
		var buf [10]byte
		text += string(buf[:client.Read(buf[:])])
		return len(up.got) == 200_000 && text == "hello"
	})
	if lost != 2 {
		t.Errorf("%d lost", lost)
	}
}

func TestOrderlyEnd(t *testing.T) {
	for name, match := range map[string]func(int, segment) bool{
		"nothing lost": func(int, segment) bool { return false },
		"first FIN":    func(from int, s segment) bool { return from == 1 && s.flags&flagFIN != 0 },
		"second FIN":   func(from int, s segment) bool { return from == 0 && s.flags&flagFIN != 0 },
		"data":         func(from int, s segment) bool { return from == 1 && s.data > 0 },
		"ack of FIN":   func(from int, s segment) bool { return from == 0 && s.flags == flagACK },
	} {
		for count := 1; count <= 2; count++ {
			t.Run(fmt.Sprint(name, count), func(t *testing.T) {
				a, n, m := newAir(t, 1, 0, millisecond, 0)
				server, client := connect(t, a, n, m, hal.Relay)
				a.lose = loseFirst(count, match)
				data := noise(1, 700)
				client.Write(data)
				client.Close()
				if client.Space() != 0 {
					t.Error("can still be written to")
				}
				got := 0
				run(t, a, n, m, 20*second, func() bool {
					var buf [100]byte
					got += server.Read(buf[:])
					if server.State() == hal.PeerClosed && got == len(data) {
						server.Close()
					}
					return server.State() == hal.Closed && client.State() == hal.Closed
				})
				if got != len(data) || server.Err() != nil || client.Err() != nil {
					t.Errorf("%d bytes, %v, %v", got, server.Err(), client.Err())
				}
			})
		}
	}
}

func TestAbort(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	server, client := connect(t, a, n, m, hal.Relay)
	client.Write(noise(1, 5000))
	run(t, a, n, m, second, func() bool { return server.(*Stream).conn.BufferedInput() > 0 })
	client.Abort()
	if client.State() != hal.Closed || client.Err() != nil || client.Unacked() != 0 {
		t.Errorf("%v, %v", client.State(), client.Err())
	}
	run(t, a, n, m, second, func() bool { return server.State() == hal.Closed })
	if server.Err() != hal.ErrReset {
		t.Errorf("the peer has %v", server.Err())
	}
	if s, err := m.Dial(hal.Relay, "10.0.0.1", 80); err != nil || s != client {
		t.Errorf("again: %v", err)
	}
}

func TestRefused(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	run(t, a, n, m, second, func() bool { return m.Up() })
	s, err := m.Dial(hal.Broker, "10.0.0.1", 1883)
	if err != nil {
		t.Fatal(err)
	}
	run(t, a, n, m, 5*second, func() bool { return s.State() == hal.Closed })
	if s.Err() != hal.ErrRefused {
		t.Errorf("%v", s.Err())
	}
	if s, _ = m.Dial(hal.Broker, "10.0.0.9", 1883); s == nil {
		t.Fatal("cannot dial again")
	}
	run(t, a, n, m, 20*second, func() bool { return s.State() == hal.Closed })
	if s.Err() != hal.ErrTimeout {
		t.Errorf("nobody there: %v", s.Err())
	}
	a.ends[1].down = true
	run(t, a, n, m, second, func() bool { return !m.Up() })
	if _, err = m.Dial(hal.Broker, "10.0.0.1", 1883); err != hal.ErrDown {
		t.Errorf("without a link: %v", err)
	}
}

func TestBusy(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	_, client := connect(t, a, n, m, hal.Relay)
	for _, use := range []hal.Use{hal.Relay, hal.Download, hal.Control} {
		if _, err := m.Dial(use, "10.0.0.1", 80); err != hal.ErrBusy {
			t.Errorf("use %d: %v", use, err)
		}
	}
	client.Abort()
	if _, err := m.Dial(hal.Download, "10.0.0.1", 80); err != nil {
		t.Error(err)
	}
	if _, err := m.Dial(hal.Relay, "10.0.0.1", 80); err != hal.ErrBusy {
		t.Error(err)
	}
}

func TestLinkLost(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	_, client := connect(t, a, n, m, hal.Relay)
	a.ends[1].down = true
	run(t, a, n, m, second, func() bool { return client.State() == hal.Closed })
	if client.Err() != hal.ErrDown || m.Up() {
		t.Errorf("%v", client.Err())
	}
	a.ends[1].down = false
	run(t, a, n, m, second, func() bool { return m.Up() })
	if _, err := m.Dial(hal.Relay, "10.0.0.1", 80); err != nil {
		t.Error(err)
	}
}

// TestZeroWindow has a server that does not read for a while; that it does again
// gets lost, too.
func TestZeroWindow(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	server, client := connect(t, a, n, m, hal.Relay)
	data := noise(1, 20_000)
	left := data
	for end := a.now + 30*second; a.now < end; a.now += millisecond {
		left = left[client.Write(left):]
		n.Poll()
		m.Poll()
	}
	if client.State() != hal.Open || m.Stats().Probes < 3 || client.Unacked() != relaySend {
		t.Fatalf("%v, %d unacknowledged, %+v", client.State(), client.Unacked(), m.Stats())
	}
	a.lose = loseFirst(1, func(from int, s segment) bool { return from == 0 })
	up := pump{from: client, to: server, data: left}
	run(t, a, n, m, 60*second, func() bool { up.step(); return len(up.got) == len(data) })
}

func TestListener(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	l, err := n.Listen(80)
	if err != nil {
		t.Fatal(err)
	}
	run(t, a, n, m, second, func() bool { return m.Up() })
	dial := func() hal.Stream {
		s, err := m.Dial(hal.Broker, "10.0.0.1", 80)
		if err != nil {
			t.Fatal(err)
		}
		run(t, a, n, m, 5*second, func() bool { return s.State() != hal.Dialing })
		return s
	}
	for range 50 { // places are used again and again
		c := dial()
		var s hal.Stream
		run(t, a, n, m, second, func() bool { s = l.Accept(); return s != nil })
		s.Close()
		run(t, a, n, m, 5*second, func() bool {
			if c.State() == hal.PeerClosed {
				c.Close()
			}
			return c.State() == hal.Closed && s.State() == hal.Closed
		})
	}
	c := dial()
	l.Close()
	run(t, a, n, m, second, func() bool { return c.State() == hal.Closed })
	if c = dial(); c.Err() != hal.ErrRefused {
		t.Errorf("closed: %v", c.Err())
	}
	if l, err = n.Listen(80); err != nil {
		t.Fatal(err)
	}
	if c = dial(); c.State() != hal.Open {
		t.Errorf("open again: %v %v", c.State(), c.Err())
	}
}

// TestSlotsRest: who has a connection sees that it is closed before it becomes
// another one.
func TestSlotsRest(t *testing.T) {
	a, n, m := newAir(t, 1, 0, millisecond, 0)
	server, client := connect(t, a, n, m, hal.Broker)
	client.Abort()
	for server.State() != hal.Closed {
		n.Poll()
		a.now += millisecond
	}
	of := func() *Stream {
		conn, _, _ := n.listener.GetTCP()
		for i := range n.served {
			if s := &n.served[i]; &s.conn == conn {
				s.end(nil)
				return s
			}
		}
		return nil
	}
	if of() == server {
		t.Error("it is used again at once")
	}
	n.Poll()
	n.Poll()
	if of() != server {
		t.Error("it is not used again")
	}
}

// TestNoAllocations: a camera's heap does not grow with what it sends.
func TestNoAllocations(t *testing.T) {
	a, n, m := newAir(t, 1, 0, 0, 0)
	server, client := connect(t, a, n, m, hal.Relay)
	var buf [1460]byte
	for _, e := range a.ends {
		e.in = make([]packet, 0, 64)
	}
	frames := 0
	allocs := testing.AllocsPerRun(100, func() {
		client.Write(buf[:])
		m.now = a.now
		m.checkLink()
		m.resolver.step()
		for _, s := range m.streams {
			s.step()
		}
		left, _ := m.stack.EgressEthernet(m.frame[:])
		if left > 0 {
			frames++
			m.sent(m.frame[:left])
			n.now = a.now
			copy(n.frame[:], m.frame[:left])
			n.receive(n.frame[:left])
		}
		for server.Read(buf[:]) > 0 {
		}
		if left, _ = n.stack.EgressEthernet(n.frame[:]); left > 0 {
			n.sent(n.frame[:left])
			copy(m.frame[:], n.frame[:left])
			m.receive(m.frame[:left])
		}
		a.now += millisecond
	})
	if allocs != 0 || frames < 100 {
		t.Errorf("%v allocations in a step, %d frames", allocs, frames)
	}
}

func TestParseAddr(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1": "[10 0 0 1]", "255.255.255.255": "[255 255 255 255]", "0.0.0.0": "[0 0 0 0]",
		"": "", "1.2.3": "", "1.2.3.4.5": "", "256.1.1.1": "", "1..2.3": "", "1.2.3.": "", "01.2.3.4": "", "a.b.c.d": "", "relay.local": "", "1.2.3.4 ": "", "1000.1.1.1": "",
	} {
		addr, ok := parseAddr(text)
		if got := fmt.Sprint(addr); ok && got != want || !ok && want != "" {
			t.Errorf("%q: %v %v, want %q", text, got, ok, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(make([]byte, 60))
	frame := make([]byte, 60)
	frame[12], frame[ipAt], frame[ipAt+3], frame[ipAt+9], frame[tcpAt+12] = 8, 0x45, 40, 6, 5<<4
	f.Add(frame)
	f.Fuzz(func(t *testing.T, frame []byte) {
		s, ok := parse(frame)
		if !ok {
			return
		}
		if int(s.data) > len(frame) {
			t.Fatalf("%d bytes of data in %d", s.data, len(frame))
		}
		var w flow
		w.received(frame, s)
		renumber(frame, 7)
		if again, ok := parse(frame); !ok || again.seq != 7 {
			t.Fatal("it cannot be read any more")
		}
	})
}
