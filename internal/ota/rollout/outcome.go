package rollout

import (
	"errors"
	"slices"
	"time"

	"camrelay/internal/ota"
)

// ended takes the end of a target's job, or a later word that corrects it.
func (m *Manager) ended(r *rollout, t *Target, j ota.Job) {
	if t.State != Updating {
		if j.Late {
			m.corrected(r, t, j)
		}
		return
	}
	begun := !j.Begun.IsZero() || j.Retries > 0
	switch j.State {
	case ota.Succeeded:
		m.confirmed(r, t, j)
	case ota.RolledBack:
		m.outcome(r, t, RolledBack, string(j.Code), j.Text)
	case ota.Lost:
		m.outcome(r, t, Lost, string(j.Code), j.Text)
	case ota.Cancelled, ota.Superseded:
		m.drop(r, t, Cancelled, string(j.Code), j.Text)
	case ota.Rejected:
		m.rejected(r, t, j.Code, j.Text)
	case ota.Failed:
		switch {
		case begun:
			m.failed(r, t, j)
		case unlucky(j.Code):
			m.postpone(r, t, j.Text)
		default:
			m.rejected(r, t, j.Code, j.Text)
		}
	}
}

// unlucky reports whether a job that did not begin may begin another time.
func unlucky(c ota.Code) bool {
	switch c {
	case ota.Expired, ota.CameraOffline, ota.OutOfWindow, ota.ViewersPresent, // from the queue
		ota.Duplicate, ota.BusyJob, ota.OnTrial, ota.RateLimited, ota.DiskFull:
		return true
	}
	return false
}

// refused takes the coordinator's refusal of a job.
func (m *Manager) refused(r *rollout, t *Target, err error) {
	var e *ota.RefusedError
	switch {
	case !errors.As(err, &e):
		m.drop(r, t, Rejected, string(ota.Internal), err.Error())
	case e.Code == ota.RateLimited:
		m.postpone(r, t, e.Text)
		t.NotYet = m.opt.Now().Add(m.opt.Between)
	case unlucky(e.Code):
		m.postpone(r, t, e.Text)
	default:
		m.rejected(r, t, e.Code, e.Text)
	}
}

func (m *Manager) rejected(r *rollout, t *Target, c ota.Code, text string) {
	if c == ota.AlreadyThere {
		m.already(r, t)
		return
	}
	m.drop(r, t, Rejected, string(c), text)
}

// already: the firmware is there. After a failure it has come by a way of its
// own, and is watched like any.
func (m *Manager) already(r *rollout, t *Target) {
	if t.Failures > 0 {
		m.confirmed(r, t, ota.Job{})
		return
	}
	m.outcome(r, t, Already, string(ota.AlreadyThere), "")
}

// failed takes the failure of a job that had begun: it is tried again, or
// counts.
func (m *Manager) failed(r *rollout, t *Target, j ota.Job) {
	t.Failures++
	if t.Failures > r.Retry || r.State != Running && r.State != Paused {
		m.outcome(r, t, Failed, string(j.Code), j.Text)
		return
	}
	m.outcome(r, t, Pending, string(j.Code), j.Text) // it keeps its place
	t.NotYet = m.opt.Now().Add(m.opt.Between + time.Second)
}

// postpone puts a target back: nothing has happened to its camera.
func (m *Manager) postpone(r *rollout, t *Target, text string) {
	m.outcome(r, t, Pending, "", text)
	t.NotYet = m.opt.Now().Add(soon)
}

// drop takes a target out without an update. One that has failed before stays a
// failure.
func (m *Manager) drop(r *rollout, t *Target, s State, code, text string) {
	if t.Failures > 0 {
		s = Failed
	}
	m.outcome(r, t, s, code, text)
}

func (m *Manager) outcome(r *rollout, t *Target, s State, code, text string) {
	t.enter(s, m.opt.Now(), code, text)
	r.news = true
	m.opt.Logger.Info("rollout", "rollout", r.ID, "camera", t.Camera, "state", s, "code", code)
}

// confirmed begins to watch an updated camera.
func (m *Manager) confirmed(r *rollout, t *Target, j ota.Job) {
	s := Soaking
	if r.Soak == 0 || r.State.Final() {
		s = Succeeded
	}
	m.outcome(r, t, s, "", "")
	t.Boots = nil
	if j.Boot != "" {
		t.Boots = append(t.Boots, j.Boot) // of its last ack
	}
	if h, ok := m.opt.Updates.Info(t.Camera); ok && h.Boot != "" && !slices.Contains(t.Boots, h.Boot) {
		t.Boots = append(t.Boots, h.Boot)
	}
}

// corrected takes what a camera that had been given up turned out to be. A
// rollout that has stopped because of it stays stopped.
func (m *Manager) corrected(r *rollout, t *Target, j ota.Job) {
	over := r.State.Final()
	switch {
	case j.State == ota.Succeeded && (t.State.failure() || t.State == Cancelled || t.State == Pending):
		wave := t.Wave
		m.confirmed(r, t, j)
		if t.Wave = wave; wave == 0 {
			t.Wave = r.Wave
		}
	case j.State == ota.RolledBack && t.State == Lost:
		m.outcome(r, t, RolledBack, string(j.Code), j.Text)
	case j.State == ota.Failed && t.State == Lost:
		m.outcome(r, t, Failed, string(j.Code), j.Text)
	default:
		return
	}
	if over {
		r.Text = r.describe()
		r.changed = true
		m.result(r, true)
	}
}
