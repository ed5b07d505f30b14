package ws

import "camrelay/firmware/core/hal"

const second = 1_000_000_000 // in nanoseconds

// Role is which end of a connection this is: the client masks what it sends.
type Role uint8

// Roles.
const (
	Client Role = iota
	Server
)

// State is that of a Conn.
type State uint8

// States of a Conn.
const (
	Idle    State = iota // was never open
	Open                 //
	Closing              // nothing more is sent or received but CLOSE frames
	Closed               // over; so is the stream
)

func (s State) String() string {
	return [...]string{"idle", "open", "closing", "closed"}[min(s, Closed)]
}

// Sizes in bytes.
const (
	MaxMessage  = 1024                        // longest message that is received
	MaxText     = 1024                        // longest text that is sent
	MaxEarly    = MaxMessage                  // most that Open takes of what was read already
	MaxFragment = FragmentSize - fragmentHead // longest payload of a fragment

	FragmentSize = 1460 // of the memory for a fragment: what fits into one TCP segment

	fragmentHead = 8 // header with a 16-bit length and a mask
)

// Options are the times and the memory of a Conn. Times are in nanoseconds; 0
// switches off what they are for, unless it says otherwise.
type Options struct {
	PingInterval int64 // between our pings
	PongTimeout  int64 // a ping that is not answered for so long ends the connection
	StallTimeout int64 // so does a peer that acknowledges nothing for so long
	CloseTimeout int64 // of the closing handshake, TCP included; 0: 2 s

	// Fragment is memory for messages sent in fragments, FragmentSize bytes or
	// fewer; nil if none are sent.
	Fragment []byte
}

// DefaultOptions are 10 s between pings, 20 s for a pong, 10 s for an
// acknowledgement, 2 s for closing, and no memory for fragments.
func DefaultOptions() Options {
	return Options{PingInterval: 10 * second, PongTimeout: 20 * second, StallTimeout: 10 * second}
}

// Conn is a WebSocket after its handshake. It is kept and opened again; its
// zero value is idle. Step moves it; nothing else but Send touches the stream.
type Conn struct {
	role   Role
	state  State
	opt    Options
	stream hal.Stream
	random hal.Random
	now    int64 // of the last Step

	end      End
	deadline int64 // of closing
	closeDue bool  // we have a CLOSE frame to send
	said     bool  // we have sent it
	heard    bool  // we have one of the peer
	broken   bool  // what the peer sends can no longer be followed
	shut     bool  // the stream was closed

	in  receiver
	out sender

	ping  pinger
	stall stall
}

// End is how a connection ended.
type End struct {
	// Err is nil after a closing handshake; else an Error of this package or
	// that of the stream.
	Err error
	// Code is that of the CLOSE frame that began the end; Abnormal if there was
	// none.
	Code uint16
	// ByPeer says that the peer began.
	ByPeer bool
}

// Open begins on a stream whose handshake is done: a server's when its answer is
// written. early is what was read behind the peer's head, at most MaxEarly
// bytes, and is copied. From now on the stream is the connection's.
func (c *Conn) Open(role Role, s hal.Stream, r hal.Random, opt Options, early []byte, now int64) {
	c.role, c.state, c.opt, c.stream, c.random, c.now = role, Open, opt, s, r, now
	if opt.CloseTimeout == 0 {
		c.opt.CloseTimeout = 2 * second
	}
	c.end = End{Code: Abnormal}
	c.closeDue, c.said, c.heard, c.broken, c.shut = false, false, false, false, false
	c.in.reset(early)
	c.out.reset()
	c.ping = pinger{nextAt: now + opt.PingInterval}
	c.stall = stall{since: now}
	if len(early) > MaxEarly {
		c.fail(ErrTooLong)
	}
}

// State is where the connection is.
func (c *Conn) State() State { return c.state }

// End is how the connection ended, once it is Closed.
func (c *Conn) End() End { return c.end }

// Reason is what the peer said in its CLOSE frame, UTF-8, until the next Open.
func (c *Conn) Reason() []byte { return c.in.reason }

