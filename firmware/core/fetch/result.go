package fetch

import "camrelay/firmware/core/text"

// Class says what is to be done after a request.
type Class uint8

// Classes of results.
const (
	OK     Class = iota + 1
	Retry        // it may go better later
	GiveUp       // asking again is of no use
)

// Error is why a request failed. It allocates nothing.
type Error uint8

// Errors of this package.
const (
	ErrNoAnswer Error = iota + 1 // no connection, or no whole head in time
	ErrStatus                    // a status that brings no content: Result.Status
	ErrAnswer                    // an answer that is not understood, or does not fit the request
	ErrSize                      // content of another size than expected
	ErrStalled                   // too few bytes of the content in StallLimit
	ErrBroken                    // the connection ended before the content did
)

func (e Error) Error() string {
	switch e {
	case ErrNoAnswer:
		return "fetch: no answer"
	case ErrStatus:
		return "fetch: refused by the server"
	case ErrAnswer:
		return "fetch: the answer does not fit the request"
	case ErrSize:
		return "fetch: the content has another size than expected"
	case ErrStalled:
		return "fetch: the content comes too slowly"
	case ErrBroken:
		return "fetch: the connection ended before the content"
	}
	return "fetch: unknown error"
}

// Code is a word for messages between programs. That of ErrStatus wants the
// status behind it.
func (e Error) Code() string {
	switch e {
	case ErrNoAnswer:
		return "no_answer"
	case ErrStatus:
		return "http_"
	case ErrAnswer:
		return "bad_answer"
	case ErrSize:
		return "size_mismatch"
	case ErrStalled:
		return "stalled"
	}
	return "too_many_resumes" // one alone would have been resumed
}

// Result is how a request ended.
type Result struct {
	Class  Class
	Err    Error // 0 for OK
	Status int   // of HTTP, 0 if there was no answer
	Delay  int64 // nanoseconds the server wants to be left alone; 0: it does not say
}

// AppendCode appends a word for messages, like http_404.
func (r Result) AppendCode(b []byte) []byte {
	b = append(b, r.Err.Code()...)
	if r.Err == ErrStatus {
		b = text.AppendUint(b, uint64(r.Status))
	}
	return b
}

// classOf says what a status that brings no content means. 409 is the answer
// while the server has not noticed that the connection before is dead.
func classOf(status int) Class {
	switch {
	case status == 408, status == 409, status == 429, status >= 500:
		return Retry
	}
	return GiveUp
}

// maxDelay is the longest Retry-After that is understood, in seconds.
const maxDelay = 24 * 3600

// parseDelay reads the value of Retry-After: seconds. A date says nothing to who
// may have no clock.
func parseDelay(value []byte) int64 {
	seconds, ok := text.ParseUint(value, 1<<40)
	if !ok {
		return 0
	}
	return int64(min(seconds, maxDelay)) * second
}

// ParseContentRange reads "bytes first-last/total" (RFC 9110 section 14.4). A
// total that is not known is refused.
func ParseContentRange(p []byte) (first, last, total uint32, ok bool) {
	const unit = "bytes "
	if len(p) < len(unit) || !text.EqualFold(p[:len(unit)], unit) {
		return 0, 0, 0, false
	}
	a, p, ok1 := cut(p[len(unit):], '-')
	b, c, ok2 := cut(p, '/')
	x, okX := text.ParseUint(a, 1<<32-1)
	y, okY := text.ParseUint(b, 1<<32-1)
	z, okZ := text.ParseUint(c, 1<<32-1)
	return uint32(x), uint32(y), uint32(z), ok1 && ok2 && okX && okY && okZ && x <= y && y < z
}

func cut(p []byte, at byte) (before, after []byte, ok bool) {
	for i, c := range p {
		if c == at {
			return p[:i], p[i+1:], true
		}
	}
	return p, nil, false
}
