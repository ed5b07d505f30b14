package update

import (
	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/image"
)

// Boot finds out, at a start, what the camera is to do now, and what there is to
// report of an update before. The log must be open.
func (u *Updater) Boot(now int64) Mode {
	u.now = now
	u.state.scratch, u.state.unread = u.buf[:], true
	_ = u.state.load() // else before something is kept
	u.lookAside()
	note := u.system.Note()
	resume := sealed(note, noteOrder)
	var ended code
	if resume {
		u.readNote(note)
	} else if sealed(note, noteTrial) && int(note[noteAttempt]) < len(trialCodes) {
		ended = trialCodes[note[noteAttempt]]
	}
	clear(note) // before anything begins, so that nothing is tried for ever
	switch {
	case u.log.OnTrial(u.slot):
		u.mode = OnTrial
		return u.mode
	case resume && u.order.job == u.state.job && u.state.outcome.phase == Accepted:
		u.resume()
		return u.mode
	}
	u.conclude(ended)
	return u.mode
}

// lookAside finds out which image is in the other slot.
func (u *Updater) lookAside() {
	if u.chip.Read(u.layout.Slots[u.slot.Other()], u.buf[:]) == nil && image.Decode(u.buf[:], &u.next) == nil {
		u.other = u.next.Build
	}
}

// resume goes on with an update in update-only mode.
func (u *Updater) resume() {
	u.mode = UpdateOnly
	u.report(ack{phase: Accepted, attempt: u.attempt})
	u.enter(linking, 0)
}

// conclude finds out how the last job ended, if that was by a restart, and makes
// the log say that the running image is what is to run.
func (u *Updater) conclude(ended code) {
	o := u.state.outcome
	r, back := u.log.CameBack(u.slot)
	switch {
	case back && o.tried(&r):
		o = outcome{phase: RolledBack, code: whyBack(&r, ended), untold: true}
	case o.phase == Accepted && (back || o.build == u.running.Build):
		o = outcome{phase: Failed, at: StreamClosed, code: restarted, untold: true}
	case o.phase == Accepted:
		o = outcome{phase: Confirmed, untold: true} // and the power went before that was kept
	}
	_ = u.state.raise(u.running.Floor)
	if o != u.state.outcome {
		_ = u.state.save(o) // before the log forgets it
	}
	_ = u.log.Settle(u.slot, u.running) // an update needs it and does it again
	u.cause = o.code
	u.last = ack{job: u.state.job, phase: o.phase, at: o.at, code: o.code, restored: true}
	switch {
	case o.phase == 0:
		u.last = ack{}
	case o.untold:
		u.report(u.last)
	default:
		u.seq++
		u.last.seq = u.seq
	}
}

// tried reports whether the image that came back, which r is about, is that of
// the last job: not if that job ended before, or has not come so far yet while
// the image that came back is one that had confirmed itself long ago.
func (o *outcome) tried(r *boot.Record) bool {
	return o.phase == Confirmed || o.phase == 0 || o.phase == Accepted && r.State() != boot.Confirmed
}

// whyBack says why another image than the one of the newest record runs: what
// that image said of itself, or what the marks of the selector say.
func whyBack(r *boot.Record, ended code) code {
	switch {
	case ended != "":
		return ended
	case r.State() == boot.Exhausted:
		return trialReset
	}
	return notStarted
}
