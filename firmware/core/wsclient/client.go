package wsclient

import (
	"camrelay/firmware/core/backoff"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/ws"
)

// State is that of a Client.
type State uint8

// States of a Client.
const (
	Stopped    State = iota // until Start
	Away                    // the relay said to stay away: until Start
	Waiting                 // for the next attempt, or for a link
	Connecting              // TCP, then the handshake
	Open
	Closing // a closing handshake
)

func (s State) String() string {
	return [...]string{"stopped", "away", "waiting", "connecting", "open", "closing"}[min(s, Closing)]
}

// Client is a WebSocket client. It is made once.
type Client struct {
	cfg     Config
	address address
	network hal.Network
	clock   hal.Clock
	random  hal.Random
	handler Handler

	state  State
	now    int64 // of the last Step
	wishes wishes
	event  Event

	at       int64 // when the next attempt is due
	delay    int64 // that is waited for it
	attempt  uint32
	limit    int64 // when the attempt has failed
	asked    bool  // the request was sent
	openedAt int64
	backoff  backoff.Backoff

	stream   hal.Stream
	conn     ws.Conn
	head     http.Head
	accept   [acceptLength]byte
	fragment [ws.FragmentSize]byte // before there are any: the request, then the answer
}

// wishes are what Start, Stop and Close ask of the next Step.
type wishes struct {
	start, stop, close bool
	code               uint16
	reason             string
}

// New returns a Client that is Stopped. The error names what the Config lacks.
func New(cfg Config, n hal.Network, clock hal.Clock, r hal.Random, h Handler) (*Client, error) {
	c := &Client{network: n, clock: clock, random: r, handler: h}
	if err := c.Configure(cfg); err != nil {
		return nil, err
	}
	return c, nil
}

// Config is what was configured.
func (c *Client) Config() Config { return c.cfg }

// Configure changes what the Client does: times of pings at once, the rest with
// the next attempt. If the error is not nil nothing has changed.
func (c *Client) Configure(cfg Config) error {
	a, err := cfg.check()
	if err != nil {
		return err
	}
	pings := cfg.PingInterval != c.cfg.PingInterval || cfg.PongTimeout != c.cfg.PongTimeout
	c.cfg, c.address = cfg, a
	if pings && c.state == Open {
		c.conn.SetPing(cfg.PingInterval, cfg.PongTimeout)
	}
	return nil
}

// SetURL changes the address, like Configure.
func (c *Client) SetURL(url string) error {
	cfg := c.cfg
	cfg.URL = url
	return c.Configure(cfg)
}

// SetHeaders changes the headers, like Configure.
func (c *Client) SetHeaders(headers []string) error {
	cfg := c.cfg
	cfg.Headers = headers
	return c.Configure(cfg)
}

// SetAuth changes who the camera says it is, like Configure.
func (c *Client) SetAuth(a Auth) error {
	cfg := c.cfg
	cfg.Auth = a
	return c.Configure(cfg)
}

// SetPing changes the times of pings, in nanoseconds, like Configure.
func (c *Client) SetPing(interval, timeout int64) error {
	cfg := c.cfg
	cfg.PingInterval, cfg.PongTimeout = interval, timeout
	return c.Configure(cfg)
}

// SetBackoff changes the pauses, in nanoseconds, like Configure.
func (c *Client) SetBackoff(base, most int64) error {
	cfg := c.cfg
	cfg.Base, cfg.Cap = base, most
	return c.Configure(cfg)
}

// Start begins, also when the Client was told to stay away, or is about to stop.
// It ends no pause: that is what Retry does.
func (c *Client) Start() {
	if c.state <= Away || c.state == Closing || c.wishes.stop || c.wishes.close {
		c.wishes.start = true
	}
}

// Stop ends everything at once, without a CLOSE frame.
func (c *Client) Stop() { c.wishes = wishes{stop: true} }

// Close ends the connection with a CLOSE frame (ws.Conn.Close), and the Client is
// Stopped after that, at most two seconds later.
func (c *Client) Close(code uint16, reason string) {
	c.wishes = wishes{close: true, code: code, reason: reason}
}

