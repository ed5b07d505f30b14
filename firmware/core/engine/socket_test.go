package engine

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/ov2640/ovsim"
	"camrelay/internal/halnet"
	"camrelay/internal/wire"
)

// stuckRelay takes a stream, some frames of it, and then nothing more; and the
// reports of the camera.
type stuckRelay struct {
	t       *testing.T
	order   string
	ordered chan time.Time
	phases  chan wire.UpdateAck
	done    chan struct{}
	once    sync.Once
}

func (s *stuckRelay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/report") {
		body := make([]byte, 1000)
		n, _ := r.Body.Read(body)
		if text, err := wire.ParseCameraText(body[:n]); err != nil || text.Update == nil {
			s.t.Errorf("%v: %s", err, body[:n])
		} else {
			s.phases <- *text.Update
		}
		fmt.Fprint(w, "{}")
		return
	}
	up := websocket.Upgrader{Subprotocols: []string{wire.CameraProtocol}}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	for frames := 0; frames < 3; {
		kind, _, err := c.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.BinaryMessage {
			frames++
		}
	}
	// From here on nothing is read: all buffers on the way fill up.
	s.once.Do(func() {
		select {
		case <-s.ordered:
		case <-s.done:
			return
		}
		if err := c.WriteMessage(websocket.TextMessage, []byte(s.order)); err != nil {
			s.t.Error(err)
		}
	})
	<-s.done
}

// The same as TestStop over real sockets.
func TestStopOverSockets(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := &stuckRelay{t: t, ordered: make(chan time.Time, 1), phases: make(chan wire.UpdateAck, 16), done: make(chan struct{})}
	server := httptest.NewUnstartedServer(s)
	server.Listener = smallListener{server.Listener}
	server.Start()
	defer server.Close()
	defer close(s.done)
	host := server.Listener.Addr().String()
	s.order = startOrder("job-1", host, "")

	r := newReal(t, host)
	defer r.network.Close()
	until := r.until
	until(5*time.Second, "the stream", func() bool { return r.e.stream.open })
	visitors := visit(t, r.port)
	defer func() {
		for _, v := range visitors {
			v.Close()
		}
	}()
	until(5*time.Second, "the visitors", func() bool { return r.e.control.Open() == len(visitors) })
	sent, since := uint64(0), time.Now()
	until(20*time.Second, "a full socket", func() bool { // nothing has left for a while
		if now := r.e.streamer.Stats(r.clock.Now()).Bytes; now != sent {
			sent, since = now, time.Now()
		}
		return sent > 0 && !r.e.streamer.Idle() && time.Since(since) > time.Second
	})
	began := time.Now()
	s.ordered <- began
	var last wire.UpdateAck
	until(12*time.Second, "ready", func() bool {
		select {
		case last = <-s.phases:
		default:
		}
		return last.Phase == wire.PhaseReady
	})
	took := time.Since(began)
	t.Logf("ready %v after the order", took.Truncate(time.Millisecond))
	if took > 10*time.Second {
		t.Error(took)
	}
	if r.e.control.Open() != 0 || r.sensor.Receiving() {
		t.Errorf("%d clients, %v", r.e.control.Open(), r.sensor.Receiving())
	}
	if c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)), time.Second); err == nil {
		c.Close()
		t.Error("somebody is accepted")
	}
}

// real is a camera with real sockets.
type real struct {
	t       *testing.T
	port    int // of its own server
	network *halnet.Network
	clock   *halnet.Clock
	sensor  *ovsim.Sensor
	queue   capture.Queue
	e       *Engine
	shot    []byte
	nextAt  int64
}

// newReal returns one that has been started.
func newReal(t *testing.T, host string) *real {
	t.Helper()
	r := &real{t: t, port: freePort(t), network: halnet.New(halnet.Options{Dial: smallDial}), clock: halnet.NewClock(), shot: picture(t, 240, 176)}
	r.sensor = ovsim.New(r.clock.Now)
	must(t, r.queue.Init(make([]uint32, 16<<10)))
	flashed := norsim.New(boot.ChipSize)
	must(t, flash.Program(flashed, boot.SlotAOffset, newImage(t, "ai-thinker", "esp32sim", "1.4.2", 1042)))
	var store config.Store
	var set config.Values
	must(t, store.Open(flashed, boot.SettingsOffset))
	for tag, value := range map[config.Tag]string{config.Relay: "ws://" + host, config.Camera: "door", config.Key: testKey} {
		must(t, set.Set(tag, []byte(value)))
	}
	must(t, set.SetNumber(config.Port, uint32(r.port)))
	must(t, store.Save(set.Bytes()))
	system := &chip{cause: hal.PowerOn, free: 61208}
	r.e = New(hal.Board{Clock: r.clock, Random: new(halnet.Random), Network: r.network, Camera: r.sensor, Flash: flashed, System: system, LED: &leds{}},
		Config{Map: boot.ESP32CAM(), Ring: ring(), Queue: &r.queue})
	must(t, r.e.Start())
	return r
}

// until lets the camera run until ok says that it is enough.
func (r *real) until(limit time.Duration, what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not after %v", what, limit)
		}
		if now := r.clock.Now(); r.sensor.Receiving() && now >= r.nextAt {
			r.nextAt = now + int64(20*time.Millisecond)
			if r.queue.EndOfFrame(now, nil); r.queue.Taking() {
				r.queue.Write(r.shot)
			}
		}
		if !r.e.Step() {
			select {
			case <-r.network.Changed():
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// visit opens one connection of each kind to the camera's server.
func visit(t *testing.T, port int) []net.Conn {
	t.Helper()
	var all []net.Conn
	for _, text := range []string{
		"", "GET /status HTT",
		"GET /status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + testKey + "\r\n\r\n",
		"GET /ws?t=" + testKey + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
	} {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		must(t, err)
		w := bufio.NewWriter(c)
		w.WriteString(text)
		must(t, w.Flush())
		all = append(all, c)
	}
	return all
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// smallListener gives connections with small buffers, which are full soon.
type smallListener struct{ net.Listener }

func (l smallListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetReadBuffer(8 << 10)
	}
	return c, err
}

// smallDial connects like that.
func smallDial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, address)
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(8 << 10)
	}
	return c, err
}
