//go:build !race

package egress

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
)

// A frame goes to viewers that keep up without an allocation for any of them.
func TestDeliveryAllocatesNothing(t *testing.T) {
	s := newStudio(t, Options{})
	const viewers = 30
	var readers sync.WaitGroup
	for i := range viewers {
		var conn net.Conn
		var r *bufio.Reader
		if i%2 == 0 {
			conn, r = s.raw("/ws/view/door")
		} else {
			r = s.mjpeg("")
		}
		if conn != nil {
			defer conn.Close()
		}
		readers.Go(func() { io.Copy(io.Discard, r) })
	}
	testkit.Eventually(t, 5*time.Second, func() bool { return s.hub.Viewers() == viewers }, "joined")
	body := picture(0, 20_000)
	deliver := func() {
		d := s.reg.Pool().Draft(len(body))
		d.Append(body)
		s.feed.Publish(d.Frame(len(body), stream.Meta{Received: time.Now()}))
		time.Sleep(2 * time.Millisecond) // so that all keep up
	}
	for range 20 {
		deliver()
	}
	if n := testing.AllocsPerRun(100, deliver); n > 3 { // the runtime's own, now and then
		t.Errorf("%v allocations a frame for %d viewers", n, viewers)
	}
	s.srv.Revoke(func(Access) bool { return true })
	s.http.CloseClientConnections()
	for _, c := range s.srv.all() {
		c.drop()
	}
	readers.Wait()
}
