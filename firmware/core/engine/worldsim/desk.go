package worldsim

import (
	"encoding/json"
	"fmt"
	"time"

	"camrelay/internal/vcam"
	"camrelay/internal/wire"
)

// desk gives orders for updates and believes what it is told of them, as the
// relay's coordinator does. Whether what it is told is true, it checks too.
type desk struct {
	*World
	mqtt bool // orders go by MQTT
	job  *job // that is not over
	jobs map[string]*job
	last *job
}

// job is one update.
type job struct {
	order    wire.Update
	firmware *firmware
	issued   int64
	accepted int64 // 0: not yet, as far as is known
	limit    int64 // when it must be over, if everything can be said
	before   uint32
	abort    bool
	ends     []string // how it ended; more than one is a correction
	endBoot  string
	endSeq   uint32
}

// Times of a job, besides its budget.
const (
	budget     = 300 * time.Second
	trials     = 3 * (120*time.Second + 5*time.Second)
	askAgain   = 15 * time.Second
	afterwards = 180 * time.Second // until all channels are back
)

func newDesk(w *World) *desk {
	return &desk{World: w, mqtt: w.chance(2), jobs: map[string]*job{}}
}

// plan lets the next order come. Where nothing else goes wrong an image that
// hangs has been found out by then.
func (d *desk) plan() {
	wait := d.between(30*time.Second, 25*time.Minute)
	if d.conf.Calm {
		wait += 15 * time.Minute
	}
	d.after(wait, d.issue)
}

// issue makes an order, for a good image or another.
func (d *desk) issue() {
	kind, how := vcam.Good, -1
	switch n := d.rnd.IntN(20); {
	case n < 9:
	case n < 11:
		kind = vcam.Panics
	case n < 13:
		kind = vcam.NoWiFi
	case n < 15:
		kind = vcam.NoUpdate
	case n < 16:
		kind = vcam.Hangs
	default:
		how = n % 3
	}
	f, err := d.images.release(kind, d.rnd.IntN(160<<10)+vcam.MinPayload)
	if err != nil {
		panic(err)
	}
	switch {
	case how >= 0:
		d.images.spoil(f, how)
	case d.chance(12):
		f = d.images.list[d.rnd.IntN(len(d.images.list)-1)] // an old one
	}
	d.start(f)
}

// start gives an order.
func (d *desk) start(f *firmware) *job {
	d.Jobs++
	j := &job{firmware: f, issued: d.now}
	j.order = wire.Update{
		Cmd: wire.UpdateStart, Job: fmt.Sprintf("job-%d", d.Jobs), Image: f.path, Size: uint32(len(f.content)),
		Host: fmt.Sprintf("%s:%d", relayHost, relayPort), Budget: uint32(budget / time.Second),
	}
	if d.chance(2) {
		j.order.Token = fmt.Sprintf("tok-%016x", d.rnd.Uint64())
	}
	if d.chance(4) {
		j.order.Mode = wire.UpdateClean
	}
	if d.chance(3) {
		j.order.MinHeap, j.order.MinLargest = 80_000, 24_576
	}
	if d.chance(12) {
		j.order.MinHeap = 200_000
	}
	d.job = j
	d.jobs[j.order.Job] = j
	d.note("%s: build %d (%s) %s %s", j.order.Job, f.Build, f.behaviour, f.refused, j.order.Mode)
	if d.chance(6) && !d.conf.Calm {
		d.after(d.between(0, 40*time.Second), func() { j.abort = true; d.send(wire.Update{Cmd: wire.UpdateAbort, Job: j.order.Job}) })
	}
	d.press(j)
	return j
}

// press sends the order until it is known, and asks how it goes until it is over.
func (d *desk) press(j *job) {
	switch {
	case d.job != j:
		return
	case j.accepted == 0:
		d.send(j.order)
		if d.chance(5) {
			d.send(j.order)
		}
	case d.now > j.limit && d.reached():
		d.fail(concluded, "%s was accepted %v ago, and it is not known how it ended", j.order.Job, time.Duration(d.now-j.accepted))
		return
	case d.chance(3):
		d.send(wire.Update{Cmd: wire.UpdateStatus})
	}
	d.after(askAgain, func() { d.press(j) })
}

// reached reports whether the camera can be spoken to.
func (d *desk) reached() bool {
	if d.mqtt {
		return d.broker.session != nil && d.broker.session.ready
	}
	return d.relay.socket != nil
}

// send gives an order to the camera, by MQTT or over its WebSocket.
func (d *desk) send(u wire.Update) {
	text, err := u.Encode()
	if err != nil {
		panic(err)
	}
	if d.mqtt {
		d.broker.publish(text)
	} else if s := d.relay.socket; s != nil {
		s.send(1, text)
	}
}

// grants reports whether a token is one of an order.
func (d *desk) grants(token string) bool {
	if d.thinks() {
		return d.brain.Grants(token)
	}
	return d.job != nil && d.job.order.Token != "" && token == d.job.order.Token || d.last != nil && token == d.last.order.Token
}

// inReturn is the answer to a report.
func (d *desk) inReturn(a *wire.UpdateAck) []byte {
	if d.thinks() {
		if order := d.brain.Answer(a.Job); order != nil && a.Phase != wire.PhaseBooted {
			return order
		}
		return []byte("{}")
	}
	if j := d.jobs[a.Job]; j != nil && j.abort {
		text, err := wire.Update{Cmd: wire.UpdateAbort, Job: a.Job}.Encode()
		if err == nil {
			return text
		}
	}
	return []byte("{}")
}

// published takes what came by MQTT.
func (d *desk) published(p []byte) {
	var a wire.UpdateAck
	if err := json.Unmarshal(p, &a); err != nil {
		d.fail(honest, "%v: %s", err, p)
		return
	}
	d.ack(&a, "MQTT")
}

// hello is what a camera says when it connects.
func (d *desk) hello(h *wire.Hello) {
	if d.thinks() {
		d.brain.Hello(*h)
	}
	if j := d.jobs[h.Job]; j != nil && j.accepted == 0 {
		d.accepted(j) // its ack was lost
	}
}

func (d *desk) accepted(j *job) {
	j.accepted = d.now
	j.before = d.camera.running.Build
	j.limit = d.now + int64(budget+trials+afterwards)
	d.updating(budget + trials)
}

// ack takes one message about an update.
func (d *desk) ack(a *wire.UpdateAck, by string) {
	d.note("%s: %s %s %s%s at %d/%d by %s", a.Job, a.Phase, a.At, a.Code, a.Mode, a.Seq, a.Offset, by)
	if d.thinks() {
		defer d.brain.Ack(*a)
	}
	j := d.jobs[a.Job]
	switch {
	case a.Phase == wire.PhaseBooted:
		return
	case j == nil:
		d.fail(honest, "%s of job %q, which nobody ordered", a.Phase, a.Job)
		return
	case a.Phase == wire.PhaseRejected:
		if a.Code != "busy" && a.Code != "on_trial" {
			d.fail(honest, "%s is rejected: %s", a.Job, a.Code)
		}
		return
	}
	if j.accepted == 0 {
		d.accepted(j)
	}
	switch a.Phase {
	case wire.PhaseFailed, wire.PhaseConfirmed, wire.PhaseRolledBack:
		d.over(j, a)
	case wire.PhaseAccepted:
		if len(j.ends) > 0 && (a.Boot != j.endBoot || a.Seq > j.endSeq) {
			d.fail(concluded, "%s begins again after it %s", a.Job, j.ends[0])
		}
	}
}
