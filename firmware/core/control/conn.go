package control

import (
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/http"
)

// phase is what a connection is about.
type phase uint8

const (
	readingHead phase = iota
	readingBody
	answering
	ending   // all is written and our side is closed
	upgraded // it is a WebSocket
)

// conn is a connection. It serves one request and is closed then, whatever the
// client asks for.
type conn struct {
	stream  hal.Stream // nil: free
	phase   phase
	route   route
	bare    bool    // HEAD: the answer has no body
	socket  *socket // the connection becomes, or is, this WebSocket
	began   int64   // reading, or answering
	moved   int64   // the last progress of the answer
	unacked int     // of that
	head    http.Head
	body    []byte // as far as it has come, in buf
	want    int    // its length
	out     []byte // what is to be written yet, in buf

	// The request's head, then its body, then the answer: each is done with when
	// the next one comes. What is behind MaxHead is for reading the head.
	buf [answerHead + MaxStatus]byte
}

// begin makes a connection ready for its request.
func (c *conn) begin(now int64) {
	c.phase, c.bare, c.began = readingHead, false, now
	c.head.Reset(c.buf[:0:MaxHead])
}

// readHead takes some of the head, and what follows in the same piece.
func (s *Server) readHead(c *conn, now int64) bool {
	state := c.stream.State() // before Read: what came before the end counts
	piece := c.buf[MaxHead:]
	piece = piece[:c.stream.Read(piece)]
	n, done, err := c.head.Take(piece)
	switch late := now-c.began >= headTime; {
	case err != nil:
		s.refuse(c, headTooLong, now)
	case done:
		s.request(c, piece[n:], now)
	case late && len(c.head.Bytes()) > 0:
		s.refuse(c, tooLate, now)
	case late, n == 0 && state == hal.PeerClosed:
		c.close(now)
	default:
		return n > 0
	}
	return true
}

// expect waits for a body of which rest is here.
func (s *Server) expect(c *conn, length int, rest []byte, now int64) {
	c.phase, c.began, c.want = readingBody, now, length
	c.body = append(c.buf[:0], rest[:min(len(rest), length)]...)
	if len(c.body) == length {
		s.command(c, now)
	}
}

// readBody takes some of the body.
func (s *Server) readBody(c *conn, now int64) bool {
	state := c.stream.State()
	n := c.stream.Read(c.body[len(c.body):c.want])
	c.body = c.body[:len(c.body)+n]
	switch {
	case len(c.body) == c.want:
		s.command(c, now)
	case now-c.began >= bodyTime:
		s.refuse(c, tooLate, now)
	case n == 0 && state == hal.PeerClosed:
		c.close(now)
	default:
		return n > 0
	}
	return true
}

// write writes some of the answer. Behind it our side is closed, or the
// connection goes on as a WebSocket.
func (s *Server) write(c *conn, now int64) bool {
	n := c.stream.Write(c.out)
	c.out = c.out[n:]
	if n > 0 {
		c.moved = now
	}
	switch {
	case len(c.out) == 0 && c.socket != nil:
		s.open(c, now)
	case len(c.out) == 0:
		c.close(now)
	case now-c.moved >= writeTime, now-c.began >= answerTime:
		c.stream.Abort()
	default:
		return n > 0
	}
	return true
}

// close ends our side.
func (c *conn) close(now int64) {
	if c.phase != answering {
		c.began = now
	}
	c.phase, c.moved, c.unacked = ending, now, c.stream.Unacked()
	c.stream.Close()
}

// wait waits until the client has read the answer and ended its side.
func (c *conn) wait(now int64) bool {
	unacked := c.stream.Unacked()
	if unacked < c.unacked {
		c.unacked, c.moved = unacked, now
	}
	limit := int64(endTime)
	if unacked > 0 {
		limit = writeTime
	}
	if now-c.moved < limit && now-c.began < answerTime {
		return false
	}
	c.stream.Abort()
	return true
}

// release makes room for another connection.
func (s *Server) release(c *conn) {
	if c.socket != nil {
		c.socket.busy = false
	}
	c.stream, c.socket = nil, nil
}
