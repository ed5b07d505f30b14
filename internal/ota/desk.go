package ota

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"camrelay/internal/ota/agenda"
	"camrelay/internal/wire"
)

// maxJobs is how many finished jobs of a camera are kept.
const maxJobs = 64

// maxJournal is the size at which a camera's journal is shortened, in bytes.
const maxJournal = 256 << 10

// desk is where the updates of one camera are dealt with: its job, and what is
// known about it. What happens is decided while the desk is locked, and done, in
// the order in which it was decided, while it is not.
type desk struct {
	c      *Coordinator
	camera string

	agenda agenda.Agenda

	job         *Job
	last        []*Job // finished, the newest last
	info        wire.Hello
	known       bool        // info holds
	host        string      // what the camera calls the relay
	connections int         // of its stream
	mqtt        bool        // it is connected to the broker
	gone        bool        // the camera was removed
	broken      error       // the journal could not be written
	unpin       func()      // lets go of the image
	placed      bool        // counts among the running jobs
	heard       time.Time   // when the last byte was served
	asked       time.Time   // when a camera on trial was asked how it goes
	grace       time.Time   // after a restart: no limit ends before
	back        *wire.Hello // what the old image said when it came back
	rev         uint64
	said        time.Time // when the state was last published
	shown       string    // to viewers
	percent     int       // that was last published
}

func newDesk(c *Coordinator, camera string) *desk { return &desk{c: c, camera: camera} }

func (d *desk) do(decide func()) { d.agenda.Do(decide) }

// then has something done after what is decided already.
func (d *desk) then(act func()) { d.agenda.Then(act) }

func (d *desk) now() time.Time { return d.c.opt.Now() }

// order is the name of a job to the camera, which does not begin one twice.
func (j *Job) order() string {
	if j.Retries == 0 {
		return j.ID
	}
	return j.ID + "." + strconv.Itoa(j.Retries)
}

// enter makes a state the job's: journalled before it is acted on, published
// after.
func (d *desk) enter(s State, step string, act func()) {
	j := d.job
	if j.Transitions++; j.Transitions > maxTransitions && !s.Final() {
		d.finish(Failed, Internal, fmt.Sprintf("%d changes of state", j.Transitions))
		return
	}
	j.State, j.Step, j.Waits = s, step, ""
	j.Entered, j.Stepped = d.now(), d.now()
	j.mark(joined(s, step), j.Entered, 0)
	d.write(j)
	if act != nil {
		act()
	}
	d.event(joined(s, step))
	d.publish()
}

// maxTransitions bounds a job that goes round in circles.
const maxTransitions = 32

// step notes how far the job has come within its state.
func (d *desk) step(name string, took int) {
	j := d.job
	j.Step, j.Stepped = name, d.now()
	j.mark(joined(j.State, name), j.Stepped, took)
	d.write(j)
	d.event(joined(j.State, name))
	d.publish()
}

func joined(s State, step string) string {
	if step == "" {
		return string(s)
	}
	return string(s) + ":" + step
}

// finish ends the job with its one result.
func (d *desk) finish(s State, code Code, detail string) {
	j := d.job
	if d.retries(s, code) {
		d.retry(code)
		return
	}
	j.State, j.Step, j.Entered, j.Ended = s, "", d.now(), d.now()
	j.Code, j.Detail = code, detail
	j.Text = d.describe(j)
	j.mark(string(s), j.Ended, 0)
	d.write(j)
	d.leave()
	d.job, d.back = nil, nil
	d.last = append(d.last, j)
	if len(d.last) > maxJobs {
		d.last = append(d.last[:0], d.last[len(d.last)-maxJobs:]...)
	}
	d.shorten()
	d.event(string(s) + ": " + j.Text)
	d.publish()
	d.result(j)
}

// describe is the sentence of a result.
func (d *desk) describe(j *Job) string {
	switch j.State {
	case Succeeded:
		return fmt.Sprintf("%s: updated from %s to %s in %s.", j.Camera, orUnknown(j.From.Version), j.To.Version, j.Ended.Sub(j.Begun).Round(time.Second))
	}
	return sentence(j.Code, j.Camera, j.From.Version, j.To.Version, j.Detail)
}

// leave gives back what a running job holds.
func (d *desk) leave() {
	if d.unpin != nil {
		d.unpin()
		d.unpin = nil
	}
	if d.placed {
		d.c.release()
		d.placed = false
	}
}

