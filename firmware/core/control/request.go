package control

import (
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/text"
)

// route is what a path leads to.
type route uint8

const (
	toPage route = iota
	toStatus
	toLED
	toSettings
	toSocket
	toReboot
	nowhere
)

// routes says by which method.
var routes = [...]struct{ path, method string }{
	toPage:     {"/", "GET"},
	toStatus:   {"/status", "GET"},
	toLED:      {"/led", "POST"},
	toSettings: {"/settings", "PUT"},
	toSocket:   {"/ws", "GET"},
	toReboot:   {"/reboot", "POST"},
	nowhere:    {},
}

func find(path []byte) route {
	r := toPage
	for r < nowhere && !text.Equal(path, routes[r].path) {
		r++
	}
	return r
}

// public reports whether there is something for those who have no token.
func (r route) public() bool { return r == toPage || r == toStatus }

// takes reports whether a method works here.
func (r route) takes(method []byte) bool {
	return text.Equal(method, routes[r].method) || r.public() && text.Equal(method, "HEAD")
}

// takesBody reports whether the request says something in its body.
func (r route) takesBody() bool { return r == toLED || r == toSettings }

// problem is why a request is refused; its zero value is none.
type problem struct {
	code int
	why  string
}

var (
	tooLate      = problem{408, "the request did not come within 5 seconds"}
	headTooLong  = problem{431, "the head of the request is longer than 1024 bytes"}
	bodyTooLong  = problem{413, "the body is longer than 512 bytes"}
	noLength     = problem{411, "send the body with Content-Length, not in chunks"}
	badLength    = problem{400, "Content-Length is not a number, or comes along with Transfer-Encoding"}
	noHost       = problem{400, "the request has no Host"}
	otherHost    = problem{421, "this camera does not go by the name in Host; use its IP address, its id, or its id with .local"}
	otherOrigin  = problem{403, "pages of other origins may not use this camera"}
	noRoute      = problem{404, "there is nothing here; GET / says what there is"}
	badMethod    = problem{405, "this method does not work here; Allow says which does"}
	noToken      = problem{401, "this needs the camera's key: Authorization: Bearer, Basic with the key as password, or ?t="}
	wrongToken   = problem{401, "that is not the camera's key"}
	lockedOut    = problem{429, "too many wrong keys; Retry-After says when to try again"}
	noKeySet     = problem{403, "this camera has no key, so it only shows GET / and GET /status; configure one"}
	notSocket    = problem{426, "this is a WebSocket; connect with a WebSocket client, version 13"}
	badSocketKey = problem{400, "Sec-WebSocket-Key is not 16 bytes in base64"}
	tooEager     = problem{400, "data came before the handshake was answered"}
	noSocket     = problem{503, "as many WebSocket clients as this camera can serve are connected"}
	noFit        = problem{500, "the status is longer than this server can send"}
)

// request is for a head that is complete; rest has come with it.
func (s *Server) request(c *conn, rest []byte, now int64) {
	r := &s.req
	if err := http.ParseRequest(c.head.Bytes(), r); err != nil {
		s.refuse(c, problem{400, err.Error()}, now)
		return
	}
	c.bare = text.Equal(r.Method, "HEAD")
	c.route = find(r.Path)
	trusted, p := s.admit(c.route, now)
	length := 0
	if p.code == 0 {
		length, p = bodyLength(c.route, r)
	}
	switch {
	case p.code != 0:
		s.refuse(c, p, now)
	case c.route == toPage:
		s.showPage(c, now)
	case c.route == toStatus:
		s.showStatus(c, trusted, now)
	case c.route == toSocket:
		s.upgrade(c, len(rest) > 0, now)
	default:
		if length > 0 && len(rest) == 0 {
			s.invite(c)
		}
		s.expect(c, length, rest, now)
	}
}

// admit decides whether a request is served at all. trusted says that it came
// with the token.
func (s *Server) admit(to route, now int64) (trusted bool, p problem) {
	r := &s.req
	host, ok := r.Get("Host")
	switch {
	case !ok:
		return false, noHost
	case !ownHost(host, s.id):
		return false, otherHost
	case !sameOrigin(r, host):
		return false, otherOrigin
	case to == nowhere:
		return false, noRoute
	case !to.takes(r.Method):
		return false, badMethod
	}
	switch s.guard.check(r, now) {
	case right:
		return true, problem{}
	case wrong:
		return false, wrongToken
	case locked:
		return false, lockedOut
	}
	switch {
	case to.public():
		return false, problem{}
	case s.guard.token == "":
		return false, noKeySet
	}
	return false, noToken
}

// bodyLength is how long the body is that is to be read. Others are not read,
// but their length has to be plausible all the same (RFC 9112 section 6.3).
func bodyLength(to route, r *http.Request) (n int, p problem) {
	_, coded := r.Get("Transfer-Encoding")
	value, given := r.Get("Content-Length")
	length, ok := text.ParseUint(value, 1<<63-1)
	switch {
	case given && (coded || !ok):
		return 0, badLength
	case coded, !given && to.takesBody():
		return 0, noLength
	case length > MaxBody:
		return 0, bodyTooLong
	}
	return int(length), problem{}
}

// invite asks for a body that the client holds back until then (RFC 9110 section
// 10.1.1).
func (s *Server) invite(c *conn) {
	if expect, _ := s.req.Get("Expect"); s.req.Minor == 1 && text.EqualFold(expect, "100-continue") {
		c.stream.Write(append(c.buf[MaxHead:MaxHead], "HTTP/1.1 100 Continue\r\n\r\n"...))
	}
}
