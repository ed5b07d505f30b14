package control

import (
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/text"
	"camrelay/firmware/core/ws"
)

// retryAfter is how long to wait for a place for one more WebSocket, in seconds.
const retryAfter = 10

const (
	plainText = "text/plain; charset=utf-8"
	jsonText  = "application/json"
)

// page is what GET / shows behind the camera's id.
const page = `: the control server of a camera. Its pictures are at the relay.

GET  /status    how it is
POST /led       {"flash":0..255,"red":true}
PUT  /settings  {"quality":12,"save":true}
GET  /ws        WebSocket: status every 2 s, commands
POST /reboot

All but this page and a short status want the camera's key:
curl -H "Authorization: Bearer KEY" http://ADDRESS/status
`

// room is where the body of an answer goes.
func (c *conn) room() []byte { return c.buf[answerHead:answerHead] }

// showPage answers GET /.
func (s *Server) showPage(c *conn, now int64) {
	s.answer(c, 200, plainText, len(append(append(c.room(), s.id...), page...)), now)
}

// showStatus answers GET /status.
func (s *Server) showStatus(c *conn, all bool, now int64) {
	s.json = json.Begin(c.room())
	s.json.Object()
	s.device.Status(&s.json, all)
	s.json.End()
	if p, ok := s.json.Bytes(); ok {
		s.answer(c, 200, jsonText, len(p), now)
		return
	}
	s.refuse(c, noFit, now)
}

// done answers a command that was carried out, or says why it was not.
func (s *Server) done(c *conn, why []byte, now int64) {
	s.json = json.Begin(c.room())
	s.json.Object()
	code := 200
	if why == nil {
		s.json.KeyBool("ok", true)
	} else {
		code = 400
		s.json.KeyText("error", why[:min(len(why), maxWhy)])
	}
	s.json.End()
	p, _ := s.json.Bytes()
	s.answer(c, code, jsonText, len(p), now)
}

// refuse answers a request that is not served.
func (s *Server) refuse(c *conn, p problem, now int64) {
	s.json = json.Begin(c.room())
	s.json.Object()
	s.json.KeyString("error", p.why)
	s.json.End()
	body, _ := s.json.Bytes()
	s.answer(c, p.code, jsonText, len(body), now)
}

// answer puts a head before the n bytes of body in c.room, and begins to send.
func (s *Server) answer(c *conn, code int, kind string, n int, now int64) {
	h := c.buf[:0:answerHead]
	h = line(h, "HTTP/1.1 ", reason(code))
	switch code {
	case 401:
		h = line(h, "WWW-Authenticate: ", `Basic realm="camera"`)
	case 405:
		h = line(h, "Allow: ", routes[c.route].method)
		if c.route.public() {
			h = line(h[:len(h)-2], ", HEAD", "")
		}
	case 426:
		h = line(h, "Upgrade: websocket\r\nSec-WebSocket-Version: ", "13")
	case 429:
		h = number(h, "Retry-After: ", s.guard.wait(now))
	case 503:
		h = number(h, "Retry-After: ", retryAfter)
	}
	h = line(h, "Content-Type: ", kind)
	h = number(h, "Content-Length: ", int64(n))
	h = line(h, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n", "")
	if c.bare {
		n = 0
	}
	from := answerHead - len(h)
	copy(c.buf[from:answerHead], h)
	c.send(c.buf[from:answerHead+n], now)
}

// switchOver answers a handshake (RFC 6455 section 4.2.2).
func (c *conn) switchOver(key []byte, now int64) {
	h := append(c.room(), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	c.send(line(ws.AppendAccept(h, key), "\r\n", ""), now)
}

// send begins to write an answer.
func (c *conn) send(p []byte, now int64) {
	c.phase, c.out, c.began, c.moved = answering, p, now, now
}

func line(h []byte, name, value string) []byte {
	return append(append(append(h, name...), value...), "\r\n"...)
}

func number(h []byte, name string, value int64) []byte {
	return append(text.AppendInt(append(h, name...), value), "\r\n"...)
}

// reason is the status with its phrase (RFC 9110 section 15).
func reason(code int) string {
	switch code {
	case 200:
		return "200 OK"
	case 401:
		return "401 Unauthorized"
	case 403:
		return "403 Forbidden"
	case 404:
		return "404 Not Found"
	case 405:
		return "405 Method Not Allowed"
	case 408:
		return "408 Request Timeout"
	case 411:
		return "411 Length Required"
	case 413:
		return "413 Content Too Large"
	case 421:
		return "421 Misdirected Request"
	case 426:
		return "426 Upgrade Required"
	case 429:
		return "429 Too Many Requests"
	case 431:
		return "431 Request Header Fields Too Large"
	case 500:
		return "500 Internal Server Error"
	case 503:
		return "503 Service Unavailable"
	}
	return "400 Bad Request"
}
