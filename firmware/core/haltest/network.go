package haltest

import "camrelay/firmware/core/hal"

// Network implements hal.Network. The test answers what is dialled (Next) and
// dials what listens (Connect).
type Network struct {
	down      bool
	moved     bool
	dialled   [hal.Control]*Stream
	calls     []*Call
	listeners map[uint16]*Listener
	Strength  int // what RSSI returns
}

// NewNetwork returns a network that is up.
func NewNetwork() *Network { return &Network{listeners: map[uint16]*Listener{}} }

// Call is a connection that was dialled and waits for its answer.
type Call struct {
	Use       hal.Use
	Host      string
	Port      uint16
	near, far *Stream
}

// Up implements hal.Network.
func (n *Network) Up() bool { return !n.down }

// SetUp takes the link away, which breaks all connections, or brings it back.
func (n *Network) SetUp(up bool) {
	n.down = !up
	if up {
		return
	}
	for _, s := range n.dialled {
		if s != nil {
			s.Break(hal.ErrDown)
		}
	}
	for _, l := range n.listeners {
		for _, s := range l.open {
			s.Break(hal.ErrDown)
		}
	}
}

// RSSI implements hal.Network.
func (n *Network) RSSI() int { return n.Strength }

// Dial implements hal.Network. The last stream of this memory must not be used
// any more: if it is, it panics.
func (n *Network) Dial(use hal.Use, host string, port uint16) (hal.Stream, error) {
	shared := []hal.Use{use}
	if use == hal.Relay || use == hal.Download {
		shared = []hal.Use{hal.Relay, hal.Download}
	}
	for _, u := range shared {
		if u >= hal.Control || n.dialled[u] != nil && n.dialled[u].state != hal.Closed {
			return nil, hal.ErrBusy
		}
	}
	if n.down {
		return nil, hal.ErrDown
	}
	for _, u := range shared {
		if n.dialled[u] != nil {
			n.dialled[u].stale = true
		}
	}
	c := &Call{Use: use, Host: host, Port: port}
	c.near, c.far = pipe(For(use), Ample)
	c.near.moved, c.far.moved = &n.moved, &n.moved
	n.dialled[use] = c.near
	n.calls = append(n.calls, c)
	return c.near, nil
}

// Next returns the oldest call that was not looked at yet, nil if there is none.
func (n *Network) Next() *Call {
	if len(n.calls) == 0 {
		return nil
	}
	c := n.calls[0]
	n.calls = n.calls[1:]
	return c
}

// Accept opens the connection and returns its far end; nil if the caller has
// given up.
func (c *Call) Accept() *Stream {
	if c.near.state != hal.Dialing {
		return nil
	}
	c.near.state, c.far.state = hal.Open, hal.Open
	*c.near.moved = true
	return c.far
}

// Fail ends the call with an error, as if nobody was there.
func (c *Call) Fail(err error) { c.near.end(err) }

// Listener implements hal.Listener.
type Listener struct {
	network *Network
	port    uint16
	waiting []*Stream
	open    []*Stream
}

// Listen implements hal.Network.
func (n *Network) Listen(port uint16) (hal.Listener, error) {
	if n.listeners[port] != nil {
		return nil, hal.ErrBusy
	}
	l := &Listener{network: n, port: port}
	n.listeners[port] = l
	return l, nil
}

// Connect dials a port on which the camera listens; the error is ErrRefused if
// it does not, or has hal.MaxControl connections open already.
func (n *Network) Connect(port uint16) (*Stream, error) {
	l := n.listeners[port]
	if l == nil || n.down {
		return nil, hal.ErrRefused
	}
	open := l.open[:0]
	for _, s := range l.open {
		if s.state != hal.Closed {
			open = append(open, s)
		}
	}
	l.open = open
	if len(l.open) == hal.MaxControl {
		return nil, hal.ErrRefused
	}
	near, far := Pipe(For(hal.Control), Ample)
	near.moved, far.moved = &n.moved, &n.moved
	l.open = append(l.open, near)
	l.waiting = append(l.waiting, near)
	n.moved = true
	return far, nil
}

// Accept implements hal.Listener.
func (l *Listener) Accept() hal.Stream {
	for len(l.waiting) > 0 {
		s := l.waiting[0]
		l.waiting = l.waiting[1:]
		if s.state != hal.Closed {
			return s
		}
	}
	return nil
}

// Close implements hal.Listener. What was not accepted is reset.
func (l *Listener) Close() {
	if l.network.listeners[l.port] == l {
		delete(l.network.listeners, l.port)
	}
	for _, s := range l.waiting {
		s.Abort()
	}
	l.waiting = nil
}

// Poll implements hal.Network.
func (n *Network) Poll() bool {
	moved := n.moved
	n.moved = false
	return moved
}
