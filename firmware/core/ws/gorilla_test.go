package ws

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"camrelay/firmware/core/haltest"
)

// memory is a connection of gorilla's whose other side is this test.
type memory struct {
	net.Conn         // nil
	in, out          bytes.Buffer
	pendingHandshake bool
	http.ResponseWriter
}

func (m *memory) Read(p []byte) (int, error) {
	if m.pendingHandshake { // the answer to gorilla's client
		req, err := http.ReadRequest(bufio.NewReader(&m.out))
		if err != nil {
			return 0, err
		}
		m.pendingHandshake = false
		m.out.Reset()
		fmt.Fprintf(&m.in, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			AppendAccept(nil, []byte(req.Header.Get("Sec-WebSocket-Key"))))
	}
	return m.in.Read(p)
}
func (m *memory) Write(p []byte) (int, error)        { return m.out.Write(p) }
func (m *memory) Close() error                       { return nil }
func (m *memory) SetDeadline(time.Time) error        { return nil }
func (m *memory) SetReadDeadline(t time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(t time.Time) error { return nil }
func (m *memory) Header() http.Header                { return http.Header{} }
func (m *memory) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return m, bufio.NewReadWriter(bufio.NewReader(m), bufio.NewWriter(m)), nil
}

// gorilla returns a connection of the other library in a role, and its memory.
func gorilla(t testing.TB, role Role, buffer int) (*websocket.Conn, *memory) {
	t.Helper()
	m := &memory{pendingHandshake: role == Client}
	var conn *websocket.Conn
	var err error
	if role == Client {
		conn, _, err = websocket.NewClient(m, &url.URL{Scheme: "ws", Host: "x", Path: "/"}, nil, 0, buffer)
	} else {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
		up := websocket.Upgrader{WriteBufferSize: buffer}
		conn, err = up.Upgrade(m, r, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.out.Reset()
	return conn, m
}

// happening is what came out of a connection.
type happening struct {
	op      Opcode
	payload string
}

// hear reads all that there is with gorilla.
func hear(conn *websocket.Conn) (all []happening, err error) {
	conn.SetPingHandler(func(p string) error { all = append(all, happening{Ping, p}); return nil })
	conn.SetPongHandler(func(p string) error { all = append(all, happening{Pong, p}); return nil })
	conn.SetCloseHandler(func(code int, text string) error {
		all = append(all, happening{CloseFrame, fmt.Sprint(code, " ", text)})
		return nil
	})
	for {
		op, p, err := conn.ReadMessage()
		if err != nil {
			return all, err
		}
		all = append(all, happening{Opcode(op), string(p)})
	}
}

// choices are a fuzzer's bytes, as numbers.
type choices []byte

func (c *choices) next(below int) int {
	if len(*c) == 0 {
		return 0
	}
	n := int((*c)[0])
	*c = (*c)[1:]
	if below > 256 && len(*c) > 0 {
		n = n<<8 | int((*c)[0])
		*c = (*c)[1:]
	}
	return n % below
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + n)
	}
	return p
}

// What we send in any pieces, gorilla reads as it was meant.
func FuzzGorillaReadsUs(f *testing.F) {
	f.Add(false, []byte{0, 5, 10, 0, 1, 0, 2, 3, 0, 0, 0, 4})
	f.Add(true, []byte("a message here and a message there, pings between"))
	f.Fuzz(func(t *testing.T, server bool, script []byte) {
		role, other := Client, Server
		if server {
			role, other = Server, Client
		}
		r := newRigWith(t, role, haltest.Ample, nil)
		peer, m := gorilla(t, other, 0)
		var want []happening
		var open []byte
		todo := choices(script)
		var texts []happening
		for len(todo) > 0 {
			switch todo.next(5) {
			case 0, 1:
				n := todo.next(MaxFragment + 1)
				copy(r.conn.Buffer(), pattern(n))
				fin := todo.next(2) == 0
				if r.conn.Room() == 0 {
					r.step()
				}
				if err := r.conn.Send(n, fin); err != nil {
					t.Fatal(err)
				}
				open = append(open, pattern(n)...)
				if fin {
					want = append(want, happening{Binary, string(open)})
					want = append(want, texts...)
					open, texts = nil, nil
				}
			case 2:
				text := strings.Repeat("t", todo.next(MaxText+1))
				if r.conn.Text([]byte(text)) {
					texts = append(texts, happening{Text, text})
				}
			case 3:
				n := r.conn.Ping()
				want = append(want, happening{Ping, string([]byte{0, 0, byte(n >> 8), byte(n)})})
			case 4:
				r.put(Ping, true, []byte("answer me"))
				want = append(want, happening{Pong, "answer me"})
			}
			if !r.conn.Sending() {
				want = append(want, texts...)
				texts = nil
			}
			r.step()
		}
		if r.conn.Sending() {
			r.conn.Cancel()
			want = append(want, happening{Binary, string(open)})
			want = append(want, texts...)
		}
		r.step()
		r.conn.Close(4001, "ota")
		r.step()
		want = append(want, happening{CloseFrame, "4001 ota"})
		m.in.Write(r.far.ReadAll())
		got, err := hear(peer)
		if !websocket.IsCloseError(err, 4001) {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("gorilla reads\n%.2000q\nwant\n%.2000q", got, want)
		}
	})
}

