package mqtt

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
)

const (
	// maxUnsent bounds what waits for one client's socket, in bytes: the
	// retained messages of some thousand cameras at once.
	maxUnsent = 2 << 20
	// writeStall is how long a client's socket may take no byte.
	writeStall = 15 * time.Second
	// parting is how long a closed connection may take to send what is left,
	// such as the reason.
	parting = time.Second
)

var errSlow = errors.New("the client reads too slowly")

// conn is a client's connection whose Write never blocks: the broker writes
// while it holds locks that publishing needs, so that one client which does not
// read would stop all others. What cannot be sent at once is kept, up to a
// limit at which the client is dropped.
type conn struct {
	net.Conn
	who    atomic.Pointer[identity] // nil until it has logged in
	client *mochi.Client            // set before who
	denied atomic.Bool              // it was logged that something was refused

	mu      sync.Mutex
	unsent  []byte
	closing bool
	fault   error         // why it was closed, if the client is to blame
	wake    chan struct{} // one token: there is something to do
}

func newConn(c net.Conn) *conn {
	return &conn{Conn: c, wake: make(chan struct{}, 1)}
}

// Write keeps the bytes until send has written them.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return 0, net.ErrClosed
	}
	if len(c.unsent)+len(b) > maxUnsent {
		c.unsent, c.fault = nil, errSlow
		c.close()
		return 0, errSlow
	}
	c.unsent = append(c.unsent, b...)
	c.nudge()
	return len(b), nil
}

// Close lets send write what is left, and ends reading.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		c.close()
	}
	return nil
}

// close begins the end. Called with mu held.
func (c *conn) close() {
	c.closing = true
	_ = c.SetReadDeadline(time.Unix(1, 0))
	_ = c.SetWriteDeadline(time.Now().Add(parting)) // also of a write that hangs
	c.nudge()
}

// blame is errSlow if the connection was closed because of that.
func (c *conn) blame() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// SetDeadline holds for reading alone; send has its own.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// send writes what Write was given until the connection is closed.
func (c *conn) send() {
	var spare []byte
	for range c.wake {
		c.mu.Lock()
		out, closing := c.unsent, c.closing
		c.unsent = spare[:0]
		if !closing {
			_ = c.SetWriteDeadline(time.Now().Add(writeStall))
		}
		c.mu.Unlock()
		_, err := c.Conn.Write(out)
		if cap(out) > 64<<10 {
			out = nil // it had a burst to send; do not keep its memory
		}
		spare = out
		if closing || err != nil {
			_ = c.Close() // if it was err
			_ = c.Conn.Close()
			return
		}
	}
}
