// Package halnet is the network of a virtual camera: hal.Network over the
// sockets of the host, with the buffers and the rules that a camera has, so that
// its logic meets the same limits. Goroutines wait for the sockets; callers
// never do.
package halnet

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"camrelay/firmware/core/hal"
)

// Options change what a Network does. The zero value is good.
type Options struct {
	// Dial makes a connection; default: TCP. Its errors are mapped to hal.Error.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Listen opens a port; default: that port of the loopback address.
	Listen func(port uint16) (net.Listener, error)
	// RSSI is the strength of the link in dBm; default 0, not known.
	RSSI func() int
}

// Network implements hal.Network. Its methods and those of its streams are safe
// for concurrent use.
type Network struct {
	opt     Options
	moved   atomic.Bool
	changed chan struct{}
	wg      sync.WaitGroup

	mu        sync.Mutex
	down      bool
	closed    bool
	dialled   [hal.Control]*Stream // by Use
	listeners map[*Listener]struct{}
}

// New returns a network that is up.
func New(opt Options) *Network {
	if opt.Dial == nil {
		// A camera's stack has no keep-alive.
		opt.Dial = (&net.Dialer{KeepAlive: -1}).DialContext
	}
	if opt.Listen == nil {
		opt.Listen = func(port uint16) (net.Listener, error) {
			return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
		}
	}
	return &Network{opt: opt, changed: make(chan struct{}, 1), listeners: make(map[*Listener]struct{})}
}

// Buffers returns how many bytes a connection of a use holds in each direction.
func Buffers(use hal.Use) (send, receive int) {
	switch use {
	case hal.Relay:
		return 8192, 1024
	case hal.Download:
		return 512, 6144
	}
	return 1024, 1024
}

// Up implements hal.Network.
func (n *Network) Up() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.down && !n.closed
}

// SetUp takes the link away, which breaks all connections with hal.ErrDown, or
// brings it back. Listeners stay; who connects to them meanwhile is dropped.
func (n *Network) SetUp(up bool) {
	n.mu.Lock()
	n.down = !up
	var broken []*Stream
	if !up {
		broken = n.streams()
	}
	n.mu.Unlock()
	for _, s := range broken {
		s.fail(hal.ErrDown)
	}
	n.notify()
}

// RSSI implements hal.Network.
func (n *Network) RSSI() int {
	if n.opt.RSSI == nil {
		return 0
	}
	return n.opt.RSSI()
}

// Dial implements hal.Network.
func (n *Network) Dial(use hal.Use, host string, port uint16) (hal.Stream, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case use >= hal.Control || n.busy(use):
		return nil, hal.ErrBusy
	case n.down || n.closed:
		return nil, hal.ErrDown
	}
	s := newStream(Buffers(use))
	s.notify = n.notify
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	n.dialled[use] = s
	n.wg.Go(func() {
		defer cancel()
		conn, err := n.opt.Dial(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if err != nil {
			s.fail(errorOf(err))
			return
		}
		s.run(conn)
	})
	return s, nil
}

// busy reports whether there is no memory for another connection of a use.
func (n *Network) busy(use hal.Use) bool {
	open := func(use hal.Use) bool { return n.dialled[use] != nil && n.dialled[use].State() != hal.Closed }
	switch use {
	case hal.Relay, hal.Download:
		return open(hal.Relay) || open(hal.Download)
	}
	return open(use)
}

// Listen implements hal.Network. The Listener is a *Listener.
func (n *Network) Listen(port uint16) (hal.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, hal.ErrDown
	}
	ln, err := n.opt.Listen(port)
	if err != nil {
		return nil, err
	}
	l := newListener(n, ln)
	n.listeners[l] = struct{}{}
	n.wg.Go(l.run)
	return l, nil
}

// drop forgets a listener that is closed and has no connections left.
func (n *Network) drop(l *Listener) {
	n.mu.Lock()
	delete(n.listeners, l)
	n.mu.Unlock()
}

// Poll implements hal.Network.
func (n *Network) Poll() bool { return n.moved.Swap(false) }

// Changed says that Poll would return true, so that a program with nothing to
// do can wait for it.
func (n *Network) Changed() <-chan struct{} { return n.changed }

func (n *Network) notify() {
	n.moved.Store(true)
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// streams lists all connections. n.mu is held.
func (n *Network) streams() []*Stream {
	var all []*Stream
	for _, s := range n.dialled {
		if s != nil {
			all = append(all, s)
		}
	}
	for l := range n.listeners {
		all = append(all, l.streams()...)
	}
	return all
}

// Close aborts everything and waits until no goroutine is left.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	all := n.streams()
	listeners := make([]*Listener, 0, len(n.listeners))
	for l := range n.listeners {
		listeners = append(listeners, l)
	}
	n.mu.Unlock()
	for _, l := range listeners {
		l.Close()
	}
	for _, s := range all {
		s.Abort()
	}
	n.wg.Wait()
}
