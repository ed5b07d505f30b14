package update

import "camrelay/firmware/core/boot"

// step is what an update does now.
type step uint8

const (
	resting    step = iota
	announcing      // accepted is on its way
	closing         // the stream
	forcing         // it again
	stopping        // the server
	darkening       // the camera
	linking         // update-only mode: waits for the network
	measuring
	asking // for the header
	erasing
	loading
	checking // reading back
	activating
	telling   // activated is on its way
	leaving   // the last ack is on its way, then the camera restarts
	insisting // the owner has been asked to
	over      // nothing may be done any more
	restoring
)

// at is the phase that has not been reached while a step goes on.
func (s step) at() Phase {
	return [...]Phase{announcing: StreamClosed, closing: StreamClosed, forcing: StreamClosed, stopping: ServerStopped, darkening: Ready,
		linking: HeaderOK, measuring: Ready, asking: HeaderOK, erasing: Downloading, loading: Downloading, checking: Verified,
		activating: Activated, telling: Rebooting, leaving: Rebooting, insisting: Rebooting, over: Rebooting, restoring: Failed}[s]
}

func (u *Updater) enter(s step, limit int64) {
	u.step, u.since, u.until = s, u.now, u.now+limit
}

// took is how long the step has taken, in milliseconds.
func (u *Updater) took() uint32 { return uint32((u.now - u.since) / millisecond) }

// abortable reports whether the way back is open.
func (u *Updater) abortable() bool { return u.step > resting && u.step <= activating }

// Step goes on with what is under way. It reports whether anything has happened.
// Most steps take less than two milliseconds; one erases a sector, and one checks
// a signature.
func (u *Updater) Step(now int64) bool {
	u.now = now
	if u.step == over {
		return false
	}
	progress := u.client.Step(now)
	progress = u.pump() || progress
	if u.step == resting {
		return progress
	}
	if now >= u.deadline {
		u.runOut()
	}
	s := u.step
	u.moved = s == erasing || s == checking
	u.run()
	return progress || u.moved || u.step != s
}

func (u *Updater) run() {
	late := u.now >= u.until
	switch u.step {
	case announcing:
		u.announce(late)
	case closing, forcing:
		u.closeStream(late)
	case stopping:
		u.stopServer(late)
	case darkening:
		u.darken(late)
	case linking:
		if u.network.Up() {
			u.enter(measuring, second)
		}
	case measuring:
		u.measure()
	case asking:
		u.ask(late)
	case erasing:
		u.erase()
	case loading:
		u.load()
	case checking:
		u.check(late)
	case activating:
		u.activate()
	case telling:
		if late || u.delivered() {
			u.report(ack{phase: Rebooting})
			u.enter(leaving, second)
		}
	case leaving:
		u.leave(late)
	case insisting:
		if late {
			u.step = over
			u.system.Reset()
		}
	case restoring:
		u.restore(late)
	}
}

// announce waits until the relay knows what comes.
func (u *Updater) announce(late bool) {
	switch {
	case !late && !u.delivered():
	case u.order.clean:
		u.restart("")
	default:
		u.deadline = u.now + int64(u.order.budget)*second
		u.device.CloseStream()
		u.enter(closing, 3*second)
	}
}

func (u *Updater) closeStream(late bool) {
	switch {
	case u.device.StreamClosed():
		u.report(ack{phase: StreamClosed, took: u.took()})
		u.device.StopServer()
		u.enter(stopping, 5*second)
	case late && u.step == closing:
		u.device.ForceStream()
		since := u.since
		u.enter(forcing, second)
		u.since = since
	case late:
		u.restart(streamStuck)
	}
}

func (u *Updater) stopServer(late bool) {
	switch {
	case u.device.ServerStopped():
		u.report(ack{phase: ServerStopped, took: u.took()})
		u.device.CameraOff()
		u.enter(darkening, 2*second)
	case late:
		u.restart(serverStuck)
	}
}

func (u *Updater) darken(late bool) {
	switch {
	case u.device.CameraIsOff():
		u.enter(measuring, second)
	case late:
		u.restart(cameraStuck)
	}
}

// measure looks at the memory when all that will be free is free.
func (u *Updater) measure() {
	m := u.system.Memory()
	u.report(ack{phase: Ready, slot: u.slot.Other(), memory: m})
	if m.Free < u.order.minHeap || m.Largest < u.order.minLargest {
		u.restart(lowHeap)
		return
	}
	u.enter(asking, 15*second)
	u.rewind()
	u.fetchAt(u.now)
}

func (u *Updater) erase() {
	done, err := u.writer.Erase()
	switch {
	case err != nil:
		u.fail(codeOf(err))
	case done:
		u.enter(loading, 0)
		u.fetchAt(u.now)
	}
}

// check reads back what was written, a sector at a time.
func (u *Updater) check(late bool) {
	done, err := u.writer.Check()
	switch {
	case err != nil:
		u.fail(codeOf(err))
	case done:
		u.report(ack{phase: Verified})
		u.enter(activating, 3*second)
	case late:
		u.fail(flashError)
	}
}

// activate makes the slot hold an image, and the next start try it. That the
// record says so is read from the chip.
func (u *Updater) activate() {
	if err := u.writer.Commit(); err != nil {
		u.fail(codeOf(err))
		return
	}
	to := u.slot.Other()
	err := u.log.Activate(to, &u.next, u.slot, u.running)
	if err == nil {
		err = u.log.Open(u.chip, u.layout.Records)
	}
	r, ok := u.log.Newest()
	if err != nil || !ok || r.Slot != to || r.State() != boot.Pending || !r.Names(&u.next) {
		// The record may be there nevertheless; one after it takes it back.
		if u.log.Open(u.chip, u.layout.Records) == nil {
			_ = u.log.Settle(u.slot, u.running)
		}
		u.fail(activateFailed)
		return
	}
	u.report(ack{phase: Activated, slot: to})
	u.enter(telling, 2*second)
}
