package ws

// sender holds what is to be sent.
type sender struct {
	written int64 // bytes given to the stream

	open   bool // a message is open
	cancel bool // and is to be ended

	text    [fragmentHead + MaxText]byte
	textLen int // of its payload
	textDue bool
	rest    []byte // of a text's frame that is partly written

	pong    [MaxControl]byte
	pongLen int
	pongDue bool

	closing  [MaxControl]byte // payload of our CLOSE frame
	closeLen int

	control [MaxControl + 6]byte // a frame
}

func (s *sender) reset() {
	s.written, s.rest = 0, nil
	s.drop()
	s.open = false
}

// drop gives up all that has not begun to leave.
func (s *sender) drop() { s.cancel, s.textDue, s.pongDue = false, false, false }

// Room is how long the payload of the next fragment may be now. It is 0 while
// the connection is not open, and while something else is to be sent first. For
// a full segment wait until it is MaxFragment.
func (c *Conn) Room() int {
	if c.state != Open || c.ping.due || c.out.rest != nil || c.out.cancel || c.out.pongDue || c.out.textDue && !c.out.open {
		return 0
	}
	return max(0, min(c.stream.Space(), len(c.opt.Fragment))-fragmentHead)
}

// Buffer is where the payload of the next fragment goes. It is not kept over any
// other call but Room.
func (c *Conn) Buffer() []byte {
	if len(c.opt.Fragment) < fragmentHead {
		return nil
	}
	return c.opt.Fragment[fragmentHead:]
}

// Send sends the first n bytes of Buffer, n at most Room, as the next fragment of
// a binary message; fin says that it is the last. It is one Write to the stream.
// The error is ErrNoRoom or ErrNotOpen, and nothing has happened then.
func (c *Conn) Send(n int, fin bool) error {
	switch room := c.Room(); {
	case c.state != Open:
		return ErrNotOpen
	case room == 0 || n < 0 || n > room:
		return ErrNoRoom
	}
	op := Binary
	if c.out.open {
		op = Continuation
	}
	frame := c.seal(c.opt.Fragment, n, op, fin)
	if c.write(frame) != len(frame) { // the stream ended between Room and here
		c.die(c.loss())
		return ErrNotOpen
	}
	c.out.open = !fin
	return nil
}

// Sending reports whether a message is open: begun, and not ended.
func (c *Conn) Sending() bool { return c.out.open }

// Cancel ends the open message early, with an empty last fragment, as soon as
// there is room. What the peer has of it is not what was meant: a JPEG without
// its end.
func (c *Conn) Cancel() { c.out.cancel = c.state == Open && c.out.open }

// Text queues a text, which must be UTF-8. It reports whether there was room: one
// may wait, for the end of the open message and for the stream.
func (c *Conn) Text(p []byte) bool {
	if !c.TextRoom() || len(p) > MaxText {
		return false
	}
	c.out.textLen = copy(c.out.text[fragmentHead:], p)
	c.out.textDue = true
	return true
}

// TextRoom reports whether Text takes one.
func (c *Conn) TextRoom() bool { return c.state == Open && !c.out.textDue && c.out.rest == nil }

// seal masks the n bytes of payload at buf[fragmentHead:] and puts a header
// right before them.
func (c *Conn) seal(buf []byte, n int, op Opcode, fin bool) []byte {
	h := Header{Fin: fin, Op: op, Length: uint64(n), Masked: c.role == Client}
	size := 2
	if n > 125 {
		size = 4
	}
	if h.Masked {
		size += 4
		h.Key = c.random.Uint32()
		Mask(buf[fragmentHead:][:n], h.Key, 0)
	}
	frame := buf[fragmentHead-size : fragmentHead+n]
	h.Append(frame[:0])
	return frame
}

// write gives bytes to the stream.
func (c *Conn) write(p []byte) int {
	n := c.stream.Write(p)
	c.out.written += int64(n)
	return n
}

// waiting reports whether something is to be sent that can be.
func (c *Conn) waiting() bool {
	s := &c.out
	return s.rest != nil || s.cancel || s.pongDue || s.textDue && !s.open || c.ping.due || c.closeDue
}

// transmit sends what is due: answers first, then a text between messages, and
// CLOSE last.
func (c *Conn) transmit() (progress bool) {
	for c.sendNext() {
		progress = true
	}
	return progress
}

// sendNext sends the most urgent thing. It reports whether that made a
// difference.
func (c *Conn) sendNext() bool {
	s := &c.out
	switch {
	case c.said:
		return false
	case s.rest != nil:
		return c.continueText()
	case s.cancel:
		if !c.sendControl(Continuation, nil) {
			return false
		}
		s.cancel, s.open = false, false
	case s.pongDue:
		if !c.sendControl(Pong, s.pong[:s.pongLen]) {
			return false
		}
		s.pongDue = false
	case s.textDue && !s.open:
		s.textDue = false
		s.rest = c.seal(s.text[:], s.textLen, Text, true)
		return c.continueText()
	case c.ping.due && c.state == Open:
		return c.sendPing()
	case c.closeDue:
		if !c.sendControl(CloseFrame, s.closing[:s.closeLen]) {
			return false
		}
		c.closeDue, c.said = false, true
	default:
		return false
	}
	return true
}

// continueText writes as much of a text as there is space for.
func (c *Conn) continueText() bool {
	n := c.write(c.out.rest)
	if c.out.rest = c.out.rest[n:]; len(c.out.rest) == 0 {
		c.out.rest = nil
	}
	return n > 0
}

// sendControl writes a short frame whole, or not at all.
func (c *Conn) sendControl(op Opcode, payload []byte) bool {
	h := Header{Fin: true, Op: op, Length: uint64(len(payload)), Masked: c.role == Client}
	if h.Masked {
		h.Key = c.random.Uint32()
	}
	frame := h.Append(c.out.control[:0])
	head := len(frame)
	frame = append(frame, payload...)
	if h.Masked {
		Mask(frame[head:], h.Key, 0)
	}
	return c.stream.Space() >= len(frame) && c.write(frame) == len(frame)
}

func (c *Conn) sendPing() bool {
	n := c.ping.sent + 1
	number := [4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	if !c.sendControl(Ping, number[:]) {
		return false
	}
	c.pinged()
	return true
}

// setPong queues the answer to a ping; an older one that still waits is given up
// (RFC 6455 section 5.5.3).
func (s *sender) setPong(payload []byte) {
	s.pongLen = copy(s.pong[:], payload)
	s.pongDue = true
}

func (s *sender) setClose(code uint16, reason string) {
	s.closeLen = 0
	if ValidCode(code) {
		s.closing[0], s.closing[1] = byte(code>>8), byte(code)
		s.closeLen = 2 + copy(s.closing[2:], clip(reason))
	}
}
