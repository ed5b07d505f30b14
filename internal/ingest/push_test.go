package ingest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// listen serves pushes over real sockets. Its handler adds the headers that
// middleware adds.
func listen(t testing.TB, b *bench, opt Options, secure bool) *httptest.Server {
	t.Helper()
	if opt.Logger == nil {
		opt.Logger = quiet()
	}
	push := NewServer(b.Pool(), opt)
	var active sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		active.Add(1)
		defer active.Done()
		w.Header().Set("Content-Security-Policy", strings.Repeat("default-src 'self'; ", 100))
		w.Header().Set("X-Request-Id", "1")
		if r.Method == http.MethodPost {
			push.ServePost(w, r, b.hub)
		} else {
			push.ServePush(w, r, b.hub)
		}
	}))
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		b.Registry.Close()
		server.Close()
		active.Wait()
		if n := b.Pool().Live(); n != 0 {
			t.Errorf("%d frames are not released", n)
		}
	})
	return server
}

func dial(t testing.TB, server *httptest.Server, protocol string) *camera {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server.TLS != nil {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return handshake(t, conn, protocol)
}

// The response fits what esp_websocket_client can take, whatever headers the
// relay adds to its other responses.
func TestPushUpgradeHead(t *testing.T) {
	for _, protocol := range []string{"", wire.CameraProtocol, "other, " + wire.CameraProtocol, "other"} {
		b := newBench(t, stream.Options{})
		head := dial(t, listen(t, b, Options{}, false), protocol).head
		want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
		if strings.Contains(protocol, wire.CameraProtocol) {
			want += "Sec-WebSocket-Protocol: camrelay.camera.v1\r\n"
		}
		if head != want+"\r\n" || len(head) >= 1023 {
			t.Errorf("%q: got %q", protocol, head)
		}
	}
}

func TestPushNotWebSocket(t *testing.T) {
	b := newBench(t, stream.Options{})
	server := listen(t, b, Options{}, false)
	for _, tt := range []struct {
		header map[string]string
		status int
		say    string
	}{
		{nil, http.StatusUpgradeRequired, "takes a WebSocket"},
		{map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "8"}, http.StatusBadRequest, "version"},
	} {
		req, _ := http.NewRequest(http.MethodGet, server.URL, nil)
		for k, v := range tt.header {
			req.Header.Set(k, v)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Error string }
		err = json.NewDecoder(res.Body).Decode(&answer)
		res.Body.Close()
		if err != nil || res.StatusCode != tt.status || !strings.Contains(answer.Error, tt.say) {
			t.Errorf("%v: %d %q %v", tt.header, res.StatusCode, answer.Error, err)
		}
	}
	server.Client().CloseIdleConnections()
}

// A frame arrives whole however it is cut, with control frames in between.
func TestPushFragments(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	c := dial(t, listen(t, b, Options{MaxFPS: 1000}, false), "")
	small, big := picture(t, 1, 160, 120), picture(t, 2, 640, 480)
	if len(big) < 64<<10 {
		t.Fatalf("picture of %d bytes does not need a 64-bit length", len(big))
	}
	for _, size := range []int{1, 100, 125, 126, 1024, 5760, len(small), 1 << 20} {
		for _, jpeg := range [][]byte{small, big} {
			if size < 100 && len(jpeg) > 20<<10 {
				continue
			}
			n := 0
			c.fragments(jpeg, size, func() {
				if n++; n%7 == 0 {
					c.send(fin|opPing, []byte{'p', byte(n)})
					if got := c.expect(opPong); string(got) != string([]byte{'p', byte(n)}) {
						t.Fatalf("pong %q", got)
					}
					c.send(fin|opPong, nil)
				}
			})
			got := b.next(t)
			if !bytes.Equal(got.jpeg, jpeg) || got.Width == 0 {
				t.Fatalf("fragments of %d: got %d bytes of %d", size, len(got.jpeg), len(jpeg))
			}
		}
	}
	// an empty last fragment, and an empty one in between
	c.send(opBinary, small[:500])
	c.send(opCont, nil)
	c.send(opCont, small[500:])
	c.send(fin|opCont, nil)
	if got := b.next(t); !bytes.Equal(got.jpeg, small) {
		t.Error("empty fragments: another frame")
	}
}

