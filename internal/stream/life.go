package stream

import "time"

// State is where a camera is in its life.
type State uint8

// The states of a camera.
const (
	Offline  State = iota // not connected
	Resting               // connected or reachable, and nobody watches
	Online                // frames come
	Stale                 // connected, but no frame for a while
	Updating              // its firmware is being replaced
)

func (s State) String() string {
	return [...]string{"offline", "resting", "online", "stale", "updating"}[s]
}

// life follows a camera's state. It is guarded by its hub's mu.
type life struct {
	state     State
	since     time.Time
	reason    string
	attached  bool      // there is a feed
	up        bool      // the feed is connected
	upSince   time.Time // when it last became so
	down      string    // why it is not; empty: on purpose
	updating  string    // why it is being updated, empty if it is not
	lastFrame time.Time
}

// enter changes the state and reports whether it was another.
func (l *life) enter(s State, reason string, now time.Time) bool {
	if l.state == s && l.reason == reason && !l.since.IsZero() {
		return false
	}
	if l.state != s || l.since.IsZero() {
		l.since = now
	}
	l.state, l.reason = s, reason
	return true
}

// judge works out the state; resting is whether the camera is asked to rest.
func (l *life) judge(resting bool, opt *Options, now time.Time) bool {
	patience := opt.StaleAfter
	if resting {
		patience += 2 * opt.Still
	}
	heard := l.lastFrame
	if heard.Before(l.upSince) {
		heard = l.upSince
	}
	switch {
	case l.updating != "":
		return l.enter(Updating, l.updating, now)
	case !l.attached || !l.up && l.down != "":
		return l.enter(Offline, l.down, now)
	case !l.up:
		return l.enter(Resting, "", now)
	case now.Sub(heard) > patience:
		return l.enter(Stale, "no frame for a while", now)
	case resting:
		return l.enter(Resting, "", now)
	default:
		return l.enter(Online, "", now)
	}
}

// States lists all states, for those that export them.
func States() []State { return []State{Offline, Resting, Online, Stale, Updating} }
