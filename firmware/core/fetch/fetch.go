// Package fetch is the camera's HTTP/1.1 client: one request and one connection
// at a time, which ends with the answer. It is strict about what it takes, since
// what comes is written to flash: the size must be known and right, a part must
// begin where it was asked for, and nothing may be encoded.
package fetch

import (
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/text"
)

const second = 1_000_000_000

// Limits of a request, in nanoseconds and bytes.
const (
	DialLimit  = 8 * second
	HeadLimit  = 10 * second // from the connection to the end of the head
	StallLimit = 10 * second // for StallBytes of content, or what is left of it
	StallBytes = 1024
	endLimit   = 1 * second // for the server to end its side too

	MaxHead   = 1024 // of a request or an answer
	MaxPost   = 700
	MaxAnswer = 1000 // content of unknown size
	MaxETag   = 80
)

// Request is what to ask for. What it refers to must stay as it is until there
// is a result.
type Request struct {
	Path  []byte // as in the request line
	Token []byte // for Authorization: Bearer; none: not sent
	Post  []byte // JSON, at most MaxPost bytes; nil: GET

	// Size is that of the whole content, which must be exactly so; 0: not known,
	// at most MaxAnswer.
	Size uint32
	// From and To ask for a part: from byte From to byte To, or to the end if To
	// is 0. Both 0: everything. Only with Size.
	From, To uint32
	// ETag is the entity tag the content must have, quotation marks included;
	// none: any.
	ETag []byte
}

// part reports whether only a part is asked for.
func (r *Request) part() bool { return r.From > 0 || r.To > 0 }

// last is the last byte asked for.
func (r *Request) last() uint32 {
	if r.To > 0 {
		return r.To
	}
	return r.Size - 1
}

type step uint8

const (
	idle step = iota
	dialling
	sending
	heading // waiting for the head
	reading
	ending // there is a result, and still a connection
)

// Client does one request at a time: Start, then Step and Body until Result. It
// is made once and kept.
type Client struct {
	network hal.Network
	host    string
	port    uint16

	step   step
	now    int64
	until  int64 // end of the step, or of the window in which StallBytes must come
	stream hal.Stream
	req    Request
	result Result
	whole  bool // the server ignores that only a part was asked for

	buf   [MaxHead]byte // the request's head, then the answer's
	out   []byte        // what of the request is still to be written
	post  []byte
	head  http.Head
	piece [128]byte // as read while the head is looked for
	rest  []byte    // of piece, behind the head
	left  uint32    // of the content
	came  uint32    // of it, since the window began
	etag  [MaxETag]byte
	tag   int // length of etag
}

// Init says where the server is.
func (c *Client) Init(network hal.Network, host string, port uint16) {
	c.network, c.host, c.port = network, host, port
}

// Start begins a request. A connection that is left from the one before is
// dropped. It reports false if the request is longer than the limits.
func (c *Client) Start(now int64, r Request) bool {
	c.Abort()
	c.req, c.result, c.whole, c.rest, c.tag, c.left = r, Result{}, false, nil, 0, 0
	if len(r.Post) > MaxPost || !c.compose() {
		return false
	}
	c.step, c.until, c.now = dialling, now+DialLimit, now
	return true
}

// compose writes the request's head, if there is room for it.
func (c *Client) compose() bool {
	r := &c.req
	need := len(r.Path) + len(c.host) + len(r.Token) + len(r.ETag) + 256 // what is written besides is shorter
	if need > len(c.buf) {
		return false
	}
	method := "GET "
	if r.Post != nil {
		method = "POST "
	}
	b := append(c.buf[:0], method...)
	b = append(append(b, r.Path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, c.host...), ':')
	b = append(text.AppendUint(b, uint64(c.port)), "\r\nConnection: close\r\nAccept-Encoding: identity\r\n"...)
	if len(r.Token) > 0 {
		b = append(append(append(b, "Authorization: Bearer "...), r.Token...), "\r\n"...)
	}
	if r.Post != nil {
		b = append(text.AppendUint(append(b, "Content-Type: application/json\r\nContent-Length: "...), uint64(len(r.Post))), "\r\n"...)
	}
	if r.part() {
		b = append(text.AppendUint(append(b, "Range: bytes="...), uint64(r.From)), '-')
		if r.To > 0 {
			b = text.AppendUint(b, uint64(r.To))
		}
		b = append(b, "\r\n"...)
		if len(r.ETag) > 0 {
			b = append(append(append(b, "If-Range: "...), r.ETag...), "\r\n"...)
		}
	}
	c.out, c.post = append(b, "\r\n"...), r.Post
	return true
}

