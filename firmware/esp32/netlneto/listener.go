package netlneto

import (
	"github.com/soypat/lneto/tcp"

	"camrelay/firmware/core/hal"
)

// listener implements hal.Listener. lneto's forgets its connections when it is
// closed, so it stays open and refuses instead.
type listener struct {
	network   *Network
	lneto     tcp.Listener
	port      uint16
	accepting bool
}

func (l *listener) open(port uint16) error {
	n := l.network
	if port != l.port {
		for i := range n.served {
			if n.served[i].state != hal.Closed {
				return hal.ErrBusy
			}
		}
		if l.port != 0 {
			_ = l.lneto.Close()
		}
		if err := l.lneto.Reset(port, l); err != nil {
			return err
		}
		if err := n.stack.RegisterListenerTCP(&l.lneto); err != nil {
			l.port = 0
			return hal.ErrBusy
		}
		l.port = port
	}
	l.accepting = true
	return nil
}

// GetTCP gives lneto a connection for a SYN; none refuses it.
func (l *listener) GetTCP() (*tcp.Conn, any, tcp.Value) {
	n := l.network
	if !l.accepting || !n.up {
		return nil, nil, 0
	}
	for i := range n.served {
		s := &n.served[i]
		// Who had it has had a step to see that it is closed.
		if s.state == hal.Closed && n.polls-s.closed > 1 {
			s.begin()
			return &s.conn, nil, tcp.Value(n.conf.Random.Uint32())
		}
	}
	return nil, nil, 0
}

// PutTCP takes a connection back that has ended, or did not begin. It may be in
// use again: lneto is late with those that were aborted.
func (l *listener) PutTCP(conn *tcp.Conn) {
	for i := range l.network.served {
		if s := &l.network.served[i]; &s.conn == conn {
			s.update()
			if state := conn.State(); s.state == hal.Dialing && (state == tcp.StateClosed || state == tcp.StateListen) {
				s.end(hal.ErrReset)
			}
		}
	}
}

// Accept implements hal.Listener.
func (l *listener) Accept() hal.Stream {
	if l.port == 0 {
		return nil
	}
	for {
		conn, _, err := l.lneto.TryAccept()
		if err != nil || conn == nil {
			return nil
		}
		for i := range l.network.served {
			if s := &l.network.served[i]; &s.conn == conn && s.state != hal.Closed {
				s.inHand = true
				s.update()
				return s
			}
		}
	}
}

// Close implements hal.Listener. Who waits for Accept is refused too.
func (l *listener) Close() {
	l.accepting = false
	for i := range l.network.served {
		if s := &l.network.served[i]; s.state != hal.Closed && !s.inHand {
			s.Abort()
		}
	}
}
