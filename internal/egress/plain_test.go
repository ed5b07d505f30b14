package egress

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/pusher/rawws"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// both runs a test with and without TLS.
func both(t *testing.T, opt Options, fn func(*studio)) {
	t.Run("plain", func(t *testing.T) { fn(newStudio(t, opt)) })
	t.Run("tls", func(t *testing.T) { fn(newTLSStudio(t, opt)) })
}

func TestPlainViewer(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		for i, n := range []int{100, 1000, 70_000} {
			s.publish(picture(i, n))
		}
		ws := s.dial("/ws/view/door")
		if b := message(s.T, ws); !bytes.Equal(b, picture(2, 70_000)) {
			s.Errorf("the newest frame did not come at once: %.30q", b)
		}
		for i, n := range []int{20, 125, 126, 127, 65_535, 65_536, 300_000} {
			ws.WriteMessage(websocket.TextMessage, []byte(`{"t":"anything"}`))
			s.publish(picture(i, n))
			if b := message(s.T, ws); !bytes.Equal(b, picture(i, n)) {
				s.Errorf("frame of %d bytes: got %d", n, len(b))
			}
		}
		if n := s.srv.Viewers()[KindPlain]; n != 1 || s.hub.Viewers() != 1 {
			s.Errorf("%d viewers", n)
		}
		ws.Close()
		s.viewers(0)
		if s.hub.Viewers() != 0 {
			s.Error("the hub still has the viewer")
		}
	})
}

// Every frame comes when the viewer keeps up: over TLS too, where writes cannot
// be tried.
func TestFullRate(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		const n = 300
		ws := s.dial("/ws/view/door")
		s.viewers(1)
		testkit.Eventually(s, 5*time.Second, func() bool { return s.hub.Viewers() == 1 }, "joined")
		for i := range n {
			s.publish(picture(i, 20_000))
			if b := message(s.T, ws); !bytes.Equal(b, picture(i, 20_000)) {
				s.Fatalf("frame %d is another: %.30q", i, b)
			}
		}
	})
}

const pythonViewer = `
import asyncio, hashlib, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], max_size=None) as ws:
        for _ in range(3):
            b = await ws.recv()
            print(len(b), hashlib.sha256(b).hexdigest(), flush=True)
        await ws.ping()
asyncio.run(main())
`

func TestPythonViewer(t *testing.T) {
	s := newStudio(t, Options{})
	s.publish(picture(0, 20_000))
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", pythonViewer, "ws://"+s.addr()+"/ws/view/door")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		var n int
		var sum string
		if _, err := fmt.Fscan(out, &n, &sum); err != nil {
			t.Fatalf("frame %d: %v\n%s", i, err, &stderr)
		}
		if want := fmt.Sprintf("%x", sha256.Sum256(picture(i, 20_000))); n != 20_000 || sum != want {
			t.Errorf("frame %d: %d bytes, %s", i, n, sum)
		}
		if i < 2 {
			s.publish(picture(i+1, 20_000))
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, &stderr)
	}
	s.viewers(0)
}

