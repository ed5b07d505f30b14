package wsclient

import (
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/sha2"
	"camrelay/firmware/core/text"
	"camrelay/firmware/core/ws"
)

// maxHead is the longest answer to a handshake, in bytes.
const maxHead = 1024

// keyLength and acceptLength are those of the base64 of 16 and 20 bytes.
const (
	keyLength    = 24
	acceptLength = 28
)

// requestLength is at least that of the request, in bytes.
func (c *Config) requestLength(a address) int {
	// The fixed parts with a port, a key and line ends have below 200; CamHMAC has
	// 160 besides the id.
	n := 200 + len(a.path) + len(a.query) + len(a.host) + len(c.Protocol) + len(c.UserAgent)
	for _, h := range c.Headers {
		n += len(h) + 2
	}
	switch auth := &c.Auth; auth.Scheme {
	case Bearer:
		n += 30 + len(auth.Secret)
	case Basic: // base64, and the text itself behind it
		n += 32 + (len(auth.User)+len(auth.Secret))*7/3
	case CamHMAC: // and behind it, the secret, then what the proof is taken of
		n += 160 + len(auth.User) + max(len(auth.Secret), 80+len(a.path)+len(a.host))
	}
	return n
}

// request writes the request into the memory of fragments (RFC 6455 section
// 4.1), and notes the answer it wants.
func (c *Client) request() []byte {
	b := append(c.fragment[:0], "GET "...)
	b = c.address.appendPath(b)
	b = append(b, c.address.query...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = c.address.appendHost(b)
	b = append(b, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	nonce := c.nonce()
	at := len(b)
	b = text.AppendBase64(b, nonce[:])
	ws.AppendAccept(c.accept[:0], b[at:])
	b = appendHeader(b, "Sec-WebSocket-Protocol: ", c.cfg.Protocol)
	b = appendHeader(b, "User-Agent: ", c.cfg.UserAgent)
	b = c.authorize(b)
	for _, h := range c.cfg.Headers {
		b = append(append(b, "\r\n"...), h...)
	}
	return append(b, "\r\n\r\n"...)
}

// appendHeader begins a line, unless there is no value.
func appendHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, "\r\n"...)
	b = append(b, name...)
	return append(b, value...)
}

// nonce is 16 bytes nobody can foresee.
func (c *Client) nonce() (p [16]byte) {
	for i := 0; i < len(p); i += 4 {
		x := c.random.Uint32()
		p[i], p[i+1], p[i+2], p[i+3] = byte(x), byte(x>>8), byte(x>>16), byte(x>>24)
	}
	return p
}

// authorize appends the Authorization header.
func (c *Client) authorize(b []byte) []byte {
	auth := &c.cfg.Auth
	switch auth.Scheme {
	case Bearer:
		return appendHeader(b, "Authorization: Bearer ", auth.Secret)
	case Basic:
		// The text itself goes to the end of the memory, where requestLength has
		// left room for it.
		n := len(auth.User) + 1 + len(auth.Secret)
		plain := append(c.fragment[len(c.fragment)-n:][:0], auth.User...)
		plain = append(plain, ':')
		plain = append(plain, auth.Secret...)
		return text.AppendBase64(append(b, "\r\nAuthorization: Basic "...), plain)
	case CamHMAC:
		return c.prove(b)
	}
	return b
}

// prove appends a proof of the camera's key (docs/protocol.md, "CamHMAC").
func (c *Client) prove(b []byte) []byte {
	auth := &c.cfg.Auth
	b = appendHeader(b, "Authorization: CamHMAC id=", auth.User)
	b = append(b, ",ts="...)
	at := len(b)
	b = text.AppendInt(b, c.clock.Unix()/1_000_000)
	ts := b[at:]
	b = append(b, ",nonce="...)
	at = len(b)
	random := c.nonce()
	b = text.AppendHex(b, random[:])
	nonce := b[at:]

	var key, mac [sha2.Size256]byte
	var h sha2.Hash256
	end := len(b)
	spare := append(b, auth.Secret...)
	h.Reset()
	_, _ = h.Write(spare[end:])
	h.Finish(&key)

	spare = append(b, "GET|"...)
	spare = append(c.address.appendPath(spare), '|')
	spare = append(c.address.appendHost(spare), '|')
	spare = append(append(spare, ts...), '|')
	spare = append(spare, nonce...)
	var m sha2.HMAC256
	m.Begin(key[:])
	_, _ = m.Write(spare[end:])
	m.Finish(&mac)
	return text.AppendHex(append(b, ",mac="...), mac[:])
}

// check looks at the answer (RFC 6455 section 4.1).
func (c *Client) check(r *http.Response) error {
	upgrade, _ := r.Get("Upgrade")
	connection, _ := r.Get("Connection")
	accept, _ := r.Get("Sec-WebSocket-Accept")
	_, extension := r.Get("Sec-WebSocket-Extensions")
	switch {
	case r.Status != 101:
		return ErrStatus
	case r.Minor == 0 || !text.EqualFold(upgrade, "websocket"):
		return ErrUpgrade
	case !text.HasToken(connection, "upgrade"):
		return ErrConnection
	case len(accept) != acceptLength || !equal(accept, c.accept[:]):
		return ErrAccept
	case extension:
		return ErrExtension
	}
	protocols := 0
	right := false
	for name, value := range r.All {
		if text.EqualFold(name, "Sec-WebSocket-Protocol") {
			protocols++
			right = text.Equal(value, c.cfg.Protocol)
		}
	}
	if c.cfg.Protocol == "" && protocols == 0 || protocols == 1 && right {
		return nil
	}
	return ErrSubprotocol
}

func equal(a, b []byte) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// retryAfter is the seconds of that header in nanoseconds, -1 if there are none.
// A date is not understood: the camera may have none.
func retryAfter(r *http.Response) int64 {
	value, _ := r.Get("Retry-After")
	seconds, ok := text.ParseUint(value, 1<<40)
	if !ok {
		return -1
	}
	return int64(min(seconds, longestRetry/second)) * second
}
