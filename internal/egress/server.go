package egress

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// Access is what the person or program behind a request may do.
type Access interface {
	CanView(camera string) bool
	CanControl() bool
	Name() string // for people: who controls a camera
	Role() string
	Valid() bool // whether it still holds
}

// Options are the limits and names of a Server. Zero values mean the defaults.
type Options struct {
	Relay, Version string        // told to viewers
	PingInterval   time.Duration // default 10 s
	PongTimeout    time.Duration // a WebSocket viewer not heard for so long is dropped; default 30 s
	WriteStall     time.Duration // a viewer that took no byte for so long is dropped; default 10 s
	MaxViewers     int           // of one camera; default 10,000
	Logger         *slog.Logger
}

func (o *Options) setDefaults() {
	o.PingInterval = cmp.Or(o.PingInterval, 10*time.Second)
	o.PongTimeout = cmp.Or(o.PongTimeout, 30*time.Second)
	o.WriteStall = cmp.Or(o.WriteStall, 10*time.Second)
	o.MaxViewers = cmp.Or(o.MaxViewers, 10_000)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Kinds of viewers, for counting.
const (
	KindPlain = "ws"
	KindView  = "view"
	KindMJPEG = "mjpeg"
)

// viewerConn is a viewer's connection as the server looks after it.
type viewerConn interface {
	kind() string
	access() Access
	// sweep does what is due every second: pings, time-outs, placeholders.
	sweep(now time.Time)
	// changed and removed tell what happened to a camera.
	changed(h *stream.Hub, msg func() []byte)
	removed(h *stream.Hub)
	// goodbye ends the connection with a close code that says why; drop ends it
	// at once.
	goodbye(code int, reason string)
	drop()
}

// Server serves viewers of the cameras of one registry.
type Server struct {
	opt atomic.Pointer[Options]
	reg *stream.Registry

	plain, view, part, image *stream.Wrapping
	start                    time.Time

	mu      sync.Mutex
	conns   map[viewerConn]struct{}
	stopped bool
	gone    sync.WaitGroup // one for each connection

	telling sync.Mutex // orders what viewers are told about a camera; before mu
	notices notices    // the sweep's
}

// NewServer returns a server for the cameras of reg. Run has to be called.
func NewServer(reg *stream.Registry, opt Options) *Server {
	s := &Server{
		reg: reg, start: time.Now(),
		plain: plainWrapping(), view: viewWrapping(), part: partWrapping(), image: imageWrapping(),
		conns: make(map[viewerConn]struct{}),
	}
	s.SetOptions(opt)
	return s
}

// SetOptions changes the limits and names from now on.
func (s *Server) SetOptions(opt Options) {
	opt.setDefaults()
	s.opt.Store(&opt)
}

func (s *Server) options() *Options { return s.opt.Load() }

// Run looks after the viewers until ctx ends.
func (s *Server) Run(ctx context.Context) {
	defer s.reg.Observe(s)()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, c := range s.all() {
				c.sweep(now)
			}
		}
	}
}

// Changed implements stream.Observer. What is told last is the newest, and
// nothing is told of a camera after it was removed.
func (s *Server) Changed(h *stream.Hub) {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.reg.Get(h.ID()) == h {
		s.tellChanged(h)
	}
}

func (s *Server) tellChanged(h *stream.Hub) {
	var msg []byte
	made := func() []byte { // once, and only if somebody wants it
		if msg == nil {
			msg = textMessage(cameraText{wire.KindCamera, h.Camera()})
		}
		return msg
	}
	for _, c := range s.all() {
		c.changed(h, made)
	}
}

// Removed implements stream.Observer.
func (s *Server) Removed(h *stream.Hub) {
	s.telling.Lock()
	defer s.telling.Unlock()
	for _, c := range s.all() {
		c.removed(h)
	}
	if next := s.reg.Get(h.ID()); next != nil { // the id was used again already
		s.tellChanged(next)
	}
}

// Revoke ends the connections whose access matches, because their token is no
// longer valid.
func (s *Server) Revoke(match func(Access) bool) {
	for _, c := range s.all() {
		if match(c.access()) {
			c.goodbye(wire.CloseSignedOut, "signed out")
		}
	}
}

// Shutdown asks all viewers to come back later and waits until they have gone,
// or ctx ends and they are dropped.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	for _, c := range s.all() {
		c.goodbye(closeGoingAway, "the relay restarts")
	}
	done := make(chan struct{})
	go func() {
		s.gone.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		for _, c := range s.all() {
			c.drop()
		}
		<-done
	}
}

// closeGoingAway is code 1001 of RFC 6455 section 7.4.1.
const closeGoingAway = 1001

// Viewers counts the connections of each kind.
func (s *Server) Viewers() map[string]int {
	counts := map[string]int{KindPlain: 0, KindView: 0, KindMJPEG: 0}
	for _, c := range s.all() {
		counts[c.kind()]++
	}
	return counts
}

func (s *Server) all() []viewerConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// add registers a connection; false when the server is stopping.
func (s *Server) add(c viewerConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.conns[c] = struct{}{}
	s.gone.Add(1)
	return true
}

// checkIn ends a connection whose access was taken back before it was added, and
// which Revoke therefore missed.
func (s *Server) checkIn(c viewerConn) {
	if !c.access().Valid() {
		c.goodbye(wire.CloseSignedOut, "signed out")
	}
}

// remove is called once for each connection that was added, when nothing of it
// runs any more.
func (s *Server) remove(c viewerConn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.gone.Done()
}

// tuning is what a camera's stream needs of a send buffer.
func tuning(h *stream.Hub) (frame int, rate float64) {
	if f := h.Newest(); f != nil {
		frame = len(f.JPEG())
		f.Release()
	}
	return frame, h.Rate()
}
