package halnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/firmware/core/hal"
	"camrelay/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ hal.Network  = (*Network)(nil)
	_ hal.Stream   = (*Stream)(nil)
	_ hal.Listener = (*Listener)(nil)
	_ hal.Clock    = (*Clock)(nil)
	_ hal.Random   = (*Random)(nil)
)

const patience = 20 * time.Second

// await waits until cond holds, looking whenever the network has changed.
func await(t *testing.T, n *Network, what string, cond func() bool) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !cond() {
		select {
		case <-n.Changed():
		case <-limit.C:
			t.Fatalf("waited for %s", what)
		}
	}
}

func newNetwork(t *testing.T, opt Options) *Network {
	n := New(opt)
	t.Cleanup(n.Close)
	return n
}

// peer listens and hands out what connects.
func peer(t *testing.T) (port uint16, next func() *net.TCPConn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return uint16(ln.Addr().(*net.TCPAddr).Port), func() *net.TCPConn {
		t.Helper()
		ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(patience))
		return conn.(*net.TCPConn)
	}
}

func dial(t *testing.T, n *Network, use hal.Use, port uint16) hal.Stream {
	t.Helper()
	s, err := n.Dial(use, "127.0.0.1", port)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBothWaysAndOrderlyEnd(t *testing.T) {
	n := newNetwork(t, Options{})
	port, next := peer(t)
	s := dial(t, n, hal.Relay, port)
	far := next()
	await(t, n, "open", func() bool { return s.State() == hal.Open })
	if !n.Poll() || n.Poll() {
		t.Error("Poll does not say once that something has changed")
	}

	random := rand.New(rand.NewPCG(1, 2))
	sent := make([]byte, 300_000)
	for i := range sent {
		sent[i] = byte(random.Uint32())
	}
	echoed := make(chan error, 1)
	go func() {
		_, err := io.Copy(far, far)
		far.CloseWrite()
		echoed <- err
	}()
	var got []byte
	at := 0
	piece := make([]byte, 700)
	await(t, n, "echo", func() bool {
		for moved := true; moved; {
			space := s.Space()
			if space > 8192 {
				t.Fatalf("space for %d bytes", space)
			}
			p := sent[at:min(len(sent), at+random.IntN(3000))]
			w := s.Write(p) // there may be more space by now
			if w < min(len(p), space) {
				t.Fatalf("%d of %d bytes taken, space was %d", w, len(p), space)
			}
			at += w
			r := s.Read(piece[:1+random.IntN(len(piece)-1)])
			got = append(got, piece[:r]...)
			moved = w+r > 0
		}
		return len(got) == len(sent)
	})
	if !bytes.Equal(got, sent) {
		t.Error("the echo is not what was sent")
	}
	await(t, n, "acknowledgement", func() bool { return s.Unacked() == 0 })
	s.Close()
	if s.Space() != 0 || s.Write(sent) != 0 {
		t.Error("a stream takes bytes after Close")
	}
	if err := <-echoed; err != nil {
		t.Error(err)
	}
	await(t, n, "end", func() bool { return s.State() == hal.Closed })
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

func TestPeerEndsFirst(t *testing.T) {
	n := newNetwork(t, Options{})
	port, next := peer(t)
	s := dial(t, n, hal.Broker, port)
	far := next()
	far.Write([]byte("last words"))
	far.CloseWrite()
	await(t, n, "peer's end", func() bool { return s.State() == hal.PeerClosed })
	got := make([]byte, 100)
	if got = got[:s.Read(got)]; string(got) != "last words" {
		t.Errorf("read %q", got)
	}
	if s.Write([]byte("answer")) != 6 {
		t.Error("our side is not open")
	}
	s.Close()
	answer, err := io.ReadAll(far)
	if string(answer) != "answer" || err != nil {
		t.Errorf("the peer got %q, %v", answer, err)
	}
	await(t, n, "end", func() bool { return s.State() == hal.Closed })
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// Abort is a reset for the peer, and resets are errors for us.
func TestResets(t *testing.T) {
	n := newNetwork(t, Options{})
	port, next := peer(t)
	s := dial(t, n, hal.Relay, port)
	far := next()
	await(t, n, "open", func() bool { return s.State() == hal.Open })
	s.Abort()
	if s.State() != hal.Closed || s.Err() != nil {
		t.Errorf("after Abort: %v, %v", s.State(), s.Err())
	}
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer sees %v", err)
	}
	s = dial(t, n, hal.Relay, port)
	far = next()
	far.SetLinger(0)
	far.Close()
	await(t, n, "reset", func() bool { return s.State() == hal.Closed })
	if s.Err() != hal.ErrReset {
		t.Errorf("after a reset: %v", s.Err())
	}
}

func TestDialErrors(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := uint16(free.Addr().(*net.TCPAddr).Port)
	free.Close()
	unreachable := func(errno syscall.Errno) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: errno}
		}
	}
	for _, c := range []struct {
		name string
		opt  Options
		port uint16
		want error
	}{
		{"refused", Options{}, refused, hal.ErrRefused},
		{"name", Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
		}}, 1, hal.ErrName},
		{"silent resolver", Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}}
		}}, 1, hal.ErrTimeout},
		{"silent host", Options{Dial: unreachable(syscall.ETIMEDOUT)}, 1, hal.ErrTimeout},
		{"no neighbour", Options{Dial: unreachable(syscall.EHOSTUNREACH)}, 1, hal.ErrTimeout},
		{"no route", Options{Dial: unreachable(syscall.ENETUNREACH)}, 1, hal.ErrDown},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t, c.opt)
			s := dial(t, n, hal.Relay, c.port)
			await(t, n, "failure", func() bool { return s.State() == hal.Closed })
			if s.Err() != c.want {
				t.Errorf("%v, want %v", s.Err(), c.want)
			}
		})
	}
}

