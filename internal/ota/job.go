package ota

import (
	"time"
)

// Firmware names one firmware.
type Firmware struct {
	Version string `json:"version"`
	Build   uint32 `json:"build"`
	SHA256  string `json:"sha256,omitempty"` // of the image's file
	Size    int64  `json:"size,omitempty"`   // bytes
}

func (f Firmware) String() string { return f.Version }

// Heap is a camera's memory, in bytes: before the update and with everything
// stopped.
type Heap struct {
	Free          int64 `json:"free"`
	Largest       int64 `json:"largest"`
	BeforeFree    int64 `json:"before_free"`
	BeforeLargest int64 `json:"before_largest"`
}

// Step is one entry of a job's timeline.
type Step struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	Took int       `json:"took_ms,omitempty"` // as the camera measured it
}

// Job is one update of one camera. It is journalled as it is.
type Job struct {
	ID      string   `json:"id"`
	Camera  string   `json:"camera"`
	Trigger string   `json:"trigger,omitempty"` // the user's own id
	Rollout string   `json:"rollout,omitempty"`
	By      string   `json:"by,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Source  string   `json:"source,omitempty"` // mqtt, api, cli, page, rollout
	Force   bool     `json:"force,omitempty"`
	From    Firmware `json:"from"`
	To      Firmware `json:"to"`

	Host string `json:"host,omitempty"` // what the camera calls the relay

	State     State     `json:"state"`
	Step      string    `json:"step,omitempty"`  // within the state
	Waits     string    `json:"waits,omitempty"` // why it is queued, for people
	Created   time.Time `json:"created"`         // accepted
	NotBefore time.Time `json:"not_before,omitzero"`
	Deadline  time.Time `json:"deadline"`         // to have begun
	Begun     time.Time `json:"begun,omitzero"`   // left the queue
	Entered   time.Time `json:"entered"`          // the state
	Stepped   time.Time `json:"stepped,omitzero"` // the step
	Activated time.Time `json:"activated,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	Steps     []Step    `json:"steps,omitempty"`

	Attempt     int    `json:"attempt"` // 2: in update-only mode
	Clean       bool   `json:"clean,omitempty"`
	Sends       int    `json:"sends,omitempty"` // of the order
	Resumes     int    `json:"resumes,omitempty"`
	Offset      int64  `json:"offset,omitempty"` // bytes served
	Heap        *Heap  `json:"heap,omitempty"`
	Boot        string `json:"boot,omitempty"` // of the last ack
	Seq         uint32 `json:"seq,omitempty"`
	Transitions int    `json:"transitions"`
	Retries     int    `json:"retries,omitempty"` // after power was lost

	Code   Code   `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
	Text   string `json:"text,omitempty"`
	Late   bool   `json:"late,omitempty"` // a result that corrects another
	Told   bool   `json:"told,omitempty"` // the result has been published
}

// Progress is in percent: of the bytes the relay has served, 99 at most until the
// camera has verified them.
func (j *Job) Progress() int {
	switch {
	case j.State == Succeeded || j.State.rank() > Verifying.rank():
		return 100
	case j.To.Size == 0:
		return 0
	}
	return int(min(99, 100*j.Offset/j.To.Size))
}

// mark notes a step with its time.
func (j *Job) mark(name string, at time.Time, took int) {
	const most = 64
	if len(j.Steps) < most {
		j.Steps = append(j.Steps, Step{name, at.UTC(), took})
	}
}

// clone is a copy that shares nothing.
func (j *Job) clone() *Job {
	c := *j
	c.Steps = append([]Step(nil), j.Steps...)
	if j.Heap != nil {
		h := *j.Heap
		c.Heap = &h
	}
	return &c
}