// What is no frame is counted and costs nothing but itself.
func TestPushFaults(t *testing.T) {
	b := newBench(t, stream.Options{})
	b.watch(t)
	const limit = 16 << 10
	c := dial(t, listen(t, b, Options{MaxFrame: limit, MaxFPS: 1000}, false), wire.CameraProtocol)
	good := picture(t, 1, 96, 96)
	for _, tt := range []struct {
		name  string
		op    byte
		body  []byte
		fault stream.Fault
	}{
		{"given up half-way", opBinary, good[:len(good)/2], stream.FaultPartial},
		{"empty", opBinary, nil, stream.FaultPartial},
		{"no JPEG", opBinary, []byte("hello"), stream.FaultPartial},
		{"too big", opBinary, make([]byte, limit+1), stream.FaultTooBig},
		{"far too big", opBinary, make([]byte, 7*limit), stream.FaultTooBig},
		{"no JSON", opText, []byte("hello"), stream.FaultText},
		{"long text", opText, make([]byte, wire.MaxText+1), stream.FaultText},
		{"bad settings", opText, []byte(`{"t":"hello","settings":[1]}`), stream.FaultText},
	} {
		before := b.faults(tt.fault)
		c.send(fin|tt.op, tt.body)
		c.send(fin|opBinary, append(bytes.Clone(good), 0, 0, 0, 1)) // padded
		if got := b.next(t); !bytes.Equal(got.jpeg, good) {
			t.Errorf("%s: the next frame has %d bytes of %d", tt.name, len(got.jpeg), len(good))
		}
		if n := b.faults(tt.fault) - before; n != 1 {
			t.Errorf("%s: %d faults %v", tt.name, n, tt.fault)
		}
	}
	c.send(fin|opText, []byte(`{"t":"unknown kind","x":[1,2]}`))
	c.send(opBinary, make([]byte, limit))
	for range 9 { // it never ends
		if _, err := c.conn.Write(encode(opCont, make([]byte, limit))); err != nil {
			break
		}
	}
	c.expectDrop()
	if reason := b.offline(t); !strings.Contains(reason, "more than 131072 bytes") {
		t.Errorf("endless message: %q", reason)
	}
	if n := b.faults(stream.FaultText); n != 3 {
		t.Errorf("%d texts were faults", n)
	}
}

// No CLOSE frame answers a connection that went wrong.
func TestPushFramingErrors(t *testing.T) {
	for name, raw := range map[string][]byte{
		"reserved bit":       encode(fin|0x40|opBinary, []byte("x")),
		"unknown opcode":     encode(fin|5, []byte("x")),
		"continues nothing":  encode(fin|opCont, []byte("x")),
		"new message within": append(encode(opBinary, []byte("x")), encode(fin|opBinary, []byte("x"))...),
		"no mask":            {fin | opBinary, 1, 'x'},
		"long ping":          encode(fin|opPing, make([]byte, 126)),
		"fragmented ping":    encode(opPing, []byte("x")),
		"bad close code":     encode(fin|opClose, []byte{0, 1}),
		"length too large":   {fin | opBinary, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			c := dial(t, listen(t, b, Options{}, false), "")
			c.write(raw)
			c.expectDrop()
			if reason := b.offline(t); !strings.Contains(reason, "framing") || b.faults(stream.FaultFraming) != 1 {
				t.Errorf("%q, %d faults", reason, b.faults(stream.FaultFraming))
			}
		})
	}
}

func TestPushConnectionLost(t *testing.T) {
	for name, raw := range map[string][]byte{
		"between messages": nil, "in a header": {fin | opBinary}, "in a message": encode(opBinary, []byte("x")),
		"in a fragment": encode(fin|opBinary, make([]byte, 100))[:50],
	} {
		b := newBench(t, stream.Options{})
		c := dial(t, listen(t, b, Options{}, false), "")
		c.write(raw)
		c.conn.Close()
		if reason := b.offline(t); reason != "connection lost" || b.faults(stream.FaultFraming) != 0 {
			t.Errorf("%s: %q, %d faults", name, reason, b.faults(stream.FaultFraming))
		}
	}
}

