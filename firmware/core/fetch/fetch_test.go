package fetch

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

const size = 20_000

var (
	content = func() []byte {
		p := make([]byte, size)
		for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < size; i++ {
			p[i] = byte(r.Uint32())
		}
		return p
	}()
	path  = []byte("/ota/images/abc.img")
	token = []byte("secret")
	tag   = []byte(`"5b0c"`)
)

// rig is a client, and a server that the test plays.
type rig struct {
	t      *testing.T
	clock  *haltest.Clock
	net    *haltest.Network
	client Client
	far    *haltest.Stream
	got    []byte
	buf    []byte
}

func newRig(t *testing.T) *rig {
	g := &rig{t: t, clock: haltest.NewClock(), net: haltest.NewNetwork(), buf: make([]byte, 512)}
	g.client.Init(g.net, "relay", 8080)
	return g
}

// step lets the client work until nothing changes.
func (g *rig) step() {
	quiet := 0
	for range 1000 {
		moved := g.client.Step(g.clock.Now())
		n := g.client.Body(g.buf)
		g.got = append(g.got, g.buf[:n]...)
		if quiet++; moved || n > 0 {
			quiet = 0
		}
		if quiet == 3 {
			return
		}
	}
	g.t.Fatal("the client never rests")
}

// ask begins a request and returns what reached the server.
func (g *rig) ask(r Request) string {
	g.t.Helper()
	g.got = nil
	if !g.client.Start(g.clock.Now(), r) {
		g.t.Fatal("not started")
	}
	g.step()
	call := g.net.Next()
	if call == nil {
		g.t.Fatal("nothing was dialled")
	}
	if call.Use != hal.Download || call.Host != "relay" || call.Port != 8080 {
		g.t.Fatalf("%+v", call)
	}
	g.far = call.Accept()
	var sent []byte
	for range 20 {
		g.step()
		sent = append(sent, g.far.ReadAll()...)
	}
	return string(sent)
}

// pour sends more than the client has room for.
func (g *rig) pour(p []byte) {
	for len(p) > 0 && g.far.State() == hal.Open {
		n := g.far.Write(p)
		p = p[n:]
		g.step()
		if n == 0 {
			return
		}
	}
}

func (g *rig) result() Result {
	g.t.Helper()
	g.step()
	r, ok := g.client.Result()
	if !ok {
		g.t.Fatal("no result")
	}
	return r
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Request
		want string
	}{
		{"all", Request{Path: path, Size: size}, "GET /ota/images/abc.img HTTP/1.1\r\nHost: relay:8080\r\nConnection: close\r\nAccept-Encoding: identity\r\n\r\n"},
		{"rest", Request{Path: path, Token: token, Size: size, From: 4096, ETag: tag}, "GET /ota/images/abc.img HTTP/1.1\r\nHost: relay:8080\r\nConnection: close\r\n" +
			"Accept-Encoding: identity\r\nAuthorization: Bearer secret\r\nRange: bytes=4096-\r\nIf-Range: \"5b0c\"\r\n\r\n"},
		{"start", Request{Path: path, Token: token, Size: size, To: 4095}, "GET /ota/images/abc.img HTTP/1.1\r\nHost: relay:8080\r\nConnection: close\r\n" +
			"Accept-Encoding: identity\r\nAuthorization: Bearer secret\r\nRange: bytes=0-4095\r\n\r\n"},
		{"post", Request{Path: path, Token: token, Post: []byte("{}")}, "POST /ota/images/abc.img HTTP/1.1\r\nHost: relay:8080\r\nConnection: close\r\n" +
			"Accept-Encoding: identity\r\nAuthorization: Bearer secret\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
		{"long post", Request{Path: path, Post: bytes.Repeat([]byte("x"), MaxPost)}, "GET"},
	} {
		sent := newRig(t).ask(c.r)
		if c.name == "long post" {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(sent)))
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(r.Body); err != nil || len(body) != MaxPost {
				t.Errorf("%d bytes posted: %v", len(body), err)
			}
		} else if sent != c.want {
			t.Errorf("%s:\n%q, want\n%q", c.name, sent, c.want)
		}
	}
	for name, r := range map[string]Request{
		"path": {Path: bytes.Repeat([]byte("/"), MaxHead)},
		"post": {Path: path, Post: make([]byte, MaxPost+1)},
	} {
		if g := newRig(t); g.client.Start(1, r) || !g.client.Idle() {
			t.Errorf("a %s that is too long was taken", name)
		}
	}
}

