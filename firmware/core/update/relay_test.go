package update

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// relay serves images and takes reports, over the far ends of a network.
type relay struct {
	t       testing.TB
	images  map[string]*artefact
	conns   []*conn
	orders  []string // answers to reports, one each; then {}
	served  int
	asked   map[string]int                                            // by path
	handler http.HandlerFunc                                          // nil: as it should be
	cut     func(n int, r *http.Request, answer []byte) ([]byte, end) // nil: none
}

// end is how the relay ends a connection.
type end int

const (
	inOrder end = iota
	byReset
	never
)

type conn struct {
	far  *haltest.Stream
	in   []byte
	out  []byte
	how  end
	done bool
}

func (r *relay) serve(w *world) {
	for call := w.net.Next(); call != nil; call = w.net.Next() {
		if w.misbehaves("Accept") {
			continue // a black hole
		}
		if far := call.Accept(); far != nil {
			r.conns = append(r.conns, &conn{far: far})
		}
	}
	left := r.conns[:0]
	for _, c := range r.conns {
		if c.far.State() != hal.Closed {
			left = append(left, c)
			r.answer(w, c)
		}
	}
	r.conns = left
}

func (r *relay) answer(w *world, c *conn) {
	c.in = append(c.in, c.far.ReadAll()...)
	if !c.done {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.in)))
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		c.done = true
		request.Body = io.NopCloser(bytes.NewReader(body))
		if w.misbehaves("Answer") {
			c.far.Abort()
			return
		}
		rec := httptest.NewRecorder()
		handler := r.handler
		if handler == nil {
			handler = r.handle(w)
		}
		handler(rec, request)
		var out bytes.Buffer
		fmt.Fprintf(&out, "HTTP/1.1 %d x\r\n", rec.Code)
		if rec.Header().Get("Content-Length") == "" {
			fmt.Fprintf(&out, "Content-Length: %d\r\n", rec.Body.Len())
		}
		rec.Header().Write(&out)
		out.WriteString("\r\n")
		out.Write(rec.Body.Bytes())
		c.out = out.Bytes()
		r.served++
		r.asked[request.URL.Path]++
		if r.cut != nil {
			c.out, c.how = r.cut(r.served, request, c.out)
		}
	}
	c.out = c.out[c.far.Write(c.out):]
	if len(c.out) > 0 || c.far.Unacked() > 0 {
		return
	}
	switch c.how {
	case inOrder:
		c.far.Close()
	case byReset:
		c.far.Abort()
	}
}

var probe = bytes.Repeat([]byte("0123456789abcdef"), 64)

func (r *relay) handle(w *world) http.HandlerFunc {
	return func(rw http.ResponseWriter, q *http.Request) {
		if auth := q.Header.Get("Authorization"); auth != "Bearer tok" && auth != "Bearer crk_key" {
			r.t.Errorf("%s %s with %q", q.Method, q.URL.Path, auth)
		}
		content := probe
		switch a := r.images[q.URL.Path]; {
		case q.Method == "POST" && q.URL.Path == "/ota/cameras/door/report":
			body, _ := io.ReadAll(q.Body)
			w.hear(body, "POST")
			answer := "{}"
			if len(r.orders) > 0 {
				answer, r.orders = r.orders[0], r.orders[1:]
			}
			io.WriteString(rw, answer)
			return
		case q.URL.Path == "/ota/probe":
		case a == nil:
			http.NotFound(rw, q)
			return
		default:
			content = a.bytes
		}
		rw.Header().Set("ETag", fmt.Sprintf("\"%x\"", sha256.Sum256(content)))
		http.ServeContent(rw, q, "", time.Time{}, bytes.NewReader(content))
	}
}