// A camera that says goodbye is answered, and TCP is closed by the relay.
func TestPushCameraCloses(t *testing.T) {
	for _, payload := range [][]byte{nil, {0x03, 0xE8}, {0x03, 0xE9, 'b', 'y', 'e'}} {
		b := newBench(t, stream.Options{})
		c := dial(t, listen(t, b, Options{}, false), "")
		c.send(fin|opClose, payload)
		if got := c.expect(opClose); !bytes.Equal(got, payload[:min(len(payload), 2)]) {
			t.Errorf("%q is answered %q", payload, got)
		}
		if _, _, err := c.receive(); err == nil {
			t.Error("more after CLOSE")
		}
		if reason := b.offline(t); reason != "the camera closed the connection" {
			t.Errorf("reason %q", reason)
		}
	}
}

// Detach says goodbye only to a camera that is to stay away.
func TestPushDetach(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for reason, want := range map[stream.Reason]int{
			stream.Update: wire.CloseUpdate, stream.Forbidden: wire.CloseForbidden, stream.Superseded: wire.CloseSuperseded, stream.Shutdown: 0,
		} {
			b := newBench(t, stream.Options{})
			server := listen(t, b, Options{}, secure)
			c := dial(t, server, "")
			b.await(t, "online", func(c wire.Camera) bool { return c.State == "online" })
			if reason == stream.Superseded {
				dial(t, server, "")
			} else {
				b.hub.Detach(reason)
			}
			if want == 0 {
				c.expectDrop()
				continue
			}
			payload := c.expect(opClose)
			if len(payload) < 2 || int(payload[0])<<8|int(payload[1]) != want || len(payload) > 125 {
				t.Errorf("%d: CLOSE %q", reason, payload)
			}
			c.send(fin|opBinary, picture(t, 1, 96, 96)) // on its way already
			c.send(fin|opClose, nil)
			if _, _, err := c.receive(); err == nil {
				t.Errorf("%d: more after CLOSE", reason)
			}
			if b.hub.Totals().Frames != 0 {
				t.Errorf("%d: a frame after the end was published", reason)
			}
		}
	}
}

func TestPushRemovedCamera(t *testing.T) {
	b := newBench(t, stream.Options{})
	server := listen(t, b, Options{}, false)
	b.Remove("door")
	c := dial(t, server, "")
	if payload := c.expect(opClose); len(payload) < 2 || int(payload[0])<<8|int(payload[1]) != wire.CloseForbidden {
		t.Errorf("CLOSE %q", payload)
	}
}

// pipePush connects a camera without a network, so that time can be faked. The
// camera reads nothing by itself.
func pipePush(t *testing.T, b *bench, opt Options, protocol string) (c *camera, ended <-chan struct{}) {
	t.Helper()
	opt.Logger = quiet()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, err := http.ReadRequest(bufio.NewReaderSize(ours, 4096))
		if err != nil {
			t.Error(err)
			return
		}
		NewServer(b.Pool(), opt).ServePush(pipeWriter{httptest.NewRecorder(), ours}, req, b.hub)
	}()
	c = handshake(t, theirs, protocol)
	t.Cleanup(func() { theirs.Close(); <-done })
	return c, done
}

func TestPushTimes(t *testing.T) {
	opt := Options{PingInterval: 10 * time.Second, PongTimeout: 30 * time.Second, MessageTimeout: 10 * time.Second}
	began := time.Now
	t.Run("pings are answered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			c, ended := pipePush(t, b, opt, "")
			start := began()
			for range 10 {
				op, payload, err := c.receive()
				if op != opPing || len(payload) > 125 || err != nil {
					t.Fatalf("opcode %d, %v", op, err)
				}
				c.send(fin|opPong, payload)
			}
			if took := time.Since(start); took != 100*time.Second {
				t.Errorf("ten pings in %v", took)
			}
			go c.expectDrop() // reads and answers nothing
			<-ended
			if took := time.Since(start); took != 130*time.Second {
				t.Errorf("dropped after %v", took)
			}
			if reason := b.offline(t); reason != "nothing heard for 30s" {
				t.Errorf("reason %q", reason)
			}
		})
	})
	t.Run("half a message", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			c, ended := pipePush(t, b, opt, "")
			start := began()
			c.send(opBinary, []byte{0xFF, 0xD8})
			go c.expectDrop()
			time.Sleep(9 * time.Second)
			c.send(fin|opPing, nil) // does not count
			<-ended
			if took := time.Since(start); took != 10*time.Second {
				t.Errorf("dropped after %v", took)
			}
			if reason := b.offline(t); reason != "a message took longer than 10s" {
				t.Errorf("reason %q", reason)
			}
		})
	})
	t.Run("does not read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			c, ended := pipePush(t, b, opt, wire.CameraProtocol) // the first pace stays in the pipe
			start := began()
			for range 9 { // its frames are taken all the same
				time.Sleep(time.Second)
				c.send(fin|opPing, []byte("x"))
				c.send(fin|opBinary, picture(t, 1, 96, 96))
			}
			<-ended
			if took := time.Since(start); took != 10*time.Second || b.hub.Totals().Frames != 9 {
				t.Errorf("dropped after %v and %d frames", took, b.hub.Totals().Frames)
			}
			if reason := b.offline(t); reason != "the camera does not read what it is sent" {
				t.Errorf("reason %q", reason)
			}
		})
	})
	t.Run("does not answer CLOSE", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			c, ended := pipePush(t, b, opt, "")
			synctest.Wait()
			start := began()
			b.hub.Detach(stream.Update)
			c.expect(opClose)
			<-ended
			if took := time.Since(start); took != closeWait {
				t.Errorf("closed after %v", took)
			}
		})
	})
}

func TestPushTooFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, stream.Options{})
		c, _ := pipePush(t, b, Options{MaxFPS: 10}, "")
		go c.expectDrop()
		jpeg := picture(t, 1, 96, 96)
		for range 50 { // two seconds at 25 a second
			c.send(fin|opBinary, jpeg)
			time.Sleep(40 * time.Millisecond)
		}
		synctest.Wait()
		if n, dropped := b.hub.Totals().Frames, b.faults(stream.FaultTooFast); n < 28 || n > 31 || n+dropped != 50 {
			t.Errorf("%d frames, %d too fast", n, dropped)
		}
	})
}

func TestPushCaptureTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, stream.Options{})
		b.watch(t)
		c, _ := pipePush(t, b, Options{}, "")
		go c.expectDrop()
		now := time.Now()
		for _, tt := range []struct {
			sent int64
			want time.Time
		}{
			{now.Add(-80 * time.Millisecond).UnixMicro(), now.Add(-80 * time.Millisecond)},
			{now.Add(80 * time.Millisecond).UnixMicro(), now},
			{now.Add(-2 * time.Hour).UnixMicro(), time.Time{}},
			{now.Add(2 * time.Hour).UnixMicro(), time.Time{}},
			{0, time.Time{}}, {1, time.Time{}}, {-1 << 63, time.Time{}}, {1<<63 - 1, time.Time{}},
		} {
			jpeg := picture(t, 1, 96, 96)
			jpeg = append(wire.Capture{Count: 1, Time: tt.sent}.Append([]byte{0xFF, 0xD8}), jpeg[2:]...)
			c.send(fin|opBinary, jpeg)
			if got := b.next(t); !got.Captured.Equal(tt.want) || !got.Received.Equal(now) || !bytes.Equal(got.jpeg, jpeg) {
				t.Errorf("%d: captured %v, want %v", tt.sent, got.Captured, tt.want)
			}
		}
	})
}

// What comes from the wire never makes the relay panic, hang or send CLOSE by
// itself.
func FuzzPush(f *testing.F) {
	jpeg := picture(f, 1, 96, 96)
	f.Add(encode(fin|opBinary, jpeg))
	f.Add(append(encode(opBinary, jpeg[:100]), encode(fin|opCont, jpeg[100:])...))
	f.Add(encode(fin|opText, []byte(`{"t":"ack","id":1,"ok":true}`)))
	f.Add(encode(fin|opClose, []byte{3, 232}))
	f.Add([]byte{fin | 3, 0x80, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, stream.Options{})
			c, ended := pipePush(t, b, Options{MaxFrame: 4096}, wire.CameraProtocol)
			var sender sync.WaitGroup
			sender.Go(func() {
				_, _ = c.conn.Write(raw)
				time.Sleep(time.Minute)
				c.conn.Close()
			})
			for {
				op, payload, err := c.receive()
				if err != nil {
					break
				}
				if op == opClose && len(payload) >= 2 && payload[0] == 3 && payload[1] == 0xEA && !bytes.Contains(raw, []byte{fin | opClose}) {
					t.Errorf("CLOSE %q", payload)
				}
			}
			<-ended
			sender.Wait()
			b.Registry.Close()
			if n := b.Pool().Live(); n != 0 {
				t.Errorf("%d frames are not released", n)
			}
		})
	})
}
