package rollout

import (
	"cmp"
	"encoding/json"
	"time"
)

const documentVersion = 1

// stateDocument is what R/ota/rollout/{id}/state holds.
type stateDocument struct {
	V        int           `json:"v"`
	ID       string        `json:"id"`
	Rev      int64         `json:"rev"` // grows with each
	State    State         `json:"state"`
	To       string        `json:"to"`
	Group    string        `json:"group,omitempty"`
	Wave     int           `json:"wave"`
	Waves    int           `json:"waves"`
	Waits    string        `json:"waits,omitempty"`
	Counts   map[State]int `json:"counts"`
	Updating []string      `json:"updating,omitempty"`
	Failed   []string      `json:"failed,omitempty"` // the first of them
	Created  time.Time     `json:"created"`
	Deadline time.Time     `json:"deadline"`
	Ended    *time.Time    `json:"ended,omitempty"`
	Text     string        `json:"text,omitempty"`
	Volatile bool          `json:"not_journalled,omitempty"`
}

// publish says how a rollout goes.
func (m *Manager) publish(r *rollout) {
	if r.Cleared {
		return
	}
	r.rev = max(r.rev+1, m.opt.Now().UnixMicro()) // also after a restart
	doc := stateDocument{
		V: documentVersion, ID: r.ID, Rev: r.rev, State: r.State, To: r.version(), Group: r.Group, Wave: r.Wave, Waves: r.waves(),
		Waits: m.waits(r), Counts: r.counts(), Updating: r.names(Updating), Created: r.Created.UTC(), Deadline: r.Deadline.UTC(),
		Text: cmp.Or(r.Text, r.Why), Volatile: r.broken != nil,
	}
	for _, t := range r.targets {
		if t.State.failure() && len(doc.Failed) < 50 {
			doc.Failed = append(doc.Failed, t.Camera)
		}
	}
	if !r.Ended.IsZero() {
		ended := r.Ended.UTC()
		doc.Ended = &ended
	}
	text, _ := json.Marshal(doc) // of plain values: no error
	id := r.ID
	m.then(func() { m.opt.Publisher.RolloutState(id, text) })
}

// resultDocument is what R/ota/rollout/{id}/result says, once.
type resultDocument struct {
	V        int              `json:"v"`
	ID       string           `json:"id"`
	Result   State            `json:"result"`
	OK       bool             `json:"ok"` // all run it
	Text     string           `json:"text"`
	To       string           `json:"to"`
	Counts   map[State]int    `json:"counts"`
	Cameras  map[string]State `json:"cameras"`
	More     int              `json:"more,omitempty"`    // cameras that are not listed
	Reasons  []string         `json:"reasons,omitempty"` // of failures, in sentences
	Duration float64          `json:"duration_s"`
	Late     bool             `json:"late,omitempty"` // corrects an earlier one
	At       time.Time        `json:"at"`
}

// result says how a rollout ended.
func (m *Manager) result(r *rollout, late bool) {
	const mostCameras, mostReasons = 600, 20 // a message has up to 64 KiB
	counts := r.counts()
	doc := resultDocument{
		V: documentVersion, ID: r.ID, Result: r.State, OK: counts[Succeeded]+counts[Already] == len(r.targets), Text: r.Text,
		To: r.version(), Counts: counts, Cameras: map[string]State{}, Duration: r.Ended.Sub(r.Created).Round(time.Second).Seconds(),
		Late: late, At: m.opt.Now().UTC(),
	}
	for _, well := range []bool{false, true} { // what went wrong comes first
		for _, t := range r.targets {
			if well != (t.State == Succeeded || t.State == Already) {
				continue
			}
			if len(doc.Cameras) == mostCameras {
				doc.More++
				continue
			}
			doc.Cameras[t.Camera] = t.State
			if t.State.failure() && t.Text != "" && len(doc.Reasons) < mostReasons {
				doc.Reasons = append(doc.Reasons, t.Text)
			}
		}
	}
	text, _ := json.Marshal(doc)
	id := r.ID
	m.then(func() { m.opt.Publisher.RolloutResult(id, text) })
}
