package mqtt

import (
	"context"
	"testing"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// source is a camera that does nothing.
type source struct{}

func (source) Pace(wire.Pace) {}
func (source) CanSet() bool   { return false }
func (source) Set(context.Context, wire.Settings) (wire.Settings, error) {
	return nil, stream.ErrNoControl
}
func (source) Pause(context.Context, bool) error { return nil }
func (source) Detach(stream.Reason)              {}

func TestStatus(t *testing.T) {
	b, log := newTestBroker(t, nil)
	cameras := stream.NewRegistry(stream.Options{})
	door, err := cameras.Add("door", "Front door", "push")
	if err != nil {
		t.Fatal(err)
	}
	s := NewStatus(b, "camrelay", "lab", cameras, log.logger())
	defer s.Close()
	viewer := mosquittoSub(t, b.Addr(), asViewer, "-t", "camrelay/#")
	viewer.wait(t, "camrelay/relay/lab/status online")
	viewer.wait(t, "camrelay/cam/door/status offline")
	viewer.wait(t, `camrelay/cam/door/info {"id":"door","name":"Front door","kind":"push","firmware":"","board":""}`)

	feed := door.Attach(source{}, true)
	feed.Hello(wire.Hello{Firmware: "1.4.2", Board: "ai-thinker"})
	viewer.wait(t, "camrelay/cam/door/status online")
	viewer.wait(t, `camrelay/cam/door/info {"id":"door","name":"Front door","kind":"push","firmware":"1.4.2","board":"ai-thinker"}`)
	door.SetUpdating("installing 1.5.0")
	viewer.wait(t, "camrelay/cam/door/status updating")

	late := mosquittoSub(t, b.Addr(), asViewer, "-t", "camrelay/cam/#") // retained
	late.wait(t, "camrelay/cam/door/status updating")

	cameras.Remove("door")
	viewer.wait(t, "camrelay/cam/door/status (null)")
	viewer.wait(t, "camrelay/cam/door/info (null)")
	if kept := b.server.Topics.Messages("camrelay/cam/#"); len(kept) != 0 {
		t.Errorf("%d messages of a removed camera are kept", len(kept))
	}
	s.Close()
	s.Close()
	viewer.wait(t, "camrelay/relay/lab/status offline")
}

func TestStatusOverClient(t *testing.T) {
	testkit.Leaks(t)
	m := startMosquitto(t, "allow_anonymous true")
	c, log := newTestClient(t, ClientOptions{URL: m.url()})
	cameras := stream.NewRegistry(stream.Options{})
	door, err := cameras.Add("door", "", "push")
	if err != nil {
		t.Fatal(err)
	}
	s := NewStatus(c, "camrelay", "lab", cameras, log.logger())
	door.Attach(source{}, true)
	m.waitFor(t, "camrelay/cam/door/status", online)
	m.kill()
	log.wait(t, "no MQTT broker")
	cameras.Remove("door")
	m.start()
	m.waitFor(t, "camrelay/relay/lab/status", online)
	s.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "camrelay/relay/lab/status", offline)
	if out := mosquittoSub(t, m.addr, asNobody, "-t", "camrelay/cam/#"); out.matches("door") {
		t.Errorf("a removed camera is still there: %q", out.lines)
	}
}

// stuckBus never returns from Publish.
type stuckBus struct {
	Bus
	release chan struct{}
}

func (s stuckBus) Publish(string, []byte, byte, bool) error {
	<-s.release
	return nil
}

func TestStatusNeverBlocks(t *testing.T) {
	testkit.Leaks(t)
	cameras := stream.NewRegistry(stream.Options{})
	bus := stuckBus{release: make(chan struct{})}
	made := make(chan *Status)
	go func() { made <- NewStatus(bus, "camrelay", "lab", cameras, new(logbook).logger()) }()
	bus.release <- struct{}{} // the relay's own status
	s := <-made
	door, err := cameras.Add("door", "", "push")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			s.Changed(door)
		}
		s.Removed(door)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("an observed change waits for the broker")
	}
	close(bus.release)
	s.Close()
}

func TestPresence(t *testing.T) {
	for state, want := range map[stream.State]string{
		stream.Online: online, stream.Resting: online, stream.Stale: online,
		stream.Updating: updating, stream.Offline: offline,
	} {
		if got := presence(state); got != want {
			t.Errorf("%v is %q", state, got)
		}
	}
}
