package ws

import "unicode/utf8"

// reads is how many pieces one Step takes from the stream, so that it is short.
const reads = 16

// receiver puts messages together.
type receiver struct {
	// What was read before Open lies in message, from earlyFrom to earlyTo. It is
	// taken before anything is put where it lies, as headers are dropped.
	earlyFrom, earlyTo int

	head     [MaxHeader]byte
	headLen  int
	headNeed int
	frame    Header
	inFrame  bool
	left     int // of its payload
	phase    int

	control    [MaxControl]byte
	controlLen int
	reason     []byte // within control

	message  [MaxMessage]byte
	length   int
	op       Opcode
	open     bool // the message is not complete
	complete bool // and waits to be taken
}

func (r *receiver) reset(early []byte) {
	r.earlyFrom, r.earlyTo = 0, copy(r.message[:], early)
	r.headLen, r.headNeed, r.inFrame, r.reason = 0, 2, false, nil
	r.length, r.open, r.complete = 0, false, false
}

// release gives up a message that was taken.
func (r *receiver) release() {
	if r.complete {
		r.complete, r.length = false, 0
	}
}

// Message is what the last Step received: a Text, which is UTF-8, or a Binary of
// at most MaxMessage bytes. It is there until the next Step.
func (c *Conn) Message() (op Opcode, p []byte, ok bool) {
	return c.in.op, c.in.message[:c.in.length], c.in.complete
}

// read takes bytes, first those that came early.
func (c *Conn) read(p []byte) int {
	if r := &c.in; r.earlyFrom < r.earlyTo {
		n := copy(p, r.message[r.earlyFrom:r.earlyTo])
		r.earlyFrom += n
		return n
	}
	return c.stream.Read(p)
}

// receive takes what has arrived, up to the end of a message.
func (c *Conn) receive() (progress bool) {
	for range reads {
		r := &c.in
		var n int
		if r.inFrame {
			p := r.room()
			n = c.read(p)
			if r.frame.Masked {
				r.phase = Mask(p[:n], r.frame.Key, r.phase)
			}
			r.took(n)
		} else {
			n = c.read(r.head[r.headLen:r.headNeed])
			r.headLen += n
			if n > 0 {
				if err := c.header(); err != 0 {
					c.fail(err)
					return true
				}
			}
		}
		if n == 0 {
			return progress
		}
		progress = true
		if r.inFrame && r.left == 0 {
			c.frame()
			if r.complete || c.heard || c.broken {
				return true
			}
		}
	}
	return progress
}

// room is where the rest of a payload goes.
func (r *receiver) room() []byte {
	if r.frame.Op.Control() {
		return r.control[r.controlLen:][:r.left]
	}
	return r.message[r.length:][:r.left]
}

func (r *receiver) took(n int) {
	r.left -= n
	if r.frame.Op.Control() {
		r.controlLen += n
	} else {
		r.length += n
	}
}

// header looks at the header as far as it is there, and begins the frame when it
// is complete.
func (c *Conn) header() Error {
	r, h := &c.in, &c.in.frame
	need, err := h.Decode(r.head[:r.headLen])
	switch {
	case err != nil:
		return err.(Error)
	case r.headLen >= 2 && h.Masked != (c.role == Server):
		return ErrMask
	case !h.Op.Control() && (h.Op == Continuation) != r.open:
		return ErrFragment
	case need > r.headLen:
		r.headNeed = need
		return 0
	case h.Op.Control():
		r.controlLen = 0
	case h.Length > uint64(MaxMessage-r.length):
		return ErrTooLong
	}
	r.headLen, r.headNeed = 0, 2
	r.inFrame, r.left, r.phase = true, int(h.Length), 0
	if !h.Op.Control() {
		if h.Op != Continuation {
			r.op = h.Op
		}
		r.open = !h.Fin
	}
	return 0
}

// frame is for a frame that is complete.
func (c *Conn) frame() {
	r := &c.in
	r.inFrame = false
	switch r.frame.Op {
	case Ping:
		c.out.setPong(r.control[:r.controlLen])
	case Pong:
		c.onPong(r.control[:r.controlLen])
	case CloseFrame:
		c.onClose(r.control[:r.controlLen])
	default:
		c.data()
	}
}

// data is for a frame that belongs to a message.
func (c *Conn) data() {
	r := &c.in
	switch {
	case r.open:
	case c.state != Open: // we have said that we go
		r.length = 0
	case r.op == Text && !utf8.Valid(r.message[:r.length]):
		c.fail(ErrUTF8)
	default:
		r.complete = true
	}
}
