package halnet

import (
	"errors"
	"io"
	"net"
	"sync"

	"camrelay/firmware/core/hal"
)

// segment is how much is handed to the host's kernel at once, in bytes: what
// fits into one packet on Ethernet.
const segment = 1460

// attach opens the stream, unless it was aborted.
func (s *Stream) attach(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// The kernel would take megabytes, and the camera would notice late that
		// its peer is slow.
		_ = tcp.SetWriteBuffer(len(s.out.buf))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == hal.Closed {
		reset(conn)
		return
	}
	s.conn, s.state = conn, hal.Open
}

// run moves bytes until the stream has ended.
func (s *Stream) run(conn net.Conn) {
	if s.State() == hal.Dialing {
		s.attach(conn)
	}
	s.notify()
	var sender sync.WaitGroup
	sender.Go(func() { s.send(conn) })
	s.receive(conn)
	sender.Wait()
}

// send writes what is waiting, and ends our side after Close.
func (s *Stream) send(conn net.Conn) {
	for {
		p, ok := s.due()
		if !ok {
			return
		}
		if len(p) == 0 {
			s.endOurs(conn)
			return
		}
		n, err := conn.Write(p)
		s.mu.Lock()
		s.out.drop(n)
		s.mu.Unlock()
		if err != nil {
			s.fail(errorOf(err))
			return
		}
		s.notify()
	}
}

// due waits for something to write; nothing says that our side is to end. What it
// returns stays in the buffer until it has been written.
func (s *Stream) due() (p []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.state != hal.Closed && s.out.n == 0 && !s.closing {
		s.turn.Wait()
	}
	p = s.out.first()
	return p[:min(len(p), segment)], s.state != hal.Closed
}

// endOurs ends our side, or the connection if it has no sides.
func (s *Stream) endOurs(conn net.Conn) {
	half, ok := conn.(interface{ CloseWrite() error })
	if ok {
		ok = half.CloseWrite() == nil
	}
	s.mu.Lock()
	s.written = true
	s.finish(conn, !ok)
	s.mu.Unlock()
	s.notify()
}

// receive reads until the peer has ended its side.
func (s *Stream) receive(conn net.Conn) {
	var waste [segment]byte
	for {
		p, ok := s.free(waste[:])
		if !ok {
			return
		}
		n, err := conn.Read(p)
		s.mu.Lock()
		if !s.closing && s.state != hal.Closed {
			s.in.n += n
		}
		if err != nil && errors.Is(err, io.EOF) && s.state != hal.Closed {
			s.read, s.state = true, hal.PeerClosed
			s.finish(conn, false)
			err = nil
			ok = false
		}
		s.mu.Unlock()
		if err != nil {
			s.fail(errorOf(err))
			return
		}
		s.notify()
		if !ok {
			return
		}
	}
}

// free waits for room to read into. After Close it is waste.
func (s *Stream) free(waste []byte) (p []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.state != hal.Closed && s.in.n == len(s.in.buf) && !s.closing {
		s.turn.Wait()
	}
	if s.closing {
		return waste, s.state != hal.Closed
	}
	return s.in.free(), s.state != hal.Closed
}

// finish closes a connection whose sides have both ended. s.mu is held.
func (s *Stream) finish(conn net.Conn, anyway bool) {
	if s.state != hal.Closed && (anyway || s.read && s.written) {
		s.state = hal.Closed
		conn.Close()
		s.turn.Broadcast()
	}
}

// reset drops a connection at once.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
