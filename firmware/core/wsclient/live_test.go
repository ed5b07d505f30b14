package wsclient

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/firmware/core/ws"
	"camrelay/internal/auth"
	"camrelay/internal/halnet"
	"camrelay/internal/ingest"
	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

const patience = 20 * time.Second

// live is a Client on real sockets.
type live struct {
	t       *testing.T
	client  *Client
	network *halnet.Network
	clock   *halnet.Clock
	events  []string
	texts   [][]byte
}

// OnEvent implements Handler.
func (l *live) OnEvent(e *Event) {
	switch e.Kind {
	case EventMessage:
		l.texts = append(l.texts, bytes.Clone(e.Data))
	case EventError:
		l.events = append(l.events, fmt.Sprintf("error %v %d %d", e.Failure, e.Status, e.Code))
	case EventHeader:
	default:
		l.events = append(l.events, e.Kind.String())
	}
}

func newLive(t *testing.T, cfg Config) *live {
	l := &live{t: t, network: halnet.New(halnet.Options{}), clock: halnet.NewClock()}
	t.Cleanup(l.network.Close)
	var err error
	if l.client, err = New(cfg, l.network, l.clock, new(halnet.Random), l); err != nil {
		t.Fatal(err)
	}
	l.client.Start()
	return l
}

// until runs the client as a reactor does, until cond holds.
func (l *live) until(what string, cond func() bool) {
	l.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond) // for what only time brings
	defer tick.Stop()
	for !cond() {
		if l.client.Step(l.clock.Now()) {
			continue
		}
		select {
		case <-l.network.Changed():
		case <-tick.C:
		case <-limit.C:
			l.t.Fatalf("waited for %s; state %v, events %q", what, l.client.State(), l.events)
		}
	}
}

// frame sends a message in fragments; piece says how long each is.
func (l *live) frame(p []byte, piece func() int) {
	l.t.Helper()
	conn := l.client.Conn()
	for {
		n := min(len(p), piece())
		l.until("room", func() bool { return conn.Room() >= n && conn.Room() > 0 })
		copy(conn.Buffer(), p[:n])
		if err := conn.Send(n, n == len(p)); err != nil {
			l.t.Fatal(err)
		}
		if p = p[n:]; len(p) == 0 {
			return
		}
	}
}

func segment() int { return ws.MaxFragment }

// Messages of all sizes, in pieces of all sizes, with texts and pings between,
// in both directions at once, against the other library's server.
func TestAgainstGorilla(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var frames, texts, commands [][]byte
	for range 60 {
		p := make([]byte, random.IntN(40_000))
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		frames = append(frames, p)
		texts = append(texts, []byte(strings.Repeat("ü", random.IntN(ws.MaxText/2+1))))
		commands = append(commands, []byte(strings.Repeat("€", random.IntN(ws.MaxMessage/3+1))))
	}
	served := make(chan error, 1)
	up := websocket.Upgrader{Subprotocols: []string{"p"}, WriteBufferSize: 100}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		var writer sync.WaitGroup
		writer.Go(func() {
			for _, c := range commands {
				if out, err := conn.NextWriter(websocket.TextMessage); err == nil { // in fragments of 100 bytes
					conn.WriteControl(websocket.PingMessage, c[:min(len(c), 99)], time.Now().Add(patience))
					out.Write(c)
					out.Close()
				}
			}
		})
		var f, x int
		for f < len(frames) || x < len(texts) {
			op, p, err := conn.ReadMessage()
			switch {
			case err != nil:
				served <- err
				return
			case op == websocket.BinaryMessage && !bytes.Equal(p, frames[f]):
				served <- fmt.Errorf("frame %d of %d bytes is not what was sent", f, len(p))
				return
			case op == websocket.TextMessage && !bytes.Equal(p, texts[x]):
				served <- fmt.Errorf("text %d is not what was sent", x)
				return
			case op == websocket.BinaryMessage:
				f++
			default:
				x++
			}
		}
		writer.Wait()
		conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1012, "restart"), time.Now().Add(patience))
		_, _, err = conn.ReadMessage()
		served <- err
	}))
	defer server.Close()

	cfg := config("ws" + strings.TrimPrefix(server.URL, "http") + "/x")
	cfg.Protocol, cfg.Reconnect = "p", false
	l := newLive(t, cfg)
	l.until("open", func() bool { return l.client.State() == Open })
	for i := range frames {
		conn := l.client.Conn()
		pinged := conn.Ping()
		l.frame(frames[i], func() int { return 1 + random.IntN(ws.MaxFragment) })
		l.until("room for a text", func() bool { return conn.Text(texts[i]) })
		if i%10 == 0 {
			l.until("answer to a ping", func() bool { return int32(conn.Answered()-pinged) >= 0 })
			if conn.RTT() <= 0 {
				t.Errorf("round trip %d", conn.RTT())
			}
		}
	}
	l.until("the end", func() bool { return l.client.State() == Stopped })
	if err := <-served; !websocket.IsCloseError(err, 1012) {
		t.Errorf("the server: %v", err)
	}
	if len(l.texts) != len(commands) {
		t.Fatalf("%d of %d commands received", len(l.texts), len(commands))
	}
	for i := range commands {
		if !bytes.Equal(l.texts[i], commands[i]) {
			t.Errorf("command %d is not what was sent", i)
		}
	}
	if got := fmt.Sprint(l.events); got != "[start connecting open error closed 0 1012 closed disconnected stopped]" {
		t.Errorf("events %s", got)
	}
}

