package testkit

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/internal/pusher/rawws"
)

// Camera is a camera that may be rude: its test decides about every frame of
// the WebSocket and every byte of the connection.
type Camera struct {
	t      testing.TB
	conn   *net.TCPConn
	reader *bufio.Reader
	Header http.Header // of the relay's answer
}

// DialCamera connects to a ws:// address, such as that of /ws/push/door, and
// ends the test if the relay does not answer 101. The key may be empty; with
// protocols the camera asks for those.
func DialCamera(t testing.TB, url, key string, protocols ...string) *Camera {
	t.Helper()
	c, response, err := TryCamera(t, url, key, protocols...)
	if err != nil {
		status := "no answer"
		if response != nil {
			status = response.Status
		}
		t.Fatalf("connect camera to %s: %v (%s)", url, err, status)
	}
	return c
}

// TryCamera is DialCamera for when the relay may refuse: the response says how
// it did. It reads what follows the response itself, as a relay may send a
// message along with it.
func TryCamera(t testing.TB, url, key string, protocols ...string) (*Camera, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http"+strings.TrimPrefix(url, "ws"), nil)
	if err != nil {
		return nil, nil, err
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", // RFC 6455 section 1.3; nothing caches the answer
		"User-Agent":        "",
	} {
		request.Header.Set(name, value)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	if len(protocols) > 0 {
		request.Header.Set("Sec-WebSocket-Protocol", strings.Join(protocols, ", "))
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", request.URL.Host)
	if err != nil {
		return nil, nil, err
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(dialTimeout))
	if err := request.Write(conn); err != nil {
		return nil, nil, err
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		conn.Close()
		response.Body = io.NopCloser(bytes.NewReader(body))
		return nil, response, fmt.Errorf("the relay answers %s", response.Status)
	}
	conn.SetDeadline(time.Time{})
	return &Camera{t: t, conn: conn.(*net.TCPConn), reader: reader, Header: response.Header}, response, nil
}

const dialTimeout = 10 * time.Second

// Message sends one binary message in fragments of so many bytes; 0: in one.
func (c *Camera) Message(b []byte, fragment int) error { return c.Slowly(b, fragment, 0) }

// Slowly is Message with a pause between fragments.
func (c *Camera) Slowly(b []byte, fragment int, pause time.Duration) error {
	if fragment <= 0 {
		fragment = max(len(b), 1)
	}
	opcode := byte(rawws.Binary)
	for {
		n := min(fragment, len(b))
		if err := c.Frame(n == len(b), opcode, b[:n]); err != nil {
			return err
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
		opcode = rawws.Continuation
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

// Half sends the first half of a message and ends it there, as a camera does
// that gives up a frame.
func (c *Camera) Half(b []byte, fragment int) error { return c.Message(b[:len(b)/2], fragment) }

// Begin sends a part of a message and does not end it.
func (c *Camera) Begin(b []byte) error { return c.Frame(false, rawws.Binary, b) }

// Text sends a text message.
func (c *Camera) Text(s string) error { return c.Frame(true, rawws.Text, []byte(s)) }

// Frame sends one WebSocket frame, right or wrong.
func (c *Camera) Frame(fin bool, opcode byte, payload []byte) error {
	return c.Raw(rawws.Frame{Fin: fin, Opcode: opcode, Payload: payload}.Append(nil))
}

// Raw sends bytes as they are.
func (c *Camera) Raw(b []byte) error {
	_, err := c.conn.Write(b)
	return err
}

// Read returns the relay's next frame, or an error after the timeout.
func (c *Camera) Read(timeout time.Duration) (rawws.Frame, error) {
	c.conn.SetReadDeadline(time.Now().Add(timeout))
	return rawws.Read(c.reader, 1<<20)
}

// Close ends the connection without a CLOSE frame.
func (c *Camera) Close() { c.conn.Close() }

// Reset ends it with RST, as when a camera comes back with lost state.
func (c *Camera) Reset() { reset(c.conn) }
