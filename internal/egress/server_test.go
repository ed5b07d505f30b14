package egress

import (
	"context"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// Shutdown tells WebSocket viewers to come back, ends MJPEG, waits for all, and
// takes no new ones.
func TestShutdown(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		s.publish(picture(0, 20_000))
		plain, view := s.dial("/ws/view/door"), s.dial("/ws/view", wire.ViewProtocol)
		mjpeg := s.get("/cameras/door/stream.mjpg")
		s.viewers(3)
		var wg sync.WaitGroup
		var codes [2]int
		wg.Go(func() { codes[0] = closeCode(plain) })
		wg.Go(func() { codes[1] = closeCode(view) })
		wg.Go(func() { io.Copy(io.Discard, mjpeg.Body) })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s.srv.Shutdown(ctx)
		if ctx.Err() != nil || len(s.srv.all()) != 0 {
			s.Errorf("viewers that answer were not gone in time: %d", len(s.srv.all()))
		}
		wg.Wait()
		if codes != [2]int{1001, 1001} {
			s.Errorf("close codes %v, want 1001", codes)
		}
		if code := closeCode(s.dial("/ws/view/door")); code != 0 {
			s.Errorf("a late viewer got %d", code)
		}
	})
}

// Viewers that neither read nor answer do not hold Shutdown up.
func TestShutdownOfTheStubborn(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		s.raw("/ws/view/door")
		s.raw("/ws/view", wire.ViewProtocol)
		s.viewers(2)
		testkit.Eventually(s, 5*time.Second, func() bool { return s.hub.Viewers() == 1 }, "joined")
		for i := range 20 {
			s.publish(picture(i, 500_000))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		begin := time.Now()
		s.srv.Shutdown(ctx)
		if took := time.Since(begin); took > time.Second {
			s.Errorf("Shutdown with 0.2 s took %v", took)
		}
	})
}

func TestRevoke(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		s.publish(picture(0, 20_000))
		out, stays := s.dial("/ws/view/door?as=door"), s.dial("/ws/view/door?as=admin")
		view := s.dial("/ws/view?as=door", wire.ViewProtocol)
		s.viewers(3)
		s.srv.Revoke(func(a Access) bool { return a.Name() == "door" })
		if code := closeCode(out); code != wire.CloseSignedOut {
			s.Errorf("plain: close code %d", code)
		}
		if code := closeCode(view); code != wire.CloseSignedOut {
			s.Errorf("view: close code %d", code)
		}
		message(s.T, stays)
		s.publish(picture(1, 100))
		message(s.T, stays)
		s.viewers(1)
	})
}

// A token that is deleted between the look at it and the viewer's coming in.
func TestRevokedBeforeComingIn(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		s.publish(picture(0, 20_000))
		if code := closeCode(s.dial("/ws/view/door?as=signed+out")); code != wire.CloseSignedOut {
			s.Errorf("plain: close code %d", code)
		}
		if code := closeCode(s.dial("/ws/view?as=signed+out", wire.ViewProtocol)); code != wire.CloseSignedOut {
			s.Errorf("view: close code %d", code)
		}
		if answer, err := s.http.Client().Get(s.http.URL + "/cameras/door/stream.mjpg?as=signed+out"); err == nil {
			io.Copy(io.Discard, answer.Body) // it ends
			answer.Body.Close()
		}
		s.http.Client().CloseIdleConnections()
		s.viewers(0)
	})
}

func TestCameraRemoved(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		s.publish(picture(0, 20_000))
		ws := s.dial("/ws/view/door")
		mjpeg := s.get("/cameras/door/stream.mjpg")
		s.viewers(2)
		s.reg.Remove("door")
		if code := closeCode(ws); code != wire.CloseNoCamera {
			s.Errorf("close code %d", code)
		}
		io.Copy(io.Discard, mjpeg.Body)
		s.viewers(0)
	})
}

