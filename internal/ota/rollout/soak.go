package rollout

import (
	"fmt"
	"slices"
	"time"

	"camrelay/internal/wire"
)

const (
	settleTime = 5 * time.Second  // for pictures to flow after the update
	maxGap     = 10 * time.Second // between two looks that is taken for watching
	minWatch   = 30 * time.Second // also when the relay was away
	returnTime = 30 * time.Second // for a camera to come back after the relay's start
	minSoak    = 15 * time.Second // what the share below is of, at least: a camera may reconnect
	smoothing  = 30 * time.Second // of the frame rate before the update
	// badShare is how much of the soak may be lost: a camera has to give 80
	// percent of the pictures it gave before.
	badShare = 0.2
)

// gauge smooths a waiting camera's frame rate. While it rests there is none to
// compare with.
func (t *Target) gauge(s Sight, now time.Time) {
	gap := min(now.Sub(t.seen), maxGap)
	first := t.seen.IsZero() || t.rate == 0
	t.seen = now
	switch {
	case !s.Streaming || s.Resting || s.FPS <= 0:
		if s.Resting {
			t.rate = 0
		}
	case first:
		t.rate = s.FPS
	default:
		t.rate += (s.FPS - t.rate) * min(1, gap.Seconds()/smoothing.Seconds())
	}
}

// quality is which part of the pictures a camera gives that it should: as many
// as before the update, or as it is asked for now.
func (t *Target) quality(s Sight) float64 {
	want := t.FPS
	if s.Wanted > 0 {
		want = min(want, s.Wanted)
	}
	switch {
	case !s.Streaming:
		return 0
	case s.Resting || want <= 0:
		return 1
	}
	return min(1, s.FPS/want)
}

// watch looks at a camera while it soaks.
func (m *Manager) watch(r *rollout, t *Target, s Sight) {
	if why := m.relapse(r, t); why != "" {
		m.outcome(r, t, Regressed, "regressed", why)
		return
	}
	now, soak := m.opt.Now(), time.Duration(r.Soak)*time.Second
	if t.seen.IsZero() {
		if !s.Streaming && now.Before(m.started.Add(returnTime)) {
			return // the relay was away, not the camera
		}
		t.seen = later(now, t.Since.Add(settleTime))
	}
	gap := now.Sub(t.seen)
	if gap <= 0 {
		return
	}
	gap, t.seen = min(gap, maxGap), now
	quality := t.quality(s)
	t.watched += gap
	t.bad += time.Duration(float64(gap) * (1 - quality))
	all := max(soak-settleTime, t.watched, minSoak)
	switch enough := min(soak, minWatch); {
	case t.bad > time.Duration(badShare*float64(all))+time.Millisecond: // which rounding takes
		why := fmt.Sprintf("gives less than 80 %% of the pictures it gave before (%.1f a second before, %.1f now)", t.FPS, s.FPS)
		if !s.Streaming {
			why = "does not stream any more"
		}
		m.outcome(r, t, Regressed, "regressed", t.Camera+": it was updated, but "+why)
	case now.Sub(t.Since) >= soak && t.watched >= enough-settleTime && quality > 0:
		m.outcome(r, t, Succeeded, "", "")
	}
}

// relapse says what a soaking camera's word about itself tells against it.
func (m *Manager) relapse(r *rollout, t *Target) string {
	h, ok := m.opt.Updates.Info(t.Camera)
	if !ok || h.Boot == "" {
		return "" // the relay has restarted and it has not come yet
	}
	img, err := m.image(r, h)
	switch {
	case err == nil && h.Build > img.Build:
		return "" // a person has gone further
	case err == nil && h.Build != img.Build:
		return fmt.Sprintf("%s: it was updated to %s and runs %s now", t.Camera, img.Version, h.Firmware)
	case h.State != wire.StateConfirmed:
	case len(t.Boots) == 0:
		t.Boots, t.changed = []string{h.Boot}, true
	case !slices.Contains(t.Boots, h.Boot):
		return fmt.Sprintf("%s: it was updated, and restarted while it was watched (%s)", t.Camera, h.Reset)
	}
	return ""
}
