package halnet

import (
	"net"
	"slices"
	"sync"
	"time"

	"camrelay/firmware/core/hal"
)

// acceptAgain is the pause after a failed accept, such as one for want of file
// descriptors.
const acceptAgain = 100 * time.Millisecond

// Listener implements hal.Listener. While hal.MaxControl connections are open,
// others wait in the backlog of the host.
type Listener struct {
	network *Network
	ln      net.Listener
	done    chan struct{}

	mu      sync.Mutex
	freed   sync.Cond
	closed  bool
	open    []*Stream
	waiting []*Stream // of those, for Accept
}

func newListener(n *Network, ln net.Listener) *Listener {
	l := &Listener{network: n, ln: ln, done: make(chan struct{})}
	l.freed.L = &l.mu
	return l
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Accept implements hal.Listener.
func (l *Listener) Accept() hal.Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > 0 {
		s := l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		if s.State() != hal.Closed {
			return s
		}
	}
	return nil
}

// Close implements hal.Listener. Connections that were not accepted are
// aborted.
func (l *Listener) Close() {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	close(l.done)
	waiting := l.waiting
	l.waiting = nil
	over := len(l.open) == 0
	l.freed.Broadcast()
	l.mu.Unlock()
	l.ln.Close()
	for _, s := range waiting {
		s.Abort()
	}
	if over {
		l.network.drop(l)
	}
}

func (l *Listener) streams() []*Stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.open)
}

// run accepts while there is memory for one more connection.
func (l *Listener) run() {
	for l.room() {
		conn, err := l.ln.Accept()
		if err != nil {
			select {
			case <-l.done:
			case <-time.After(acceptAgain):
			}
			continue
		}
		l.take(conn)
	}
}

// room waits for room; false says that the listener is closed.
func (l *Listener) room() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && len(l.open) >= hal.MaxControl {
		l.freed.Wait()
	}
	return !l.closed
}

func (l *Listener) take(conn net.Conn) {
	s := newStream(Buffers(hal.Control))
	s.notify = l.network.notify
	up := l.network.Up()
	l.mu.Lock()
	if l.closed || !up {
		l.mu.Unlock()
		reset(conn)
		return
	}
	l.open = append(l.open, s)
	l.mu.Unlock()
	s.attach(conn)
	l.network.wg.Go(func() {
		s.run(conn)
		l.forget(s)
	})
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		s.Abort()
		return
	}
	l.waiting = append(l.waiting, s)
	l.mu.Unlock()
	l.network.notify()
}

// forget makes room for another connection.
func (l *Listener) forget(s *Stream) {
	l.mu.Lock()
	l.open = slices.DeleteFunc(l.open, func(o *Stream) bool { return o == s })
	l.freed.Broadcast()
	over := l.closed && len(l.open) == 0
	l.mu.Unlock()
	if over {
		l.network.drop(l)
	}
}
