package rollout

import "time"

// State is how a rollout goes, or how a camera in it.
type State string

// The states of a rollout. Those from Completed on are final.
const (
	Running    State = "running"
	Paused     State = "paused"     // no more updates begin
	Stopping   State = "stopping"   // too many have failed; those under way end
	Cancelling State = "cancelling" // by a person; those under way end
	Expiring   State = "expiring"   // the deadline has passed; those under way end

	Completed State = "completed"
	Stopped   State = "stopped"
	Cancelled State = "cancelled" // also of a camera
	Expired   State = "expired"
)

// The states of a camera in a rollout.
const (
	Pending  State = "pending"
	Updating State = "updating"
	Soaking  State = "soaking" // updated, and being watched

	Succeeded  State = "succeeded"
	Failed     State = "failed" // also when it was tried again
	RolledBack State = "rolled_back"
	Lost       State = "lost"
	Regressed  State = "regressed" // it was updated and does not go on as before

	// Not counted as updates that were executed.
	Rejected   State = "rejected"
	Already    State = "already_installed"
	Offline    State = "offline"     // until the deadline
	NotStarted State = "not_started" // when the rollout ended
)

// Final reports whether a rollout is over.
func (s State) Final() bool {
	return s == Completed || s == Stopped || s == Cancelled || s == Expired
}

// failure reports whether a camera counts as failed.
func (s State) failure() bool {
	return s == Failed || s == RolledBack || s == Lost || s == Regressed
}

// executed reports whether a camera's update has come to an end of its own.
func (s State) executed() bool { return s == Soaking || s == Succeeded || s.failure() }

// Target is a camera of a rollout. It is journalled as it is.
type Target struct {
	Camera   string    `json:"camera"`
	State    State     `json:"state"`
	Wave     int       `json:"wave,omitempty"`     // from 1; 0: it is in none yet
	Attempt  int       `json:"attempt,omitempty"`  // of asking for a job
	Failures int       `json:"failures,omitempty"` // of jobs that had begun
	Since    time.Time `json:"since,omitzero"`     // when it came into its state
	NotYet   time.Time `json:"not_before,omitzero"`
	FPS      float64   `json:"fps,omitempty"` // before the update; 0: not known
	Boots    []string  `json:"boots,omitempty"`
	Code     string    `json:"code,omitempty"`
	Text     string    `json:"text,omitempty"`

	rate    float64 // of frames while it waits, smoothed
	seen    time.Time
	watched time.Duration // while it soaks
	bad     time.Duration
	told    bool // to cancel its job
	changed bool // since it was journalled
}

// enter makes a state the target's.
func (t *Target) enter(s State, now time.Time, code, text string) {
	t.State, t.Since, t.Code, t.Text = s, now, code, text
	t.NotYet, t.changed = time.Time{}, true
	t.seen, t.watched, t.bad, t.told = time.Time{}, 0, 0, false
	if !s.executed() && s != Updating && t.Failures == 0 {
		t.Wave = 0 // it has proved nothing: another one takes its place
	}
}

// holds reports whether the target has a place in a wave.
func (t *Target) holds() bool { return t.Wave > 0 && (t.State.executed() || !t.done()) }

// done reports whether nothing more is expected.
func (t *Target) done() bool {
	return t.State != Pending && t.State != Updating && t.State != Soaking
}
