package pusher

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/jpeg"
	"camrelay/internal/wire"
)

const patience = 10 * time.Second

// relay is the other end for a camera under test: it takes its connections
// and lets the test read them.
type relay struct {
	t        *testing.T
	server   *httptest.Server
	accepted chan *peer
	refuse   func(w http.ResponseWriter) bool // answers instead of 101
}

// peer is one camera's connection at the relay.
type peer struct {
	t       *testing.T
	ws      *websocket.Conn
	request *http.Request
}

func newRelay(t *testing.T) *relay {
	r := &relay{t: t, accepted: make(chan *peer, 16), refuse: func(http.ResponseWriter) bool { return false }}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if r.refuse(w) {
		return
	}
	upgrader := websocket.Upgrader{Subprotocols: []string{wire.CameraProtocol}}
	ws, err := upgrader.Upgrade(w, request, nil)
	if err != nil {
		return
	}
	ws.SetReadDeadline(time.Now().Add(patience))
	r.accepted <- &peer{t: r.t, ws: ws, request: request}
}

// next is the next connection that a camera makes.
func (r *relay) next() *peer {
	r.t.Helper()
	select {
	case p := <-r.accepted:
		r.t.Cleanup(func() { p.ws.Close() })
		return p
	case <-time.After(patience):
		r.t.Fatal("no camera came")
		return nil
	}
}

func (r *relay) config() Config {
	return Config{Relay: r.server.URL, ID: "door", Key: "secret", Number: 7, Settings: settings("QVGA", 12, 30)}
}

func settings(size string, quality, fps int) wire.Settings {
	s := wire.Settings{"quality": quality, "fps": fps}
	s.SetFrameSize(size)
	return s
}

// start runs a camera; the result is what Run returned, after stop.
func start(t *testing.T, cfg Config) (stop func(), ended <-chan error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		done <- Run(ctx, cfg)
		close(finished)
	}()
	stop = func() {
		cancel()
		<-finished
	}
	t.Cleanup(stop)
	return stop, done
}

// read returns the next message.
func (p *peer) read() (kind int, body []byte) {
	p.t.Helper()
	kind, body, err := p.ws.ReadMessage()
	if err != nil {
		p.t.Fatalf("read from camera: %v", err)
	}
	return kind, body
}

// frame is the next whole frame; texts before it are passed over.
func (p *peer) frame() []byte {
	p.t.Helper()
	for {
		kind, body := p.read()
		if kind != websocket.BinaryMessage {
			continue
		}
		info, err := jpeg.Scan(body)
		if err != nil || info.Len != len(body) {
			p.t.Fatalf("a message of %d bytes is not one JPEG: %+v, %v", len(body), info, err)
		}
		return body
	}
}

// text is the next text of a kind; everything else is passed over.
func (p *peer) text(kind string) wire.CameraText {
	p.t.Helper()
	for {
		k, body := p.read()
		if k != websocket.TextMessage {
			continue
		}
		text, err := wire.ParseCameraText(body)
		if err != nil {
			p.t.Fatalf("camera said %s: %v", body, err)
		}
		if bytes.Contains(body, []byte(`"t":"`+kind+`"`)) {
			return text
		}
	}
}

// command sends a command and returns its ack.
func (p *peer) command(text string) wire.Ack {
	p.t.Helper()
	p.send(text)
	ack := *p.text(wire.KindAck).Ack
	var sent struct{ ID uint32 }
	if json.Unmarshal([]byte(text), &sent); sent.ID != ack.ID {
		p.t.Fatalf("%s was acknowledged as %d", text, ack.ID)
	}
	return ack
}

func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.ws.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// end reads until the connection ends and returns how it did.
func (p *peer) end() error {
	for {
		if _, _, err := p.ws.ReadMessage(); err != nil {
			return err
		}
	}
}

func (p *peer) close(code int) {
	p.t.Helper()
	err := p.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(patience))
	if err != nil {
		p.t.Fatal(err)
	}
}

// rawRelay is a listener that shows the bytes of the first request.
func rawRelay(t *testing.T) (address string, accept func() net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return "ws://" + listener.Addr().String(), func() net.Conn {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

func readHead(t *testing.T, conn net.Conn) string {
	t.Helper()
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		if _, err := conn.Read(b); err != nil {
			t.Fatal(err)
		}
		head.Write(b)
	}
	return head.String()
}
