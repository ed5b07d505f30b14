package wsclient

import (
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/ws"
)

// dial begins an attempt.
func (c *Client) dial() {
	c.attempt++
	c.state, c.asked = Connecting, false
	c.limit = c.now + c.cfg.ConnectTimeout
	c.emit(Event{Kind: EventConnecting, Attempt: c.attempt, Delay: c.delay})
	if c.wishes.stop || c.wishes.close {
		return // the next Step ends it
	}
	if c.cfg.Auth.Scheme == CamHMAC && c.clock.Unix() == 0 {
		c.fail(FailClock, ErrClock)
		return
	}
	s, err := c.network.Dial(hal.Relay, c.address.host, c.address.port)
	if err != nil {
		c.fail(FailDial, err)
		return
	}
	c.stream = s
}

// connect moves an attempt.
func (c *Client) connect() bool {
	state := c.stream.State() // before reading
	switch {
	case c.now >= c.limit && !c.asked:
		c.fail(FailDial, hal.ErrTimeout)
	case c.now >= c.limit:
		c.fail(FailHandshake, ErrTimeout)
	case c.asked:
		return c.answer(state)
	case state == hal.Dialing:
		return false
	case state == hal.Closed:
		c.failDial(c.stream.Err())
	default:
		c.ask()
	}
	return true
}

// ask sends the request.
func (c *Client) ask() {
	request := c.request()
	if c.stream.Write(request) != len(request) {
		c.fail(FailHandshake, ErrEnded) // it fits into an empty buffer
		return
	}
	c.asked = true
	c.head.Reset(c.fragment[:0:maxHead])
}

// answer reads the answer as far as it has come.
func (c *Client) answer(state hal.State) (progress bool) {
	piece := c.fragment[maxHead:]
	for {
		n := c.stream.Read(piece)
		if n == 0 {
			break
		}
		progress = true
		used, done, err := c.head.Take(piece[:n])
		if err != nil {
			c.fail(FailHandshake, err)
			return true
		}
		if done {
			c.judge(piece[used:n])
			return true
		}
	}
	if !progress && state >= hal.PeerClosed {
		err := c.stream.Err()
		if err == nil {
			err = ErrEnded
		}
		c.fail(FailHandshake, err)
		return true
	}
	return progress
}

// judge looks at a complete answer; early is what came behind it.
func (c *Client) judge(early []byte) {
	var res http.Response
	if err := http.ParseResponse(c.head.Bytes(), &res); err != nil {
		c.fail(FailHandshake, err)
		return
	}
	for name, value := range res.All {
		c.emit(Event{Kind: EventHeader, Name: name, Value: value})
	}
	if err := c.check(&res); err != nil {
		c.emit(Event{Kind: EventError, Failure: FailHandshake, Err: err, Status: res.Status})
		c.over(ending{status: res.Status, retryAfter: retryAfter(&res)})
		return
	}
	opt := ws.Options{PingInterval: c.cfg.PingInterval, PongTimeout: c.cfg.PongTimeout, StallTimeout: c.cfg.StallTimeout, Fragment: c.fragment[:]}
	c.conn.Open(ws.Client, c.stream, c.random, opt, early, c.now)
	c.state, c.openedAt, c.attempt = Open, c.now, 0
	c.emit(Event{Kind: EventOpen})
}

// failDial is for an attempt that got no connection.
func (c *Client) failDial(err error) {
	switch err {
	case nil:
		c.fail(FailDial, ErrEnded)
	case hal.ErrName:
		c.fail(FailName, err)
	default:
		c.fail(FailDial, err)
	}
}

// fail ends an attempt.
func (c *Client) fail(f Failure, err error) {
	c.emit(Event{Kind: EventError, Failure: f, Err: err})
	c.over(ending{retryAfter: -1})
}
