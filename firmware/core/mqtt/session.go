package mqtt

import "camrelay/firmware/core/hal"

const (
	// maxReads bounds what one Step takes in.
	maxReads = 24
	// reserve is kept free for a PUBACK and a PINGREQ, in bytes.
	reserve = 8
)

// Step does what can be done now, in nanoseconds of hal.Clock. It reports
// whether anything was done.
func (c *Client) Step(now int64) bool {
	if c.stop && c.state != Stopping && c.state != Stopped {
		c.beginStop(now)
		return true
	}
	switch c.state {
	case Stopped:
		return false
	case Waiting:
		return c.dial(now)
	case Stopping:
		return c.end(now)
	}
	moved := c.receive(now)
	if c.stream != nil && c.send(now) {
		moved = true
	}
	if c.stream != nil {
		c.watch(now)
	}
	return moved
}

// dial begins a connection if it is time and there is a network.
func (c *Client) dial(now int64) bool {
	if now < c.deadline || !c.network.Up() {
		return false
	}
	stream, err := c.network.Dial(hal.Broker, c.options.Host, c.options.Port)
	if err != nil {
		c.fail(now, err)
		return true
	}
	c.stream, c.owed, c.live, c.closing = stream, connect, false, false
	c.pingBy, c.heard = 0, now
	c.deadline = now + dialTimeout
	c.in.next()
	c.setState(Connecting, nil)
	return true
}

// receive takes in what has come. A packet may have to be acknowledged, so
// there must be room for that first.
func (c *Client) receive(now int64) (moved bool) {
	for range maxReads {
		state := c.stream.State()
		switch {
		case state >= hal.PeerClosed && c.owed != 0:
			c.fail(now, c.ended())
			return true
		case state == hal.Dialing, c.owed != 0, state != hal.Closed && c.stream.Space() < reserve:
			return moved
		}
		n, err := c.in.take(c.stream)
		if err == nil && c.in.complete() {
			c.heard, moved = now, true
			err = c.handle(now)
			c.in.next()
		} else if n == 0 && state >= hal.PeerClosed {
			err = c.ended()
		}
		if err != nil {
			c.fail(now, err)
			return true
		}
		if n == 0 {
			return moved
		}
		c.heard, moved = now, true
	}
	return moved
}

// ended says why there is no connection any more.
func (c *Client) ended() error {
	if err := c.stream.Err(); err != nil {
		return err
	}
	return ErrClosed
}

// handle does what the packet wants that has come.
func (c *Client) handle(now int64) error {
	kind := c.in.kind()
	switch {
	case (kind == connack) != (c.state == Connecting):
		return ErrProtocol
	case kind == connack:
		return c.welcome(now)
	case kind == publish:
		return c.deliver()
	case kind == puback:
		id, err := decodePuback(c.in.body())
		c.out.acknowledge(id)
		return err
	case kind == suback && c.state == Subscribing:
		return c.subscribed(now)
	case kind == pingresp:
		if c.in.size != 0 {
			return ErrMalformed
		}
		c.pingBy = 0
		return nil
	}
	return ErrProtocol
}

// welcome takes CONNACK.
func (c *Client) welcome(now int64) error {
	if err := decodeConnack(c.in.body()); err != nil {
		return err
	}
	if len(c.options.Filters) == 0 {
		c.ready(now)
		return nil
	}
	c.owed, c.deadline = subscribe, now+subscribeTimeout
	c.setState(Subscribing, nil)
	return nil
}

// subscribed takes SUBACK.
func (c *Client) subscribed(now int64) error {
	codes, err := decodeSuback(c.in.body(), c.subID, c.options.Filters)
	if err != nil {
		return err
	}
	for i, code := range codes {
		if code == refusedFilter {
			c.handler.OnTrouble(ErrSubscription, i)
		}
	}
	c.ready(now)
	return nil
}

func (c *Client) ready(now int64) {
	c.live, c.began = true, now
	c.stats.Sessions++
	c.setState(Ready, nil)
}

