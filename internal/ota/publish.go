package ota

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Documents that are published (docs/ota.md). A version is in "v".
const documentVersion = 1

// stateDocument is what R/ota/{camera}/state holds.
type stateDocument struct {
	V           int        `json:"v"`
	Camera      string     `json:"camera"`
	Relay       string     `json:"relay"`
	Rev         uint64     `json:"rev"` // grows with each
	Job         string     `json:"job,omitempty"`
	State       string     `json:"state"`
	Step        string     `json:"step,omitempty"`
	Waits       string     `json:"waits,omitempty"`
	From        *Firmware  `json:"from,omitempty"`
	To          *Firmware  `json:"to,omitempty"`
	Progress    int        `json:"progress"`
	Bytes       int64      `json:"bytes,omitempty"`
	Attempt     int        `json:"attempt,omitempty"`
	Resumes     int        `json:"resumes,omitempty"`
	Heap        *Heap      `json:"heap,omitempty"`
	Since       *time.Time `json:"since,omitempty"`
	Deadline    *time.Time `json:"deadline,omitempty"`
	ETA         int        `json:"eta_s,omitempty"` // until pictures come again
	Code        Code       `json:"code,omitempty"`
	Text        string     `json:"text,omitempty"`
	Cancellable bool       `json:"cancellable"`
	Volatile    bool       `json:"not_journalled,omitempty"` // a restart of the relay would forget it
}

// resultDocument is what R/ota/{camera}/result says, once for each trigger.
type resultDocument struct {
	V        int       `json:"v"`
	Camera   string    `json:"camera"`
	ID       string    `json:"id,omitempty"`
	Job      string    `json:"job,omitempty"`
	Result   string    `json:"result"`
	OK       bool      `json:"ok"`
	Code     Code      `json:"code,omitempty"`
	Text     string    `json:"text"`
	From     string    `json:"from,omitempty"`
	To       string    `json:"to,omitempty"`
	Now      string    `json:"now,omitempty"` // what runs
	Duration float64   `json:"duration_s,omitempty"`
	Late     bool      `json:"late,omitempty"` // corrects an earlier one
	At       time.Time `json:"at"`
}

// publish says how things are, to the world and to viewers.
func (d *desk) publish() {
	if d.gone {
		return
	}
	d.rev++
	d.said = d.now()
	doc := stateDocument{V: documentVersion, Camera: d.camera, Relay: d.c.opt.Relay, Rev: d.rev, State: "idle", Volatile: d.broken != nil}
	j := d.job
	if j == nil && len(d.last) > 0 {
		j = d.last[len(d.last)-1]
	}
	if j != nil {
		d.percent = j.Progress()
		from, to, since := j.From, j.To, j.Entered.UTC()
		doc.Job, doc.State, doc.Step, doc.Waits = j.ID, string(j.State), j.Step, j.Waits
		doc.From, doc.To, doc.Since = &from, &to, &since
		doc.Progress, doc.Bytes, doc.Attempt, doc.Resumes = j.Progress(), j.Offset, j.Attempt, j.Resumes
		doc.Heap, doc.Code, doc.Text = j.clone().Heap, j.Code, j.Text
		doc.Cancellable = j.State.Cancellable()
		doc.ETA = int(d.eta(j) / time.Second)
		if j.State == Queued {
			deadline := j.Deadline.UTC()
			doc.Deadline = &deadline
		}
	}
	document, _ := json.Marshal(doc) // of plain values: no error
	d.then(func() { d.c.opt.Publisher.State(d.camera, document) })
	d.show()
}

// eta is how long it takes until pictures come again.
func (d *desk) eta(j *Job) time.Duration {
	const restart = 12 * time.Second
	left := restart
	switch j.State {
	case Preparing, Ready:
		left += 3*time.Second + d.loading(j, j.To.Size)
	case Downloading:
		left += d.loading(j, j.To.Size-j.Offset)
	case Verifying, Activated, Rebooting:
	default:
		return 0
	}
	return left
}

