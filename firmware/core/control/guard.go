package control

import (
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/text"
)

const (
	maxWrong = 10          // so many wrong tokens
	lockTime = 60 * second // within this time lock everybody out for as long
)

// verdict is what the token of a request is worth.
type verdict uint8

const (
	none verdict = iota
	wrong
	right
	locked // nobody looked
)

// guard checks tokens. A stream does not say who is at its other end, so wrong
// tokens count for all clients together.
type guard struct {
	token string          // "": there is none
	times [maxWrong]int64 // of the last wrong ones
	count int
	until int64     // locked
	buf   [256]byte // for a token that comes encoded
}

// reset begins with another token, and forgets the wrong ones.
func (g *guard) reset(token string) { g.token, g.count, g.until = token, 0, 0 }

// check judges a request.
func (g *guard) check(r *http.Request, now int64) verdict {
	if g.token == "" {
		return none
	}
	given, ok := g.given(r)
	switch {
	case !ok:
		return none
	case now < g.until:
		return locked
	case text.EqualSecret(given, g.token):
		return right
	}
	g.times[g.count%maxWrong] = now
	g.count++
	if g.count >= maxWrong && now-g.times[g.count%maxWrong] < lockTime {
		g.until = now + lockTime
	}
	return wrong
}

// wait is how long nobody gets in, in seconds.
func (g *guard) wait(now int64) int64 { return max(1, (g.until-now+second-1)/second) }

// given returns the token of a request; ok is false if there is none.
func (g *guard) given(r *http.Request) (token []byte, ok bool) {
	if value, ok := r.Get("Authorization"); ok {
		return g.authorization(value), true
	}
	if value, ok := r.Parameter("t"); ok {
		return unescape(g.buf[:0], value), true
	}
	return nil, false
}

// authorization returns the token in an Authorization header, nil if it cannot
// be a right one.
func (g *guard) authorization(value []byte) []byte {
	space := 0
	for space < len(value) && value[space] != ' ' {
		space++
	}
	scheme, rest := value[:space], text.Trim(value[space:])
	switch {
	case text.EqualFold(scheme, "Bearer"):
		return rest
	case !text.EqualFold(scheme, "Basic") || len(rest) > len(g.buf)/3*4:
		return nil
	}
	pair, ok := text.DecodeBase64(g.buf[:0], rest)
	if !ok {
		return nil
	}
	for i, c := range pair {
		if c == ':' { // a user's name has none (RFC 7617 section 2)
			return pair[i+1:]
		}
	}
	return nil
}

// unescape undoes percent-encoding (RFC 3986 section 2.1). It returns nil if the
// value is malformed or too long for buf.
func unescape(buf, value []byte) []byte {
	for len(value) > 0 {
		if len(buf) == cap(buf) {
			return nil
		}
		buf = append(buf, value[0])
		size := 1
		if value[0] == '%' {
			size = 3
			if len(value) < size || !text.DecodeHex(buf[len(buf)-1:], value[1:size]) {
				return nil
			}
		}
		value = value[size:]
	}
	return buf
}
