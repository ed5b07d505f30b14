package ws

// pinger sends pings and judges their answers. Each has a number as its
// payload, 4 bytes, big-endian.
type pinger struct {
	nextAt   int64
	sentAt   int64 // when the last one was sent
	since    int64 // since when one has not been answered
	rtt      int64
	sent     uint32 // number of the last one
	answered uint32
	due      bool
}

// stall notices that a peer acknowledges nothing.
type stall struct {
	since int64
	acked int64
}

// SetPing changes the interval of pings and the time for their answer, in
// nanoseconds, for this connection.
func (c *Conn) SetPing(interval, timeout int64) {
	c.opt.PingInterval, c.opt.PongTimeout = interval, timeout
	c.ping.nextAt = c.now + interval
}

// Ping sends a ping and returns its number. When Answered has reached that, the
// peer has read all that was sent before: fragments, and texts that are no
// longer waiting.
func (c *Conn) Ping() uint32 {
	if c.state == Open {
		c.ping.due = true
	}
	return c.ping.sent + 1
}

// Answered is the number of the last ping that was answered, 0 if none was.
func (c *Conn) Answered() uint32 { return c.ping.answered }

// RTT is how long the answer to the last ping took that was answered, in
// nanoseconds; 0 if none was.
func (c *Conn) RTT() int64 { return c.ping.rtt }

// pinged notes that a ping was written.
func (c *Conn) pinged() {
	if c.ping.sent == c.ping.answered {
		c.ping.since = c.now
	}
	c.ping.sent++
	c.ping.sentAt, c.ping.due = c.now, false
	c.ping.nextAt = c.now + c.opt.PingInterval
}

// onPong takes the answer to a ping. A pong that nobody asked for means nothing
// (RFC 6455 section 5.5.3); one for a later ping answers the earlier ones.
func (c *Conn) onPong(p []byte) {
	if len(p) != 4 {
		return
	}
	n := uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
	if ahead := c.ping.sent - n; ahead >= c.ping.sent-c.ping.answered {
		return
	}
	c.ping.answered = n
	c.ping.since = c.ping.sentAt
	if n == c.ping.sent {
		c.ping.rtt = c.now - c.ping.sentAt
	}
}

// watch looks for what is due, and for what should have come.
func (c *Conn) watch() {
	if c.opt.PingInterval > 0 && c.now >= c.ping.nextAt {
		c.ping.due = true
	}
	waiting := c.stream.Unacked()
	if acked := c.out.written - int64(waiting); acked != c.stall.acked || waiting == 0 && !c.waiting() {
		c.stall.acked, c.stall.since = acked, c.now
	}
	switch {
	case c.opt.PongTimeout > 0 && c.ping.sent != c.ping.answered && c.now-c.ping.since >= c.opt.PongTimeout:
		c.die(ErrPong)
	case c.opt.StallTimeout > 0 && c.now-c.stall.since >= c.opt.StallTimeout:
		c.die(ErrStall)
	}
}
