package update

// How an update ends: by the restart it was made for, by one into update-only
// mode, by going back to the old life, or by one that brings the old image back.

// leave waits for the last ack and has the camera restarted.
func (u *Updater) leave(late bool) {
	if !late && !u.delivered() {
		return
	}
	u.client.Abort()
	u.posting, u.fetching = false, false
	if u.clean {
		u.writeNote()
	}
	u.device.Reboot()
	u.enter(insisting, 2*second)
}

// restart goes on in update-only mode, if that has not been tried.
func (u *Updater) restart(c code) {
	if u.mode == UpdateOnly || len(u.system.Note()) < noteEnd {
		u.fail(c)
		return
	}
	u.clean = true
	u.report(ack{phase: Rebooting, clean: true, code: c})
	u.enter(leaving, 2*second)
}

// runOut ends an update whose budget is spent: by a restart.
func (u *Updater) runOut() {
	switch {
	case u.step == restoring:
		u.reportFailed(u.state.outcome.at, false)
		u.enter(leaving, 2*second)
	case u.abortable():
		u.giveUp(overBudget)
		u.reportFailed(u.state.outcome.at, false)
		u.enter(leaving, 2*second)
	}
	u.deadline = 1<<63 - 1
}

// fail goes back to the old life. In update-only mode that takes a restart.
func (u *Updater) fail(c code) {
	u.giveUp(c)
	if u.mode == UpdateOnly {
		u.reportFailed(u.state.outcome.at, false)
		u.enter(leaving, 2*second)
		return
	}
	u.twice = false
	u.device.Restore()
	u.enter(restoring, 5*second)
}

// giveUp stops what is under way and remembers why.
func (u *Updater) giveUp(c code) {
	u.client.Abort()
	u.posting, u.fetching = false, false
	u.cause = c
	_ = u.state.save(outcome{phase: Failed, at: u.step.at(), code: c, untold: true}) // what cannot be kept is said
}

func (u *Updater) restore(late bool) {
	switch {
	case u.device.Restored():
		u.reportFailed(u.state.outcome.at, true)
		u.step = resting
	case late && !u.twice:
		u.twice = true
		u.device.Restore()
		u.until = u.now + 5*second
	case late:
		if u.cause == aborted {
			u.cause = restoreFailed
		}
		u.reportFailed(u.state.outcome.at, false)
		u.enter(leaving, 2*second)
	}
}
