package http

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

func take(t *testing.T, text string, pieces int) ([]byte, string, error) {
	t.Helper()
	var h Head
	h.Reset(make([]byte, 0, 256))
	for p := []byte(text); len(p) > 0; {
		n, done, err := h.Take(p[:min(pieces, len(p))])
		p = p[n:]
		if err != nil || done {
			return h.Bytes(), string(p), err
		}
	}
	return nil, "", nil
}

func TestHead(t *testing.T) {
	const request = "GET /a?b=1&c=&bb=2 HTTP/1.1\r\nHost: cam:80\r\nUpgrade:websocket \t\r\nX: \r\n\r\nbody"
	for pieces := 1; pieces < len(request); pieces++ {
		head, rest, err := take(t, request, pieces)
		if err != nil || rest != "body" {
			t.Fatalf("pieces of %d: rest %q, %v", pieces, rest, err)
		}
		var r Request
		if err := ParseRequest(head, &r); err != nil {
			t.Fatal(err)
		}
		host, _ := r.Get("host")
		upgrade, _ := r.Get("UPGRADE")
		b, _ := r.Parameter("b")
		c, hasC := r.Parameter("c")
		_, hasD := r.Parameter("d")
		empty, hasX := r.Get("x")
		if string(r.Method) != "GET" || string(r.Path) != "/a" || string(r.Query) != "b=1&c=&bb=2" || string(host) != "cam:80" ||
			string(upgrade) != "websocket" || string(b) != "1" || !hasC || len(c) != 0 || hasD || !hasX || len(empty) != 0 || !r.KeepAlive() {
			t.Errorf("%+v", r)
		}
	}
	if _, _, err := take(t, "GET / HTTP/1.1\r\n"+strings.Repeat("A: b\r\n", 100), 7); err != ErrLong {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	for line, want := range map[string]error{
		"GET / HTTP/1.1\r\nA: b\r\n\r\n":                                       nil,
		"GET / HTTP/1.1\nA: b\n\n":                                             nil,
		"GET / HTTP/1.0\r\n\r\n":                                               nil,
		"GET / HTTP/1.1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n":             nil,
		"GET / HTTP/2.0\r\n\r\n":                                               ErrLine,
		"GET /\r\n\r\n":                                                        ErrLine,
		"GET  / HTTP/1.1\r\n\r\n":                                              ErrLine,
		"GET a HTTP/1.1\r\n\r\n":                                               ErrLine,
		"GET http://x/ HTTP/1.1\r\n\r\n":                                       ErrLine,
		"GET /\x01 HTTP/1.1\r\n\r\n":                                           ErrLine,
		"G@T / HTTP/1.1\r\n\r\n":                                               ErrLine,
		"GET / HTTP/1.1\r\nA : b\r\n\r\n":                                      ErrHeader,
		"GET / HTTP/1.1\r\n A: b\r\n\r\n":                                      ErrHeader,
		"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n":                                 ErrHeader,
		"GET / HTTP/1.1\r\nA\r\n\r\n":                                          ErrHeader,
		"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n":                                    ErrHeader,
		"GET / HTTP/1.1\r\nA: b\x00\r\n\r\n":                                   ErrHeader,
		"GET / HTTP/1.1\r\n: b\r\n\r\n":                                        ErrHeader,
		"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n":                         ErrDuplicate,
		"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n":     ErrDuplicate,
		"GET / HTTP/1.1\r\nTransfer-Encoding: a\r\nTransfer-encoding: b\r\n\n": ErrDuplicate,
	} {
		var r Request
		if err := ParseRequest([]byte(line), &r); err != want {
			t.Errorf("%q: %v, want %v", line, err, want)
		}
	}
}

func TestResponse(t *testing.T) {
	for head, want := range map[string]int{
		"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n": 101,
		"HTTP/1.1 206\r\n\r\n":                             206,
		"HTTP/1.0 404 \r\n\r\n":                            404,
		"HTTP/1.1 99 x\r\n\r\n":                            0,
		"HTTP/1.1 600 x\r\n\r\n":                           0,
		"HTTP/1.1 0200 x\r\n\r\n":                          0,
		"HTTP/1.1 2x0 x\r\n\r\n":                           0,
		"ICY 200 OK\r\n\r\n":                               0,
		"HTTP/1.1  200 OK\r\n\r\n":                         0,
	} {
		var r Response
		if err := ParseResponse([]byte(head), &r); (err == nil) != (want != 0) || r.Status != want {
			t.Errorf("%q: %d, %v", head, r.Status, err)
		}
	}
	for value, want := range map[string]bool{"0": true, "100": true, "101": false, "-1": false, "1,1": false, "": false, "0x1": false} {
		var r Response
		if err := ParseResponse([]byte("HTTP/1.1 200 OK\r\nContent-Length: "+value+"\r\n\r\n"), &r); err != nil {
			t.Error(err)
		}
		if _, ok := r.Length(100); ok != want {
			t.Errorf("Content-Length %q: %v", value, ok)
		}
	}
}

func TestKeepAlive(t *testing.T) {
	for head, want := range map[string]bool{
		"GET / HTTP/1.1\r\n\r\n": true, "GET / HTTP/1.0\r\n\r\n": false,
		"GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n": false, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n": true,
	} {
		var r Request
		if err := ParseRequest([]byte(head), &r); err != nil || r.KeepAlive() != want {
			t.Errorf("%q: %v", head, err)
		}
	}
}

// What is taken, net/http takes too and understands in the same way.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nA: b\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.0\nA:b\n\n"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		var h Head
		h.Reset(make([]byte, 0, 1024))
		_, done, err := h.Take(p)
		var r Request
		if err != nil || !done || ParseRequest(h.Bytes(), &r) != nil {
			return
		}
		if host, ok := r.Get("Host"); ok && len(host) > 0 || bytes.ContainsAny(r.Target, "%\"") {
			host = bytes.TrimSpace(host) // what a host may look like is not for us to judge
			if bytes.ContainsFunc(host, func(c rune) bool { return c < '-' || c > 'z' }) || bytes.ContainsAny(r.Target, "%") {
				return
			}
		}
		for key, value := range r.All {
			switch strings.ToLower(string(key)) {
			case "content-length", "transfer-encoding", "trailer", "host", "pragma":
				return // read by their user, in a stricter way
			}
			if bytes.ContainsFunc(value, func(c rune) bool { return c >= 0x80 }) {
				return
			}
		}
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(h.Bytes())))
		if err != nil {
			if strings.Contains(err.Error(), "invalid URI") || strings.Contains(err.Error(), "parse") {
				return
			}
			t.Fatalf("net/http refuses %q: %v", h.Bytes(), err)
		}
		if theirs.Method != string(r.Method) || theirs.RequestURI != string(r.Target) || theirs.ProtoMinor != r.Minor {
			t.Errorf("%q: %+v", h.Bytes(), theirs)
		}
		for key := range r.All {
			first, _ := r.Get(string(key))
			if got := theirs.Header.Get(string(key)); got != string(first) {
				t.Errorf("%q: %q is %q, to net/http %q", h.Bytes(), key, first, got)
			}
		}
	})
}

func TestNoAllocations(t *testing.T) {
	head := []byte("GET /a?b=1 HTTP/1.1\r\nHost: cam:80\r\nUpgrade: websocket\r\n\r\n")
	var h Head
	buf := make([]byte, 0, 256)
	var r Request
	if n := testing.AllocsPerRun(100, func() {
		h.Reset(buf)
		h.Take(head)
		if ParseRequest(h.Bytes(), &r) != nil {
			t.Error("refused")
		}
		r.Get("upgrade")
		r.Parameter("b")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
