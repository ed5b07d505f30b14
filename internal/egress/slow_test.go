package egress

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// The link and the camera of these tests: 1 Mbit/s for 1.6 Mbit/s of frames.
const (
	slowLink  = 125_000 // bytes a second
	slowFrame = 20_000
	slowFPS   = 10
)

// arrival is one frame at a viewer.
type arrival struct {
	at  time.Time
	age time.Duration
}

// arrivals collects them.
type arrivals struct {
	mu  sync.Mutex
	all []arrival
}

func (a *arrivals) add(jpeg []byte) {
	now := time.Now()
	sent := time.Unix(0, int64(binary.BigEndian.Uint64(jpeg[3:])))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, arrival{now, now.Sub(sent)})
}

// since are the ages of the frames that arrived after a time, sorted.
func (a *arrivals) since(from time.Time) []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	var ages []time.Duration
	for _, x := range a.all {
		if x.at.After(from) {
			ages = append(ages, x.age)
		}
	}
	slices.Sort(ages)
	return ages
}

func percentile(ages []time.Duration, p int) time.Duration {
	if len(ages) == 0 {
		return 0
	}
	return ages[min(len(ages)*p/100, len(ages)-1)]
}

// stamped is a frame that says when it was published.
func stamped(n int) []byte {
	b := picture(0, n)
	binary.BigEndian.PutUint64(b[3:], uint64(time.Now().UnixNano()))
	return b
}

// shoot publishes stamped frames until stop is closed and counts them.
func (s *studio) shoot(stop <-chan struct{}, fps, size int) (frames int) {
	ticker := time.NewTicker(time.Second / time.Duration(fps))
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return frames
		case <-ticker.C:
			s.publish(stamped(size))
			frames++
		}
	}
}

// A transport's viewer reads from a connection until it ends.
type slowReader func(t *testing.T, conn net.Conn, got *arrivals)

func readPlain(t *testing.T, conn net.Conn, got *arrivals) {
	ws := clientOver(t, conn, "/ws/view/door")
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			return
		}
		got.add(b)
	}
}

func readView(t *testing.T, conn net.Conn, got *arrivals) {
	ws := clientOver(t, conn, "/ws/view", wire.ViewProtocol)
	ws.WriteMessage(websocket.TextMessage, []byte(`{"t":"watch","cameras":[{"id":"door"}]}`))
	for {
		kind, b, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if kind != websocket.BinaryMessage {
			continue
		}
		h, body, err := wire.ParseFrame(b)
		if err != nil {
			t.Error(err)
			return
		}
		got.add(body)
		ws.WriteMessage(websocket.BinaryMessage, wire.FrameAck{Stream: h.Stream, Seq: h.Seq}.Append(nil))
	}
}

func readMJPEG(t *testing.T, conn net.Conn, got *arrivals) {
	io.WriteString(conn, "GET /cameras/door/stream.mjpg HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(conn)
	body := make([]byte, 0, slowFrame)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		var n int
		if _, err := fmt.Sscanf(line, "Content-Length: %d", &n); err == nil {
			body = body[:n]
		}
		if line == "\r\n" && len(body) > 0 {
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			got.add(body)
			body = body[:0]
		}
	}
}

// clientOver makes an independent client of a connection.
func clientOver(t *testing.T, conn net.Conn, path string, protocols ...string) *websocket.Conn {
	dialer := websocket.Dialer{Subprotocols: protocols, NetDial: func(string, string) (net.Conn, error) { return conn, nil }}
	ws, _, err := dialer.Dial("ws://x"+path, nil)
	if err != nil {
		t.Errorf("dial %s: %v", path, err)
		return &websocket.Conn{}
	}
	return ws
}

// open starts a viewer at an address.
func (s *studio) open(addr string, read slowReader, wg *sync.WaitGroup) *arrivals {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		s.Fatal(err)
	}
	got := new(arrivals)
	wg.Go(func() { read(s.T, conn, got) })
	s.Cleanup(func() { conn.Close() })
	return got
}

// sweeping does what Run does, more often, and follows the cameras.
func (s *studio) sweeping(stop <-chan struct{}, wg *sync.WaitGroup) {
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case now := <-time.After(stream.TickEvery):
				s.reg.Tick()
				s.sweep(now)
			}
		}
	})
}

func slowTime() time.Duration {
	if testing.Short() {
		return 4 * time.Second
	}
	return 10 * time.Second
}