// Result returns how the request ended; ok is false while it has not.
func (c *Client) Result() (r Result, ok bool) { return c.result, c.result.Class != 0 }

// Idle reports whether there is neither a request nor a connection.
func (c *Client) Idle() bool { return c.step == idle }

// Answered reports whether the head of the answer is here and was taken, and
// where in the whole its content begins: at 0 if the server ignores that a part
// was asked for.
func (c *Client) Answered() (from uint32, ok bool) {
	if c.step == reading || c.result.Class == OK {
		if c.whole {
			return 0, true
		}
		return c.req.From, true
	}
	return 0, false
}

// ETag is the strong entity tag of the answer, none if there is none. It is good
// until the next Start.
func (c *Client) ETag() []byte { return c.etag[:c.tag] }

// Left is how many bytes of the content Body has not given yet.
func (c *Client) Left() uint32 { return c.left }

// Abort drops the request and its connection at once. There is no result then.
func (c *Client) Abort() {
	if c.stream != nil {
		c.stream.Abort()
		c.stream = nil
	}
	c.step = idle
}

// Body takes what has arrived of the content, at most len(p) bytes. Who does not
// call it in time makes the request stall.
func (c *Client) Body(p []byte) int {
	if c.step != reading {
		return 0
	}
	p = p[:min(uint32(len(p)), c.left)]
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	if n == 0 && len(p) > 0 {
		over := c.stream.State() >= hal.PeerClosed
		if n = c.stream.Read(p); n == 0 && over {
			c.fail(ErrBroken)
			return 0
		}
	}
	c.left -= uint32(n)
	c.came += uint32(n)
	if c.left == 0 {
		c.succeed()
	}
	return n
}

// Step goes on with the request. It reports whether anything has happened.
func (c *Client) Step(now int64) bool {
	c.now = now
	switch c.step {
	case dialling:
		return c.dial()
	case sending:
		return c.send()
	case heading:
		return c.readHead()
	case reading:
		return c.watch()
	case ending:
		return c.end()
	}
	return false
}

func (c *Client) dial() bool {
	if c.now >= c.until {
		return c.fail(ErrNoAnswer)
	}
	if c.stream == nil {
		stream, err := c.network.Dial(hal.Download, c.host, c.port)
		switch {
		case err == hal.ErrBusy || err == hal.ErrDown:
			return false // that may change
		case err != nil:
			return c.fail(ErrNoAnswer)
		}
		c.stream = stream
		return true
	}
	switch c.stream.State() {
	case hal.Dialing:
		return false
	case hal.Closed:
		return c.fail(ErrNoAnswer)
	}
	c.step, c.until = sending, c.now+HeadLimit
	return true
}

func (c *Client) send() bool {
	if c.now >= c.until || c.stream.State() == hal.Closed {
		return c.fail(ErrNoAnswer)
	}
	if len(c.out) == 0 {
		c.out, c.post = c.post, nil
	}
	n := c.stream.Write(c.out)
	c.out = c.out[n:]
	if len(c.out)+len(c.post) == 0 || c.stream.State() == hal.PeerClosed {
		c.head.Reset(c.buf[:0])
		c.step = heading
		return true
	}
	return n > 0
}

func (c *Client) readHead() bool {
	if c.now >= c.until {
		return c.fail(ErrNoAnswer)
	}
	over := c.stream.State() >= hal.PeerClosed
	n := c.stream.Read(c.piece[:])
	if n == 0 {
		return over && c.fail(ErrNoAnswer)
	}
	taken, done, err := c.head.Take(c.piece[:n])
	switch {
	case err != nil:
		return c.fail(ErrAnswer)
	case done:
		c.rest = c.piece[taken:n]
		c.answer()
	}
	return true
}

// watch looks whether the content comes, and whether it is complete.
func (c *Client) watch() bool {
	switch {
	case c.left == 0:
		c.succeed()
		return true
	case c.came >= StallBytes:
		c.came, c.until = 0, c.now+StallLimit
	case c.now >= c.until:
		return c.fail(ErrStalled)
	}
	return false
}

// succeed ends our side; the result is there.
func (c *Client) succeed() {
	c.stream.Close()
	c.result.Class = OK
	c.step, c.until = ending, c.now+endLimit
}

// end waits for the server to end its side, but not for long.
func (c *Client) end() bool {
	if c.stream.State() != hal.Closed && c.now < c.until {
		return false
	}
	c.Abort()
	return true
}

func (c *Client) fail(e Error) bool {
	c.result.Err, c.result.Class = e, Retry
	if e == ErrStatus {
		c.result.Class = classOf(c.result.Status)
	}
	c.Abort()
	return true
}