// Close begins the closing handshake. A text that waits is sent first, unless a
// message is open. A reason longer than 123 bytes is cut; a code that must not
// be sent (ValidCode) goes as none, like NoStatus.
func (c *Conn) Close(code uint16, reason string) {
	if c.state == Open {
		c.end = End{Code: code}
		c.beginClose(code, reason)
		c.out.pongDue, c.ping.due = false, false
	}
}

// Abort ends the connection at once, without a CLOSE frame.
func (c *Conn) Abort() {
	if c.state == Open || c.state == Closing {
		c.stream.Abort()
		c.state = Closed
	}
}

// Step moves what has arrived and what is to leave. It reports whether there was
// anything. At most one message is received; take it before the next Step.
func (c *Conn) Step(now int64) (progress bool) {
	c.now = now
	c.in.release()
	if c.state != Open && c.state != Closing {
		return false
	}
	ended := c.stream.State() // before reading: what arrived before the end counts
	if !c.heard && !c.broken {
		progress = c.receive()
	}
	if c.state == Open {
		c.watch()
	}
	if c.transmit() {
		progress = true
	}
	if !progress && ended >= hal.PeerClosed && c.lost(ended) {
		progress = true
	}
	if c.state == Closing && c.finish() {
		progress = true
	}
	return progress || c.state == Closed
}

// beginClose prepares a CLOSE frame.
func (c *Conn) beginClose(code uint16, reason string) {
	c.state, c.closeDue = Closing, true
	c.deadline = c.now + c.opt.CloseTimeout
	c.out.setClose(code, reason)
}

// fail ends the connection because of what the peer did.
func (c *Conn) fail(err Error) {
	c.broken = true
	if c.state != Open {
		return // no answer can be had any more
	}
	c.end = End{Err: err, Code: err.code()}
	c.out.drop()
	c.beginClose(err.code(), err.Error())
}

// onClose is for the peer's CLOSE frame, which is answered with its own code.
func (c *Conn) onClose(payload []byte) {
	code, reason, err := parseClose(payload)
	if err != nil {
		c.fail(err.(Error))
		return
	}
	c.heard = true
	c.in.reason = reason
	if c.state == Open {
		c.end = End{Code: code, ByPeer: true}
		c.out.drop()
		c.beginClose(code, "")
	}
}

// lost is for a stream that ended and from which nothing more comes. It reports
// whether that is news.
func (c *Conn) lost(state hal.State) bool {
	news := !c.broken && !c.heard
	switch {
	case c.state == Open:
		c.end = End{Err: c.loss(), Code: Abnormal, ByPeer: true}
		c.state, c.broken, c.said = Closing, true, true
		c.deadline = c.now + c.opt.CloseTimeout
		c.closeDue = false
	case !c.heard:
		c.broken = true
	}
	if state == hal.Closed && c.state == Closing {
		c.over()
	}
	return news
}

// loss is why the stream ended.
func (c *Conn) loss() error {
	if err := c.stream.Err(); err != nil {
		return err
	}
	return ErrDropped
}

// finish closes TCP when all has been said, or when it is time. It reports
// whether that made a difference.
func (c *Conn) finish() bool {
	state := c.stream.State()
	switch done := c.said && (c.heard || c.broken); {
	case state == hal.Closed || c.now >= c.deadline:
		c.over()
	case !done || c.shut:
		return false
	case c.role == Client && state == hal.Open && !c.broken:
		return false // the server goes first (RFC 6455 section 7.1.1)
	default:
		c.stream.Close()
		c.shut = true
	}
	return true
}

// over ends it all.
func (c *Conn) over() {
	if c.end.Err == nil && !c.heard {
		c.end.Err = ErrNoAnswer
	}
	if c.stream.State() != hal.Closed {
		c.stream.Abort()
	}
	c.state = Closed
}

// die ends the connection because of what did not happen, or of what must not.
func (c *Conn) die(err error) {
	c.end = End{Err: err, Code: Abnormal}
	c.stream.Abort()
	c.state = Closed
}