// What gorilla sends in any pieces, we read as it was meant.
func FuzzWeReadGorilla(f *testing.F) {
	f.Add(false, uint8(10), []byte{0, 5, 10, 0, 1, 0, 2, 3, 0, 0, 0, 4})
	f.Add(true, uint8(200), []byte("a message here and a message there, pings between"))
	f.Fuzz(func(t *testing.T, server bool, buffer uint8, script []byte) {
		role, other := Client, Server
		if server {
			role, other = Server, Client
		}
		peer, m := gorilla(t, other, int(buffer)+1)
		var want []happening
		todo := choices(script)
		for len(todo) > 0 {
			op, payload := Binary, pattern(todo.next(MaxMessage+1))
			if todo.next(2) == 0 {
				op, payload = Text, []byte(strings.Repeat("é", len(payload)/2))
			}
			w, err := peer.NextWriter(int(op))
			if err != nil {
				t.Fatal(err)
			}
			for rest := payload; len(rest) > 0; {
				n := min(len(rest), 1+todo.next(400))
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
				if todo.next(3) == 0 {
					p := pattern(todo.next(MaxControl + 1))
					if err := peer.WriteControl(websocket.PingMessage, p, time.Time{}); err != nil {
						t.Fatal(err)
					}
					want = append(want, happening{Ping, string(p)})
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			want = append(want, happening{op, string(payload)})
		}
		peer.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1012, "restart"), time.Time{})
		want = append(want, happening{CloseFrame, "1012 restart"})
		got, err := take(t, role, m.out.Bytes(), 1)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v: we read\n%.2000q\nwant\n%.2000q", err, got, want)
		}
		// In one piece it is the same, but for pings that were not worth an answer
		// any more.
		got, err = take(t, role, m.out.Bytes(), m.out.Len())
		if err != nil || fmt.Sprint(without(got, Ping)) != fmt.Sprint(without(want, Ping)) {
			t.Fatalf("%v: in one piece, we read\n%.2000q\nwant\n%.2000q", err, got, want)
		}
	})
}

// take gives bytes to a connection, so many at a time, and lists what it makes of
// them; err is why it refused them. Pings are listed when they are answered.
func take(t testing.TB, role Role, p []byte, piece int) (all []happening, err error) {
	r := newRigWith(t, role, haltest.Buffers{Send: 1 << 20, Receive: 1 << 24}, nil)
	for r.conn.State() == Open {
		n := min(piece, len(p))
		r.raw(p[:n])
		p = p[n:]
		moved := r.conn.Step(r.clock.Now())
		for _, f := range r.got() {
			if f.op == Pong {
				all = append(all, happening{Ping, f.payload})
			}
		}
		if op, p, ok := r.conn.Message(); ok {
			all = append(all, happening{op, string(p)})
		}
		if !moved && n == 0 {
			break
		}
	}
	if r.conn.heard {
		all = append(all, happening{CloseFrame, fmt.Sprint(r.conn.End().Code, " ", string(r.conn.Reason()))})
	}
	return all, r.conn.End().Err
}

// Bytes that make no sense are refused by both, or by neither, with the same
// happenings before. The exceptions are that gorilla takes
//   - text that is not UTF-8 (RFC 6455 section 8.1),
//   - lengths in a longer form than needed (5.2),
//   - a CLOSE frame with one byte (5.5.1),
//
// and refuses code 1014, which was registered after the RFC.
func FuzzHostile(f *testing.F) {
	for _, masked := range []bool{false, true} {
		f.Add(!masked, encode(masked, Text, true, []byte("hi")))
		f.Add(!masked, append(encode(masked, Binary, false, []byte("hi")), encode(masked, Continuation, true, []byte("there"))...))
		f.Add(!masked, encode(masked, CloseFrame, true, []byte(closePayload(1000, "bye"))))
		f.Add(masked, append(encode(masked, Ping, true, []byte("p")), encode(masked, Ping, false, nil)...))
		f.Add(masked, encode(masked, CloseFrame, true, []byte(closePayload(1014, "bye"))))
	}
	f.Fuzz(func(t *testing.T, client bool, p []byte) {
		role := Server
		if client {
			role = Client
		}
		ours, err := take(t, role, p, 1)
		if err != nil {
			p = append(p, 0) // we refuse at the first byte, gorilla with the second
		}
		peer, m := gorilla(t, role, 0)
		peer.SetReadLimit(MaxMessage)
		m.in.Write(p)
		theirs, refusal := hear(peer)
		theirs = without(theirs, Pong) // we do not show those
		refused := !errors.Is(refusal, io.ErrUnexpectedEOF) && !errors.Is(refusal, io.EOF)
		var closed *websocket.CloseError
		if errors.As(refusal, &closed) { // a CLOSE frame, or the end of what there is
			refused = false
		}
		switch {
		case err == ErrLength:
			return // gorilla goes on, with whatever follows
		case err == ErrUTF8 && len(theirs) > len(ours) && !utf8.ValidString(theirs[len(ours)].payload):
			return // and gorilla with what follows
		case err == ErrCloseCode && !refused:
			if last := theirs[len(theirs)-1]; last.op != CloseFrame || !strings.HasPrefix(last.payload, "1005") {
				t.Fatalf("%x: we refuse a close code, gorilla finds %q", p, last)
			}
			return
		case refused && err == nil && len(ours) > 0 && strings.HasPrefix(ours[len(ours)-1].payload, "1014"):
			return
		case refused != (err != nil):
			t.Fatalf("%x: gorilla: %v (%q); we: %v (%q)", p, refusal, theirs, err, ours)
		case fmt.Sprint(theirs) != fmt.Sprint(ours):
			t.Fatalf("%x: gorilla finds %q, we %q (%v, %v)", p, theirs, ours, refusal, err)
		}
	})
}

func without(all []happening, op Opcode) (some []happening) {
	for _, h := range all {
		if h.op != op {
			some = append(some, h)
		}
	}
	return some
}
