package pusher

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/wire"
)

// link is a connection to the relay. gorilla/websocket shakes hands and reads;
// the camera writes frames itself, because it decides about each fragment.
type link struct {
	*websocket.Conn
	tcp *net.TCPConn
}

// reset ends the connection as if the camera's power was cut and the network
// had noticed: RST, no CLOSE frame, no FIN.
func (l *link) reset() {
	l.tcp.SetLinger(0)
	l.tcp.Close()
}

func dial(ctx context.Context, cfg Config) (*link, error) {
	address, err := cfg.pushURL()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timing.Handshake)
	defer cancel()

	l := &link{}
	connect := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		l.tcp = conn.(*net.TCPConn)
		if strings.HasPrefix(address, "wss:") {
			if conn, err = secure(ctx, conn, addr, cfg.TLS); err != nil {
				return nil, err
			}
		}
		if cfg.ESPIDF {
			conn = &espConn{Conn: conn, host: addr}
		}
		return conn, nil
	}
	dialer := websocket.Dialer{NetDialContext: connect, NetDialTLSContext: connect}
	header := http.Header{"Authorization": {"Bearer " + cfg.Key}, "User-Agent": {"camrelay-vcam"}}
	if !cfg.ESPIDF {
		dialer.Subprotocols = []string{wire.CameraProtocol}
	}
	var response *http.Response
	l.Conn, response, err = dialer.DialContext(ctx, address, header)
	if errors.Is(err, websocket.ErrBadHandshake) && response != nil && response.StatusCode != http.StatusSwitchingProtocols {
		return nil, newRefusal(response)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return l, nil
}

func secure(ctx context.Context, conn net.Conn, addr string, base *tls.Config) (net.Conn, error) {
	cfg := &tls.Config{}
	if base != nil {
		cfg = base.Clone()
	}
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		cfg.ServerName = host
	}
	cfg.NextProtos = []string{"http/1.1"}
	client := tls.Client(conn, cfg)
	if err := client.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return client, nil
}

// newRefusal reads what gorilla kept of the response's body.
func newRefusal(r *http.Response) *refusal {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1024))
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		said.Error = strings.TrimSpace(string(body))
	}
	return &refusal{
		status:     r.StatusCode,
		retryAfter: parseRetryAfter(r.Header.Get("Retry-After"), time.Now()),
		text:       said.Error,
	}
}

// maxESPHead is WS_BUFFER_SIZE of ESP-IDF's transport_ws.c: its request and
// the relay's response head must fit.
const maxESPHead = 1024

// espConn makes the handshake look like that of esp_websocket_client: the
// request is written anew, in its words and order, and a response head that it
// could not take is an error.
type espConn struct {
	net.Conn
	host    string // with port, always
	request []byte // until it is complete
	sent    bool
	head    []byte // of the response, until it is complete
	up      bool
}

func (c *espConn) Write(b []byte) (int, error) {
	if c.sent {
		return c.Conn.Write(b)
	}
	c.request = append(c.request, b...)
	if !bytes.HasSuffix(c.request, []byte("\r\n\r\n")) {
		return len(b), nil
	}
	request, err := c.rewrite()
	if err != nil {
		return 0, err
	}
	c.sent = true
	if _, err := c.Conn.Write(request); err != nil {
		return 0, err
	}
	return len(b), nil
}

// rewrite is what ws_connect of transport_ws.c prints.
func (c *espConn) rewrite() ([]byte, error) {
	path, fields := "", map[string]string{}
	for i, line := range strings.Split(string(c.request), "\r\n") {
		if i == 0 {
			path = strings.Fields(line)[1]
			continue
		}
		if name, value, ok := strings.Cut(line, ": "); ok {
			fields[http.CanonicalHeaderKey(name)] = value
		}
	}
	if _, err := url.ParseRequestURI(path); err != nil {
		return nil, fmt.Errorf("rewrite request: %w", err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "GET %s HTTP/1.1\r\nConnection: Upgrade\r\nHost: %s\r\nUser-Agent: ESP32 Websocket Client\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nAuthorization: %s\r\n\r\n",
		path, c.host, fields["Sec-Websocket-Key"], fields["Authorization"])
	if out.Len() > maxESPHead {
		return nil, fmt.Errorf("request of %d bytes: esp_websocket_client has room for %d", out.Len(), maxESPHead)
	}
	return out.Bytes(), nil
}

func (c *espConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.up {
		return n, err
	}
	c.head = append(c.head, b[:n]...)
	end := bytes.Index(c.head, []byte("\r\n\r\n"))
	if end < 0 && len(c.head) >= maxESPHead || end+4 > maxESPHead {
		return 0, fmt.Errorf("response head of more than %d bytes: esp_websocket_client has no room for it", maxESPHead)
	}
	if end >= 0 {
		c.up, c.head = true, nil
	}
	return n, err
}
