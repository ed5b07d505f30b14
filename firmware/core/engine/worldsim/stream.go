package worldsim

import (
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// conn is a TCP connection between the camera (near) and somebody else.
type conn struct {
	near, far end
	handler   handler // of the far end
	dark      bool    // nothing gets through, for ever
}

// end is one end of a connection, and implements hal.Stream.
type end struct {
	net   *network
	conn  *conn
	peer  *end
	size  haltest.Buffers
	state hal.State
	err   error

	waiting []byte  // written, and not sent: the peer has no room
	wire    []byte  // sent, and not arrived
	flights []event // of what is on the wire, in order
	acks    []event // on their way back
	unacked int
	last    int64 // when the last flight arrives
	in      []byte

	closing bool
	finSent bool
	resetAt int64 // when a RST arrives here; 0: none is under way
	stale   bool
	news    bool
	control bool // by the camera's listener
}

// event is so many bytes at a time; fin is -1 of them.
type event struct {
	at int64
	n  int
}

const fin = -1

// connect makes a connection that is being dialled by the near end.
func (n *network) connect(near, far haltest.Buffers) *conn {
	c := new(conn)
	c.near = end{net: n, conn: c, peer: &c.far, size: near, state: hal.Dialing}
	c.far = end{net: n, conn: c, peer: &c.near, size: far, state: hal.Dialing}
	n.conns = append(n.conns, c)
	return c
}

// over reports whether nobody wants the connection any more.
func (c *conn) over() bool {
	return c.near.state == hal.Closed && (c.far.state == hal.Closed || c.far.state == hal.Dialing)
}

func (e *end) direction() int {
	if e == &e.conn.near {
		return 0
	}
	return 1
}

// State implements hal.Stream.
func (e *end) State() hal.State { e.check(); return e.state }

// Err implements hal.Stream.
func (e *end) Err() error { e.check(); return e.err }

// Space implements hal.Stream.
func (e *end) Space() int {
	e.check()
	if e.closing || e.state != hal.Open && e.state != hal.PeerClosed {
		return 0
	}
	return max(0, e.size.Send-e.unacked)
}

// Unacked implements hal.Stream.
func (e *end) Unacked() int { e.check(); return e.unacked }

// Read implements hal.Stream.
func (e *end) Read(p []byte) int {
	e.check()
	n := copy(p, e.in)
	if n > 0 {
		e.in = e.in[:copy(e.in, e.in[n:])]
		if len(e.peer.waiting) > 0 {
			e.net.wake(e.net.now)
		}
	}
	return n
}

// Write implements hal.Stream.
func (e *end) Write(p []byte) int {
	n := min(len(p), e.Space())
	if n > 0 {
		e.waiting = append(e.waiting, p[:n]...)
		e.unacked += n
		e.pump()
	}
	return n
}

// Close implements hal.Stream.
func (e *end) Close() {
	e.check()
	if e.state == hal.Dialing {
		e.Abort()
		return
	}
	e.closing = true
	e.pump()
}

// Abort implements hal.Stream.
func (e *end) Abort() {
	e.check()
	if e.state == hal.Closed {
		return
	}
	dialling := e.state == hal.Dialing
	e.end(nil)
	if !dialling || e.peer.state != hal.Dialing {
		e.peer.resetIn()
	}
}

// check finds those who use a stream after the next was dialled.
func (e *end) check() {
	if e.stale {
		e.net.fail(exclusive, "a connection is used after the next one was dialled")
	}
}

// end ends this side of the connection.
func (e *end) end(err error) {
	if e.state != hal.Closed {
		e.state, e.err, e.news = hal.Closed, err, true
		e.waiting, e.unacked = nil, 0
		e.net.moved = true
		e.net.wake(e.net.now)
	}
}

// resetIn lets a RST arrive here, if it can.
func (e *end) resetIn() {
	if e.state != hal.Closed && !e.conn.dark && e.reachable() {
		e.resetAt = e.net.arrival(1-e.direction(), 0)
		e.net.wake(e.resetAt)
	}
}

// reachable reports whether segments get from here to there and back.
func (e *end) reachable() bool { return e.net.up && e.net.camera.runs() }

// pump sends what the peer has room for.
func (e *end) pump() {
	if e.conn.dark || e.state == hal.Dialing || e.state == hal.Closed {
		return
	}
	switch {
	case e.peer.state == hal.Closed && (len(e.waiting) > 0 || e.closing && !e.finSent):
		if e.resetAt == 0 { // there is nobody any more
			e.resetIn()
			if e.resetAt == 0 {
				e.net.wake(e.net.now + 1e9) // try again
			}
		}
		return
	case e.peer.state == hal.Closed:
		return
	}
	const segment = 1460
	for len(e.waiting) > 0 {
		n := min(len(e.waiting), segment, e.peer.size.Receive-len(e.peer.in)-len(e.wire))
		if n <= 0 {
			return
		}
		e.wire = append(e.wire, e.waiting[:n]...)
		e.waiting = e.waiting[:copy(e.waiting, e.waiting[n:])]
		e.fly(n)
	}
	if e.closing && !e.finSent {
		e.finSent = true
		e.fly(fin)
	}
}

func (e *end) fly(n int) {
	e.last = max(e.last, e.net.arrival(e.direction(), max(n, 0)))
	e.flights = append(e.flights, event{e.last, n})
	e.net.wake(e.last)
}

// move does what is due at this end.
func (e *end) move() {
	if e.state == hal.Closed || e.conn.dark {
		return
	}
	if e.resetAt != 0 && e.resetAt <= e.net.now {
		e.end(hal.ErrReset)
		return
	}
	for len(e.flights) > 0 && e.flights[0].at <= e.net.now {
		if e.peer.state == hal.Closed {
			e.flights, e.wire = e.flights[:0], e.wire[:0]
			e.resetIn()
			break
		}
		e.arrive(e.flights[0].n)
		e.flights = e.flights[:copy(e.flights, e.flights[1:])]
	}
	for len(e.acks) > 0 && e.acks[0].at <= e.net.now {
		e.unacked -= e.acks[0].n
		e.acks = e.acks[:copy(e.acks, e.acks[1:])]
		e.news, e.net.moved = true, true
	}
	e.pump()
	e.finish()
	for _, list := range [...][]event{e.flights, e.acks} {
		if len(list) > 0 {
			e.net.wake(max(list[0].at, e.net.now+1))
		}
	}
	if e.resetAt != 0 {
		e.net.wake(e.resetAt)
	}
}

// arrive hands bytes to the peer.
func (e *end) arrive(n int) {
	e.peer.news, e.net.moved = true, true
	if n == fin {
		if e.peer.state == hal.Open || e.peer.state == hal.Dialing {
			e.peer.state = hal.PeerClosed
		}
		return
	}
	if !e.peer.closing { // else it throws away what arrives
		e.peer.in = append(e.peer.in, e.wire[:n]...)
	}
	e.wire = e.wire[:copy(e.wire, e.wire[n:])]
	back := e.net.now + int64(e.net.trip())
	if k := len(e.acks); k > 0 {
		back = max(back, e.acks[k-1].at)
	}
	e.acks = append(e.acks, event{back, n})
}

// finish closes a connection that both ends have ended.
func (e *end) finish() {
	if e.closing && e.finSent && len(e.flights) == 0 && e.unacked == 0 && e.state == hal.PeerClosed {
		e.end(nil)
	}
}
