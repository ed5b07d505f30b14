package ota

import (
	"camrelay/internal/ota/catalog"
	"camrelay/internal/wire"
)

type criteria = catalog.Criteria

// ack takes what the camera says. What is behind the job's state is old news;
// what is ahead says that acks were lost, and is believed: the camera checks for
// itself.
func (d *desk) ack(a wire.UpdateAck) {
	if a.Phase == wire.PhaseBooted {
		d.hello(a.Hello())
		return
	}
	j := d.job
	if j == nil || a.Job != j.order() {
		d.correct(a)
		return
	}
	if a.Boot == j.Boot && a.Seq <= j.Seq {
		return
	}
	j.Boot, j.Seq = a.Boot, a.Seq
	if underWay(a.Phase) {
		d.back = nil
	}
	if j.State == Queued || j.State == Prechecking {
		return
	}
	switch a.Phase {
	case wire.PhaseFailed, wire.PhaseRejected:
		d.failed(a)
	case wire.PhaseConfirmed:
		d.confirmed(a.Build)
	case wire.PhaseRolledBack:
		d.finish(RolledBack, Code(a.Code), d.resetReason())
	case wire.PhaseRebooting:
		d.rebooting(a)
	case wire.PhaseVerified:
		if j.State.rank() < Verifying.rank() && j.State != Cancelling {
			d.enter(Verifying, "verified", nil)
		} else if j.State == Verifying && j.Step != "verified" {
			d.step("verified", 0)
		}
	case wire.PhaseActivated:
		if j.Activated.IsZero() && j.State.rank() < Activated.rank() {
			j.Activated = d.now()
			d.enter(Activated, "", nil)
		}
	default:
		d.prepared(a)
	}
}

// prepared takes the acks of the steps before the download.
func (d *desk) prepared(a wire.UpdateAck) {
	j := d.job
	if j.State != Preparing && j.State != Ready {
		return
	}
	switch a.Phase {
	case wire.PhaseAccepted:
		if j.Step == "ordered" {
			d.step("accepted", 0)
		}
	case wire.PhaseStreamClosed, wire.PhaseServerStopped:
		if j.State == Preparing && j.Step != a.Phase {
			d.step(a.Phase, a.Took)
		}
	case wire.PhaseReady:
		if j.State == Preparing {
			j.Heap = &Heap{a.Heap, a.HeapLargest, a.HeapBefore, a.HeapLargestBefore}
			d.enter(Ready, "", nil)
		}
	case wire.PhaseHeaderOK:
		if j.State == Preparing {
			d.enter(Ready, "", nil)
		}
		d.step(a.Phase, 0)
	case wire.PhaseDownloading:
		d.heard = d.now()
		d.enter(Downloading, "", nil)
	}
}

func (d *desk) failed(a wire.UpdateAck) {
	j := d.job
	code := Code(a.Code)
	switch {
	case j.State == Cancelling:
		d.finish(Cancelled, CancelledByUser, "")
	case !j.Activated.IsZero() && j.State != Overdue:
		// Activation is a fact in the camera's flash: what it starts decides.
	case code == Restarted && (d.info.Reset == "power" || d.info.Reset == "brownout"):
		d.finish(Failed, PowerLost, reset(&d.info))
	case code == Restarted:
		d.finish(Failed, Restarted, reset(&d.info))
	case code == "busy":
		d.finish(Failed, "busy_camera", "")
	default:
		d.finish(Failed, code, "in step "+a.At)
	}
}

// rebooting is a restart into the new image, or into update-only mode.
func (d *desk) rebooting(a wire.UpdateAck) {
	j := d.job
	switch {
	case a.Mode == wire.UpdateClean && (j.State == Preparing || j.State == Ready):
		j.Attempt, j.Clean = 2, true
		if j.State != Preparing {
			d.enter(Preparing, "restarting", nil)
		} else {
			d.step("restarting", 0)
		}
	case a.Mode != wire.UpdateClean && j.State.rank() >= Downloading.rank() && j.State.rank() < Rebooting.rank():
		if j.Activated.IsZero() {
			j.Activated = d.now()
		}
		d.enter(Rebooting, "", nil)
	}
}

func (d *desk) confirmed(build uint32) {
	d.info.Build, d.info.Firmware, d.info.State = build, d.job.To.Version, wire.StateConfirmed
	if build == d.job.To.Build {
		d.finish(Succeeded, "", "")
	} else {
		d.finish(Failed, WrongVersion, "")
	}
}

// hello takes what a camera says when it comes.
func (d *desk) hello(h wire.Hello) {
	restarted := !d.known || h.Boot != d.info.Boot
	before := d.info
	d.info, d.known = h, true
	j := d.job
	switch {
	case j == nil:
		d.correctBy(before, h)
		if restarted {
			d.publish()
		}
	case j.State == Queued || j.State == Prechecking:
	case h.State == wire.StateUpdate:
		if h.Job == j.order() && j.State == Preparing && j.Step != "update_mode" {
			j.Attempt, j.Clean = 2, true
			d.step("update_mode", 0)
		}
	case h.Build == j.To.Build:
		d.newImage(h)
	case h.Build == j.From.Build:
		d.oldImage(h)
	default:
		d.finish(Failed, WrongVersion, "")
	}
}

