package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/wire"
)

const (
	soon     = time.Minute      // until a camera that could not be updated just now is tried again
	jobTime  = 10 * time.Minute // for a job to leave its queue
	mendTime = 5 * time.Second  // between two tries to write the journal
	unheard  = time.Minute      // after which a camera that streams has said all of itself that it will
)

// tick looks at what is due.
func (m *Manager) tick(r *rollout) {
	if r.State.Final() {
		return
	}
	for _, t := range r.targets {
		m.observe(r, t)
	}
	if why := r.verdict(); why != "" && (r.State == Running || r.State == Paused) {
		r.Why = why
		r.enter(Stopping)
	}
	now := m.opt.Now()
	if !now.Before(r.Deadline) && (r.State == Paused || r.State == Running && r.any(in(Pending))) {
		r.enter(Expiring)
	}
	switch r.State {
	case Running:
		if r.advance() {
			m.finish(r, Completed)
			return
		}
		for m.start(r) {
		}
		if waits := m.waits(r); waits != r.waits {
			r.waits, r.news = waits, true
		}
	case Expiring:
		if !r.any(func(t *Target) bool { return t.State == Updating || t.State == Soaking }) {
			m.finish(r, map[bool]State{true: Expired, false: Completed}[r.any(in(Pending))])
		}
	case Stopping, Cancelling:
		for _, t := range r.targets {
			if t.State == Updating && !t.told {
				t.told = true
				m.abort(r, t)
			}
		}
		if !r.any(in(Updating)) {
			m.finish(r, map[State]State{Stopping: Stopped, Cancelling: Cancelled}[r.State])
		}
	}
}

func (m *Manager) finish(r *rollout, s State) {
	r.finish(s, m.opt.Now(), func(camera string) bool {
		sight, _ := m.opt.Fleet.Look(camera)
		return sight.Streaming
	})
	m.opt.Logger.Info("rollout ends", "rollout", r.ID, "result", s, "text", r.Text)
	m.result(r, false)
}

// observe looks at a camera that waits, is updated, or is watched.
func (m *Manager) observe(r *rollout, t *Target) {
	if t.done() {
		return
	}
	sight, exists := m.opt.Fleet.Look(t.Camera)
	switch {
	case !exists: // its job has gone with it
		m.drop(r, t, Cancelled, string(ota.UnknownCamera), t.Camera+": it was removed")
	case t.State == Pending:
		t.gauge(sight, m.opt.Now())
	case t.State == Soaking:
		m.watch(r, t, sight)
	}
}

