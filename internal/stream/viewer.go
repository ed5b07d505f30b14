package stream

import (
	"sync/atomic"
	"time"
)

// ViewerOptions say how a viewer wants its frames.
type ViewerOptions struct {
	// Credit, if set, paces the viewer by its acknowledgements. Without one, it
	// gets a frame whenever its transport is free.
	Credit *Credit
	// MaxFPS limits the frames a second; 0: no limit.
	MaxFPS float64
	// LiveOnly keeps back the last frame of a camera that is offline or being
	// updated: for transports that cannot say so.
	LiveOnly bool
}

// maxInterval is the longest time between the frames of a viewer with MaxFPS.
const maxInterval = time.Hour

// Viewer is one reader of a hub.
type Viewer struct {
	out *Outlet

	// The outlet's holder writes these.
	seq      uint32 // of the frame last sent
	started  bool
	interval time.Duration // shortest time between frames
	frames   atomic.Uint64
	skipped  atomic.Uint64
	next     time.Time // earliest time of the next frame, if interval > 0

	ViewerOptions
	hub    *Hub
	window uint64 // frames at the last look; the hub's tick's
}

// Frames counts the frames that were sent.
func (v *Viewer) Frames() uint64 { return v.frames.Load() }

// Skipped counts the frames between the first and the last sent that were not.
func (v *Viewer) Skipped() uint64 { return v.skipped.Load() }

// Hub is where the viewer reads.
func (v *Viewer) Hub() *Hub { return v.hub }

// Ack takes an acknowledgement of a frame that was painted hold after it
// arrived, and sends the next frame if that waited for it.
func (v *Viewer) Ack(seq uint32, hold time.Duration) {
	if v.Credit != nil && v.Credit.Ack(seq, hold) {
		v.out.Wake()
	}
}

// Leave ends the viewer; its outlet stays.
func (v *Viewer) Leave() {
	v.out.remove(v)
	v.hub.leave(v)
}

// wants reports whether f is to be sent now. Called by the outlet's holder.
func (v *Viewer) wants(f *Frame) bool {
	if v.started && int32(f.Seq-v.seq) <= 0 {
		return false
	}
	if v.interval > 0 && f.Received.Before(v.next) {
		return false
	}
	return v.Credit == nil || v.Credit.Ready()
}

// sending notes that f goes on its way. Called by the outlet's holder.
func (v *Viewer) sending(f *Frame) {
	if gap := f.Seq - v.seq - 1; v.started && gap > 0 {
		v.skipped.Store(v.skipped.Load() + uint64(gap))
	}
	v.seq, v.started = f.Seq, true
	v.frames.Store(v.frames.Load() + 1)
	if v.interval > 0 {
		v.pace(f.Received)
	}
	if v.Credit != nil {
		v.Credit.Take(f.Seq)
	}
}

// pace sets when the next frame is due: on average one interval after another,
// though the camera's frames do not fall on its multiples.
func (v *Viewer) pace(now time.Time) {
	v.next = v.next.Add(v.interval)
	if late := now.Sub(v.next); late > 0 || late < -v.interval {
		v.next = now.Add(v.interval - v.interval/8)
	}
}

// newest returns the hub's newest frame, retained, if this viewer may see it.
func (v *Viewer) newest() *Frame {
	if v.LiveOnly {
		return v.hub.Live()
	}
	return v.hub.Newest()
}
