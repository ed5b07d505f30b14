package egress

import (
	"crypto/tls"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"camrelay/internal/stream"
)

// writeChunk is how much a blocked socket is given at once: each piece that
// goes out proves that the viewer is alive.
const writeChunk = 16 << 10

// lingerTime is how long a viewer has to answer a CLOSE frame.
const lingerTime = 2 * time.Second

// socket is a viewer's TCP or TLS connection as a stream.Sink. It has two
// users, the outlet that writes and the goroutine that reads; the descriptor is
// closed when both are done with it.
type socket struct {
	fd     int // for writes that are tried; -1 if they cannot be: TLS
	wrap   *stream.Wrapping
	rest   []byte // what Finish has to send
	conn   net.Conn
	stall  time.Duration
	users  atomic.Int32
	polite atomic.Bool // let the peer answer our CLOSE before the connection ends
	buffer atomic.Int64
}

func (s *socket) init(conn net.Conn, wrap *stream.Wrapping, stall time.Duration) {
	s.fd, s.conn, s.wrap, s.stall = -1, conn, wrap, stall
	s.users.Store(2)
	if _, isTLS := conn.(*tls.Conn); isTLS {
		return
	}
	control(conn, func(fd uintptr) { s.fd = int(fd) })
}

// try writes to the descriptor itself, not through Go's poller: that costs a
// tenth of a delivery, nearly all of it waiting for memory. The descriptor
// stays open until the outlet releases it.
func (s *socket) try(b []byte) (done bool, err error) {
	n := 0
	if s.fd >= 0 {
		if n, err = writeOnce(s.fd, b); err != nil {
			return false, err
		}
	}
	if n == len(b) {
		return true, nil
	}
	s.rest = b[n:]
	return false, nil
}

// TryFrame implements stream.Sink.
func (s *socket) TryFrame(f *stream.Frame) (bool, error) { return s.try(f.Wrapped(s.wrap)) }

// TryPost implements stream.Sink.
func (s *socket) TryPost(msg []byte) (bool, error) { return s.try(msg) }

// Finish implements stream.Sink.
func (s *socket) Finish() error {
	b := s.rest
	s.rest = nil
	for len(b) > 0 {
		if err := s.conn.SetWriteDeadline(time.Now().Add(s.stall)); err != nil {
			return err
		}
		n, err := s.conn.Write(b[:min(len(b), writeChunk)])
		b = b[n:]
		if err != nil && (n == 0 || !os.IsTimeout(err)) {
			if os.IsTimeout(err) {
				return stream.ErrStandsBy
			}
			return err
		}
		if err != nil && s.fd < 0 {
			return stream.ErrStandsBy // a TLS connection is broken after a time-out
		}
	}
	return s.conn.SetWriteDeadline(time.Time{})
}

// Close implements stream.Sink. It ends the connection but keeps the
// descriptor, which a write under way may be about to use.
func (s *socket) Close() {
	half, ok := netConn(s.conn).(interface {
		CloseRead() error
		CloseWrite() error
	})
	if s.polite.Load() {
		s.conn.SetReadDeadline(time.Now().Add(lingerTime)) // for the peer's CLOSE
		if ok {
			half.CloseWrite()
		}
		return
	}
	s.conn.SetDeadline(time.Unix(1, 0)) // wakes whoever reads or writes
	if ok {
		half.CloseRead()
		half.CloseWrite()
	}
}

// drop ends the connection of a peer that was let linger.
func (s *socket) drop() { s.conn.SetDeadline(time.Unix(1, 0)) }

// Release implements stream.Sink.
func (s *socket) Release() { s.done() }

// done is called once by each user.
func (s *socket) done() {
	if s.users.Add(-1) == 0 {
		s.conn.Close()
	}
}

// Bounds of a viewer's send buffer, in bytes as asked for; Linux doubles them
// to account for its own overhead.
const (
	minSendBuffer = 32 << 10
	maxSendBuffer = 1 << 20
)

// sendBuffer is how much a socket may hold of a stream with frames of so many
// bytes at so many bytes a second: enough for a frame to be written in one
// piece and for a tenth of a second on the way, and no more, as what lies in
// the buffer grows old there.
func sendBuffer(frame int, rate float64) int {
	return min(max(minSendBuffer, frame+frame/4, int(rate/10)), maxSendBuffer)
}

// tune sets the send buffer when the stream has changed by a quarter or more.
func (s *socket) tune(frame int, rate float64) {
	want := int64(sendBuffer(frame, rate))
	if have := s.buffer.Load(); want > have*3/4 && want < have*5/4 {
		return
	}
	s.buffer.Store(want)
	control(netConn(s.conn), func(fd uintptr) { limitSendBuffer(int(fd), int(want)) })
}

// control runs fn with the connection's descriptor, if it has one.
func control(conn net.Conn, fn func(fd uintptr)) {
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			raw.Control(fn)
		}
	}
}

// netConn is what lies below TLS.
func netConn(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}
