package haltest

import "camrelay/firmware/core/hal"

// Buffers is how many bytes one end of a connection holds in each direction.
type Buffers struct{ Send, Receive int }

// For returns the buffers a camera has for a use.
func For(use hal.Use) Buffers {
	switch use {
	case hal.Relay:
		return Buffers{8192, 1024}
	case hal.Download:
		return Buffers{512, 6144}
	}
	return Buffers{1024, 1024}
}

// Ample is more than any camera sends.
var Ample = Buffers{1 << 24, 1 << 24}

// Stream implements hal.Stream; it is one end of a Pipe. What one end writes
// arrives at the other as soon as that has room.
type Stream struct {
	far       *Stream
	size      Buffers
	out, in   []byte // not yet arrived; arrived and not yet read
	state     hal.State
	err       error
	closing   bool // Close was called
	aborted   bool
	held      bool
	cut       int // bytes until the connection breaks; -1: never
	delivered int64
	stale     bool
	moved     *bool
	writes    int
}

// Pipe returns the two ends of a connection that is open.
func Pipe(near, far Buffers) (*Stream, *Stream) {
	a, b := pipe(near, far)
	a.state, b.state = hal.Open, hal.Open
	return a, b
}

func pipe(near, far Buffers) (*Stream, *Stream) {
	moved := new(bool)
	a := &Stream{size: near, state: hal.Dialing, cut: -1, moved: moved}
	b := &Stream{size: far, state: hal.Dialing, cut: -1, moved: moved}
	for _, s := range []*Stream{a, b} { // so that nothing is allocated later
		s.in = make([]byte, 0, min(s.size.Receive, 1<<16))
		s.out = make([]byte, 0, min(s.size.Send, 1<<16))
	}
	a.far, b.far = b, a
	return a, b
}

// State implements hal.Stream.
func (s *Stream) State() hal.State { s.check(); return s.state }

// Err implements hal.Stream.
func (s *Stream) Err() error { s.check(); return s.err }

// Read implements hal.Stream.
func (s *Stream) Read(p []byte) int {
	s.check()
	if s.aborted {
		return 0
	}
	n := copy(p, s.in)
	s.in = s.in[:copy(s.in, s.in[n:])]
	s.far.move()
	return n
}

// Space implements hal.Stream.
func (s *Stream) Space() int {
	s.check()
	if s.closing || s.state != hal.Open && s.state != hal.PeerClosed {
		return 0
	}
	return s.size.Send - len(s.out)
}

// Write implements hal.Stream.
func (s *Stream) Write(p []byte) int {
	n := min(len(p), s.Space())
	if n > 0 {
		s.writes++
		s.out = append(s.out, p[:n]...)
		s.move()
	}
	return n
}

// Unacked implements hal.Stream.
func (s *Stream) Unacked() int { s.check(); return len(s.out) }

// Close implements hal.Stream.
func (s *Stream) Close() {
	s.check()
	if s.state == hal.Dialing {
		s.Abort()
		return
	}
	s.closing = true
	s.move()
}

// Abort implements hal.Stream. The other end sees a reset.
func (s *Stream) Abort() {
	s.check()
	s.aborted = true
	s.end(nil)
	s.far.end(hal.ErrReset)
}

// Break ends the connection at both ends with an error.
func (s *Stream) Break(err error) {
	s.end(err)
	s.far.end(err)
}

// Hold keeps what this end writes from arriving: the line is dead in this
// direction and nobody knows.
func (s *Stream) Hold(on bool) {
	s.held = on
	s.move()
}

// CutAfter breaks the connection when n more bytes of this end have arrived.
func (s *Stream) CutAfter(n int) {
	s.cut = n
	s.move()
}

// Delivered is how many bytes of this end have arrived.
func (s *Stream) Delivered() int64 { return s.delivered }

// Writes is how often Write took something.
func (s *Stream) Writes() int { return s.writes }

// ReadAll takes all that has arrived.
func (s *Stream) ReadAll() []byte {
	var all []byte
	for buf := make([]byte, 4096); ; {
		n := s.Read(buf)
		if n == 0 {
			return all
		}
		all = append(all, buf[:n]...)
	}
}

// check finds those who use a stream after the next was dialled, when its memory
// is already that of another connection.
func (s *Stream) check() {
	if s.stale {
		panic("haltest: stream used after the next Dial")
	}
}

// move delivers what the other end has room for.
func (s *Stream) move() {
	if s.held || s.state == hal.Dialing || s.state == hal.Closed {
		return
	}
	n := len(s.out)
	if s.far.closing { // it throws away what arrives
		n = s.arrive(n)
	} else {
		n = s.arrive(min(n, s.far.size.Receive-len(s.far.in)))
		s.far.in = append(s.far.in, s.out[:n]...)
	}
	s.out = s.out[:copy(s.out, s.out[n:])]
	if n > 0 {
		*s.moved = true
	}
	switch {
	case s.cut == 0:
		s.Break(hal.ErrReset)
	case s.closing && len(s.out) == 0 && s.far.state == hal.Open:
		s.far.state, *s.moved = hal.PeerClosed, true
		fallthrough
	case s.closing && len(s.out) == 0:
		if s.state == hal.PeerClosed && s.far.closing {
			s.end(nil)
			s.far.end(nil)
		}
	}
}

// arrive counts bytes, and says how many get through.
func (s *Stream) arrive(n int) int {
	if s.cut >= 0 {
		n = min(n, s.cut)
		s.cut -= n
	}
	s.delivered += int64(n)
	return n
}

func (s *Stream) end(err error) {
	if s.state != hal.Closed {
		s.state, s.err, *s.moved = hal.Closed, err, true
	}
}
