package testkit

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// LinkConfig is what a Link does to the bytes that go through it.
type LinkConfig struct {
	Rate    int           // bytes a second in each direction; 0: no limit
	Latency time.Duration // one way
}

// Link is a TCP proxy on loopback that behaves like a thin line.
//
// A token bucket bounds each direction; its burst is 2 ms worth, at least one
// segment. The link holds little itself, so that what a program measures
// through it are its own buffers: per direction at most LinkHolds, and what is
// under way in Rate × Latency. The socket buffers of the two programs are
// their own affair.
type Link struct {
	cfg      LinkConfig
	target   string
	listener net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

const (
	// LinkHolds is the most that a link without latency keeps of what was
	// written into one direction and not delivered at its end, in bytes: the
	// kernel's buffers of its two sockets and two segments between them.
	LinkHolds = 20 << 10

	linkSegment = 1460
	linkBuffer  = 4096 // SO_RCVBUF and SO_SNDBUF; the kernel doubles it for its own needs
)

// NewLink starts a link to a TCP address, until the test ends.
func NewLink(t testing.TB, target string, cfg LinkConfig) *Link {
	t.Helper()
	listen := net.ListenConfig{Control: smallBuffers}
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		t.Fatalf("start link: %v", err)
	}
	l := &Link{cfg: cfg, target: target, listener: listener, ctx: ctx, cancel: cancel}
	l.wg.Go(l.accept)
	t.Cleanup(l.Close)
	return l
}

// Addr is where to connect to instead of the target.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Close cuts all connections. It may be called more than once.
func (l *Link) Close() {
	l.cancel()
	l.listener.Close()
	l.wg.Wait()
}

// smallBuffers is set before the handshake, which fixes the window scale. The
// segment size of Ethernet lets small windows open in small steps; loopback's
// would stall them.
func smallBuffers(_, _ string, c syscall.RawConn) error {
	var err error
	control := c.Control(func(fd uintptr) {
		for _, option := range [][3]int{
			{unix.SOL_SOCKET, unix.SO_RCVBUF, linkBuffer}, {unix.SOL_SOCKET, unix.SO_SNDBUF, linkBuffer},
			{unix.IPPROTO_TCP, unix.TCP_MAXSEG, linkSegment},
		} {
			if e := unix.SetsockoptInt(int(fd), option[0], option[1], option[2]); e != nil && err == nil {
				err = e
			}
		}
	})
	if control != nil {
		return control
	}
	return err
}

func (l *Link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.join(near) })
	}
}

// join carries one connection until both directions have ended or the link is
// closed.
func (l *Link) join(near net.Conn) {
	defer near.Close()
	dialer := net.Dialer{Control: smallBuffers}
	far, err := dialer.DialContext(l.ctx, "tcp", l.target)
	if err != nil {
		return
	}
	defer far.Close()
	stop := context.AfterFunc(l.ctx, func() {
		near.Close()
		far.Close()
	})
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { l.carry(far, near) })
	wg.Go(func() { l.carry(near, far) })
	wg.Wait()
}

// segment is some bytes that are due at the other end.
type segment struct {
	bytes []byte
	due   time.Time
	err   error // of reading: nothing comes after
}

// carry carries one direction; its end is carried too, as FIN or as RST.
func (l *Link) carry(to, from net.Conn) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	line := make(chan segment, l.underWay())
	go l.load(ctx, from, line)
	for s := range line {
		sleep(ctx, time.Until(s.due))
		if s.err != nil {
			end(to, s.err)
			break
		}
		waitForRoom(ctx, to.(*net.TCPConn))
		if _, err := to.Write(s.bytes); err != nil {
			reset(from)
			break
		}
	}
	cancel()
	for range line { // until load has ended
	}
}

// waitForRoom waits until what the socket has not delivered is less than
// linkBuffer. SO_SNDBUF alone does not bound that: the kernel lets the last
// buffer of its queue grow to 64 KB. There is no event for it, so it is asked
// every millisecond. An error shows when the socket is written to.
func waitForRoom(ctx context.Context, to *net.TCPConn) {
	raw, err := to.SyscallConn()
	if err != nil {
		return
	}
	for ctx.Err() == nil {
		undelivered := 0
		control := raw.Control(func(fd uintptr) { undelivered, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if control != nil || err != nil || undelivered < linkBuffer {
			return
		}
		sleep(ctx, time.Millisecond)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// underWay is how many segments the line itself holds.
func (l *Link) underWay() int {
	if l.cfg.Latency == 0 {
		return 0
	}
	if l.cfg.Rate == 0 {
		return 1024
	}
	return int(float64(l.cfg.Rate)*l.cfg.Latency.Seconds())/linkSegment + 1
}

// load reads at the rate of the link and puts segments on the line.
func (l *Link) load(ctx context.Context, from net.Conn, line chan<- segment) {
	defer close(line)
	bucket := rate.NewLimiter(rate.Inf, linkSegment)
	if l.cfg.Rate > 0 {
		bucket = rate.NewLimiter(rate.Limit(l.cfg.Rate), max(linkSegment, l.cfg.Rate/500))
	}
	for {
		b := make([]byte, linkSegment)
		n, err := from.Read(b)
		if n > 0 && bucket.WaitN(ctx, n) != nil {
			return
		}
		now := time.Now()
		for _, s := range []segment{{bytes: b[:n]}, {err: err}} {
			if s.err == nil && len(s.bytes) == 0 {
				continue
			}
			s.due = now.Add(l.cfg.Latency)
			select {
			case line <- s:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func end(to net.Conn, err error) {
	if err == io.EOF {
		to.(*net.TCPConn).CloseWrite()
		return
	}
	reset(to)
}

func reset(c net.Conn) {
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}
