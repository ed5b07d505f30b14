package pusher

import (
	"bytes"
	"errors"
	stdjpeg "image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/jpeg"
	"camrelay/internal/pusher/rawws"
	"camrelay/internal/scene"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestPush(t *testing.T) {
	testkit.Leaks(t)
	r := newRelay(t)
	cfg := r.config()
	cfg.Timing.Stats = 100 * time.Millisecond
	stop, ended := start(t, cfg)
	p := r.next()
	if got := p.request.Header.Get("Authorization"); got != "Bearer secret" || p.request.URL.Path != "/ws/push/door" {
		t.Errorf("request for %s with %q", p.request.URL, got)
	}
	if p.ws.Subprotocol() != wire.CameraProtocol {
		t.Errorf("subprotocol %q", p.ws.Subprotocol())
	}
	hello := p.text(wire.KindHello).Hello
	if size, _ := hello.Settings.FrameSize(); size.Name != "QVGA" || hello.Settings["quality"] != 12 || hello.Board != "vcam" {
		t.Errorf("hello %+v", hello)
	}
	var last uint32
	for range 5 {
		frame := p.frame()
		capture, ok := wire.ParseCapture(frame)
		age := time.Since(time.UnixMicro(capture.Time))
		if !ok || capture.Count <= last || age < 0 || age > patience {
			t.Errorf("capture %+v, %v after %d", capture, ok, last)
		}
		last = capture.Count
		img, err := stdjpeg.Decode(bytes.NewReader(frame))
		if err != nil {
			t.Fatal(err)
		}
		m, err := scene.ReadMarker(img, img.Bounds())
		if err != nil || m.Camera != 7 || m.Time.UnixMilli() != capture.Time/1000 {
			t.Errorf("marker %v, %v; capture %d", m, err, capture.Time)
		}
	}
	s := p.text(wire.KindStats).Stats
	if *s.Sent == 0 || *s.FPS <= 0 || *s.Heap < 30_000 || *s.HeapLargest >= *s.Heap || *s.RSSI > -40 || *s.RSSI < -90 || *s.Uptime < 0 {
		t.Errorf("stats sent %d, fps %v, heap %d, largest %d, rssi %d", *s.Sent, *s.FPS, *s.Heap, *s.HeapLargest, *s.RSSI)
	}
	go stop()
	if err := p.end(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the camera stopped with %v, want close code 1001", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestTLS(t *testing.T) {
	for _, espIDF := range []bool{false, true} {
		testkit.Leaks(t)
		r := newRelay(t)
		secure := httptest.NewTLSServer(r)
		t.Cleanup(secure.Close)
		cfg := r.config()
		cfg.ESPIDF = espIDF
		cfg.Relay = secure.URL
		cfg.TLS = secure.Client().Transport.(*http.Transport).TLSClientConfig
		start(t, cfg)
		r.next().frame()
	}
}

func TestFragments(t *testing.T) {
	for _, test := range []struct {
		name     string
		change   func(*Config)
		fragment int
		emptyFin bool
	}{
		{"default", func(*Config) {}, DefaultFragment, false},
		{"small", func(c *Config) { c.Fragment = 100 }, 100, false},
		{"whole", func(c *Config) { c.Fragment = Whole }, 1 << 20, false},
		{"ESP-IDF", func(c *Config) { c.ESPIDF = true }, 1024, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			testkit.Leaks(t)
			r := newRelay(t)
			cfg := r.config()
			test.change(&cfg)
			stop, _ := start(t, cfg)
			defer stop()
			p := r.next()
			for frames := 0; frames < 2; {
				var message []byte
				var first byte
				for n := 0; ; n++ {
					f, err := rawws.Read(p.ws.NetConn(), 1<<20)
					if err != nil {
						t.Fatal(err)
					}
					if n == 0 {
						first = f.Opcode
					} else if f.Opcode != rawws.Continuation {
						t.Fatalf("fragment %d has opcode %d", n, f.Opcode)
					}
					message = append(message, f.Payload...)
					if f.Fin {
						if test.emptyFin && len(f.Payload) != 0 {
							t.Errorf("the last fragment has %d bytes, want none", len(f.Payload))
						}
						break
					}
					if len(f.Payload) > test.fragment || len(f.Payload) < test.fragment && !test.emptyFin {
						t.Errorf("fragment of %d bytes, want %d", len(f.Payload), test.fragment)
					}
				}
				if first != rawws.Binary {
					continue
				}
				if info, err := jpeg.Scan(message); err != nil || info.Len != len(message) {
					t.Errorf("message of %d bytes: %+v, %v", len(message), info, err)
				}
				frames++
			}
		})
	}
}

func TestObeys(t *testing.T) {
	testkit.Leaks(t)
	r := newRelay(t)
	cfg := r.config()
	cfg.Timing.Stats = 30 * time.Millisecond
	start(t, cfg)
	p := r.next()
	p.frame()

	ack := p.command(`{"t":"set","id":1,"settings":{"framesize":"QQVGA","quality":20,"zoom":3}}`)
	if size, _ := ack.Settings.FrameSize(); !ack.OK || size.Name != "QQVGA" || ack.Settings["quality"] != 20 || len(ack.Settings) != 2 {
		t.Errorf("set: %+v", ack)
	}
	// One frame of the old size may be on its way.
	for n := 0; ; n++ {
		info, _ := jpeg.Scan(p.frame())
		if info.Width == 160 {
			break
		}
		if n > 1 {
			t.Fatalf("frames are still %dx%d", info.Width, info.Height)
		}
	}
	for _, bad := range []string{
		`{"t":"set","id":2,"settings":{"quality":99}}`, `{"t":"set","id":3,"settings":{"framesize":"HUGE"}}`,
		`{"t":"set","id":4,"settings":{"zoom":3}}`, `{"t":"dance","id":5}`, `{"t":"pace","id":6,"fps":-1}`,
	} {
		if ack := p.command(bad); ack.OK || ack.Error == "" {
			t.Errorf("%s: %+v", bad, ack)
		}
	}
	for id, paused := range map[int]string{7: wire.KindPause, 8: "still"} {
		text := `{"t":"pause","id":7}`
		if paused == "still" {
			text = `{"t":"pace","id":8,"fps":0,"still":3600}`
		}
		if ack := p.command(text); !ack.OK {
			t.Errorf("%s: %+v", text, ack)
		}
		before := sentAfterTwoStats(p)
		if after := sentAfterTwoStats(p); after != before {
			t.Errorf("command %d: frames went on, %d to %d", id, before, after)
		}
		p.send(`{"t":"pace","fps":0,"still":0}`)
		p.send(`{"t":"resume"}`)
		p.frame()
	}
}

// sentAfterTwoStats counts frames as of a report that began after any frame
// that was under way.
func sentAfterTwoStats(p *peer) uint64 {
	p.text(wire.KindStats)
	return *p.text(wire.KindStats).Stats.Sent
}

func TestPings(t *testing.T) {
	testkit.Leaks(t)
	r := newRelay(t)
	cfg := r.config()
	cfg.Timing.Ping = 30 * time.Millisecond
	cfg.Timing.Pong = 300 * time.Millisecond
	cfg.Retry.Base = time.Millisecond
	start(t, cfg)
	p := r.next()
	pinged, ponged := make(chan struct{}, 100), make(chan string, 1)
	p.ws.SetPingHandler(func(string) error { // not answered
		pinged <- struct{}{}
		return nil
	})
	p.ws.SetPongHandler(func(payload string) error {
		ponged <- payload
		return nil
	})
	p.ws.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(patience))
	err := p.end()
	if len(pinged) < 2 || len(ponged) != 1 || <-ponged != "there?" {
		t.Errorf("%d pings and %d pongs came", len(pinged), len(ponged))
	}
	if websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("a camera without pongs ended with %v", err)
	}
	r.next().frame() // and it comes back
}

