package ingest

import (
	"fmt"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/stream"
)

// loop is a connection whose other side sends the same bytes over and over.
type loop struct {
	net.Conn
	raw []byte
	at  int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.raw[l.at:])
	l.at = (l.at + n) % len(l.raw)
	return n, nil
}
func (l *loop) Write(p []byte) (int, error)    { return len(p), nil }
func (*loop) Close() error                     { return nil }
func (*loop) SetDeadline(time.Time) error      { return nil }
func (*loop) SetReadDeadline(time.Time) error  { return nil }
func (*loop) SetWriteDeadline(time.Time) error { return nil }

// looped is a camera that sends jpeg in fragments of size bytes.
func looped(t testing.TB, b *bench, jpeg []byte, size int) *pushConn {
	t.Helper()
	l := &loop{}
	for rest, first := jpeg, byte(opBinary); len(rest) > 0; first = opCont {
		n := min(size, len(rest))
		if n == len(rest) {
			first |= fin
		}
		l.raw = append(l.raw, encode(first, rest[:n])...)
		rest = rest[n:]
	}
	opt := Options{MaxFPS: 1 << 30, Logger: quiet()}
	opt.setDefaults()
	up := websocket.Upgrader{ReadBufferSize: readBuffer, WriteBufferSize: writeBuffer}
	req := httptest.NewRequest("GET", "/", nil)
	for k, v := range map[string]string{"Connection": "upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		req.Header.Set(k, v)
	}
	conn := &quietConn{Conn: l}
	ws, err := up.Upgrade(pipeWriter{httptest.NewRecorder(), conn}, req, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newPushConn(ws, conn, b.Pool(), opt, opt.Logger)
	c.feed = b.hub.Attach(c, true)
	return c
}

// sized makes a JPEG of n bytes.
func sized(t testing.TB, n int) []byte {
	jpeg := picture(t, 1, 96, 96)
	if len(jpeg)+4 > n {
		t.Fatalf("picture has %d bytes", len(jpeg))
	}
	pad := n - len(jpeg)
	out := append([]byte{0xFF, 0xD8, 0xFF, 0xFE, byte((pad - 2) >> 8), byte(pad - 2)}, make([]byte, pad-4)...)
	return append(out, jpeg[2:]...)
}

// A frame costs one allocation: the eight bytes of the WebSocket library's
// reader of one message.
func TestPushAllocations(t *testing.T) {
	for _, size := range []int{1024, 1 << 20} {
		b := newBench(t, stream.Options{})
		c := looped(t, b, sized(t, 8<<10), size)
		for range 100 {
			_ = c.message()
		}
		if allocs := testing.AllocsPerRun(1000, func() {
			if err := c.message(); err != nil {
				t.Fatal(err)
			}
		}); allocs > 1 {
			t.Errorf("fragments of %d: %.2f allocations a frame", size, allocs)
		}
		if n := b.hub.Totals().Frames; n < 1000 {
			t.Fatalf("%d frames, faults %v", n, b.hub.Totals().Faults)
		}
	}
}

func BenchmarkPush(b *testing.B) {
	for _, n := range []int{8 << 10, 40 << 10} {
		for _, size := range []int{1 << 20, 1024} {
			b.Run(fmt.Sprintf("%dKiB/fragments=%d", n>>10, size), func(b *testing.B) {
				bench := newBench(b, stream.Options{})
				c := looped(b, bench, sized(b, n), size)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if err := c.message(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