// What breaks the protocol is answered by the close code it calls for, and
// that answer arrives, whatever else the client sent.
func TestProtocolErrors(t *testing.T) {
	frame := func(fin bool, op byte, n int) []byte {
		return rawws.Frame{Fin: fin, Opcode: op, Payload: make([]byte, n)}.Append(nil)
	}
	closing := func(code uint16, reason string) []byte {
		body := append(binary.BigEndian.AppendUint16(nil, code), reason...)
		return rawws.Frame{Fin: true, Opcode: rawws.Close, Payload: body}.Append(nil)
	}
	tests := []struct {
		name string
		send []byte
		code int
	}{
		{"not masked", []byte{0x82, 0x01, 0x00}, 1002},
		{"reserved bit", []byte{0xC2, 0x80, 0, 0, 0, 0}, 1002},
		{"unknown data opcode", frame(true, 3, 0), 1002},
		{"unknown control opcode", frame(true, 0xB, 0), 1002},
		{"fragmented ping", frame(false, rawws.Ping, 3), 1002},
		{"long ping", frame(true, rawws.Ping, 126), 1002},
		{"continuation of nothing", frame(true, rawws.Continuation, 3), 1002},
		{"message within a message", append(frame(false, rawws.Text, 3), frame(true, rawws.Text, 3)...), 1002},
		{"too long", frame(true, rawws.Binary, plainLimit+1), 1009},
		{"far too long", frame(true, rawws.Binary, 1<<20), 1009},
		{"endless", []byte{0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, 1009},
		{"too long in fragments", append(frame(false, rawws.Text, plainLimit), frame(true, rawws.Continuation, 1)...), 1009},
		{"close without code", frame(true, rawws.Close, 0), 1005},
		{"close with half a code", frame(true, rawws.Close, 1), 1002},
		{"close with 1005", closing(1005, ""), 1002},
		{"close with 999", closing(999, ""), 1002},
		{"close with 5000", closing(5000, ""), 1002},
		{"close with 1000", closing(1000, "bye"), 1000},
		{"close with 4321", closing(4321, ""), 4321},
	}
	both(t, Options{}, func(s *studio) {
		s.publish(picture(0, 20_000))
		for _, test := range tests {
			conn, r := s.raw("/ws/view/door")
			go conn.Write(test.send)
			s.publish(picture(1, 20_000))
			f := frameWith(s.T, r, rawws.Close)
			code := 1005
			if len(f.Payload) >= 2 {
				code = int(binary.BigEndian.Uint16(f.Payload))
			}
			if code != test.code {
				s.Errorf("%s: close code %d %q, want %d", test.name, code, f.Payload, test.code)
			}
			if test.code == 1002 || test.code == 1009 {
				conn.Write(closing(uint16(code), ""))
			}
			if _, err := r.ReadByte(); err == nil {
				s.Errorf("%s: something came after the CLOSE", test.name)
			}
			conn.Close()
		}
		s.viewers(0)
	})
}

// Pongs come between frames, never inside one, in the order of the pings.
func TestPongsBetweenFrames(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		s.publish(picture(0, 300_000))
		conn, r := s.raw("/ws/view/door")
		const pings = 200
		go func() {
			for i := range pings {
				conn.Write(rawws.Frame{Fin: true, Opcode: rawws.Ping, Payload: fmt.Append(nil, i)}.Append(nil))
			}
		}()
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := 1; ; i++ {
				select {
				case <-stop:
					return
				default:
					s.publish(picture(i, 300_000))
				}
			}
		}()
		for next, frames := 0, 0; next < pings || frames < 5; {
			f := frameWith(s.T, r, rawws.Pong, rawws.Binary)
			if f.Opcode == rawws.Pong {
				if string(f.Payload) != fmt.Sprint(next) {
					s.Fatalf("pong %q, want %d", f.Payload, next)
				}
				next++
				continue
			}
			var i int
			fmt.Sscanf(string(f.Payload), "\xFF\xD8\xFFpicture %d", &i)
			if !bytes.Equal(f.Payload, picture(i, 300_000)) {
				s.Fatal("a frame is damaged")
			}
			frames++
		}
		close(stop)
		<-done
	})
}

// A viewer that takes nothing is dropped when it stood still for WriteStall.
func TestStalledViewerIsDropped(t *testing.T) {
	both(t, Options{WriteStall: 300 * time.Millisecond}, func(s *studio) {
		s.raw("/ws/view/door")
		s.raw("/ws/view", wire.ViewProtocol)
		mjpeg, err := net.Dial("tcp", s.addr())
		if err != nil {
			s.Fatal(err)
		}
		defer mjpeg.Close()
		n := 2
		if !strings.HasPrefix(s.http.URL, "https") {
			fmt.Fprintf(mjpeg, "GET /cameras/door/stream.mjpg HTTP/1.1\r\nHost: x\r\n\r\n")
			n++
		}
		s.viewers(n)
		testkit.Eventually(s, 20*time.Second, func() bool {
			s.publish(picture(0, 300_000))
			return s.srv.Viewers()[KindPlain] == 0 && s.srv.Viewers()[KindMJPEG] == 0
		}, "viewers that do not read are dropped")
		s.viewers(1) // the other watches nothing and so is not behind
	})
}

// A viewer that reads and answers no ping is dropped after PongTimeout; one
// that answers stays.
func TestSilentViewerIsDropped(t *testing.T) {
	s := newStudio(t, Options{PingInterval: 20 * time.Millisecond, PongTimeout: 400 * time.Millisecond})
	answers := s.dial("/ws/view/door") // answers pings while it reads
	go closeCode(answers)
	silent, r := s.raw("/ws/view/door")
	s.viewers(2)
	s.publish(picture(0, 100))
	deadline := time.Now().Add(2 * time.Second)
	pings := 0
	go func() {
		for time.Now().Before(deadline) {
			s.sweep(time.Now())
			time.Sleep(10 * time.Millisecond)
		}
	}()
	begin := time.Now()
	for {
		f, err := rawws.Read(r, 1<<20)
		if err != nil {
			break
		}
		if f.Opcode == rawws.Ping {
			pings++
		}
	}
	if took := time.Since(begin); took < 300*time.Millisecond || pings < 5 {
		t.Errorf("dropped after %v and %d pings", took, pings)
	}
	silent.Close()
	for time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	s.viewers(1)
}

func TestMaxViewers(t *testing.T) {
	s := newStudio(t, Options{MaxViewers: 1})
	s.dial("/ws/view/door")
	testkit.Eventually(t, 5*time.Second, func() bool { return s.hub.Viewers() == 1 }, "joined")
	for _, path := range []string{"/ws/view/door", "/cameras/door/stream.mjpg"} {
		response := s.get(path)
		if response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s", path, response.Status)
		}
	}
}
