package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/ws"
	"camrelay/firmware/core/wsclient"
	"camrelay/internal/wire"
)

func startOrder(job, host, mode string) string {
	order := wire.Update{Cmd: wire.UpdateStart, Job: job, Image: "/ota/images/00.img", Size: 12096, Host: host, Token: "tok-0123456789", Mode: mode}
	text, err := order.Encode()
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Orders come over the WebSocket too, and their answers go there.
func TestOrderOverTheWebSocket(t *testing.T) {
	r, relay := started(t, usual())
	boot := relay.hello().Boot
	relay.say(startOrder("job-1", "elsewhere:80", ""))
	if a := relay.phase(time.Second, wire.PhaseRejected); a.Code != "wrong_host" || a.Job != "job-1" || a.Boot != boot || a.Seq != 1 || a.Build != 1042 {
		t.Errorf("%+v", a)
	}
	relay.say(`{"t":"ota","cmd":"status"}`)
	relay.phase(time.Second, wire.PhaseBooted)
	relay.say(startOrder("job-1", "relay.example:8080", ""))
	if a := relay.phase(time.Second, wire.PhaseAccepted); a.Attempt != 1 || a.Job != "job-1" {
		t.Errorf("%+v", a)
	}
	r.until(time.Second, "CLOSE", func() bool { relay.read(); return relay.code != 0 })
	if relay.code != wire.CloseUpdate || relay.message != nil {
		t.Errorf("code %d, with an open message of %d bytes", relay.code, len(relay.message))
	}
}

// server answers the calls of an update, from the relay's side.
type server struct {
	r     *rig
	files map[string][]byte
	calls int
	posts []string
	again *haltest.Call // for the stream
}

// serve answers what is dialled until done says that it is enough.
func (s *server) serve(limit time.Duration, done func() bool) {
	s.r.t.Helper()
	s.r.until(limit, "the update goes on", func() bool {
		switch c := s.r.net.Next(); {
		case c == nil:
		case c.Use == hal.Relay:
			s.again = c
		default:
			s.answer(c.Accept())
		}
		return done()
	})
}

func (s *server) answer(p *haltest.Stream) {
	s.r.t.Helper()
	s.calls++
	var request string
	s.r.until(time.Second, "a request", func() bool {
		request += string(p.ReadAll())
		head, body, whole := strings.Cut(request, "\r\n\r\n")
		n := 0
		fmt.Sscan(header(head+"\r\n", "Content-Length"), &n)
		return whole && len(body) >= n
	})
	var method, path string
	fmt.Sscan(request, &method, &path)
	if method == "POST" {
		_, body, _ := strings.Cut(request, "\r\n\r\n")
		s.posts = append(s.posts, body)
		p.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
		p.Close()
		return
	}
	content := s.files[path]
	sum := sha256.Sum256(content)
	from, to := 0, len(content)-1
	fmt.Sscanf(header(request, "Range"), "bytes=%d-%d", &from, &to)
	p.Write(fmt.Appendf(nil, "HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\nContent-Range: bytes %d-%d/%d\r\nETag: \"%s\"\r\n\r\n",
		to-from+1, from, to, len(content), hex.EncodeToString(sum[:])))
	p.Write(content[from : to+1])
	p.Close()
}

// A whole update with its trial: the stream is closed and opened again, and
// nothing is dialled for it meanwhile.
func TestUpdate(t *testing.T) {
	r, relay := started(t, usual())
	relay.hello()
	next := newImage(t, "ai-thinker", "esp32sim", "1.5.0", 1050)
	probe := make([]byte, 1024)
	s := &server{r: r, files: map[string][]byte{"/ota/images/00.img": next, "/ota/probe": probe}}
	relay.say(strings.Replace(startOrder("job-1", "relay.example:8080", ""), "12096", fmt.Sprint(len(next)), 1))
	relay.phase(time.Second, wire.PhaseAccepted)
	r.until(2*time.Second, "CLOSE", func() bool { relay.read(); return relay.code == wire.CloseUpdate })
	relay.send(8, []byte{0x0f, 0xa1})
	relay.s.Close()
	s.serve(30*time.Second, func() bool { return r.sys.resets > 0 })
	if s.again != nil {
		t.Error("it dialled for the stream")
	}
	if r.sensor.Receiving() {
		t.Error("the sensor runs")
	}
	var phases []string
	for _, post := range s.posts {
		text, err := wire.ParseCameraText([]byte(post))
		r.must(err)
		phases = append(phases, text.Update.Phase)
	}
	if got := strings.Join(phases, " "); got != "stream_closed server_stopped ready header_ok downloading verified activated rebooting" {
		t.Errorf("posted: %s", got)
	}

	var selector boot.Selector
	r.must(selector.Open(r.flash, boot.ESP32CAM(), sha256.New()))
	choice, ok := selector.Select(0)
	if !ok || choice.Slot != boot.B || !choice.Trial {
		t.Fatalf("%+v", choice)
	}
	r.sys.slot, r.sys.stayed = choice.Slot, false
	r.restart(hal.Software)
	s.calls = 0
	s.serve(5*time.Second, func() bool { return s.calls == 2 }) // the probe, in two parts
	relay = r.connect()
	if h := relay.hello(); h.State != wire.StateTrial || h.Build != 1050 || h.Slot != "B" || h.Job != "job-1" || h.Other != 1042 {
		t.Errorf("%+v", h)
	}
	if a := relay.phase(5*time.Second, wire.PhaseConfirmed, wire.PhaseFailed, wire.PhaseRolledBack); a.Phase != wire.PhaseConfirmed || a.Job != "job-1" {
		t.Errorf("%+v", a)
	}
	relay.fresh(5)
	if !r.sys.stayed {
		t.Error("the start counts as a crash")
	}
	var log boot.Log
	r.must(log.Open(r.flash, boot.RecordsOffset))
	var h image.Header
	r.must(image.Decode(next, &h))
	if record, _ := log.Newest(); record.State() != boot.Confirmed || !record.Names(&h) {
		t.Errorf("%+v", record)
	}
}

// An update that fails leaves the camera as it was: sensor, server, stream.
func TestUpdateFails(t *testing.T) {
	r, relay := started(t, withServer(usual()))
	relay.hello()
	before := r.flash.Counts()
	relay.say(startOrder("job-1", "relay.example:8080", ""))
	relay.phase(time.Second, wire.PhaseAccepted)
	s := &server{r: r, files: map[string][]byte{"/ota/images/00.img": make([]byte, 12096)}}
	r.until(2*time.Second, "CLOSE", func() bool { relay.read(); return relay.code == wire.CloseUpdate })
	relay.s.Abort()
	s.serve(10*time.Second, func() bool { return s.again != nil })
	relay = r.shake(s.again)
	a := relay.phase(5*time.Second, wire.PhaseFailed)
	if a.Code != "bad_magic" || a.At != wire.PhaseHeaderOK || !a.Restored {
		t.Errorf("%+v", a)
	}
	relay.fresh(5)
	if status, _ := r.ask("GET", "/status", ""); status != 200 {
		t.Error(status)
	}
	if wrote := r.flash.Counts().Erases - before.Erases; wrote > 3 { // of the state
		t.Errorf("%d sectors were erased", wrote)
	}
}

// Everything that people do to hold a camera open, and then an order: the
// memory is free in time.
func TestStop(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		r, relay := started(t, withMQTT(withServer(usual())))
		b := &broker{r: r}
		relay.hello()
		r.until(3*time.Second, "the broker", func() bool {
			if b.s == nil {
				if c := r.net.Next(); c != nil {
					b.s = c.Accept()
				}
				return false
			}
			b.read()
			return r.e.brokerReady()
		})
		clients := r.clients()
		r.run(500 * time.Millisecond)
		if r.e.control.Open() != len(clients) {
			t.Fatalf("%d clients are open", r.e.control.Open())
		}
		if stuck {
			r.shot = picture(t, 240, 176)
			fill(r)
		}
		b.publish("camrelay/cam/door/ota/cmd", startOrder("job-1", "relay.example:8080", ""), 0)
		b.ack(time.Second, wire.PhaseAccepted)
		began := r.clock.Now()
		ready := b.ack(12*time.Second, wire.PhaseReady)
		took := time.Duration(r.clock.Now() - began)
		t.Logf("stuck %v: ready after %v, %d bytes free", stuck, took, ready.Heap)
		if took > 10*time.Second {
			t.Errorf("ready after %v", took)
		}
		if r.e.control.Open() != 0 || r.e.client.State() > wsclient.Away || r.sensor.Receiving() {
			t.Errorf("%d clients, %v, %v", r.e.control.Open(), r.e.client.State(), r.sensor.Receiving())
		}
		for name, s := range clients {
			s.ReadAll()
			if s.Write([]byte("x")) != 0 && s.State() == hal.Open {
				t.Errorf("%s: still connected", name)
			}
		}
		if _, err := r.net.Connect(81); err == nil {
			t.Error("somebody is accepted")
		}
	}
}

// fill lets the camera send until nothing more fits, and nothing leaves.
func fill(r *rig) {
	r.t.Helper()
	r.net.near[hal.Relay].Hold(true)
	r.until(8*time.Second, "a full socket", func() bool { return r.e.client.Conn().Room() < ws.MaxFragment && !r.e.streamer.Idle() })
}
