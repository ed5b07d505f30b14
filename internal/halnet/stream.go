package halnet

import (
	"context"
	"errors"
	"net"
	"sync"

	"camrelay/firmware/core/hal"
)

// Stream implements hal.Stream over a net.Conn.
type Stream struct {
	notify func() // something has changed
	cancel func() // dialling; may be nil

	mu      sync.Mutex
	turn    sync.Cond
	conn    net.Conn
	state   hal.State
	err     error
	in, out ring
	closing bool // Close was called
	aborted bool
	read    bool // the peer has ended its side
	written bool // we have ended ours
}

func newStream(send, receive int) *Stream {
	s := &Stream{state: hal.Dialing, notify: func() {}}
	s.in.buf, s.out.buf = make([]byte, receive), make([]byte, send)
	s.turn.L = &s.mu
	return s
}

// Wrap makes a connection that is open, such as one end of net.Pipe, a Stream
// with buffers of so many bytes. Its goroutines end with the Stream, which has to
// be aborted or closed.
func Wrap(conn net.Conn, send, receive int) *Stream {
	s := newStream(send, receive)
	s.attach(conn)
	go s.run(conn)
	return s
}

// State implements hal.Stream.
func (s *Stream) State() hal.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Err implements hal.Stream.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Read implements hal.Stream.
func (s *Stream) Read(p []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aborted {
		return 0
	}
	n := s.in.read(p)
	if n > 0 {
		s.turn.Broadcast()
	}
	return n
}

// Space implements hal.Stream.
func (s *Stream) Space() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.space()
}

func (s *Stream) space() int {
	if s.closing || s.state != hal.Open && s.state != hal.PeerClosed {
		return 0
	}
	return len(s.out.buf) - s.out.n
}

// Write implements hal.Stream.
func (s *Stream) Write(p []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.out.write(p[:min(len(p), s.space())])
	if n > 0 {
		s.turn.Broadcast()
	}
	return n
}

// Unacked implements hal.Stream: what is here, and on Linux what is in the
// kernel.
func (s *Stream) Unacked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != hal.Open && s.state != hal.PeerClosed {
		return 0
	}
	return s.out.n + unacked(s.conn)
}

// Close implements hal.Stream.
func (s *Stream) Close() {
	s.mu.Lock()
	if s.state == hal.Dialing {
		s.mu.Unlock()
		s.Abort()
		return
	}
	s.closing = true
	s.turn.Broadcast()
	s.mu.Unlock()
}

// Abort implements hal.Stream.
func (s *Stream) Abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
	s.end(nil)
}

// fail ends the stream with an error.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	s.end(err)
	s.mu.Unlock()
	s.notify()
}

// end ends the stream at once, if it has not ended. s.mu is held.
func (s *Stream) end(err error) {
	if s.state == hal.Closed {
		return
	}
	s.state, s.err = hal.Closed, err
	if s.cancel != nil {
		s.cancel()
	}
	if s.conn != nil {
		reset(s.conn)
	}
	s.turn.Broadcast()
}

// errorOf says what went wrong as a camera would.
func errorOf(err error) error {
	var name *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &name) && !name.IsTimeout:
		return hal.ErrName
	case isRefused(err):
		return hal.ErrRefused
	case isUnreachable(err):
		return hal.ErrDown
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded), isSilent(err):
		return hal.ErrTimeout
	}
	return hal.ErrReset
}
