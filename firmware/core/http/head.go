// Package http reads the heads of HTTP/1.1 messages (RFC 9112): requests to the
// camera's own server, and answers to its requests. It is strict, since what two
// programs read differently is what attacks are made of.
package http

import "camrelay/firmware/core/text"

// Error is why a head is refused. It allocates nothing.
type Error uint8

// Errors of this package.
const (
	ErrLong      Error = iota + 1 // head longer than there is room for
	ErrLine                       // first line not that of HTTP/1.0 or 1.1
	ErrHeader                     // malformed header line
	ErrDuplicate                  // a header that must be there once is there twice
)

func (e Error) Error() string {
	switch e {
	case ErrLong:
		return "head too long"
	case ErrLine:
		return "first line is not HTTP/1.1"
	case ErrHeader:
		return "malformed header"
	}
	return "header given twice"
}

// Head collects a head as it comes.
type Head struct {
	buf  []byte // its capacity is the limit
	line int    // length of the line so far, without CR
}

// Reset begins a new head, of at most cap(buf) bytes.
func (h *Head) Reset(buf []byte) { h.buf, h.line = buf[:0], 0 }

// Bytes is what has come so far.
func (h *Head) Bytes() []byte { return h.buf }

// Take takes bytes of p up to the end of the head. It reports how many, and
// whether the head is complete; the rest of p is the body's.
func (h *Head) Take(p []byte) (n int, done bool, err error) {
	for i, c := range p {
		if len(h.buf) == cap(h.buf) {
			return i, false, ErrLong
		}
		h.buf = append(h.buf, c)
		switch {
		case c == '\n' && h.line == 0 && len(h.buf) > 2:
			return i + 1, true, nil
		case c == '\n':
			h.line = 0
		case c != '\r':
			h.line++
		}
	}
	return len(p), false, nil
}

// Headers are the lines after the first.
type Headers struct{ lines []byte }

// Get returns the value of a header, without the blanks around it.
func (h Headers) Get(name string) (value []byte, ok bool) {
	for lines := h.lines; len(lines) > 0; {
		var key []byte
		key, value, lines = next(lines)
		if text.EqualFold(key, name) {
			return value, true
		}
	}
	return nil, false
}

// All calls yield with each header, for range.
func (h Headers) All(yield func(name, value []byte) bool) {
	for lines := h.lines; len(lines) > 0; {
		var key, value []byte
		key, value, lines = next(lines)
		if !yield(key, value) {
			return
		}
	}
}

// next cuts off the first of checked lines.
func next(lines []byte) (key, value, rest []byte) {
	line, rest := cutLine(lines)
	for i, c := range line {
		if c == ':' {
			return line[:i], text.Trim(line[i+1:]), rest
		}
	}
	return nil, nil, rest
}

// cutLine returns the first line without its end.
func cutLine(p []byte) (line, rest []byte) {
	for i, c := range p {
		if c == '\n' {
			line = p[:i]
			if i > 0 && p[i-1] == '\r' {
				line = p[:i-1]
			}
			return line, p[i+1:]
		}
	}
	return p, nil
}

// once are headers that decide how a message is read: two of them may mean two
// things to two programs (RFC 9112 section 6.3).
var once = [...]string{"Host", "Content-Length", "Transfer-Encoding", "Content-Range", "Authorization", "Upgrade",
	"Sec-WebSocket-Accept", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}

// parse checks the lines up to the empty one.
func (h *Headers) parse(lines []byte) error {
	h.lines = nil
	all := lines
	for size := 0; ; {
		line, rest := cutLine(lines)
		if len(line) == 0 {
			h.lines = all[:size]
			break
		}
		if err := checkLine(line); err != nil {
			return err
		}
		size += len(lines) - len(rest)
		lines = rest
	}
	for _, name := range once {
		if h.count(name) > 1 {
			return ErrDuplicate
		}
	}
	return nil
}

// count is how often a header is there. It is no range over All, for which
// TinyGo allocates.
func (h *Headers) count(name string) (n int) {
	for lines := h.lines; len(lines) > 0; {
		var key []byte
		key, _, lines = next(lines)
		if text.EqualFold(key, name) {
			n++
		}
	}
	return n
}

// checkLine wants a token, a colon and a value of visible bytes; no folding, no
// blank before the colon (RFC 9112 section 5).
func checkLine(line []byte) error {
	colon := 0
	for colon < len(line) && isToken(line[colon]) {
		colon++
	}
	if colon == 0 || colon == len(line) || line[colon] != ':' {
		return ErrHeader
	}
	for _, c := range line[colon+1:] {
		if c < ' ' && c != '\t' || c == 0x7f {
			return ErrHeader
		}
	}
	return nil
}

// isToken reports whether c may be in a token (RFC 9110 section 5.6.2).
func isToken(c byte) bool {
	switch {
	case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}
