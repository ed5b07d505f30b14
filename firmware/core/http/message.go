package http

import "camrelay/firmware/core/text"

// Request is the head of a request. Its parts lie in the head that was parsed.
type Request struct {
	Headers
	Method []byte
	Target []byte // as sent: path and query
	Path   []byte // not unescaped
	Query  []byte // without the question mark
	Minor  int    // of HTTP/1
}

// ParseRequest reads a complete head.
func ParseRequest(head []byte, r *Request) error {
	*r = Request{}
	line, rest := cutLine(head)
	method, after := cutSpace(line)
	target, version := cutSpace(after)
	minor, ok := parseVersion(version)
	if !ok || len(method) == 0 || len(target) == 0 || target[0] != '/' {
		return ErrLine
	}
	for _, c := range method {
		if !isToken(c) {
			return ErrLine
		}
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return ErrLine
		}
	}
	r.Method, r.Target, r.Path, r.Minor = method, target, target, minor
	for i, c := range target {
		if c == '?' {
			r.Path, r.Query = target[:i], target[i+1:]
			break
		}
	}
	return r.parse(rest)
}

// Parameter returns a parameter of the query as it was sent, not unescaped.
func (r *Request) Parameter(name string) (value []byte, ok bool) {
	for query := r.Query; len(query) > 0; {
		end := 0
		for end < len(query) && query[end] != '&' {
			end++
		}
		pair := query[:end]
		query = query[min(end+1, len(query)):]
		if len(pair) > len(name) && pair[len(name)] == '=' && text.Equal(pair[:len(name)], name) {
			return pair[len(name)+1:], true
		}
	}
	return nil, false
}

// KeepAlive reports whether the client wants to go on with the connection.
func (r *Request) KeepAlive() bool { return keepAlive(r.Headers, r.Minor) }

// Response is the head of an answer.
type Response struct {
	Headers
	Status int
	Minor  int
}

// ParseResponse reads a complete head.
func ParseResponse(head []byte, r *Response) error {
	*r = Response{}
	line, rest := cutLine(head)
	version, after := cutSpace(line)
	code, _ := cutSpace(after)
	minor, ok := parseVersion(version)
	status, number := text.ParseUint(code, 599)
	if !ok || !number || len(code) != 3 || status < 100 {
		return ErrLine
	}
	r.Status, r.Minor = int(status), minor
	return r.parse(rest)
}

// Length is the value of Content-Length; ok is false if there is none, or it is
// not a number up to limit.
func (h Headers) Length(limit uint64) (n uint64, ok bool) {
	value, _ := h.Get("Content-Length")
	return text.ParseUint(value, limit)
}

func keepAlive(h Headers, minor int) bool {
	connection, _ := h.Get("Connection")
	if minor == 0 {
		return text.HasToken(connection, "keep-alive")
	}
	return !text.HasToken(connection, "close")
}

func parseVersion(p []byte) (minor int, ok bool) {
	switch {
	case text.Equal(p, "HTTP/1.1"):
		return 1, true
	case text.Equal(p, "HTTP/1.0"):
		return 0, true
	}
	return 0, false
}

// cutSpace returns what is before the first space, and what is behind.
func cutSpace(p []byte) (before, after []byte) {
	for i, c := range p {
		if c == ' ' {
			return p[:i], p[i+1:]
		}
	}
	return p, nil
}
