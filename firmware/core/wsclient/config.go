// Package wsclient is the camera's WebSocket client: it dials, shakes hands,
// keeps the connection alive, and comes back when it is lost. It is what
// esp_websocket_client is for ESP-IDF; docs/firmware.md compares the two.
package wsclient

import (
	"camrelay/firmware/core/backoff"
	"camrelay/firmware/core/ws"
)

// Times in nanoseconds.
const (
	millisecond = 1_000_000
	second      = 1000 * millisecond
	minute      = 60 * second
)

// Config is what a Client does. Times are in nanoseconds.
type Config struct {
	URL string // ws://host[:port][/path][?query]; it wins over Host, Port and Path

	Host string
	Port uint16 // 0: 80
	Path string // with a query, if there is one; empty: /

	Protocol  string   // subprotocol to ask for; a server that does not take it is refused
	UserAgent string   // empty: none is sent
	Headers   []string // more of them, as "Name: value"
	Auth      Auth

	Reconnect        bool // come back after a failure
	ReconnectOnClose bool // and after a CLOSE frame of the server

	Base, Cap int64 // of the pauses before coming back; a fixed Base with Cap at most Base

	ConnectTimeout int64 // of dialling and the handshake together
	PingInterval   int64 // 0: no pings
	PongTimeout    int64 // 0: pings need no answer
	StallTimeout   int64 // 0: a server need not acknowledge anything
}

// Default returns a Config that lacks nothing but an address.
func Default() Config {
	opt := ws.DefaultOptions()
	return Config{
		UserAgent: "camrelay", Reconnect: true, ReconnectOnClose: true,
		Base: 500 * millisecond, Cap: minute,
		ConnectTimeout: 8 * second,
		PingInterval:   opt.PingInterval, PongTimeout: opt.PongTimeout, StallTimeout: opt.StallTimeout,
	}
}

// Scheme is a way to say who one is.
type Scheme uint8

// Schemes of Auth.
const (
	NoAuth  Scheme = iota
	Bearer         // Secret
	Basic          // User and Secret
	CamHMAC        // User, the camera's id, and a proof of Secret; it needs the date
)

// Auth is what the Authorization header says (docs/protocol.md section 0).
type Auth struct {
	Scheme Scheme
	User   string
	Secret string
}

// check says what is wrong with an Auth.
func (a *Auth) check() error {
	ok := true
	switch a.Scheme {
	case Bearer:
		ok = a.Secret != "" && all(a.Secret, visible)
	case Basic:
		ok = !has(a.User, ':') && all(a.User, printable) && all(a.Secret, printable)
	case CamHMAC:
		ok = a.User != "" && a.Secret != "" && all(a.User, visible) && !has(a.User, ',') && !has(a.User, '|') && !has(a.User, '=')
	}
	if !ok || a.Scheme > CamHMAC {
		return ErrAuth
	}
	return nil
}

// check says what is wrong with a Config, and returns its address.
func (c *Config) check() (a address, err error) {
	if c.URL != "" {
		a, err = parseURL(c.URL)
	} else {
		a, err = newAddress(c.Host, c.Port, c.Path)
	}
	if err != nil {
		return a, err
	}
	if err := c.Auth.check(); err != nil {
		return a, err
	}
	for _, h := range c.Headers {
		if err := checkHeader(h); err != nil {
			return a, err
		}
	}
	switch {
	case !all(c.Protocol, token):
		return a, ErrProtocolName
	case !all(c.UserAgent, printable):
		return a, ErrHeader
	case min(c.Base, c.Cap, c.PingInterval, c.PongTimeout, c.StallTimeout) < 0 || c.ConnectTimeout <= 0:
		return a, ErrTimes
	case c.requestLength(a) > ws.FragmentSize:
		return a, ErrLong
	}
	return a, nil
}

// backoff is with the times of the Config.
func (c *Config) backoff(b *backoff.Backoff) { b.Base, b.Cap = c.Base, c.Cap }

// reserved are headers that the handshake sets itself, and those that would
// change how the request is read.
var reserved = [...]string{"Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Authorization", "User-Agent"}

// checkHeader wants "Name: value" on one line.
func checkHeader(h string) error {
	colon := 0
	for colon < len(h) && token(h[colon]) {
		colon++
	}
	if colon == 0 || colon == len(h) || h[colon] != ':' || !all(h[colon+1:], headerByte) {
		return ErrHeader
	}
	name := h[:colon]
	for _, r := range reserved {
		if equalFold(name, r) {
			return ErrReserved
		}
	}
	if own := "Sec-WebSocket-"; len(name) >= len(own) && equalFold(name[:len(own)], own) {
		return ErrReserved
	}
	return nil
}
