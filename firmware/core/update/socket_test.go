package update

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/halnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A whole update over real sockets, from a real server whose connections break:
// the rig's relay behind net/http.
func TestRealSockets(t *testing.T) {
	const size = 400 << 10
	old, next := newArtefact("old", 10, small, nil), newArtefact("new", 11, size, nil)
	w := newWorld(t, size, old, next)
	w.channel = byMQTT
	handle := w.relay.handle(w)
	rnd := rand.New(rand.NewPCG(1, 1))
	var broken atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Range") == "bytes=0-4095" || broken.Load() >= 6 || q.URL.Path != next.path() {
			handle(rw, q)
			return
		}
		broken.Add(1)
		rw = &breaking{ResponseWriter: rw, left: 10_000 + rnd.IntN(100_000)}
		handle(rw, q)
	}))
	defer server.Close()
	host, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	n, _ := strconv.ParseUint(port, 10, 16)
	w.real = halnet.New(halnet.Options{})
	defer w.real.Close()
	w.realHost, w.realPort = host, uint16(n)
	must(t, w.start())
	w.command(orderFor(next, "job-1", ""))
	limit := time.Now().Add(time.Minute)
	for !w.reset && time.Now().Before(limit) {
		if w.u.Step(w.clock.Advance(time.Millisecond)) {
			continue
		}
		select {
		case <-w.real.Changed():
		case <-time.After(time.Millisecond): // in which 20 of the camera's pass, so that its pauses are short
			w.clock.Advance(20 * time.Millisecond)
		}
	}
	got := w.chip.Bytes()[w.layout.Slots[1]:][:size]
	if !w.reset || broken.Load() < 3 || !bytes.Equal(got[4096:], next.bytes[4096:]) {
		t.Errorf("reset %v after %d breaks: %s", w.reset, broken.Load(), w.phases(0))
	}
}

// breaking breaks the connection when so many bytes have been written.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	n, err := b.ResponseWriter.Write(p[:n])
	if b.left == 0 && err == nil {
		panic(http.ErrAbortHandler)
	}
	return n, err
}