// retries reports whether an end is by bad luck, which is tried again, once.
func (d *desk) retries(s State, code Code) bool {
	switch code {
	case PowerLost, ActivateLost, "bad_sha256", "not_started":
		return (s == Failed || s == RolledBack) && d.job.Retries == 0 && d.now().Before(d.job.Deadline.Add(d.c.opt.Timing.Queue))
	}
	return false
}

// retry puts the job back in the queue.
func (d *desk) retry(code Code) {
	j := d.job
	d.leave()
	d.back = nil
	d.event(fmt.Sprintf("trying once more after %s", code))
	j.Retries++
	j.Attempt, j.Clean, j.Sends, j.Resumes, j.Offset, j.Boot, j.Seq = 1, false, 0, 0, 0, "", 0
	j.Activated, j.Begun = time.Time{}, time.Time{}
	if soon := d.now().Add(d.c.opt.Timing.Lost); j.Deadline.Before(soon) {
		j.Deadline = soon
	}
	d.enter(Queued, "retry", nil)
}

// write appends the job to the journal. What cannot be written goes on in memory:
// the camera is on its way; no further job is taken.
func (d *desk) write(j *Job) {
	line, err := json.Marshal(j)
	if err == nil {
		err = d.c.opt.Journal.Append(d.camera, line)
	}
	if err != nil && d.broken == nil {
		d.c.opt.Logger.Error("the update is not journalled", "camera", d.camera, "job", j.ID, "reason", err)
	}
	d.broken = err
}

// shorten leaves one line of each job.
func (d *desk) shorten() {
	if d.c.opt.Journal.Size(d.camera) < maxJournal {
		return
	}
	var lines [][]byte
	for _, j := range d.last {
		if line, err := json.Marshal(j); err == nil {
			lines = append(lines, line)
		}
	}
	if err := d.c.opt.Journal.Replace(d.camera, lines); err != nil {
		d.c.opt.Logger.Warn("the journal of updates is not shortened", "camera", d.camera, "reason", err)
	}
}

// load reads the journal.
func (d *desk) load() error {
	lines, err := d.c.opt.Journal.Read(d.camera)
	if err != nil {
		return err
	}
	for _, line := range lines {
		j := new(Job)
		if err := json.Unmarshal(line, j); err != nil || j.ID == "" {
			return fmt.Errorf("a line of its journal is not understood: %w", err)
		}
		// What is said of a job that is over may come while the next one runs.
		if i := slices.IndexFunc(d.last, func(o *Job) bool { return o.ID == j.ID }); i >= 0 {
			d.last[i] = j
		} else {
			d.last = append(d.last, j)
		}
	}
	if n := len(d.last); n > 0 && !d.last[n-1].State.Final() {
		d.job, d.last = d.last[n-1], d.last[:n-1]
	}
	d.last = d.last[max(0, len(d.last)-maxJobs):]
	return nil
}

// resume goes on after a restart of the relay.
func (d *desk) resume() {
	const patience = 5 * time.Second
	d.grace, d.heard = d.now().Add(patience), d.now()
	d.tellAgain()
	j := d.job
	switch {
	case j == nil:
		d.publish()
		return
	case j.State == Queued || j.State == Prechecking:
		j.State = Queued
		d.publish()
		return
	}
	d.placed = d.c.acquire(true)
	var err error
	if d.unpin, err = d.c.opt.Images.Pin(j.To.SHA256); err != nil && j.State.Cancellable() {
		d.send(wire.Update{Cmd: wire.UpdateAbort, Job: j.order()})
		d.finish(Failed, NoImage, "the image is gone from the relay's disk")
		return
	}
	d.event("the relay has restarted and goes on")
	d.publish()
}

func (d *desk) jobs() []Job {
	var jobs []Job
	if d.job != nil {
		jobs = append(jobs, *d.job.clone())
	}
	for i := len(d.last) - 1; i >= 0; i-- {
		jobs = append(jobs, *d.last[i].clone())
	}
	return jobs
}

// forget ends everything because the camera was removed.
func (d *desk) forget() {
	d.gone = true
	if d.job != nil {
		d.leave()
		d.job = nil
	}
	if err := d.c.opt.Journal.Remove(d.camera); err != nil {
		d.c.opt.Logger.Warn("the journal of updates is not removed", "camera", d.camera, "reason", err)
	}
	d.then(func() { d.c.opt.Publisher.State(d.camera, nil) })
}