// start begins the update of the best camera that can be, and reports whether
// there was one.
func (m *Manager) start(r *rollout) bool {
	now := m.opt.Now()
	if r.count(in(Updating)) >= r.MaxParallel || !r.window.Open(now) || !m.opt.Window.Open(now) || r.broken != nil && now.Before(r.retry) {
		return false
	}
	full := r.count((*Target).holds) >= r.quota(r.Wave)
	type candidate struct {
		*Target
		Sight
	}
	var list []candidate
	for _, t := range r.targets {
		if t.State != Pending || !t.holds() && (full || !r.open(t)) || now.Before(t.NotYet) {
			continue
		}
		sight, _ := m.opt.Fleet.Look(t.Camera)
		if sight.Streaming && (sight.Viewers == 0 || !r.DeferIfViewers && !m.opt.Window.SpareViewers) {
			list = append(list, candidate{t, sight})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(order(b.holds(), a.holds()), order(r.isCanary(b.Target), r.isCanary(a.Target)), cmp.Compare(signal(b.RSSI), signal(a.RSSI)))
	})
	for _, c := range list {
		switch img, ready, done := m.ready(r, c.Target); {
		case done:
			return true // look at the others anew
		case ready:
			return m.begin(r, c.Target, img)
		}
	}
	return false
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// signal puts a camera that does not say how good its link is behind those that
// do.
func signal(rssi int) int {
	if rssi == 0 {
		return -1000
	}
	return rssi
}

// ready reports whether a camera that streams can be updated now, and to which
// image, or, done, that there is nothing to do.
func (m *Manager) ready(r *rollout, t *Target) (img Image, ready, done bool) {
	h, ok := m.opt.Updates.Info(t.Camera)
	if !ok {
		if m.opt.Now().Sub(later(r.Created, m.started)) < unheard {
			return img, false, false
		}
		m.drop(r, t, Rejected, string(ota.NotUpdatable), t.Camera+": "+errNotUpdatable.Error())
		return img, false, true
	}
	img, err := m.image(r, h)
	switch {
	case err != nil:
		m.drop(r, t, Rejected, string(codeOf(err)), t.Camera+": "+err.Error())
		return img, false, true
	case h.Build == img.Build && h.State == wire.StateConfirmed:
		m.already(r, t)
		return img, false, true
	case h.State != wire.StateConfirmed:
		return img, false, false // it has to prove itself, or is being updated
	}
	jobs := m.opt.Updates.Jobs(t.Camera)
	return img, len(jobs) == 0 || jobs[0].State.Final(), false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// begin asks for a camera's job: journalled before, so that no restart begins it
// twice.
func (m *Manager) begin(r *rollout, t *Target, img Image) bool {
	before, changed := *t, r.changed
	wave := cmp.Or(t.Wave, r.Wave)
	t.enter(Updating, m.opt.Now(), "", "")
	t.Wave, t.FPS, t.Boots = wave, t.rate, nil
	t.Attempt++
	if !m.commit(r) {
		*t, r.changed = before, changed
		return false
	}
	r.news = true
	m.ask(r, t, img)
	return true
}

// trigger is the id of a target's job: the same after a restart, so that the
// coordinator knows it again.
func (r *rollout) trigger(t *Target) string {
	return fmt.Sprintf("%s:%s:%d", r.ID, t.Camera, t.Attempt)
}

// ask gives the coordinator the job.
func (m *Manager) ask(r *rollout, t *Target, img Image) {
	now := m.opt.Now()
	camera, attempt := t.Camera, t.Attempt
	deadline := now.Add(jobTime)
	if r.Deadline.Before(deadline) {
		deadline = r.Deadline
	}
	trigger := ota.Trigger{
		ID: r.trigger(t), Action: ota.Install, Want: catalog.Criteria{SHA256: img.SHA256}, Deadline: deadline,
		Rollout: r.ID, Reason: cmp.Or(r.Reason, "rollout "+r.ID), By: r.By,
	}
	m.then(func() {
		job, err := m.opt.Updates.Trigger(camera, trigger, "rollout")
		m.do(func() {
			switch {
			case t.State != Updating || t.Attempt != attempt: // it has ended already
			case err != nil:
				m.refused(r, t, err)
			case job.State.Final():
				m.ended(r, t, job)
			}
		})
	})
}

// abort cancels a camera's job if it can still go back.
func (m *Manager) abort(r *rollout, t *Target) {
	camera, id := t.Camera, r.ID
	m.then(func() {
		// Refused if it is too late: then its end comes by itself.
		_, _ = m.opt.Updates.Trigger(camera, ota.Trigger{Action: ota.Cancel, Rollout: id}, "rollout")
	})
}

// resume finds the job of a camera that was being updated when the relay
// stopped.
func (m *Manager) resume(r *rollout, t *Target) {
	id := r.trigger(t)
	for _, j := range m.opt.Updates.Jobs(t.Camera) {
		if j.Trigger == id {
			if j.State.Final() {
				m.ended(r, t, j)
			}
			return
		}
	}
	if r.State == Running || r.State == Paused { // it never became a job
		m.postpone(r, t, "")
		t.NotYet = time.Time{}
		return
	}
	m.drop(r, t, Cancelled, string(ota.CancelledByUser), "")
}
