package ingest

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// closeFrame is the first byte of a CLOSE frame: FIN and opcode 8 (RFC 6455
// section 5.2).
const closeFrame = 0x88

// quietConn is a camera's connection that sends no CLOSE frame unless told to.
// The WebSocket library answers every protocol error with CLOSE 1002 by itself,
// and esp_websocket_client does not come back after a CLOSE: it would take one
// bit that went wrong on the air to lose the camera for good. The library
// writes each frame of ours with one Write, as none is longer than its buffer.
type quietConn struct {
	net.Conn
	mayClose atomic.Bool
}

func (c *quietConn) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0] == closeFrame && !c.mayClose.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// tcp is the connection underneath TLS, if there is any.
func (c *quietConn) tcp() net.Conn {
	if t, ok := c.Conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c.Conn
}

// abort drops the connection at once. Closing TLS the polite way can block.
func (c *quietConn) abort() { _ = c.tcp().Close() }

// keepAlive lets TCP find out that a camera lost its power.
func (c *quietConn) keepAlive() {
	if t, ok := c.tcp().(*net.TCPConn); ok {
		_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3})
	}
}

// quietWriter is a response whose connection, when taken over, is a quietConn.
type quietWriter struct {
	http.ResponseWriter
	conn *quietConn
}

// Hijack implements http.Hijacker.
func (w *quietWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.conn = &quietConn{Conn: conn}
	return w.conn, rw, nil
}
