package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"camrelay/internal/ota"
)

// Head is all of a rollout but its cameras. It is journalled as it is.
type Head struct {
	Document
	Group   string           `json:"group,omitempty"`  // that was asked for
	Source  string           `json:"source,omitempty"` // mqtt, api
	State   State            `json:"state"`
	Wave    int              `json:"wave"` // under way, from 1
	Total   int              `json:"total"`
	Images  map[string]Image `json:"images"` // by board and chip, frozen
	Created time.Time        `json:"created"`
	Ended   time.Time        `json:"ended,omitzero"`
	Why     string           `json:"why,omitempty"`     // it stops
	Text    string           `json:"text,omitempty"`    // the result, for people
	Cleared bool             `json:"cleared,omitempty"` // its state is not published any more
}

// Image is the image for one kind of board.
type Image struct {
	Version string `json:"version"`
	Build   uint32 `json:"build"`
	SHA256  string `json:"sha256"`
}

// rollout is one of them. It is guarded by its manager's mu.
type rollout struct {
	Head
	targets []*Target // by camera
	window  ota.Window

	changed bool // the head, since it was journalled
	news    bool // since it was published
	rev     int64
	broken  error     // the journal could not be written
	retry   time.Time // then it is tried again
	waits   string    // as published
}

func (r *rollout) target(camera string) *Target {
	i, ok := slices.BinarySearchFunc(r.targets, camera, byCamera)
	if !ok {
		return nil
	}
	return r.targets[i]
}

func byCamera(t *Target, id string) int { return cmp.Compare(t.Camera, id) }

// enter makes a state the rollout's.
func (r *rollout) enter(s State) {
	r.State, r.changed, r.news = s, true, true
}

// count counts the targets that are so.
func (r *rollout) count(is func(*Target) bool) int {
	n := 0
	for _, t := range r.targets {
		if is(t) {
			n++
		}
	}
	return n
}

func in(s State) func(*Target) bool { return func(t *Target) bool { return t.State == s } }

func (r *rollout) any(is func(*Target) bool) bool { return slices.ContainsFunc(r.targets, is) }

func (r *rollout) isCanary(t *Target) bool { return slices.Contains(r.Canary, t.Camera) }

// waves is how many there are, the canaries' own included.
func (r *rollout) waves() int {
	if len(r.Canary) > 0 {
		return len(r.Waves) + 1
	}
	return len(r.Waves)
}

// canaryWave reports whether wave n is the canaries' own.
func (r *rollout) canaryWave(n int) bool { return len(r.Canary) > 0 && n == 1 }

// trial reports whether a single failure in wave n, the first one that was
// executed, stops the rollout: in that of the canaries and, without any, in a
// first wave that is given by number and not all there is.
func (r *rollout) trial(n int) bool {
	first := r.waves() - len(r.Waves) + 1
	return n < first || n == first && n < r.waves() && r.Waves[0].Count > 0
}

// quota is how many cameras have a place in wave n and those before it.
func (r *rollout) quota(n int) int {
	canaries := r.count(func(t *Target) bool { return r.isCanary(t) && (t.holds() || !t.done()) })
	if r.canaryWave(n) {
		return canaries
	}
	most := canaries
	for _, w := range r.Waves[:n-r.waves()+len(r.Waves)] {
		most = max(most, w.quota(r.Total))
	}
	return min(most, r.Total)
}

// quota is the wave's of so many cameras.
func (w Wave) quota(total int) int {
	if w.Percent > 0 {
		return (total*w.Percent + 99) / 100
	}
	return min(w.Count, total)
}

// open reports whether a camera may be given a place in the wave under way.
func (r *rollout) open(t *Target) bool {
	return t.State == Pending && !t.holds() && (!r.canaryWave(r.Wave) || r.isCanary(t))
}

// advance goes on to the next wave when all of this one is done, and reports
// whether the last one is.
func (r *rollout) advance() (done bool) {
	for {
		if r.any(func(t *Target) bool { return t.holds() && !t.done() }) {
			return false
		}
		if r.any(r.open) && r.count((*Target).holds) < r.quota(r.Wave) {
			return false
		}
		if r.Wave >= r.waves() {
			return true
		}
		r.Wave++
		r.changed, r.news = true, true
	}
}

// verdict says why the rollout has to stop; "" if it has not.
func (r *rollout) verdict() string {
	failed, executed := r.count(func(t *Target) bool { return t.State.failure() }), r.count(func(t *Target) bool { return t.State.executed() })
	first := 0
	for _, t := range r.targets {
		if t.State.executed() && (first == 0 || t.Wave < first) {
			first = t.Wave
		}
	}
	for _, t := range r.targets {
		if t.State.failure() && t.Wave == first && r.trial(first) {
			return fmt.Sprintf("%s failed, in the first wave", t.Camera)
		}
	}
	if r.StopIf.exceeded(failed, executed) {
		return fmt.Sprintf("%d of %d updates failed, which is more than %d %%", failed, executed, r.StopIf.FailedPercent)
	}
	return ""
}

// exceeded reports whether so many failures are too many.
func (s StopIf) exceeded(failed, executed int) bool {
	return executed > 0 && executed >= s.MinExecuted && failed*100 > s.FailedPercent*executed
}

// finish ends the rollout when nothing is under way any more.
func (r *rollout) finish(s State, now time.Time, online func(camera string) bool) {
	for _, t := range r.targets {
		switch {
		case t.State == Soaking:
			t.enter(Succeeded, now, "", "it was not watched to the end")
		case t.State != Pending:
		case t.Failures > 0:
			t.enter(Failed, now, t.Code, t.Text)
		case online(t.Camera):
			t.enter(NotStarted, now, "", "")
		default:
			t.enter(Offline, now, string(ota.CameraOffline), "it was not online until the deadline")
			if s != Expired {
				t.Text = "it was not online"
			}
		}
	}
	r.Ended = now
	r.enter(s)
	r.Text = r.describe()
}

// describe is the sentence of the result.
func (r *rollout) describe() string {
	have := r.count(func(t *Target) bool { return t.State == Succeeded || t.State == Already })
	text := fmt.Sprintf("rollout %s: %d of %d cameras run %s now", r.ID, have, len(r.targets), r.version())
	for _, s := range []struct {
		state State
		words string
	}{
		{Failed, "failed"}, {RolledBack, "went back to the old firmware"}, {Lost, "did not come back"}, {Regressed, "did not go on as before"},
		{Rejected, "could not be updated"}, {Cancelled, "cancelled"}, {Offline, "offline"}, {NotStarted, "not started"},
	} {
		if names := r.names(s.state); len(names) > 0 {
			text += fmt.Sprintf("; %d %s (%s)", len(names), s.words, few(names))
		}
	}
	switch r.State {
	case Stopped:
		text += ". It stopped by itself: " + r.Why
	case Cancelled:
		text += ". It was cancelled"
	case Expired:
		text += ". Its deadline has passed"
	}
	return text + "."
}

func (r *rollout) names(s State) (names []string) {
	for _, t := range r.targets {
		if t.State == s {
			names = append(names, t.Camera)
		}
	}
	return names
}

// few is the beginning of a list.
func few(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// version is what the cameras get, for people.
func (r *rollout) version() string {
	var versions []string
	for _, i := range r.Images {
		if !slices.Contains(versions, i.Version) {
			versions = append(versions, i.Version)
		}
	}
	slices.Sort(versions)
	return cmp.Or(strings.Join(versions, " or "), r.To.String())
}