// Retry ends a pause.
func (c *Client) Retry() { c.at = c.now }

// State is where the Client is.
func (c *Client) State() State { return c.state }

// Conn is the connection, for sending: fragments, texts and pings. It does
// nothing while the Client is not Open.
func (c *Client) Conn() *ws.Conn { return &c.conn }

// Step does what is due. It reports whether there was anything.
func (c *Client) Step(now int64) (progress bool) {
	c.now = now
	if w := &c.wishes; w.stop || w.close || w.start && c.state <= Away {
		c.obey()
		progress = true
	}
	switch c.state {
	case Waiting:
		if now >= c.at && c.network.Up() {
			c.dial()
			return true
		}
	case Connecting:
		return c.connect() || progress
	case Open, Closing:
		return c.run() || progress
	}
	return progress
}

// obey does what Stop, Close and Start have asked for.
func (c *Client) obey() {
	w := c.wishes
	c.wishes = wishes{start: w.start}
	switch {
	case w.close && (c.state == Open || c.state == Closing):
		c.conn.Close(w.code, w.reason)
		c.state = Closing
	case (w.stop || w.close) && c.state != Stopped:
		c.halt()
	}
	if w.start && c.state <= Away {
		c.wishes.start = false
		c.state, c.at, c.delay, c.attempt = Waiting, c.now, 0, 0
		c.backoff.Reset()
		c.emit(Event{Kind: EventStart})
	}
}

// halt ends everything at once.
func (c *Client) halt() {
	was := c.state
	c.abort()
	c.state = Stopped
	if was >= Connecting {
		c.emit(Event{Kind: EventDisconnected, Delay: -1})
	}
	c.emit(Event{Kind: EventStopped})
}

// abort ends TCP, and the connection with it.
func (c *Client) abort() {
	c.conn.Abort()
	if c.stream != nil {
		c.stream.Abort()
		c.stream = nil
	}
}

// emit tells the handler.
func (c *Client) emit(e Event) {
	c.event = e
	c.handler.OnEvent(&c.event)
}

// over is for the end of an attempt or a connection.
func (c *Client) over(why ending) {
	c.abort()
	if c.state >= Open && c.now-c.openedAt >= stableAfter {
		c.backoff.Reset()
	}
	c.delay, c.state = c.next(why)
	c.at = c.now + c.delay
	c.emit(Event{Kind: EventDisconnected, Delay: c.delay})
	switch c.state {
	case Stopped:
		c.emit(Event{Kind: EventStopped})
	case Waiting:
		c.wishes.start = false
	}
}

// run moves an open connection.
func (c *Client) run() bool {
	progress := c.conn.Step(c.now)
	if op, p, ok := c.conn.Message(); ok {
		c.emit(Event{Kind: EventMessage, Op: op, Data: p})
	}
	switch c.conn.State() {
	case ws.Closing:
		c.state = Closing
	case ws.Closed:
		c.ended()
	}
	return progress
}

// ended is for the end of a connection.
func (c *Client) ended() {
	end := c.conn.End()
	why := ending{retryAfter: -1}
	c.stream = nil // it is closed, and its memory may be another's already
	switch {
	case end.Err == nil && end.ByPeer:
		why.code = end.Code
		c.emit(Event{Kind: EventError, Failure: FailClosed, Code: end.Code})
		c.emit(Event{Kind: EventClosed, Code: end.Code, Reason: c.conn.Reason(), ByPeer: true})
	case end.Err == nil, end.Err == ws.ErrNoAnswer:
		why.meant = true
		c.emit(Event{Kind: EventClosed, Code: end.Code, Err: end.Err})
	default:
		c.emit(Event{Kind: EventError, Failure: failureOf(end.Err), Err: end.Err})
	}
	c.over(why)
}

// failureOf sorts the errors of a connection.
func failureOf(err error) Failure {
	switch err {
	case ws.ErrPong:
		return FailPong
	case ws.ErrStall:
		return FailStall
	case ws.ErrDropped:
		return FailLost
	}
	if _, ok := err.(ws.Error); ok {
		return FailProtocol
	}
	return FailLost
}