// A viewer whose line is too thin for the camera sees fewer frames, not old
// ones, and its line is used.
func TestSlowViewer(t *testing.T) {
	tests := []struct {
		name string
		read slowReader
		p50  time.Duration
	}{
		{"view", readView, 300 * time.Millisecond},
		{"plain", readPlain, time.Second},
		{"mjpeg", readMJPEG, time.Second},
	}
	// Pings come often, so that as many round trips are measured as in a minute.
	s := newStudio(t, Options{PingInterval: 300 * time.Millisecond})
	s.publish(stamped(slowFrame))
	stop := make(chan struct{})
	var wg, viewers sync.WaitGroup
	s.sweeping(stop, &wg)
	wg.Go(func() { s.shoot(stop, slowFPS, slowFrame) })
	full := fullLink(t)
	var got []*arrivals
	var links []*testkit.Link
	for _, test := range tests {
		link := testkit.NewLink(t, s.addr(), testkit.LinkConfig{Rate: slowLink})
		links = append(links, link)
		got = append(got, s.open(link.Addr(), test.read, &viewers))
	}
	const settle = 2 * time.Second
	time.Sleep(settle)
	from, before := time.Now(), full()
	time.Sleep(slowTime())
	took := time.Since(from)
	capacity := float64(full()-before) / took.Seconds()
	busy := max(1, slowLink/capacity) // how much slower a busy machine makes the link
	t.Logf("the link carries %.0f bytes a second", capacity)
	close(stop)
	wg.Wait()
	for i, test := range tests {
		ages := got[i].since(from)
		links[i].Close()
		fps := float64(len(ages)) / took.Seconds()
		t.Logf("%s: %.1f fps, %.0f bytes a second, age p50 %v, p95 %v", test.name, fps, fps*slowFrame,
			percentile(ages, 50).Round(time.Millisecond), percentile(ages, 95).Round(time.Millisecond))
		if p50 := percentile(ages, 50); p50.Seconds() > test.p50.Seconds()*busy {
			t.Errorf("%s: half of the frames are older than %v, the goal is %v", test.name, p50, test.p50)
		}
		if fps*slowFrame < 0.9*capacity {
			t.Errorf("%s: %.0f bytes a second through a link that carries %.0f", test.name, fps*slowFrame, capacity)
		}
	}
	viewers.Wait()
}

// fullLink fills a link like the others and returns what counts the bytes that
// have come through.
func fullLink(t *testing.T) (count func() int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	link := testkit.NewLink(t, listener.Addr().String(), testkit.LinkConfig{Rate: slowLink})
	conn, err := net.Dial("tcp", link.Addr())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		source, err := listener.Accept()
		if err != nil {
			return
		}
		defer source.Close()
		for b := make([]byte, slowFrame); err == nil; {
			_, err = source.Write(b)
		}
	})
	var carried atomic.Int64
	wg.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			carried.Add(int64(n))
		}
	})
	t.Cleanup(func() {
		conn.Close()
		listener.Close()
		link.Close()
		wg.Wait()
	})
	return carried.Load
}

// Ten slow viewers beside a hundred fast ones: these lose nothing and see the
// frames as soon as without the others.
func TestSlowBesideFast(t *testing.T) {
	run := func(slow int) (p95 time.Duration) {
		s := newStudio(t, Options{})
		var viewers, wg sync.WaitGroup
		stop := make(chan struct{})
		s.sweeping(stop, &wg)
		var links []*testkit.Link
		for i := range slow {
			link := testkit.NewLink(t, s.addr(), testkit.LinkConfig{Rate: slowLink / 2})
			links = append(links, link)
			s.open(link.Addr(), []slowReader{readPlain, readView, readMJPEG}[i%3], &viewers)
		}
		const fast = 100
		var all []*arrivals
		for i := range fast {
			all = append(all, s.open(s.addr(), []slowReader{readPlain, readView, readMJPEG}[i%3], &viewers))
		}
		testkit.Eventually(t, 10*time.Second, func() bool { return s.hub.Viewers() == slow+fast }, "all joined")
		frames := 0
		wg.Go(func() { frames = s.shoot(stop, slowFPS, slowFrame) })
		time.Sleep(slowTime() / 2)
		close(stop)
		wg.Wait()
		testkit.Eventually(t, 5*time.Second, func() bool {
			return !slices.ContainsFunc(all, func(a *arrivals) bool { return len(a.since(time.Time{})) < frames })
		}, "all fast viewers have %d frames", frames)
		var ages []time.Duration
		for _, a := range all {
			ages = append(ages, a.since(time.Time{})...)
		}
		slices.Sort(ages)
		if len(ages) != frames*fast {
			t.Errorf("%d frames arrived, %d were sent to fast viewers", len(ages), frames*fast)
		}
		for _, l := range links {
			l.Close()
		}
		s.srv.Revoke(func(Access) bool { return true })
		viewers.Wait()
		p95 = percentile(ages, 95)
		t.Logf("%d slow viewers: age of the fast ones' frames p50 %v, p95 %v", slow, percentile(ages, 50), p95)
		return p95
	}
	alone, beside := run(0), run(10)
	if beside > 4*alone+20*time.Millisecond {
		t.Errorf("p95 of fast viewers %v, with slow ones beside them %v", alone, beside)
	}
}
