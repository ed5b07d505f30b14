package worldsim

import (
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// listener implements hal.Listener.
type listener struct {
	net     *network
	port    uint16
	waiting []*end
	open    []*end
}

// Listen implements hal.Network.
func (n *network) Listen(port uint16) (hal.Listener, error) {
	if n.listener != nil {
		return nil, hal.ErrBusy
	}
	n.listener = &listener{net: n, port: port}
	return n.listener, nil
}

// Accept implements hal.Listener.
func (l *listener) Accept() hal.Stream {
	for len(l.waiting) > 0 {
		e := l.waiting[0]
		l.waiting = l.waiting[1:]
		if e.state != hal.Closed {
			return e
		}
	}
	return nil
}

// Close implements hal.Listener.
func (l *listener) Close() {
	if l.net.listener == l {
		l.net.listener = nil
	}
	for _, e := range l.waiting {
		e.Abort()
	}
	l.waiting = nil
}

// visit dials the camera. The far end is the visitor's.
func (n *network) visit(h func(*end) handler) *end {
	c := n.connect(haltest.For(hal.Control), haltest.Ample)
	c.near.control = true
	c.handler = h(&c.far)
	n.after(n.trip(), func() {
		l := n.listener
		if l == nil || !n.up || !n.camera.runs() || c.far.state == hal.Closed || l.count() >= hal.MaxControl {
			c.near.end(nil)
			c.far.end(hal.ErrRefused)
			return
		}
		c.near.state, c.far.state, n.moved = hal.Open, hal.Open, true
		l.waiting = append(l.waiting, &c.near)
		l.open = append(l.open, &c.near)
		c.far.news = true
		n.wake(n.now)
	})
	return &c.far
}

// count is how many connections are open.
func (l *listener) count() int {
	open := l.open[:0]
	for _, e := range l.open {
		if e.state != hal.Closed {
			open = append(open, e)
		}
	}
	l.open = open
	return len(open)
}