// ok200 and ok206 are answers with nothing wrong.
const (
	ok200 = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 20000\r\nETag: \"5b0c\"\r\nConnection: close\r\n\r\n"
	ok206 = "HTTP/1.1 206 Partial Content\r\nContent-Length: 15904\r\nContent-Range: bytes 4096-19999/20000\r\nETag: \"5b0c\"\r\n\r\n"
)

func TestAnswers(t *testing.T) {
	part := Request{Path: path, Size: size, From: 4096, ETag: tag}
	all := Request{Path: path, Size: size}
	first := Request{Path: path, Size: size, To: 4095}
	post := Request{Path: path, Post: []byte("{}")}
	with := func(head, old, new string) string {
		if !strings.Contains(head, old) {
			t.Fatalf("%q is not in the head", old)
		}
		return strings.Replace(head, old, new, 1)
	}
	for _, c := range []struct {
		name  string
		r     Request
		head  string
		class Class
		code  string
		from  uint32 // where the content begins
		bytes int
	}{
		{"200", all, ok200, OK, "", 0, size},
		{"206", part, ok206, OK, "", 4096, size - 4096},
		{"lower case", part, "HTTP/1.1" + strings.ToLower(strings.TrimPrefix(ok206, "HTTP/1.1")), OK, "", 4096, size - 4096},
		{"first part", first, "HTTP/1.1 206 x\r\nContent-Length: 4096\r\nContent-Range: bytes 0-4095/20000\r\n\r\n", OK, "", 0, 4096},
		{"whole instead of a part", part, ok200, OK, "", 0, size},
		{"whole instead of the first part", first, ok200, OK, "", 0, size},
		{"HTTP/1.0", all, with(ok200, "1.1", "1.0"), OK, "", 0, size},
		{"early hints", all, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok200, OK, "", 0, size},
		{"no tag", part, with(ok206, "ETag: \"5b0c\"\r\n", ""), OK, "", 4096, size - 4096},
		{"posted", post, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", OK, "", 0, 2},
		{"posted, long", post, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", OK, "", 0, 1000},
		{"posted, nothing", post, "HTTP/1.1 204 No Content\r\n\r\n", OK, "", 0, 0},
		{"posted, empty", post, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", OK, "", 0, 0},

		{"part begins earlier", part, with(ok206, "4096-", "4095-"), Retry, "bad_answer", 0, 0},
		{"part begins later", part, with(ok206, "4096-", "4097-"), Retry, "bad_answer", 0, 0},
		{"part ends earlier", part, with(ok206, "19999", "19998"), Retry, "bad_answer", 0, 0},
		{"other total", part, with(ok206, "/20000", "/20001"), Retry, "size_mismatch", 0, 0},
		{"total not known", part, with(ok206, "/20000", "/*"), Retry, "bad_answer", 0, 0},
		{"total missing", part, with(ok206, "/20000", ""), Retry, "bad_answer", 0, 0},
		{"garbage for a range", part, with(ok206, "bytes 4096-19999/20000", "some"), Retry, "bad_answer", 0, 0},
		{"range missing", part, with(ok206, "Content-Range: bytes 4096-19999/20000\r\n", ""), Retry, "bad_answer", 0, 0},
		{"range twice", part, with(ok206, "ETag", "Content-Range: bytes 4096-19999/20000\r\nETag"), Retry, "bad_answer", 0, 0},
		{"part that was not asked for", all, ok206, Retry, "bad_answer", 0, 0},
		{"length of a part wrong", part, with(ok206, "15904", "15903"), Retry, "bad_answer", 0, 0},
		{"too short", all, with(ok200, "20000", "19999"), Retry, "size_mismatch", 0, 0},
		{"too long", all, with(ok200, "20000", "20001"), Retry, "size_mismatch", 0, 0},
		{"absurd length", all, with(ok200, "20000", "99999999999999999999"), Retry, "bad_answer", 0, 0},
		{"negative length", all, with(ok200, "20000", "-1"), Retry, "bad_answer", 0, 0},
		{"length missing", all, with(ok200, "Content-Length: 20000\r\n", ""), Retry, "bad_answer", 0, 0},
		{"length twice", all, with(ok200, "ETag", "Content-Length: 20000\r\nETag"), Retry, "bad_answer", 0, 0},
		{"chunked", all, with(ok200, "Content-Length: 20000", "Transfer-Encoding: chunked"), Retry, "bad_answer", 0, 0},
		{"chunked with length", all, with(ok200, "ETag", "Transfer-Encoding: chunked\r\nETag"), Retry, "bad_answer", 0, 0},
		{"gzip", all, with(ok200, "ETag", "Content-Encoding: gzip\r\nETag"), Retry, "bad_answer", 0, 0},
		{"other tag", part, with(ok206, "5b0c", "5b0d"), Retry, "bad_answer", 0, 0},
		{"weak tag", part, with(ok206, "ETag: ", "ETag: W/"), Retry, "bad_answer", 0, 0},
		{"whole with another tag", part, with(ok200, "5b0c", "5b0d"), Retry, "bad_answer", 0, 0},
		{"long head", all, with(ok200, "ETag", "X: "+strings.Repeat("x", MaxHead)+"\r\nETag"), Retry, "bad_answer", 0, 0},
		{"no HTTP", all, "SSH-2.0-OpenSSH\r\n\r\n", Retry, "bad_answer", 0, 0},
		{"switching", all, "HTTP/1.1 101 x\r\n\r\n", Retry, "bad_answer", 0, 0},
		{"too much posted back", post, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", Retry, "bad_answer", 0, 0},
		{"nothing for a download", all, "HTTP/1.1 204 x\r\n\r\n", GiveUp, "http_204", 0, 0},
		{"moved", all, "HTTP/1.1 301 x\r\nLocation: http://other/\r\n\r\n", GiveUp, "http_301", 0, 0},
		{"found", all, "HTTP/1.1 302 x\r\nLocation: http://other/\r\n\r\n", GiveUp, "http_302", 0, 0},
		{"401", all, "HTTP/1.1 401 x\r\n\r\n", GiveUp, "http_401", 0, 0},
		{"403", all, "HTTP/1.1 403 x\r\n\r\n", GiveUp, "http_403", 0, 0},
		{"404", all, "HTTP/1.1 404 x\r\n\r\n", GiveUp, "http_404", 0, 0},
		{"410", all, "HTTP/1.1 410 x\r\n\r\n", GiveUp, "http_410", 0, 0},
		{"416", part, "HTTP/1.1 416 x\r\nContent-Range: bytes */20000\r\n\r\n", GiveUp, "http_416", 0, 0},
		{"408", all, "HTTP/1.1 408 x\r\n\r\n", Retry, "http_408", 0, 0},
		{"409", all, "HTTP/1.1 409 x\r\n\r\n", Retry, "http_409", 0, 0},
		{"429", all, "HTTP/1.1 429 x\r\n\r\n", Retry, "http_429", 0, 0},
		{"500", all, "HTTP/1.1 500 x\r\n\r\n", Retry, "http_500", 0, 0},
		{"503", all, "HTTP/1.1 503 x\r\n\r\n", Retry, "http_503", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			g.ask(c.r)
			body := content
			if c.from > 0 {
				body = content[c.from:]
			}
			if c.bytes < 2000 {
				body = bytes.Repeat([]byte("y"), 2000)
			}
			g.pour(append([]byte(c.head), append(bytes.Clone(body), "endless"...)...))
			r := g.result()
			var code string
			if r.Err != 0 {
				code = string(r.AppendCode(nil))
			}
			if r.Class != c.class || code != c.code {
				t.Errorf("%+v %s", r, code)
			}
			if !bytes.Equal(g.got, body[:c.bytes]) {
				t.Errorf("%d bytes of content, want %d", len(g.got), c.bytes)
			}
			if from, ok := g.client.Answered(); ok != (c.class == OK) || from != c.from {
				t.Errorf("content from %d, %v", from, ok)
			}
			g.clock.Advance(2 * time.Second)
			g.step()
			if !g.client.Idle() || g.far.State() != hal.Closed {
				t.Errorf("the connection is %v", g.far.State())
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]int64{
		"5": 5 * second, "0": 0, "100000000": 24 * 3600 * second, "99999999999999999999999": 0, "-1": 0, "Wed, 21 Oct 2026 07:28:00 GMT": 0, "1.5": 0,
	} {
		g := newRig(t)
		g.ask(Request{Path: path, Size: size})
		g.pour([]byte("HTTP/1.1 503 x\r\nRetry-After: " + value + "\r\n\r\n"))
		if r := g.result(); r.Delay != want || r.Status != 503 {
			t.Errorf("Retry-After: %s: %+v", value, r)
		}
	}
}

// Each byte of the answer can be the last, by FIN, by RST, or by silence.
func TestCuts(t *testing.T) {
	whole := append([]byte(ok200), content...)
	head := len(ok200)
	for _, at := range []int{0, 1, 5, head - 1, head, head + 1, head + 4095, head + 4096, head + size/2, head + size - 1} {
		for _, how := range []string{"fin", "rst", "silence"} {
			t.Run(fmt.Sprint(how, at), func(t *testing.T) {
				g := newRig(t)
				g.ask(Request{Path: path, Size: size})
				g.pour(whole[:at])
				switch how {
				case "fin":
					g.far.Close()
				case "rst":
					g.far.Abort()
				case "silence":
					for range 30 {
						g.clock.Advance(time.Second)
						g.step()
					}
				}
				want := ErrBroken
				switch {
				case at < head:
					want = ErrNoAnswer
				case how == "silence":
					want = ErrStalled
				}
				if r := g.result(); r.Class != Retry || r.Err != want {
					t.Errorf("%+v", r)
				}
				if !bytes.Equal(g.got, content[:max(at-head, 0)]) {
					t.Errorf("%d bytes of content", len(g.got))
				}
				if !g.client.Idle() {
					t.Error("the connection is still held")
				}
				g.ask(Request{Path: path, Size: size}) // there is memory for the next
			})
		}
	}
}

// A server that drips is left, however long it would go on.
func TestDrip(t *testing.T) {
	g := newRig(t)
	g.ask(Request{Path: path, Size: size})
	g.pour([]byte(ok200))
	for i := range 60 {
		g.pour(content[i : i+1])
		g.clock.Advance(time.Second)
		g.step()
	}
	if r := g.result(); r.Err != ErrStalled || len(g.got) > 12 {
		t.Errorf("%+v after %d bytes", r, len(g.got))
	}
	g = newRig(t)
	g.ask(Request{Path: path, Size: size})
	for range 12 { // and one that drips its head
		g.pour([]byte("x"))
		g.clock.Advance(time.Second)
		g.step()
	}
	if r := g.result(); r.Err != ErrNoAnswer {
		t.Errorf("%+v", r)
	}
	g = newRig(t) // 1,300 bytes in ten seconds are enough
	g.ask(Request{Path: path, Size: size})
	g.pour([]byte(ok200))
	for range size/130 + 1 {
		g.pour(content[len(g.got):min(size, len(g.got)+130)])
		g.clock.Advance(time.Second)
		g.step()
	}
	if r := g.result(); r.Class != OK || !bytes.Equal(g.got, content) {
		t.Errorf("%+v", r)
	}
}

// A server that does not end its side is not waited for.
func TestServerKeepsConnection(t *testing.T) {
	g := newRig(t)
	g.ask(Request{Path: path, Size: size})
	g.pour(append([]byte(ok200), content...))
	if r := g.result(); r.Class != OK {
		t.Fatalf("%+v", r)
	}
	if g.client.Idle() || g.far.State() != hal.PeerClosed {
		t.Errorf("our side is not ended: %v", g.far.State())
	}
	g.clock.Advance(time.Second)
	g.step()
	if !g.client.Idle() || g.far.State() != hal.Closed {
		t.Error("it is waited for")
	}
	g.ask(Request{Path: path, Size: size})
	g.pour(append([]byte(ok200), content...))
	g.result()
	g.ask(Request{Path: path, Size: size}) // and not if there is more to do
}

func TestDialing(t *testing.T) {
	for _, err := range []error{hal.ErrRefused, hal.ErrName, hal.ErrTimeout} {
		g := newRig(t)
		g.client.Start(g.clock.Now(), Request{Path: path})
		g.step()
		g.net.Next().Fail(err)
		if r := g.result(); r.Class != Retry || r.Err != ErrNoAnswer {
			t.Errorf("%v: %+v", err, r)
		}
	}
	// No link, or the stream still there: it may come to pass.
	for _, busy := range []bool{true, false} {
		g := newRig(t)
		var relay hal.Stream
		if g.net.SetUp(busy); busy {
			relay, _ = g.net.Dial(hal.Relay, "relay", 8080)
			g.net.Next()
		}
		g.client.Start(g.clock.Now(), Request{Path: path, Size: size})
		g.clock.Advance(5 * time.Second)
		if g.step(); g.net.Next() != nil {
			t.Error("dialled")
		}
		if busy {
			relay.Abort()
		}
		g.net.SetUp(true)
		g.step()
		if g.net.Next() == nil {
			t.Error("not dialled")
		}
		g.clock.Advance(3 * time.Second)
		if r := g.result(); r.Err != ErrNoAnswer {
			t.Errorf("%+v", r)
		}
	}
}

// Who does not take the content does not lose it: the window closes.
func TestFlowControl(t *testing.T) {
	g := newRig(t)
	g.ask(Request{Path: path, Size: size})
	whole := append([]byte(ok200), content...)
	for range 10 {
		whole = whole[g.far.Write(whole):]
		g.client.Step(g.clock.Now())
	}
	if n := int(g.far.Delivered()); n > 6144+len(ok200)+128 {
		t.Errorf("%d bytes arrived that nobody takes", n)
	}
	g.step()
	if g.pour(whole); !bytes.Equal(g.got, content) {
		t.Errorf("%d bytes", len(g.got))
	}
}

func TestNoAllocations(t *testing.T) {
	g := newRig(t)
	whole := append([]byte(ok200), content...)
	g.ask(Request{Path: path, Size: size})
	g.far.Write(whole[:2000])
	at := 2000
	if n := testing.AllocsPerRun(100, func() {
		at += g.far.Write(whole[at : at+100])
		g.client.Step(g.clock.Now())
		g.client.Body(g.buf)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		g.client.req.Size, g.client.req.From = size, 4096
		g.client.compose()
		g.client.head.Reset(g.client.buf[:0])
		g.client.head.Take([]byte(ok206))
		g.client.answer()
	}); n != 0 || g.client.step != reading {
		t.Errorf("%v allocations for a head", n)
	}
	if s := unsafe.Sizeof(g.client); s > 1700 {
		t.Errorf("a Client has %d bytes", s)
	} else {
		t.Logf("a Client has %d bytes", s)
	}
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-4095/20000", "BYTES 4096-19999/20000", "bytes */5", "bytes 1-2/*", "bytes 2-1/5", "bytes 0-5/5", "items 0-1/5", "bytes 0-1/4294967296", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, last, total, ok := ParseContentRange([]byte(s))
		if !ok {
			return
		}
		if first > last || last >= total {
			t.Errorf("%q: %d-%d/%d", s, first, last, total)
		}
		unit, rest, _ := strings.Cut(s, " ")
		a, rest, _ := strings.Cut(rest, "-")
		b, c, _ := strings.Cut(rest, "/")
		x, errX := strconv.ParseUint(a, 10, 32)
		y, errY := strconv.ParseUint(b, 10, 32)
		z, errZ := strconv.ParseUint(c, 10, 32)
		if !strings.EqualFold(unit, "bytes") || errX != nil || errY != nil || errZ != nil || x != uint64(first) || y != uint64(last) || z != uint64(total) {
			t.Errorf("%q: %d-%d/%d", s, first, last, total)
		}
	})
}

// Whatever a server sends, the client comes to an end, and gives no more than was
// agreed.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(ok200), uint32(0), uint32(0))
	f.Add([]byte(ok206), uint32(4096), uint32(0))
	f.Add([]byte("HTTP/1.1 100 x\n\nHTTP/1.1 206 x\nContent-Range: bytes 0-9/20000\nContent-Length: 10\n\n0123456789"), uint32(0), uint32(9))
	f.Fuzz(func(t *testing.T, p []byte, from, to uint32) {
		if to != 0 && (to < from || to >= size) || from >= size || len(p) > 1<<16 {
			return
		}
		g := newRig(t)
		g.ask(Request{Path: path, Size: size, From: from, To: to})
		g.pour(p)
		g.far.Close()
		for range 30 {
			g.clock.Advance(time.Second)
			g.step()
		}
		r, ok := g.client.Result()
		if !ok || !g.client.Idle() {
			t.Fatalf("%+v, idle %v", r, g.client.Idle())
		}
		if at, answered := g.client.Answered(); answered && at != 0 && at != from || len(g.got) > size {
			t.Errorf("%d bytes from %d", len(g.got), at)
		}
	})
}
