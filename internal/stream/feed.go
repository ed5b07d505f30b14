package stream

import (
	"context"
	"errors"
	"time"

	"camrelay/internal/wire"
)

// Reason is why the relay ends a camera's connection.
type Reason uint8

// Reasons for Source.Detach.
const (
	Superseded Reason = iota // a newer connection of this camera took over
	Forbidden                // its key is no longer valid, or it was removed
	Update                   // an update begins
	Shutdown                 // the relay stops, and wants it back afterwards
)

// Source is the camera's end of a feed. No method may block but Set and Pause.
type Source interface {
	// Pace tells the camera how much is wanted.
	Pace(wire.Pace)
	// CanSet reports whether settings can be sent.
	CanSet() bool
	// Set changes settings and returns what the camera says is now in force.
	Set(context.Context, wire.Settings) (wire.Settings, error)
	// Pause stops all frames, or lets them flow again.
	Pause(ctx context.Context, on bool) error
	// Detach ends the connection.
	Detach(Reason)
}

// ErrNoControl says that a camera takes no commands.
var ErrNoControl = errors.New("this camera takes no commands")

// ErrOffline says that a camera is not connected.
var ErrOffline = errors.New("camera is not connected")

// Fault is a way in which what came from a camera was no frame.
type Fault uint8

// The faults that are counted.
const (
	FaultPartial Fault = iota // a message that is not one whole JPEG
	FaultTooBig               // longer than the limit
	FaultTooFast              // more frames a second than allowed
	FaultFraming              // the stream could not be followed any more
	FaultText                 // a text that cannot be understood
	numFaults
)

func (f Fault) String() string {
	return [...]string{"partial", "too_big", "too_fast", "framing", "text"}[f]
}

// Faults lists all faults, for those that export their counts.
func Faults() []Fault {
	return []Fault{FaultPartial, FaultTooBig, FaultTooFast, FaultFraming, FaultText}
}

// Feed is one connection of a camera to its hub. The newest one wins: what an
// older one still sends is dropped.
type Feed struct {
	hub    *Hub
	source Source
}

// Attach makes source the camera's feed, and detaches the one before it. up
// tells whether it is connected already; if not, Up follows. It returns nil
// when the camera was removed or the relay stops, after telling source so.
func (h *Hub) Attach(source Source, up bool) *Feed {
	feed := &Feed{h, source}
	now := h.opt.Now()
	h.mu.Lock()
	if h.removed {
		why := h.ended
		h.mu.Unlock()
		source.Detach(why)
		return nil
	}
	old := h.feed
	h.feed = feed
	h.attached++
	h.life.attached, h.life.up, h.life.upSince, h.life.down = true, up, now, ""
	h.firmware, h.board, h.settings, h.stats = "", "", nil, nil
	h.demand.throttle.reset()
	if !up && h.viewers == 0 { // it need not even connect
		h.demand.emptySince = time.Time{}
	}
	h.demand.update(h.viewers, h.wish(), h.opt, now)
	h.life.judge(h.demand.pace.Resting(), h.opt, now)
	h.mu.Unlock()
	if old != nil {
		old.source.Detach(Superseded)
	}
	h.sendPace()
	h.notify(h)
	return feed
}

// update runs fn with the hub's mu held if the feed is the camera's newest, and
// tells the observers if fn says so.
func (f *Feed) update(fn func(h *Hub, now time.Time) (tell bool)) {
	now := f.hub.opt.Now()
	f.hub.mu.Lock()
	tell := f.hub.feed == f && fn(f.hub, now)
	f.hub.mu.Unlock()
	if tell {
		f.hub.notify(f.hub)
	}
}

// Publish makes a frame the camera's newest, taking over the caller's
// reference. It returns false when a newer feed has taken over. One goroutine
// at a time may publish.
func (f *Feed) Publish(frame *Frame) bool { return f.hub.publish(f, frame) }

// Hub is where the feed publishes.
func (f *Feed) Hub() *Hub { return f.hub }

// Up says that the connection is there.
func (f *Feed) Up() {
	f.update(func(h *Hub, now time.Time) bool {
		h.life.up, h.life.upSince, h.life.down = true, now, ""
		return h.life.judge(h.demand.pace.Resting(), h.opt, now)
	})
}

// Down says that the connection is not there, and why; an empty reason means
// that it was given up on purpose because nobody watches.
func (f *Feed) Down(reason string) {
	f.update(func(h *Hub, now time.Time) bool {
		h.life.up, h.life.down = false, reason
		return h.life.judge(h.demand.pace.Resting(), h.opt, now)
	})
}

// Close ends the feed.
func (f *Feed) Close(reason string) {
	f.update(func(h *Hub, now time.Time) bool {
		h.feed = nil
		h.life.attached, h.life.up, h.life.down = false, false, reason
		return h.life.judge(h.demand.pace.Resting(), h.opt, now)
	})
}

// Hello takes what the camera says about itself.
func (f *Feed) Hello(hello wire.Hello) {
	f.update(func(h *Hub, _ time.Time) bool {
		h.firmware, h.board = hello.Firmware, hello.Board
		h.settings = hello.Settings
		return true
	})
}

// Stats takes the camera's telemetry.
func (f *Feed) Stats(stats wire.Stats) {
	f.update(func(h *Hub, _ time.Time) bool {
		h.stats, h.changed = &stats, true
		return false
	})
}

// Settings takes what the camera says is in force, besides what it said
// before.
func (f *Feed) Settings(settings wire.Settings) {
	f.update(func(h *Hub, _ time.Time) bool {
		h.settings = h.settings.Merge(settings)
		return len(settings) > 0
	})
}

// Fault counts something that was no frame.
func (f *Feed) Fault(fault Fault) {
	f.update(func(h *Hub, _ time.Time) bool {
		h.faults[fault]++
		h.changed = true
		return false
	})
}