// There is one connection of each use, and one of Relay and Download together.
func TestBusy(t *testing.T) {
	n := newNetwork(t, Options{})
	port, _ := peer(t)
	for _, pair := range [][2]hal.Use{{hal.Relay, hal.Download}, {hal.Download, hal.Relay}, {hal.Relay, hal.Relay}, {hal.Broker, hal.Broker}} {
		first := dial(t, n, pair[0], port)
		if s, err := n.Dial(pair[1], "127.0.0.1", port); err != hal.ErrBusy || s != nil {
			t.Errorf("%v while there is %v: %v, %v", pair[1], pair[0], s, err)
		}
		first.Abort()
		dial(t, n, pair[1], port).Abort()
	}
	if _, err := n.Dial(hal.Control, "127.0.0.1", port); err != hal.ErrBusy {
		t.Errorf("dial for Control: %v", err)
	}
}

func TestAbortWhileDialling(t *testing.T) {
	entered := make(chan struct{})
	n := newNetwork(t, Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	s := dial(t, n, hal.Relay, 1)
	<-entered
	if s.State() != hal.Dialing || s.Space() != 0 || s.Unacked() != 0 {
		t.Errorf("%v, space %d", s.State(), s.Space())
	}
	s.Close() // there is nothing to deliver
	if s.State() != hal.Closed || s.Err() != nil {
		t.Errorf("%v, %v", s.State(), s.Err())
	}
}

// A peer that does not read fills our buffer, and no more is taken.
func TestPeerDoesNotRead(t *testing.T) {
	n := newNetwork(t, Options{})
	port, next := peer(t)
	s := dial(t, n, hal.Relay, port)
	far := next()
	far.SetReadBuffer(4096)
	await(t, n, "open", func() bool { return s.State() == hal.Open })
	total := 0
	full := func() bool {
		total += s.Write(make([]byte, 8192))
		return s.Space() == 0
	}
	// What the kernel takes is not known; it is full when nothing changes.
	testkit.Eventually(t, patience, func() bool {
		for !full() {
		}
		before := total
		select {
		case <-n.Changed():
		case <-time.After(300 * time.Millisecond):
		}
		full()
		return total == before
	}, "the buffers are full")
	if got := s.Unacked(); got < 8192 {
		t.Errorf("%d bytes unacknowledged", got)
	}
	s.Abort()
}

func TestLinkDown(t *testing.T) {
	n := newNetwork(t, Options{RSSI: func() int { return -61 }})
	port, next := peer(t)
	s := dial(t, n, hal.Relay, port)
	next()
	await(t, n, "open", func() bool { return s.State() == hal.Open })
	if !n.Up() || n.RSSI() != -61 {
		t.Error("not up")
	}
	n.SetUp(false)
	if s.State() != hal.Closed || s.Err() != hal.ErrDown || n.Up() {
		t.Errorf("%v, %v", s.State(), s.Err())
	}
	if _, err := n.Dial(hal.Relay, "127.0.0.1", port); err != hal.ErrDown {
		t.Error(err)
	}
	n.SetUp(true)
	s = dial(t, n, hal.Relay, port)
	await(t, n, "open", func() bool { return s.State() == hal.Open })
}

// A listener has four connections open; the fifth waits for one to end.
func TestListener(t *testing.T) {
	n := newNetwork(t, Options{Listen: func(port uint16) (net.Listener, error) {
		return net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(int(port-80)))
	}})
	l, err := n.Listen(80)
	if err != nil {
		t.Fatal(err)
	}
	address := l.(*Listener).Addr().String()
	connect := func() net.Conn {
		t.Helper()
		conn, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	var fars []net.Conn
	var open []hal.Stream
	for range hal.MaxControl {
		fars = append(fars, connect())
		await(t, n, "connection", func() bool {
			s := l.Accept()
			if s != nil {
				open = append(open, s)
			}
			return s != nil
		})
	}
	fifth := connect()
	fifth.Write([]byte("late"))
	for _, far := range fars {
		far.Write([]byte("x"))
	}
	for _, s := range open {
		await(t, n, "byte", func() bool { return s.Read(make([]byte, 1)) == 1 })
	}
	if l.Accept() != nil {
		t.Fatal("a fifth connection was accepted")
	}
	open[1].Abort()
	var late hal.Stream
	await(t, n, "the fifth", func() bool { late = l.Accept(); return late != nil })
	got := make([]byte, 10)
	await(t, n, "what it sent", func() bool { return late.Read(got) == 4 })

	l.Close()
	if conn, err := net.DialTimeout("tcp", address, patience); err == nil {
		conn.Close()
		t.Error("a closed listener accepts")
	}
	if late.Write([]byte("still here")) != 10 {
		t.Error("a connection ended with its listener")
	}
	if _, err := io.ReadFull(fifth, got); err != nil || string(got) != "still here" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWrap(t *testing.T) {
	near, far := net.Pipe()
	s := Wrap(near, 64, 16)
	if s.State() != hal.Open || s.Space() != 64 {
		t.Fatalf("%v, space %d", s.State(), s.Space())
	}
	if n := s.Write(make([]byte, 100)); n != 64 {
		t.Errorf("%d bytes taken", n)
	}
	if _, err := io.ReadFull(far, make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, patience, func() bool { return s.Unacked() == 0 }, "all is written")
	s.Write([]byte("end"))
	s.Close()
	rest, err := io.ReadAll(far)
	if string(rest) != "end" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	testkit.Eventually(t, patience, func() bool { return s.State() == hal.Closed }, "closed")
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

func TestClockAndRandom(t *testing.T) {
	c := NewClock()
	a, b := c.Now(), c.Now()
	if a <= 0 || b < a || c.Unix() < 1e15 {
		t.Errorf("%d, %d, %d", a, b, c.Unix())
	}
	seen := map[uint32]bool{}
	var r Random
	for range 1000 {
		seen[r.Uint32()] = true
	}
	if len(seen) < 999 {
		t.Errorf("%d different numbers of 1000", len(seen))
	}
}
