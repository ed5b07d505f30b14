package rollout

import (
	"slices"
	"time"
)

// View is a rollout as people see it.
type View struct {
	Head
	Version   string        `json:"version"` // of the firmware, for people
	WaveCount int           `json:"wave_count"`
	Waits     string        `json:"waits,omitempty"` // what for
	Counts    map[State]int `json:"counts"`
	Cameras   []Target      `json:"cameras,omitempty"`
	Volatile  bool          `json:"not_journalled,omitempty"` // a restart of the relay would forget it
}

// List returns all rollouts, the newest first, without their cameras.
func (m *Manager) List() []View {
	list := []View{}
	m.do(func() {
		for _, r := range m.list {
			list = append(list, m.view(r, false))
		}
	})
	slices.Reverse(list)
	return list
}

// Get returns one.
func (m *Manager) Get(id string) (v View, ok bool) {
	m.do(func() {
		if r := m.find(id); r != nil {
			v, ok = m.view(r, true), true
		}
	})
	return v, ok
}

func (m *Manager) view(r *rollout, all bool) View {
	v := View{Head: r.Head, Version: r.version(), WaveCount: r.waves(), Waits: m.waits(r), Counts: r.counts(), Volatile: r.broken != nil}
	if all {
		for _, t := range r.targets {
			c := *t
			c.Boots = slices.Clone(t.Boots)
			v.Cameras = append(v.Cameras, c)
		}
	}
	return v
}

func (r *rollout) counts() map[State]int {
	counts := map[State]int{}
	for _, t := range r.targets {
		counts[t.State]++
	}
	return counts
}

// waits says what a rollout that does nothing waits for.
func (m *Manager) waits(r *rollout) string {
	now := m.opt.Now()
	switch {
	case r.State != Running || r.any(in(Updating)):
		return ""
	case r.broken != nil:
		return "for room on the relay's disk"
	case !r.window.Open(now) || !m.opt.Window.Open(now):
		return "for its window"
	}
	var soaking *Target
	for _, t := range r.targets {
		if t.State == Soaking && (soaking == nil || t.Since.After(soaking.Since)) {
			soaking = t
		}
	}
	full := r.count((*Target).holds) >= r.quota(r.Wave)
	for _, t := range r.targets {
		if t.State != Pending || !t.holds() && (full || !r.open(t)) {
			continue
		}
		if t.NotYet.After(now) && t.Text != "" {
			return "to try again: " + t.Text
		}
		if sight, _ := m.opt.Fleet.Look(t.Camera); !sight.Streaming {
			return "for cameras to come online, like " + t.Camera
		} else if sight.Viewers > 0 && (r.DeferIfViewers || m.opt.Window.SpareViewers) {
			return "until nobody watches " + t.Camera
		}
	}
	if soaking != nil {
		return "for the updated cameras to prove themselves, until " + soaking.Since.Add(time.Duration(r.Soak)*time.Second).UTC().Format(time.RFC3339)
	}
	return ""
}
