package update

import (
	"camrelay/firmware/core/fetch"
	"camrelay/firmware/core/json"
)

// postLimit is how long an update waits for reports to be posted.
const postLimit = 3 * second

// reports are the acks that wait for their delivery.
type reports struct {
	seq     uint32
	last    ack // of the job, to be repeated
	queue   [4]ack
	waiting int
	text    [maxAck]byte // the first of them, written
	textLen int          // 0: not written yet
	json    json.Writer  // here, and not where they are used, so that nothing is allocated
	scratch [maxImage]byte
	channel Delivery // what Device.Report said last

	posting   bool
	postUntil int64
}

// report sends an ack, of the running job if it does not say another.
func (u *Updater) report(a ack) {
	if a.phase != Rejected {
		a.job = u.state.job
	}
	u.seq++
	a.seq = u.seq
	if a.phase != Rejected && a.phase != Booted {
		u.last = a
	}
	u.push(a)
}

// reportFailed sends the ack that ends a job that failed.
func (u *Updater) reportFailed(at Phase, restored bool) {
	u.report(ack{phase: Failed, at: at, code: u.cause, restored: restored})
}

// Booted reports what is true since the start: for MQTT, where there is no
// hello.
func (u *Updater) Booted() { u.report(ack{phase: Booted}) }

// repeat sends the last ack again; if there is none, what is true since the
// start.
func (u *Updater) repeat() {
	if u.last.phase == 0 {
		u.Booted()
		return
	}
	u.push(u.last)
}

// push queues an ack. A newer offset takes the place of an older one; when there
// is no room, the oldest is lost that is not on its way.
func (u *Updater) push(a ack) {
	last := u.waiting - 1
	if a.phase == Downloading && last > 0 && u.queue[last].phase == Downloading {
		u.queue[last] = a
		return
	}
	if u.waiting == len(u.queue) {
		copy(u.queue[1:], u.queue[2:])
		u.waiting--
	}
	u.queue[u.waiting] = a
	u.waiting++
}

// pop forgets the oldest ack.
func (u *Updater) pop() {
	copy(u.queue[:], u.queue[1:])
	u.waiting--
	u.textLen = 0
}

// pump brings the oldest ack on its way.
func (u *Updater) pump() bool {
	if u.posting {
		return u.watchPost()
	}
	if u.waiting == 0 {
		return false
	}
	if u.textLen == 0 {
		u.textLen = len(u.write(&u.queue[0], u.text[:0]))
	}
	u.channel = u.device.Report(u.text[:u.textLen])
	switch {
	case u.channel == Taken:
		u.settle(u.queue[0].phase, u.queue[0].restored)
		u.pop()
		return true
	case u.channel == NoChannel && u.mayPost():
		return u.post()
	}
	return false
}

// settle remembers that the relay has been told how the job ended.
func (u *Updater) settle(p Phase, restored bool) {
	if o := u.state.outcome; o.untold && p == o.phase && (p != Failed || restored) {
		o.untold = false
		_ = u.state.save(o) // else it is told again
	}
}

// delivered reports whether all reports have arrived, or cannot.
func (u *Updater) delivered() bool {
	switch {
	case u.posting:
		return false
	case u.waiting > 0:
		return u.channel == NoChannel && !u.mayPost()
	}
	return u.channel == NoChannel || u.device.Reported()
}

// mayPost reports whether there is a connection for a report of our own: not
// while the stream may have it.
func (u *Updater) mayPost() bool {
	return !u.fetching && u.network.Up() && (u.mode == UpdateOnly && u.step > resting || u.step >= stopping) && u.step < insisting && !u.aloud()
}

// aloud reports whether the stream may still be there although an update is
// under way: it is to restart before it was closed.
func (u *Updater) aloud() bool {
	return u.step == leaving && u.mode != UpdateOnly && !u.device.StreamClosed()
}

// post sends the oldest ack by a request of its own.
func (u *Updater) post() bool {
	u.postUntil = u.now + postLimit
	u.posting = u.client.Start(u.now, fetch.Request{Path: u.path[:u.pathLen], Token: u.token(), Post: u.text[:u.textLen]})
	u.got = 0
	if !u.posting {
		u.pop()
	}
	return true
}

// watchPost waits for the answer, which may be an order. Whatever it is, the ack
// is not sent again.
func (u *Updater) watchPost() bool {
	n := u.client.Body(u.buf[u.got:fetch.MaxAnswer])
	u.got += uint32(n)
	r, ended := u.client.Result()
	if !ended && u.now < u.postUntil {
		return n > 0
	}
	u.posting = false
	if !ended {
		u.client.Abort()
	}
	u.pop()
	if ended && r.Class == fetch.OK {
		if c, ok := u.incoming.parse(u.buf[:u.got], u.host[:u.hostLen], u.scratch[:]); c == abort && ok && u.incoming.job == u.order.job && u.abortable() {
			u.fail(aborted)
		}
	}
	return true
}

// clear reports whether the connection is free for loading. What is to be
// reported goes first, for as long as that is acceptable.
func (u *Updater) clear() bool {
	switch {
	case !u.posting && (u.waiting == 0 || u.channel != NoChannel):
		return true
	case u.now < u.hold:
		return false
	}
	u.posting, u.waiting, u.textLen = false, 0, 0 // the next request ends that of a report
	return true
}
