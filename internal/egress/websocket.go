package egress

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/stream"
)

// wsConn is what the WebSocket viewers have in common: an outlet that owns all
// writing, and a reader that answers pings, takes pongs and notices the end.
type wsConn struct {
	out stream.Outlet
	socket
	srv    *Server
	who    Access
	reader wsReader
	heard  atomic.Int64            // when something last came, since the server's start
	pinged atomic.Int64            // when a ping was last sent, likewise
	onPath func(rtt time.Duration) // if set, hears of each round trip
}

// upgrade makes the request a WebSocket. If it cannot be one, it has been
// answered. After the handshake the connection is ours alone: frames go out in
// one piece with one system call, and a reader for the little that viewers say
// needs a tenth of the memory of a general one.
func (c *wsConn) upgrade(w http.ResponseWriter, r *http.Request, wrap *stream.Wrapping, subprotocols ...string) error {
	upgrader := websocket.Upgrader{
		ReadBufferSize: 256, WriteBufferSize: 256, // let go of at once
		Subprotocols: subprotocols,
		CheckOrigin:  func(*http.Request) bool { return true }, // checked before
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			writeError(w, status, reason.Error())
		},
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return err
	}
	c.socket.init(ws.NetConn(), wrap, c.srv.options().WriteStall)
	c.reader.conn = c.conn
	c.out.Init(&c.socket, nil)
	c.heard.Store(int64(time.Since(c.srv.start)))
	return nil
}

// read hands every message of at most limit bytes to take until the connection
// ends. A nil take ignores them.
func (c *wsConn) read(limit int, take func(op byte, payload []byte) error) {
	defer c.socket.done()
	for {
		op, payload, err := c.reader.message(limit, c.control)
		if err == nil {
			c.heard.Store(int64(time.Since(c.srv.start)))
			if take != nil {
				err = take(op, payload)
			}
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

// end closes the connection; a peer that broke the protocol is told so.
func (c *wsConn) end(err error) {
	var broken *protocolError
	if errors.As(err, &broken) {
		c.goodbye(broken.code, broken.text)
		c.linger()
	} else if err == errPeerClosed && !c.out.Closed() {
		c.linger() // while the answer goes out
	}
	c.out.Close(err)
}

// linger ignores what the peer still sends, until the connection has ended: to
// close it with bytes unread would reset it, and a reset can overtake a CLOSE.
func (c *wsConn) linger() {
	c.conn.SetReadDeadline(time.Now().Add(lingerTime))
	for {
		if _, err := c.conn.Read(c.reader.buf[:]); err != nil {
			return
		}
	}
}

// control handles a control frame (RFC 6455 section 5.5).
func (c *wsConn) control(op byte, payload []byte) error {
	now := time.Since(c.srv.start)
	c.heard.Store(int64(now))
	switch op {
	case opPing:
		c.out.Post(wsMessage(finPong, payload))
	case opPong:
		if len(payload) == 8 && c.onPath != nil {
			sent := time.Duration(binary.BigEndian.Uint64(payload))
			if rtt := now - sent; sent > 0 && rtt > 0 && rtt < time.Minute {
				c.onPath(rtt)
			}
		}
	case opClose:
		if len(payload) > 0 && !validClose(payload) {
			return &protocolError{1002, "a CLOSE has no valid code"}
		}
		c.out.CloseAfter(wsMessage(finClose, payload[:min(len(payload), 2)]), errPeerClosed)
		return errPeerClosed
	}
	return nil
}

// validClose reports whether a CLOSE frame's body begins with a code that may
// be sent (section 7.4).
func validClose(payload []byte) bool {
	if len(payload) < 2 {
		return false
	}
	code := binary.BigEndian.Uint16(payload)
	return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code <= 4999
}

func (c *wsConn) access() Access { return c.who }

// goodbye implements viewerConn.
func (c *wsConn) goodbye(code int, reason string) {
	c.polite.Store(true)
	c.out.CloseAfter(closeMessage(code, reason), stream.ErrClosed)
}

// drop implements viewerConn.
func (c *wsConn) drop() {
	c.out.Close(stream.ErrClosed)
	c.socket.drop()
}

// keepAlive pings, and drops a viewer that is not heard any more.
func (c *wsConn) keepAlive() {
	now := time.Since(c.srv.start)
	if now-time.Duration(c.heard.Load()) > c.srv.options().PongTimeout {
		c.out.Close(errSilent)
		return
	}
	if c.pingDue(c.srv.options().PingInterval) {
		c.ping()
	}
}

// pingDue reports whether the last ping is so long ago.
func (c *wsConn) pingDue(interval time.Duration) bool {
	return time.Since(c.srv.start)-time.Duration(c.pinged.Load()) >= interval
}

func (c *wsConn) ping() {
	now := time.Since(c.srv.start)
	c.pinged.Store(int64(now))
	c.out.Post(wsMessage(finPing, binary.BigEndian.AppendUint64(nil, uint64(now))))
}

// textMessage is v as JSON in a text message. All that the server says can be
// encoded.
func textMessage(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("egress: " + err.Error())
	}
	return wsMessage(finText, b)
}