// sink is a viewer that is always free.
type sink chan []byte

func (s sink) TryFrame(f *stream.Frame) (bool, error) { s <- bytes.Clone(f.JPEG()); return true, nil }
func (sink) TryPost([]byte) (bool, error)             { return true, nil }
func (sink) Finish() error                            { return nil }
func (sink) Close()                                   {}
func (sink) Release()                                 {}

// relay is the relay's side: its ingest, and a viewer of the camera "door" with
// the key "crk_key".
type relay struct {
	url    string
	hub    *stream.Hub
	frames sink
}

func newRelay(t *testing.T) *relay {
	registry := stream.NewRegistry(stream.Options{})
	hub, err := registry.Add("door", "", "push")
	if err != nil {
		t.Fatal(err)
	}
	push := ingest.NewServer(registry.Pool(), ingest.Options{Logger: slog.New(slog.DiscardHandler)})
	verifier := auth.NewHMACVerifier(time.Now)
	var active sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		active.Add(1)
		defer active.Done()
		params, _ := strings.CutPrefix(r.Header.Get("Authorization"), "CamHMAC ")
		if err := verifier.Verify(r, params, "door", auth.Hash("crk_key")); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		push.ServePush(w, r, hub)
	}))
	r := &relay{url: "ws" + strings.TrimPrefix(server.URL, "http") + "/ws/push/door", hub: hub, frames: make(sink, 100)}
	viewer := hub.Join(stream.NewOutlet(r.frames, nil), stream.ViewerOptions{})
	t.Cleanup(func() {
		viewer.Leave()
		registry.Close()
		server.Close()
		active.Wait()
	})
	return r
}

func camera(url, key string) Config {
	cfg := config(url)
	cfg.Protocol = wire.CameraProtocol
	cfg.Auth = Auth{Scheme: CamHMAC, User: "door", Secret: key}
	return cfg
}

