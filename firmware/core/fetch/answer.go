package fetch

import (
	"camrelay/firmware/core/http"
)

// answer reads the head of the answer, which is complete.
func (c *Client) answer() {
	var r http.Response
	if http.ParseResponse(c.head.Bytes(), &r) != nil {
		c.fail(ErrAnswer)
		return
	}
	if r.Status < 200 { // only says that more will come
		if r.Status == 101 || !c.again() {
			c.fail(ErrAnswer)
		}
		return
	}
	c.result.Status = r.Status
	if value, ok := r.Get("Retry-After"); ok {
		c.result.Delay = parseDelay(value)
	}
	if e := c.check(&r); e != 0 {
		c.fail(e)
		return
	}
	c.result.Delay = 0
	c.step, c.came, c.until = reading, 0, c.now+StallLimit
}

// again begins with the next head, which may have begun in the same piece.
func (c *Client) again() bool {
	c.head.Reset(c.buf[:0])
	taken, done, err := c.head.Take(c.rest)
	c.rest = c.rest[taken:]
	if done {
		c.answer() // not deep: a piece has room for few heads
	}
	return err == nil
}

// check says what is wrong with the answer, and how much content is to come.
func (c *Client) check(r *http.Response) Error {
	switch {
	case r.Status == 204 && c.req.Size == 0:
		return 0
	case r.Status != 200 && r.Status != 206:
		return ErrStatus
	case encoded(r.Headers) || !c.sameTag(r.Headers):
		return ErrAnswer
	}
	length, ok := r.Length(1<<32 - 1)
	if !ok {
		return ErrAnswer
	}
	c.left = uint32(length)
	if r.Status == 206 {
		return c.checkPart(r.Headers)
	}
	c.whole = c.req.part()
	switch {
	case c.req.Size == 0 && length > MaxAnswer:
		return ErrAnswer
	case c.req.Size != 0 && c.left != c.req.Size:
		return ErrSize
	}
	return 0
}

// checkPart checks an answer that says it is a part.
func (c *Client) checkPart(h http.Headers) Error {
	value, _ := h.Get("Content-Range")
	first, last, total, ok := ParseContentRange(value)
	switch {
	case !ok || !c.req.part() || first != c.req.From:
		return ErrAnswer
	case total != c.req.Size:
		return ErrSize
	case last != c.req.last() || c.left != last-first+1:
		return ErrAnswer
	}
	return 0
}

// encoded reports whether the content does not come as it is. To say that it does
// is not usual (RFC 9110 section 8.4.1.4).
func encoded(h http.Headers) bool {
	_, transfer := h.Get("Transfer-Encoding")
	_, content := h.Get("Content-Encoding")
	return transfer || content
}

// sameTag keeps the entity tag, and reports whether it is the one wanted. Weak
// ones (RFC 9110 section 8.8.1) do not say that the bytes are the same.
func (c *Client) sameTag(h http.Headers) bool {
	tag, ok := h.Get("ETag")
	if !ok {
		return true
	}
	if n := len(tag); n >= 2 && n <= MaxETag && tag[0] == '"' && tag[n-1] == '"' {
		c.tag = copy(c.etag[:], tag)
	}
	return len(c.req.ETag) == 0 || equal(tag, c.req.ETag)
}

func equal(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