// newImage: the new image runs.
func (d *desk) newImage(h wire.Hello) {
	j := d.job
	switch {
	case h.State == wire.StateConfirmed:
		d.finish(Succeeded, "", "")
	case j.State != Confirming:
		if j.Activated.IsZero() {
			j.Activated = d.now()
		}
		d.enter(Confirming, "", nil)
	}
}

// oldImage: the old image is there, or still there.
func (d *desk) oldImage(h wire.Hello) {
	j := d.job
	restarted := h.Boot != j.Boot
	if j.State == Cancelling {
		d.finish(Cancelled, CancelledByUser, "")
		return
	}
	if j.State == Preparing && j.Activated.IsZero() && h.Job != j.order() {
		if j.Step != "announced" {
			d.start() // it has never heard of the job
		}
		return
	}
	if j.State == Preparing && !restarted && (j.Step == "ordered" || j.Step == "accepted") {
		return // its connection broke
	}
	if d.back != nil {
		return
	}
	// It came back. Why, it says next; if not, the hello has to do.
	d.back = &h
	if !restarted {
		d.send(wire.Update{Cmd: wire.UpdateStatus})
	}
	d.step("came_back", 0)
}

// conclude names the cause from what the hello of the old image said.
func (d *desk) conclude() {
	j, h := d.job, d.back
	d.back = nil
	switch {
	case !j.Activated.IsZero():
		d.finish(RolledBack, TrialTimeout, "it started again because of: "+reset(h))
	case h.Other == j.To.Build && j.State.rank() >= Verifying.rank(), j.State == Overdue && h.Other == j.To.Build:
		d.finish(Failed, ActivateLost, "")
	case h.Boot == j.Boot:
		d.finish(Failed, NoReport, "")
	case h.Reset == "power" || h.Reset == "brownout":
		d.finish(Failed, PowerLost, reset(h))
	default:
		d.finish(Failed, Restarted, reset(h))
	}
}

func (d *desk) resetReason() string {
	if d.back != nil {
		return reset(d.back)
	}
	return reset(&d.info)
}

func reset(h *wire.Hello) string {
	switch h.Reset {
	case "power":
		return "its power was switched on"
	case "brownout":
		return "its supply was too low"
	case "panic":
		return "the program crashed"
	case "watchdog":
		return "the program hung"
	case "software":
		return "it restarted itself"
	}
	return "unknown"
}

// correct takes an ack about a job that has its result already. What was given
// up may turn out otherwise; and a camera that has not heard that it was given
// up is told again.
func (d *desk) correct(a wire.UpdateAck) {
	j := d.lost()
	if j == nil || a.Job != j.order() {
		return
	}
	switch {
	case a.Phase == wire.PhaseConfirmed:
		d.found(Succeeded, "", "")
	case j.State != Lost:
		if underWay(a.Phase) && d.job == nil {
			d.send(wire.Update{Cmd: wire.UpdateAbort, Job: a.Job})
		}
	case a.Phase == wire.PhaseRolledBack:
		d.found(RolledBack, Code(a.Code), d.resetReason())
	case a.Phase == wire.PhaseFailed:
		d.found(Failed, Code(a.Code), "")
	}
}

// underWay reports whether a camera that says so can still go back.
func underWay(phase string) bool {
	switch phase {
	case wire.PhaseAccepted, wire.PhaseStreamClosed, wire.PhaseServerStopped, wire.PhaseReady, wire.PhaseHeaderOK, wire.PhaseDownloading, wire.PhaseVerified:
		return true
	}
	return false
}

// correctBy does the same by a hello, and notices an image that was confirmed
// and has fallen back.
func (d *desk) correctBy(before, h wire.Hello) {
	if j := d.lost(); j != nil {
		switch {
		case h.Build == j.To.Build && h.State == wire.StateConfirmed:
			d.found(Succeeded, "", "")
		case h.Build == j.From.Build && j.State == Lost:
			d.found(RolledBack, TrialTimeout, reset(&h))
		}
		return
	}
	if n := len(d.last); n > 0 && d.last[n-1].State == Succeeded && h.Build == d.last[n-1].From.Build && before.Build == d.last[n-1].To.Build {
		d.event("regressed: " + d.camera + " runs " + h.Firmware + " again; " + before.Firmware + " had been confirmed and does not start any more")
	}
}

// lost is the last job if it was given up, once it had begun.
func (d *desk) lost() *Job {
	n := len(d.last)
	if n == 0 || d.last[n-1].Late || d.last[n-1].Sends == 0 {
		return nil
	}
	switch j := d.last[n-1]; j.State {
	case Lost, Failed, Cancelled, Superseded:
		return j
	}
	return nil
}

// found corrects the last job's result by a second one.
func (d *desk) found(s State, code Code, detail string) {
	j := d.last[len(d.last)-1].clone()
	j.State, j.Code, j.Detail, j.Late, j.Told, j.Ended = s, code, detail, true, false, d.now()
	j.Text = d.describe(j)
	j.mark(string(s), j.Ended, 0)
	d.write(j)
	d.last[len(d.last)-1] = j
	d.publish()
	d.result(j)
}