// Frames arrive at the relay's viewers bit by bit as they were sent; what is cut
// off is dropped; commands come down; and after CLOSE 4002 the camera keeps away.
func TestAgainstTheRelay(t *testing.T) {
	r := newRelay(t)
	l := newLive(t, camera(r.url, "crk_key"))
	l.until("open", func() bool { return l.client.State() == Open })
	conn := l.client.Conn()
	for i, size := range []int{20_000, 64_000, 6_000, 200_000, ws.MaxFragment * 10} {
		picture := testkit.JPEG(320, 240, size)
		if i == 2 { // one that is given up
			copy(conn.Buffer(), picture)
			if err := conn.Send(1000, false); err != nil {
				t.Fatal(err)
			}
			conn.Cancel()
		}
		l.frame(picture, segment)
		select {
		case got := <-r.frames:
			if !bytes.Equal(got, picture) {
				t.Fatalf("frame %d of %d bytes is not what was sent", i, len(picture))
			}
		case <-time.After(patience):
			t.Fatal("no frame")
		}
	}
	if n := r.hub.Totals().Faults[stream.FaultPartial]; n != 1 {
		t.Errorf("%d frames were dropped", n)
	}
	proof := conn.Ping()
	l.until("answer to a ping", func() bool { return conn.Answered() == proof })

	answered := make(chan error, 1)
	go func() {
		_, err := r.hub.Set(context.Background(), "test", true, wire.Settings{"quality": 10})
		answered <- err
	}()
	var command []byte
	l.until("the command", func() bool {
		for _, text := range l.texts {
			if bytes.Contains(text, []byte(`"t":"set"`)) {
				command = text
			}
		}
		return command != nil
	})
	if !bytes.Contains(command, []byte(`"quality":10`)) {
		t.Errorf("%s", command)
	}
	conn.Text([]byte(`{"t":"ack","id":1,"ok":true}`))
	var result error
	done := false
	l.until("the answer", func() bool {
		select {
		case result = <-answered:
			done = true
		default:
		}
		return done
	})
	if result != nil {
		t.Error(result)
	}

	// A second camera takes the first one's place.
	other := newLive(t, camera(r.url, "crk_key"))
	other.until("open", func() bool { return other.client.State() == Open })
	l.until("pause", func() bool { return l.client.State() == Waiting })
	if got := fmt.Sprint(l.events); got != "[start connecting open error closed 0 4002 closed disconnected]" || l.client.delay != 30*second {
		t.Errorf("events %s, pause %v", got, time.Duration(l.client.delay))
	}
	// It leaves as for an update.
	other.client.Close(4001, "ota")
	other.until("stopped", func() bool { return other.client.State() == Stopped })
	testkit.Eventually(t, patience, func() bool { return r.hub.Camera().State == "offline" }, "the relay sees it leave")
}

// A wrong key is told, and not tried again soon.
func TestWrongKey(t *testing.T) {
	r := newRelay(t)
	l := newLive(t, camera(r.url, "crk_wrong"))
	l.until("pause", func() bool { return l.client.State() == Waiting && len(l.events) > 2 })
	if got := fmt.Sprint(l.events); got != "[start connecting error handshake 401 0 disconnected]" || l.client.delay != refusedPause {
		t.Errorf("events %s, pause %v", got, time.Duration(l.client.delay))
	}
}

// A slow line: the camera's buffer fills, frames still arrive whole, and pings
// are answered between fragments.
func TestThinLine(t *testing.T) {
	r := newRelay(t)
	target := strings.TrimPrefix(r.url, "ws://")
	target, path, _ := strings.Cut(target, "/")
	link := testkit.NewLink(t, target, testkit.LinkConfig{Rate: 400_000, Latency: 5 * time.Millisecond})
	cfg := camera("ws://"+link.Addr()+"/"+path, "crk_key")
	cfg.PingInterval = int64(50 * time.Millisecond)
	l := newLive(t, cfg)
	l.until("open", func() bool { return l.client.State() == Open })
	for range 3 {
		picture := testkit.JPEG(320, 240, 60_000)
		l.frame(picture, segment)
		select {
		case got := <-r.frames:
			if !bytes.Equal(got, picture) {
				t.Fatal("a frame is not what was sent")
			}
		case <-time.After(patience):
			t.Fatal("no frame")
		}
	}
	l.until("answers", func() bool { return l.client.Conn().Answered() >= 3 })
}
