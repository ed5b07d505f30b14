package mqtt

import "camrelay/firmware/core/hal"

// beginStop begins to say goodbye, if the broker knows of the client.
func (c *Client) beginStop(now int64) {
	if c.stream == nil || c.owed == connect {
		c.stopped(nil)
		return
	}
	c.deadline, c.drain = now+stopTimeout, now
	if c.live {
		c.drain = now + drainTimeout
	}
	c.setState(Stopping, nil)
}

// end sends what waits, then DISCONNECT (section 3.14), and waits until that
// has been delivered.
func (c *Client) end(now int64) (moved bool) {
	if !c.closing {
		if c.live {
			moved = c.receive(now)
			if c.stream != nil && c.send(now) {
				moved = true
			}
		}
		if c.stream == nil {
			return true
		}
		if c.out.used == 0 || now >= c.drain {
			moved = c.goodbye() || moved
		}
	}
	switch over := c.stream.State() == hal.Closed; {
	case over && c.closing:
		c.stopped(c.stream.Err())
	case over:
		c.stopped(c.ended())
	case now >= c.deadline && c.closing && c.stream.Unacked() == 0:
		c.stopped(nil) // the broker has it, and leaves its own end open
	case now >= c.deadline:
		c.stopped(ErrStop)
	default:
		return moved
	}
	return true
}

func (c *Client) goodbye() bool {
	if c.stream.Space() < 2 {
		return false
	}
	c.stream.Write(appendEmpty(c.small[:0], disconnect))
	c.stream.Close()
	c.closing = true
	return true
}

// stopped is the end; err is nil if the broker was told.
func (c *Client) stopped(err error) {
	c.disconnect()
	c.stop = false
	if err != nil {
		c.err = err
	}
	c.setState(Stopped, err)
}
