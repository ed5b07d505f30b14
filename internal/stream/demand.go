package stream

import (
	"cmp"
	"math"
	"time"

	"camrelay/internal/wire"
)

// lookEvery is how often the viewers' pace is compared with the camera's.
const lookEvery = 2 * time.Second

// demand works out how much a camera is asked for. It is guarded by its hub's
// mu.
type demand struct {
	pace       wire.Pace
	emptySince time.Time // when the last viewer left
	throttle   throttle
	looked     time.Time
	frames     uint64 // the hub's count at the last look
}

// update works out the pace for so many viewers, none of whom wishes more than
// wish frames a second, if that is not 0; it reports a change.
func (d *demand) update(viewers int, wish float64, opt *Options, now time.Time) bool {
	var want wire.Pace
	if viewers == 0 && opt.Still > 0 && now.Sub(d.emptySince) >= opt.Linger {
		want.Still = opt.Still.Seconds()
	} else if want.FPS = d.throttle.limit; wish > 0 {
		wish = math.Ceil(wish * headroom)
		want.FPS = min(wish, cmp.Or(want.FPS, wish))
	}
	changed := want != d.pace
	d.pace = want
	return changed
}

// wish is the most frames a second that a viewer wishes; 0 if there is one
// without a limit, or none at all. Called with mu held.
func (h *Hub) wish() (most float64) {
	unlimited := h.viewers == 0
	h.each(func(v *Viewer) {
		most = max(most, v.MaxFPS)
		unlimited = unlimited || v.MaxFPS <= 0
	})
	if unlimited {
		return 0
	}
	return most
}

// throttle asks a camera for less when every one of its viewers is slow, and
// tries from time to time whether more would pass.
type throttle struct {
	limit float64 // frames a second; 0: none
	slow  int     // looks in a row at which all were slow
	good  int     // looks in a row at which somebody kept up
	wait  int     // looks to wait before the next try
	tried bool    // the last change was a try
}

const (
	keepsUp  = 0.75 // of the camera's frames, but for one: such a viewer is not slow
	headroom = 1.15 // over the best viewer's rate or wish
	minWait  = 3    // looks before the first try for more
	// minCamera is below the frame rate of a camera that gives one a second, as
	// one look may find it.
	minCamera = 0.4
	maxWait   = 30
)

// look takes the camera's frame rate since the last look and the best that a
// viewer got or, if its own limit is what holds it back, wishes; enough says
// that some viewer without a limit of its own kept up or, if all have one, some
// viewer at all.
func (t *throttle) look(camera, best float64, enough bool) {
	switch {
	case camera < minCamera, t.limit == 0 && camera < 1:
		return // too few frames to tell
	case enough:
		t.slow = 0
		if t.limit == 0 {
			t.wait = minWait
			return
		}
		if t.good++; t.tried && t.good >= minWait {
			t.wait, t.tried = minWait, false // more did pass: go on quickly
		}
		if t.good >= max(t.wait, minWait) {
			t.good, t.tried = 0, true
			if t.limit = math.Ceil(t.limit * 1.5); t.limit > 60 {
				t.limit = 0
			}
		}
	default:
		t.good = 0
		if t.slow++; t.slow < 2 {
			return
		}
		t.slow = 0
		if want := max(1, math.Ceil(best*headroom)); want < camera {
			if t.tried {
				t.wait, t.tried = min(2*max(t.wait, minWait), maxWait), false
			}
			t.limit = want
		}
	}
}

// reset forgets what was learnt, for a camera that connects anew.
func (t *throttle) reset() { *t = throttle{} }

// look compares the viewers' pace with the camera's. Called with mu held.
func (h *Hub) look(now time.Time) {
	span := now.Sub(h.demand.looked).Seconds()
	if span < lookEvery.Seconds() {
		return
	}
	camera := float64(h.frames-h.demand.frames) / span
	first := h.demand.looked.IsZero()
	h.demand.looked, h.demand.frames = now, h.frames
	var best float64
	var free, freeEnough, limitedEnough bool
	h.each(func(v *Viewer) {
		sent := v.Frames()
		got, couldBe := float64(sent-v.window)/span, float64(sent-v.window+1)/span
		isNew := v.window == 0
		v.window = sent
		switch {
		case v.MaxFPS <= 0 || v.MaxFPS >= camera:
			free = true
			freeEnough = freeEnough || isNew || couldBe >= keepsUp*camera
		case isNew || couldBe >= keepsUp*v.MaxFPS:
			limitedEnough = true
			got = v.MaxFPS
		}
		best = max(best, got)
	})
	if h.viewers > 0 && !first {
		h.demand.throttle.look(camera, best, freeEnough || !free && limitedEnough)
	}
}
