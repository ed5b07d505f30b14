package stream

import (
	"math"
	"time"

	"camrelay/internal/wire"
)

// tick does what is due: rates, state, pace, credit windows.
func (h *Hub) tick(now time.Time) {
	h.mu.Lock()
	before := h.meter.fps
	h.meter.tick(now)
	if math.Abs(h.meter.fps-before) > 0.05*before {
		h.changed = true
	}
	h.look(now)
	repaced := h.repace()
	tell := h.life.judge(h.demand.pace.Resting(), h.opt, now)
	if h.changed && now.Sub(h.told) >= tellEvery {
		tell = true
	}
	if tell {
		h.changed, h.told = false, now
	}
	fps := h.meter.fps
	h.mu.Unlock()
	h.each(func(v *Viewer) {
		if v.Credit != nil {
			v.Credit.Resize(fps)
		}
	})
	if repaced {
		h.sendPace()
	}
	if tell {
		h.notify(h)
	}
}

// repace works out what the camera is asked for and reports whether that
// changed: sendPace has to follow. Called with mu held.
func (h *Hub) repace() bool {
	now, rested := h.opt.Now(), h.demand.pace.Resting()
	if !h.demand.update(h.viewers, h.wish(), h.opt, now) {
		return false
	}
	if rested && !h.demand.pace.Resting() && h.life.lastFrame.Before(now.Add(-h.opt.StaleAfter)) {
		h.life.upSince = now // it has to wake up before it can be stale
	}
	return true
}

// sendPace tells the camera what it is asked for now. Of several callers the
// last one tells the newest, whoever worked it out.
func (h *Hub) sendPace() {
	h.pacing.Lock()
	defer h.pacing.Unlock()
	h.mu.Lock()
	feed, pace := h.feed, h.demand.pace
	h.mu.Unlock()
	if feed != nil {
		feed.source.Pace(pace)
	}
}

// SetUpdating says that the camera's firmware is being replaced, with a
// sentence for its viewers; an empty one ends that.
func (h *Hub) SetUpdating(reason string) {
	now := h.opt.Now()
	h.mu.Lock()
	h.life.updating = reason
	tell := h.life.judge(h.demand.pace.Resting(), h.opt, now)
	h.mu.Unlock()
	if tell {
		h.notify(h)
	}
}

// Rename gives the camera another name for people.
func (h *Hub) Rename(name string) {
	h.mu.Lock()
	h.name = name
	h.mu.Unlock()
	h.notify(h)
}

// Rest sets when this camera rests and counts as stale, as the fields of
// Options of the same names do.
func (h *Hub) Rest(linger, still, staleAfter time.Duration) {
	h.mu.Lock()
	h.opt.Linger, h.opt.Still, h.opt.StaleAfter = linger, still, staleAfter
	h.mu.Unlock()
}

// Connections counts how often the camera has connected.
func (h *Hub) Connections() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.attached
}

// Detach ends the camera's connection, if there is one.
func (h *Hub) Detach(why Reason) {
	h.mu.Lock()
	feed := h.feed
	h.mu.Unlock()
	if feed != nil {
		feed.source.Detach(why)
	}
}

func (h *Hub) remove(why Reason) {
	h.mu.Lock()
	h.removed, h.ended = true, why
	feed, newest := h.feed, h.newest
	h.feed, h.newest = nil, nil
	h.life.attached, h.life.up = false, false
	h.life.judge(false, h.opt, h.opt.Now())
	h.mu.Unlock()
	if feed != nil {
		feed.source.Detach(why)
	}
	if newest != nil {
		newest.Release()
	}
	h.each((*Viewer).Leave)
}

// State returns the camera's state and since when it has it.
func (h *Hub) State() (State, time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.life.state, h.life.since
}

// Viewers counts the camera's viewers.
func (h *Hub) Viewers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.viewers
}

// Pace is what the camera is asked for.
func (h *Hub) Pace() wire.Pace {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.demand.pace
}

// Rate is what the camera sends, in bytes a second.
func (h *Hub) Rate() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.meter.rate
}

// Camera is the hub as viewers and API clients see it.
func (h *Hub) Camera() wire.Camera {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := wire.Camera{
		ID: h.id, Name: h.name, Stream: h.stream, Kind: h.kind,
		State: h.life.state.String(), Since: h.life.since.UnixMicro(), Reason: h.life.reason,
		FPS: math.Round(h.meter.fps*10) / 10, Rate: int64(h.meter.rate), Viewers: h.viewers,
		Firmware: h.firmware, Board: h.board, Settings: h.settings, Stats: h.stats,
		Control: h.feed != nil && h.feed.source.CanSet(),
	}
	if h.newest != nil {
		c.LastFrame, c.Width, c.Height = h.newest.Received.UnixMicro(), h.newest.Width, h.newest.Height
	}
	for _, n := range h.faults {
		c.Dropped += n
	}
	return c
}

// Totals are a camera's counts since the relay started.
type Totals struct {
	Frames, Bytes      uint64 // published
	Delivered, Skipped uint64 // to and past viewers
	Attached           uint64 // connections
	Faults             [numFaults]uint64
}

// Totals returns the counts.
func (h *Hub) Totals() Totals {
	h.mu.Lock() // so that no viewer is counted twice or not at all while it leaves
	defer h.mu.Unlock()
	t := Totals{
		Frames: h.frames, Bytes: h.bytes, Attached: h.attached, Faults: h.faults,
		Delivered: h.delivered, Skipped: h.skipped,
	}
	h.each(func(v *Viewer) {
		t.Delivered += v.Frames()
		t.Skipped += v.Skipped()
	})
	return t
}