// deliver takes PUBLISH, and acknowledges it when it was handled.
func (c *Client) deliver() error {
	var m message
	var err error
	if c.in.long() {
		if m.id, err = c.in.skipped(); err != nil {
			return err
		}
		c.stats.Skipped++
		c.handler.OnTrouble(ErrSkipped, c.in.whole())
	} else {
		if err = decodePublish(c.in.head, c.in.body(), &m); err != nil {
			return err
		}
		c.stats.Received++
		c.handler.OnMessage(m.topic, m.payload, m.retained, m.dup)
	}
	if m.id != 0 {
		c.stream.Write(appendPuback(c.small[:0], m.id))
	}
	return nil
}

// send writes what is due, each packet at once or not yet.
func (c *Client) send(now int64) (moved bool) {
	if c.stream.State() == hal.Dialing {
		return false
	}
	if c.owed != 0 {
		return c.greet(now)
	}
	if c.state != Connecting && now >= c.pingAt {
		moved = c.ping(now)
	}
	for c.live {
		i := c.out.next()
		if i < 0 || c.stream.Space() < len(c.out.at(i).packet())+reserve {
			break
		}
		c.stream.Write(c.out.at(i).packet())
		c.out.wrote(i, now)
		c.stats.Sent++
		moved = true
	}
	return moved
}

// greet writes CONNECT or SUBSCRIBE. It is made in the buffer of what comes in,
// because nothing is taken in before it is written.
func (c *Client) greet(now int64) bool {
	p := c.in.buf[:0]
	if c.owed == connect {
		p = appendConnect(p, &c.options)
	} else {
		c.subID = c.out.nextID()
		p = appendSubscribe(p, c.subID, c.options.Filters)
	}
	if c.stream.Space() < len(p) {
		return false
	}
	c.stream.Write(p)
	if c.owed == connect {
		c.pingAt = now + c.pingEvery()
	}
	c.owed = 0
	return true
}

// pingEvery is early enough for a Step that comes late.
func (c *Client) pingEvery() int64 {
	return int64(c.options.keepAlive()) * second * 3 / 4
}

// ping writes PINGREQ, however much else is said: brokers count what they get,
// and the client what it gets. The time for the answer runs even when there is no
// room to ask.
func (c *Client) ping(now int64) bool {
	if c.pingBy == 0 {
		c.pingBy = now + pingTimeout
	}
	if c.stream.Space() < 2 {
		return false
	}
	c.stream.Write(appendEmpty(c.small[:0], pingreq))
	c.pingAt = now + c.pingEvery()
	return true
}

// watch ends a connection on which nothing goes on. While something comes in,
// such as a long message, the answer to PINGREQ may take its time.
func (c *Client) watch(now int64) {
	switch {
	case c.state < Ready && now >= c.deadline:
		c.fail(now, ErrTimeout)
	case c.pingBy != 0 && now >= max(c.pingBy, c.heard+pingTimeout):
		c.fail(now, ErrPing)
	case c.out.overdue(now - ackTimeout):
		c.fail(now, ErrAck)
	}
}

// fail ends a connection or an attempt.
func (c *Client) fail(now int64, err error) {
	if c.state == Stopping {
		c.stopped(err)
		return
	}
	if c.live && now-c.began >= stableTime {
		c.pause.Reset()
	}
	c.disconnect()
	c.deadline = now + c.pause.Next(c.random)
	if err == ErrCredentials || err == ErrNotAuthorized {
		c.deadline = now + loginDelay
	}
	c.err = err
	c.setState(Waiting, err)
}

// disconnect lets go of the connection, if there is one.
func (c *Client) disconnect() {
	if c.stream != nil {
		c.stream.Abort()
		c.stream = nil
	}
	c.live = false
	c.stats.Lost += c.out.disconnected()
}

func (c *Client) setState(s State, err error) {
	c.state = s
	c.handler.OnState(s, err)
}