// A viewer that is told to go while its transport is full hears so when it
// reads on.
func TestGoodbyeOfBlockedViewer(t *testing.T) {
	both(t, Options{}, func(s *studio) {
		ws := s.dial("/ws/view/door")
		s.viewers(1)
		testkit.Eventually(s, 5*time.Second, func() bool { return s.hub.Viewers() == 1 }, "joined")
		for i := range 50 {
			s.publish(picture(i, 500_000))
		}
		s.srv.Revoke(func(Access) bool { return true })
		if code := closeCode(ws); code != wire.CloseSignedOut {
			s.Errorf("close code %d", code)
		}
		s.viewers(0)
	})
}

func TestRunSweeps(t *testing.T) {
	s := newStudio(t, Options{PingInterval: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.srv.Run(ctx) }()
	_, r := s.raw("/ws/view/door")
	frameWith(t, r, opPing)
	cancel()
	<-done
}

// descriptors counts this process's open files.
func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Two thousand viewers come and vanish without a word: nothing is left.
func TestVanishingViewers(t *testing.T) {
	s := newStudio(t, Options{})
	s.publish(picture(0, 20_000))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				s.publish(picture(i, 20_000))
			}
		}
	})
	requests := []string{
		"GET /cameras/door/stream.mjpg HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /ws/view/door HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"GET /ws/view HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: camrelay.view.v1\r\n\r\n",
	}
	visit := func(i int) {
		conn, err := net.Dial("tcp", s.addr())
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, requests[i%len(requests)])
		if i%4 != 0 {
			b := make([]byte, 1+i*37%30_000)
			conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			io.ReadFull(conn, b)
		}
		conn.(*net.TCPConn).SetLinger(0) // RST
		conn.Close()
	}
	visit(0)
	s.viewers(0)
	files, goroutines := descriptors(t), runtime.NumGoroutine()
	total := 2000
	if testing.Short() {
		total = 400
	}
	var visitors sync.WaitGroup
	for k := range 8 {
		visitors.Go(func() {
			for i := k; i < total; i += 8 {
				visit(i)
			}
		})
	}
	visitors.Wait()
	s.viewers(0)
	testkit.Eventually(t, 10*time.Second, func() bool {
		return descriptors(t) <= files && runtime.NumGoroutine() <= goroutines
	}, "%d descriptors and %d goroutines, as before", files, goroutines)
	close(stop)
	wg.Wait()
	if n := s.hub.Viewers(); n != 0 {
		t.Errorf("%d viewers are left", n)
	}
}

// The last that a viewer is told about a camera is how it is.
func TestToldInOrder(t *testing.T) {
	s := newStudio(t, Options{})
	ws := s.dial("/ws/view?as=admin", wire.ViewProtocol)
	told := newTeller(t, ws)
	told.until(wire.KindCameras)
	for round := range 50 {
		id := []string{"yard", "attic"}[round%2]
		h, feed := s.add(id, new(camera))
		var wg sync.WaitGroup
		wg.Go(func() { feed.Close("lost") })
		wg.Go(func() { h.Rename("another") })
		wg.Go(func() { s.reg.Remove(id) })
		wg.Wait()
		s.srv.Changed(h) // late
	}
	s.hub.SetUpdating("the end")
	for last := map[string]string{}; ; {
		text := told.next()
		switch text.T {
		case wire.KindCamera:
			last[text.Camera.ID] = "there"
			if text.Camera.Reason == "the end" {
				for id, what := range last {
					if id != "door" && what != "gone" {
						t.Errorf("%s was removed, and told of last as %s", id, what)
					}
				}
				return
			}
		case wire.KindGone:
			last[text.ID] = "gone"
		}
	}
}

var _ viewerConn = (*plainConn)(nil)
var _ viewerConn = (*viewConn)(nil)
var _ viewerConn = (*mjpegConn)(nil)
var _ stream.Sink = (*socket)(nil)
var _ stream.Sink = (*catcher)(nil)
