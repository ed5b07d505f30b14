package egress

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/pusher/rawws"
)

// bytesConn is a connection that gives bytes in pieces.
type bytesConn struct {
	net.Conn
	b     []byte
	piece int
}

func (c *bytesConn) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), max(c.piece, 1))], c.b)
	c.b = c.b[n:]
	return n, nil
}

// spoken is what a reader made of its input.
type spoken struct {
	messages [][]byte
	controls [][]byte
	err      error
}

func listen(b []byte, piece, limit int) spoken {
	return hear(&wsReader{conn: &bytesConn{b: b, piece: piece}}, limit)
}

func hear(rd *wsReader, limit int) (s spoken) {
	for {
		op, payload, err := rd.message(limit, func(op byte, p []byte) error {
			s.controls = append(s.controls, append([]byte{op}, p...))
			if op == opClose {
				return errPeerClosed
			}
			return nil
		})
		if err != nil {
			s.err = err
			return s
		}
		s.messages = append(s.messages, append([]byte{op}, payload...))
	}
}

func same(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// Whatever comes, the reader does not panic, keeps its limits, and makes the
// same of it however it is cut in pieces.
func FuzzWSReader(f *testing.F) {
	f.Add(rawws.Frame{Fin: true, Opcode: rawws.Text, Payload: []byte("hello")}.Append(nil), uint8(1))
	f.Add(rawws.Frame{Fin: true, Opcode: rawws.Binary, Payload: make([]byte, 300)}.Append(nil), uint8(7))
	f.Add(append(rawws.Frame{Opcode: rawws.Text, Payload: []byte("a")}.Append(nil), rawws.Frame{Fin: true, Opcode: rawws.Continuation}.Append(nil)...), uint8(3))
	f.Add(rawws.Frame{Fin: true, Opcode: rawws.Ping, Payload: make([]byte, 125)}.Append(nil), uint8(2))
	f.Add([]byte{0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, uint8(9))
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		const limit = 1000
		s := listen(b, int(piece), limit)
		for _, m := range s.messages {
			if len(m)-1 > limit || m[0] != opText && m[0] != opBinary {
				t.Errorf("message of %d bytes with opcode %d", len(m)-1, m[0])
			}
		}
		for _, c := range s.controls {
			if len(c)-1 > maxControl || c[0] < opClose || c[0] > opPong {
				t.Errorf("control frame of %d bytes with opcode %d", len(c)-1, c[0])
			}
		}
		whole := listen(b, len(b), limit)
		if !same(s.messages, whole.messages) || !same(s.controls, whole.controls) || s.err.Error() != whole.err.Error() {
			t.Errorf("in pieces of %d: %v, in one: %v", piece, s, whole)
		}
	})
}

// What an independent client says, in fragments of any size with pings between
// them, is read as it was said.
func TestReaderAgainstIndependentClient(t *testing.T) {
	got := make(chan spoken, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		got <- hear(&wsReader{conn: ws.NetConn()}, 1000)
	}))
	defer server.Close()
	dice := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		dialer := websocket.Dialer{WriteBufferSize: 16 + dice.IntN(200)} // longer messages are fragmented
		ws, _, err := dialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
		if err != nil {
			t.Fatal(err)
		}
		var want spoken
		for range 20 {
			payload := make([]byte, dice.IntN(1001))
			for i := range payload {
				payload[i] = byte(dice.Uint32())
			}
			kind := []int{websocket.TextMessage, websocket.BinaryMessage}[dice.IntN(2)]
			want.messages = append(want.messages, append([]byte{byte(kind)}, payload...))
			w, err := ws.NextWriter(kind)
			for len(payload) > 0 && err == nil {
				n := min(1+dice.IntN(300), len(payload))
				_, err = w.Write(payload[:n])
				payload = payload[n:]
				if dice.IntN(3) == 0 {
					ping := bytes.Repeat([]byte{byte(round)}, dice.IntN(126))
					want.controls = append(want.controls, append([]byte{opPing}, ping...))
					ws.WriteControl(websocket.PingMessage, ping, time.Now().Add(time.Minute))
				}
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		ws.Close()
		if g := <-got; !same(g.messages, want.messages) || !same(g.controls, want.controls) {
			t.Fatalf("round %d: %d messages and %d pings were sent, %d and %d read, or others", round,
				len(want.messages), len(want.controls), len(g.messages), len(g.controls))
		}
	}
}