// loading is how long bytes take, at the rate of this download or a usual one.
func (d *desk) loading(j *Job, bytes int64) time.Duration {
	const usual = 150_000 // bytes a second
	rate := float64(usual)
	if took := d.now().Sub(j.Entered).Seconds(); j.State == Downloading && took > 1 && j.Offset > headerSize {
		rate = float64(j.Offset) / took
	}
	return time.Duration(math.Ceil(float64(bytes)/rate)) * time.Second
}

// show tells viewers.
func (d *desk) show() {
	text := ""
	if j := d.job; j != nil {
		text = d.banner(j)
	}
	if text == d.shown {
		return
	}
	d.shown = text
	d.then(func() { d.c.opt.Cameras.Show(d.camera, text) })
}

func (d *desk) banner(j *Job) string {
	back := ""
	if eta := d.eta(j); eta > 0 {
		const step = 5 * time.Second // so that it does not flicker
		back = fmt.Sprintf(", back in about %d s", int((eta+step-1)/step*step/time.Second))
	}
	switch j.State {
	case Preparing, Ready:
		return "updating to " + j.To.Version + ": preparing" + back
	case Downloading:
		return fmt.Sprintf("updating to %s: %d %%%s", j.To.Version, j.Progress(), back)
	case Verifying:
		return "updating to " + j.To.Version + ": checking" + back
	case Activated, Rebooting:
		return "updating to " + j.To.Version + ": restarting" + back
	case Cancelling:
		return "update cancelled: going back to pictures"
	case Overdue:
		return "the camera has not come back from its restart yet"
	}
	return ""
}

func (d *desk) event(line string) {
	if d.gone {
		return
	}
	d.c.opt.Logger.Info("update", "camera", d.camera, "event", line)
	d.then(func() { d.c.opt.Publisher.Event(d.camera, line) })
}

// result says how a job ended.
func (d *desk) result(j *Job) {
	document, finished := resultOf(j), *j.clone()
	d.then(func() {
		d.c.opt.Publisher.Result(d.camera, document)
		d.c.opt.Finished(finished)
	})
}

func resultOf(j *Job) []byte {
	doc := resultDocument{
		V: documentVersion, Camera: j.Camera, ID: j.Trigger, Job: j.ID, Result: string(j.State), OK: j.State == Succeeded,
		Code: j.Code, Text: j.Text, From: j.From.Version, To: j.To.Version, Now: j.From.Version, Late: j.Late, At: j.Ended.UTC(),
	}
	if j.State == Succeeded {
		doc.Now = j.To.Version
	}
	if !j.Begun.IsZero() {
		doc.Duration = math.Round(j.Ended.Sub(j.Begun).Seconds()*10) / 10
	}
	document, _ := json.Marshal(doc)
	return document
}

// told notes that a job's result has been published.
func (d *desk) told(job string, late bool) {
	for _, j := range d.last {
		if j.ID == job && j.Late == late && !j.Told {
			j.Told = true
			d.write(j)
		}
	}
}

// tellAgain publishes results that a relay which is no more could not.
func (d *desk) tellAgain() {
	const forgotten = 24 * time.Hour
	for _, j := range d.last {
		if !j.Told && d.now().Sub(j.Ended) < forgotten {
			document := resultOf(j)
			d.then(func() { d.c.opt.Publisher.Result(d.camera, document) })
		}
	}
}

// resultOfRefusal is the result of a trigger that did not become a job.
func resultOfRefusal(now time.Time, camera string, t Trigger, e *RefusedError) []byte {
	doc := resultDocument{V: documentVersion, Camera: camera, ID: t.ID, Result: "rejected", Code: e.Code, Text: e.Text, At: now.UTC()}
	switch {
	case e.Code == AlreadyThere:
		doc.Result, doc.OK = "already_installed", true
	case e.Code == Fine:
		doc.Result, doc.OK = "dry_run_ok", true
	case t.Action == DryRun:
		doc.Result = "dry_run_failed"
	}
	document, _ := json.Marshal(doc)
	return document
}
