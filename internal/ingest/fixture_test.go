package ingest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// picture makes a JPEG of w by h pixels that differs with n.
func picture(t testing.TB, n, w, h int) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), uint64(w*h)))
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(r.UintN(64)) + uint8(i/w)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 50}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// seen is a frame as a viewer got it.
type seen struct {
	stream.Meta
	jpeg []byte
}

// sink is a viewer's transport that is always free.
type sink chan seen

func (s sink) TryFrame(f *stream.Frame) (bool, error) {
	select {
	case s <- seen{f.Meta, bytes.Clone(f.JPEG())}:
	default:
	}
	return true, nil
}
func (sink) TryPost([]byte) (bool, error) { return true, nil }
func (sink) Finish() error                { return nil }
func (sink) Close()                       {}
func (sink) Release()                     {}

// states is an observer that keeps the states of a hub.
type states chan wire.Camera

func (s states) Changed(h *stream.Hub) {
	select {
	case s <- h.Camera():
	default:
	}
}
func (states) Removed(*stream.Hub) {}

// bench is a hub, its registry, a viewer and an observer.
type bench struct {
	*stream.Registry
	hub    *stream.Hub
	frames sink
	states states
}

func newBench(t testing.TB, opt stream.Options) *bench {
	t.Helper()
	b := &bench{Registry: stream.NewRegistry(opt), frames: make(sink, 1000), states: make(states, 10000)}
	var err error
	if b.hub, err = b.Add("door", "", "push"); err != nil {
		t.Fatal(err)
	}
	b.Observe(b.states)
	return b
}

// watch adds a viewer; the function it returns takes it out again.
func (b *bench) watch(t testing.TB) (leave func()) {
	t.Helper()
	out := stream.NewOutlet(b.frames, nil)
	v := b.hub.Join(out, stream.ViewerOptions{})
	if v == nil {
		t.Fatal("hub takes no viewer")
	}
	return v.Leave
}

const patience = 20 * time.Second

// next waits for a frame.
func (b *bench) next(t testing.TB) seen {
	t.Helper()
	select {
	case f := <-b.frames:
		return f
	case <-time.After(patience):
		t.Fatalf("no frame: camera is %q, %q, faults %v", b.hub.Camera().State, b.hub.Camera().Reason, b.hub.Totals().Faults)
		return seen{}
	}
}

// await waits until what observers are told fits.
func (b *bench) await(t testing.TB, what string, fits func(wire.Camera) bool) wire.Camera {
	t.Helper()
	timeout := time.After(patience)
	again := time.NewTicker(5 * time.Millisecond) // fits may ask for more than observers are told
	defer again.Stop()
	for {
		if c := b.hub.Camera(); fits(c) {
			return c
		}
		select {
		case <-b.states:
		case <-again.C:
		case <-timeout:
			c := b.hub.Camera()
			t.Fatalf("waited for %s: camera is %q, %q, %v", what, c.State, c.Reason, c.Settings)
		}
	}
}

// offline waits for the end of the feed and returns the reason.
func (b *bench) offline(t testing.TB) string {
	t.Helper()
	return b.await(t, "offline", func(c wire.Camera) bool { return c.State == "offline" && c.Reason != "" }).Reason
}

func (b *bench) faults(f stream.Fault) uint64 { return b.hub.Totals().Faults[f] }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// camera is a WebSocket client that can be as rude as a real one: RFC 6455 by
// hand.
type camera struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	head string // of the response
}

// frame opcodes
const (
	opCont, opText, opBinary, opClose, opPing, opPong = 0, 1, 2, 8, 9, 10
	fin                                               = 0x80
)

// handshake sends what esp_websocket_client sends.
func handshake(t testing.TB, conn net.Conn, protocol string) *camera {
	t.Helper()
	request := "GET /ws/push/door HTTP/1.1\r\nConnection: Upgrade\r\nHost: relay:8080\r\nUser-Agent: ESP32 Websocket Client\r\n" +
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if protocol != "" {
		request += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	c := &camera{t: t, conn: conn, r: bufio.NewReader(conn)}
	c.write([]byte(request + "\r\n"))
	for !strings.HasSuffix(c.head, "\r\n\r\n") {
		line, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatalf("read response head: %v", err)
		}
		c.head += line
	}
	if !strings.HasPrefix(c.head, "HTTP/1.1 101 ") {
		t.Fatalf("no upgrade: %s", c.head)
	}
	return c
}

func (c *camera) write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// encode makes a masked frame; first is its first byte.
func encode(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{0x12, 0x34, 0x56, byte(len(payload))}
	b = append(b, key[:]...)
	for i, p := range payload {
		b = append(b, p^key[i%4])
	}
	return b
}

func (c *camera) send(first byte, payload []byte) {
	c.t.Helper()
	c.write(encode(first, payload))
}

// fragments sends a message in pieces of size bytes, like send_bin; between, if
// set, comes after each.
func (c *camera) fragments(payload []byte, size int, between func()) {
	c.t.Helper()
	for first := byte(opBinary); ; first = opCont {
		n := min(size, len(payload))
		last := n == len(payload)
		if last {
			first |= fin
		}
		c.send(first, payload[:n])
		if payload = payload[n:]; last {
			return
		}
		if between != nil {
			between()
		}
	}
}

// receive reads one frame.
func (c *camera) receive() (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(head[1] & 0x7F)
	if n == 126 {
		var ext [2]byte
		if _, err := io.ReadFull(c.r, ext[:]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(ext[:]))
	}
	if head[0]&fin == 0 || head[1]&0x80 != 0 {
		return 0, nil, errors.New("the relay sent a fragment or a mask")
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.r, payload)
	return head[0] & 0xF, payload, err
}

// expect reads frames up to one with op, passing over pings.
func (c *camera) expect(want byte) []byte {
	c.t.Helper()
	for {
		op, payload, err := c.receive()
		switch {
		case err != nil:
			c.t.Fatalf("waited for opcode %d: %v", want, err)
		case op == want:
			return payload
		case op != opPing:
			c.t.Fatalf("waited for opcode %d, got %d %q", want, op, payload)
		}
	}
}

// expectDrop reads up to the end of TCP, and fails on a CLOSE frame.
func (c *camera) expectDrop() {
	c.t.Helper()
	for {
		op, payload, err := c.receive()
		if err != nil {
			return
		}
		if op == opClose {
			c.t.Fatalf("got a CLOSE frame: %q", payload)
		}
	}
}

// pipeWriter is a response whose connection is one end of a pipe.
type pipeWriter struct {
	http.ResponseWriter
	conn net.Conn
}

func (w pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}
