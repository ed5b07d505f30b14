package mqtt

import (
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"camrelay/internal/stream"
)

// Payloads of status topics.
const (
	online   = "online"
	updating = "updating"
	offline  = "offline"
)

// settle is how long changes are collected before they are published: a camera
// that connects says a moment later what it is.
const settle = 100 * time.Millisecond

// Info is what a camera is, in its info topic.
type Info struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`     // push or pull
	Firmware string `json:"firmware"` // empty if the camera does not say
	Board    string `json:"board"`
}

// Cameras are those whose status is published; stream.Registry has them.
type Cameras interface {
	Get(id string) *stream.Hub
	All() []*stream.Hub
	Observe(stream.Observer) (stop func())
}

// Status keeps the retained topics of a relay and its cameras up to date. It
// observes the cameras, and never keeps those waiting who change them.
type Status struct {
	bus     Bus
	topics  Topics
	relay   string
	cameras Cameras
	log     *slog.Logger
	unwatch func()
	once    sync.Once
	stop    chan struct{}
	done    chan struct{}
	wake    chan struct{} // one token: dirty is not empty

	mu    sync.Mutex
	dirty map[string]bool // ids of cameras that changed

	told map[string]string // content of topics; used by run alone
}

// NewStatus begins to publish. Close it before the bus.
func NewStatus(bus Bus, topics Topics, relay string, cameras Cameras, log *slog.Logger) *Status {
	s := &Status{
		bus: bus, topics: topics, relay: relay, cameras: cameras, log: log,
		stop: make(chan struct{}), done: make(chan struct{}), wake: make(chan struct{}, 1),
		dirty: map[string]bool{}, told: map[string]string{},
	}
	s.tell(topics.RelayStatus(relay), online)
	s.unwatch = cameras.Observe(s)
	for _, h := range cameras.All() {
		s.mark(h.ID())
	}
	go s.run()
	return s
}

// Changed is called by the cameras' registry.
func (s *Status) Changed(h *stream.Hub) { s.mark(h.ID()) }

// Removed is called by the cameras' registry.
func (s *Status) Removed(h *stream.Hub) { s.mark(h.ID()) }

// Close says that the relay is offline and stops. What was said about its
// cameras stays: it holds for as long as the relay is online.
func (s *Status) Close() {
	s.once.Do(func() {
		s.unwatch()
		close(s.stop)
	})
	<-s.done
}

func (s *Status) mark(camera string) {
	s.mu.Lock()
	s.dirty[camera] = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Status) run() {
	defer close(s.done)
	timer := time.NewTimer(settle)
	defer timer.Stop()
	for open := true; open; {
		select {
		case <-s.wake:
		case <-s.stop:
			open = false
		}
		timer.Reset(settle)
		select {
		case <-timer.C:
		case <-s.stop:
			open = false
		}
		s.mu.Lock()
		dirty := s.dirty
		s.dirty = map[string]bool{}
		s.mu.Unlock()
		for camera := range dirty {
			s.look(camera)
		}
	}
	s.tell(s.topics.RelayStatus(s.relay), offline)
}

// look publishes how a camera is now: that it changed may be heard after it was
// removed, or added again.
func (s *Status) look(camera string) {
	h := s.cameras.Get(camera)
	if h == nil {
		s.tell(s.topics.CameraStatus(camera), "")
		s.tell(s.topics.CameraInfo(camera), "")
		return
	}
	c := h.Camera()
	info, err := json.Marshal(Info{ID: c.ID, Name: c.Name, Kind: c.Kind, Firmware: c.Firmware, Board: c.Board})
	if err != nil {
		s.log.Error("cannot publish camera", "camera", camera, "error", err)
		return
	}
	state, _ := h.State()
	s.tell(s.topics.CameraStatus(camera), presence(state))
	s.tell(s.topics.CameraInfo(camera), string(info))
}

// presence is a camera's state for those who only ask whether it is there.
func presence(s stream.State) string {
	switch s {
	case stream.Offline:
		return offline
	case stream.Updating:
		return updating
	}
	return online
}

// tell publishes a topic's content if it is new; empty: clears it.
func (s *Status) tell(topic, content string) {
	if s.told[topic] == content {
		return
	}
	if err := s.bus.Publish(topic, []byte(content), 1, true); err != nil {
		s.log.Error("cannot publish status", "topic", topic, "error", err)
		return
	}
	s.told[topic] = content
	if content == "" {
		delete(s.told, topic)
	}
}