func TestComesBack(t *testing.T) {
	testkit.Leaks(t)
	r := newRelay(t)
	cfg := r.config()
	cfg.Retry = Retry{Base: time.Millisecond, Superseded: 10 * time.Millisecond, Update: 10 * time.Millisecond}
	_, ended := start(t, cfg)
	for _, code := range []int{0, wire.CloseSuperseded, wire.CloseUpdate, websocket.CloseNormalClosure, 0} {
		p := r.next()
		p.frame()
		if code == 0 {
			p.ws.NetConn().Close()
			continue
		}
		p.close(code)
		if err := p.end(); !websocket.IsCloseError(err, code) {
			t.Errorf("close code %d was answered by %v", code, err)
		}
	}
	p := r.next()
	p.close(wire.CloseForbidden)
	p.end()
	if err := <-ended; !errors.Is(err, ErrStaysAway) {
		t.Errorf("after 4003 Run returned %v", err)
	}
}

func TestRefused(t *testing.T) {
	testkit.Leaks(t)
	r := newRelay(t)
	answers := []int{http.StatusUnauthorized, http.StatusServiceUnavailable, http.StatusBadGateway}
	at := make(chan time.Time, 8)
	r.refuse = func(w http.ResponseWriter) bool {
		at <- time.Now()
		if len(answers) == 0 {
			return false
		}
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"error":"not now"}`, answers[0])
		answers = answers[1:]
		return true
	}
	cfg := r.config()
	cfg.Retry = Retry{Base: time.Millisecond, Refused: 300 * time.Millisecond}
	start(t, cfg)
	r.next().frame()
	times := [4]time.Time{<-at, <-at, <-at, <-at}
	if d := times[1].Sub(times[0]); d < 300*time.Millisecond || d > 900*time.Millisecond {
		t.Errorf("came back %v after 401, want 300 ms", d)
	}
	if d := times[2].Sub(times[1]); d < time.Second {
		t.Errorf("came back %v after 503 with Retry-After of a second", d)
	}
	if d := times[3].Sub(times[2]); d > time.Second {
		t.Errorf("came back %v after 502", d)
	}
}

// A link that is too slow costs frames, not time: the next frame is captured
// when the one before is out, not when it becomes due.
func TestNeverQueues(t *testing.T) {
	testkit.Leaks(t)
	const rate, fps = 100_000, 30
	r := newRelay(t)
	cfg := r.config()
	cfg.Settings = settings("QVGA", 12, fps)
	cfg.Timing.Stats = 200 * time.Millisecond
	cfg.Faults = Faults{{Kind: FaultSlow, Rate: rate}}
	start(t, cfg)
	p := r.next()
	frame := p.frame()
	for range 8 {
		before, _ := wire.ParseCapture(frame)
		onLink := time.Duration(len(frame)) * time.Second / rate // about 110 ms
		frame = p.frame()
		after, _ := wire.ParseCapture(frame)
		if apart := time.Duration(after.Time-before.Time) * time.Microsecond; apart < onLink*8/10 {
			t.Errorf("frames were captured %v apart, though one takes %v on the link", apart, onLink)
		}
	}
	if s := p.text(wire.KindStats).Stats; *s.Dropped < *s.Sent {
		t.Errorf("dropped %d, sent %d: a slow link drops most of %d frames a second", *s.Dropped, *s.Sent, fps)
	}
}

func TestFaults(t *testing.T) {
	run := func(t *testing.T, faults string) (*relay, *peer) {
		testkit.Leaks(t)
		parsed, err := ParseFaults(faults)
		if err != nil {
			t.Fatal(err)
		}
		r := newRelay(t)
		cfg := r.config()
		cfg.Faults = parsed
		cfg.Timing.Stats = 50 * time.Millisecond
		cfg.Retry.Base = time.Millisecond
		start(t, cfg)
		return r, r.next()
	}
	t.Run("half", func(t *testing.T) {
		_, p := run(t, "half=1")
		for {
			kind, body := p.read()
			if kind != websocket.BinaryMessage {
				continue
			}
			if _, err := jpeg.Scan(body); !errors.Is(err, jpeg.ErrTruncated) {
				t.Errorf("half a frame scans as %v", err)
			}
			break
		}
		for {
			if s := p.text(wire.KindStats).Stats; *s.Aborted > 0 {
				break
			}
		}
	})
	t.Run("garbage", func(t *testing.T) {
		r, p := run(t, "garbage=1")
		if err := p.end(); err == nil || websocket.IsUnexpectedCloseError(err, websocket.CloseProtocolError) {
			t.Errorf("garbage ended as %v, want a framing error", err)
		}
		p.ws.Close()
		r.next()
	})
	t.Run("die", func(t *testing.T) {
		r, p := run(t, "die=100ms")
		if err := p.end(); err == nil || !strings.Contains(err.Error(), "reset") {
			t.Errorf("died with %v, want a reset", err)
		}
		r.next()
	})
	t.Run("freeze", func(t *testing.T) {
		r, p := run(t, "freeze=200ms")
		p.frame()
		p.ws.SetReadDeadline(time.Now().Add(600 * time.Millisecond))
		p.ws.SetPongHandler(func(string) error { t.Error("a frozen camera answered"); return nil })
		began := time.Now()
		for time.Since(began) < 300*time.Millisecond {
			if _, _, err := p.ws.ReadMessage(); err != nil {
				break // already silent
			}
		}
		p.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience))
		if err := p.end(); !isTimeout(err) {
			t.Errorf("a frozen camera ended with %v, want silence", err)
		}
		p.ws.Close()
		r.next().frame() // it noticed
	})
	t.Run("nopong", func(t *testing.T) {
		_, p := run(t, "nopong")
		p.ws.SetPongHandler(func(string) error { t.Error("answered a ping"); return nil })
		p.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(patience))
		for range 5 {
			p.frame()
		}
	})
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

func TestReplay(t *testing.T) {
	testkit.Leaks(t)
	dir := t.TempDir()
	if _, err := NewReplay(dir); err == nil {
		t.Error("an empty directory was accepted")
	}
	want := [][]byte{testkit.JPEG(160, 120, 4000), testkit.JPEG(320, 240, 9000)}
	for i, name := range []string{"1.jpg", "2.JPEG"} {
		if err := os.WriteFile(filepath.Join(dir, name), append(want[i][:len(want[i]):len(want[i])], 0, 0), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replay, err := NewReplay(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t)
	cfg := r.config()
	cfg.Source, cfg.Settings = replay, wire.Settings{"fps": 30}
	start(t, cfg)
	p := r.next()
	for i := range 4 {
		frame := p.frame()
		bare := append(frame[:2:2], frame[2+wire.CaptureSegment:]...)
		if !bytes.Equal(bare, want[i%2]) {
			t.Errorf("frame %d has %d bytes, want the file's %d", i, len(bare), len(want[i%2]))
		}
	}
	if ack := p.command(`{"t":"set","id":1,"settings":{"quality":9,"fps":10}}`); !ack.OK || len(ack.Settings) != 1 || ack.Settings["fps"] != 10 {
		t.Errorf("set: %+v, want fps alone", ack)
	}
	if err := os.WriteFile(filepath.Join(dir, "3.jpg"), []byte("no JPEG"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewReplay(dir); err == nil || !strings.Contains(err.Error(), "3.jpg") {
		t.Errorf("a text as JPEG: %v", err)
	}
}
