package ws_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/ws"
	"camrelay/internal/halnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// server is the camera's end: it accepts one client, and sends back what it
// gets.
type server struct {
	network *halnet.Network
	clock   *halnet.Clock
	conn    ws.Conn
	address string
}

func newServer(t *testing.T) *server {
	s := &server{clock: halnet.NewClock()}
	s.network = halnet.New(halnet.Options{Listen: func(uint16) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }})
	t.Cleanup(s.network.Close)
	return s
}

// run is the reactor, until the connection has ended.
func (s *server) run(l hal.Listener) error {
	var stream hal.Stream
	var head []byte
	var echo []byte
	limit := time.After(patience)
	for s.conn.State() != ws.Closed {
		progress := false
		switch {
		case stream == nil:
			stream = l.Accept()
			progress = stream != nil
		case s.conn.State() == ws.Idle:
			var err error
			if head, progress, err = s.shake(stream, head); err != nil {
				return err
			}
		default:
			progress = s.conn.Step(s.clock.Now())
			if op, p, ok := s.conn.Message(); ok {
				echo = append([]byte(fmt.Sprint(op, " ")), p...)
			}
			if echo != nil && s.conn.Text(echo) {
				echo = nil
			}
		}
		if progress {
			continue
		}
		select {
		case <-s.network.Changed():
		case <-time.After(5 * time.Millisecond): // for what only time brings
		case <-limit:
			return fmt.Errorf("no end: %v", s.conn.State())
		}
	}
	return s.conn.End().Err
}

// shake answers a handshake and hands the stream over.
func (s *server) shake(stream hal.Stream, head []byte) ([]byte, bool, error) {
	piece := make([]byte, 100)
	n := stream.Read(piece)
	head = append(head, piece[:n]...)
	at := bytes.Index(head, []byte("\r\n\r\n"))
	if at < 0 {
		return head, n > 0, nil
	}
	_, after, ok := strings.Cut(string(head[:at+2]), "Sec-WebSocket-Key: ")
	key, _, _ := strings.Cut(after, "\r\n")
	if !ok || !ws.ValidKey([]byte(key)) {
		return nil, false, fmt.Errorf("no key in %q", head)
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		string(ws.AppendAccept(nil, []byte(key))) + "\r\n\r\n"
	stream.Write([]byte(answer))
	s.conn.Open(ws.Server, stream, new(halnet.Random), ws.DefaultOptions(), head[at+4:], s.clock.Now())
	return nil, true, nil
}

// The other library's client talks with a camera's server, whose buffers have
// 1,024 bytes each.
func TestServerWithGorillasClient(t *testing.T) {
	s := newServer(t)
	l, err := s.network.Listen(80)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- s.run(l) }()

	dialer := websocket.Dialer{WriteBufferSize: 64}
	conn, _, err := dialer.Dial("ws://"+l.(*halnet.Listener).Addr().String()+"/ws", http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	for n := range 100 {
		text := strings.Repeat("é", n*5)
		w, err := conn.NextWriter(websocket.TextMessage) // in fragments of 64 bytes
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, text)
		conn.WriteControl(websocket.PingMessage, []byte("between"), time.Now().Add(patience))
		w.Close()
		_, p, err := conn.ReadMessage()
		if err != nil || string(p) != "1 "+text {
			t.Fatalf("%d characters: %q, %v", n*5, p, err)
		}
	}
	conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4000, "done"), time.Now().Add(patience))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, 4000) {
		t.Errorf("the client sees %v", err)
	}
	if err := <-result; err != nil || s.conn.End().Code != 4000 || string(s.conn.Reason()) != "done" {
		t.Errorf("%v, %+v, %q", err, s.conn.End(), s.conn.Reason())
	}
}
