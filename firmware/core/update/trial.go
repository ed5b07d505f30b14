package update

import (
	"camrelay/firmware/core/fetch"
	"camrelay/firmware/core/sha2"
	"camrelay/firmware/core/text"
)

// Proof is what a new image has shown since its start. It is all or nothing:
// what was shown once counts.
type Proof uint8

// What a new image has to show, in this order. MQTT counts as ready where none
// is configured.
const (
	Linked Proof = 1 << iota
	BrokerReady
	StreamOpen
	FrameSent
	PingAnswered // sent after the frame, so the relay has read that too

	proven = Linked | BrokerReady | StreamOpen | FrameSent | PingAnswered
)

// How long a new image has to prove itself, and what it fetches for that.
const (
	trialLimit = 120 * second
	probeSize  = 1024
	probeHalf  = probeSize / 2
)

var probePath = [...]byte{'/', 'o', 't', 'a', '/', 'p', 'r', 'o', 'b', 'e'}

// trialCodes are the codes by their number in a note.
var trialCodes = [...]code{1: trialTimeout, 2: trialRefused}

// Trial lets a new image prove itself: that it could be updated again, that its
// frames arrive, that it can be reached. It begins by loading from the relay,
// over the memory that the stream needs: until MayStream, no stream is opened.
type Trial struct {
	u        *Updater
	now      int64
	until    int64
	due      int64
	pause    int64
	shown    Proof
	fetching bool
	probed   bool
	done     bool
	got      uint32
	hash     sha2.Hash256
}

// Begin begins a trial, if u.Boot says that there is one. Afterwards Step ends at
// once.
func (t *Trial) Begin(now int64, u *Updater) {
	*t = Trial{u: u, until: now + trialLimit, due: now, pause: second, done: u.mode != OnTrial}
	t.probed = t.done
}

// MayStream reports whether the stream may be opened.
func (t *Trial) MayStream() bool { return t.probed && (t.done || t.u.client.Idle()) }

// Active reports whether the image still has to prove itself.
func (t *Trial) Active() bool { return !t.done }

// Step goes on with the trial; shown is what the image has shown so far. When the
// time is over, the camera restarts.
func (t *Trial) Step(now int64, shown Proof) {
	if t.done {
		return
	}
	t.now = now
	t.shown |= shown
	switch {
	case now >= t.until:
		t.end(1)
	case !t.probed && t.shown&Linked != 0:
		t.probe()
	case t.probed && t.shown&proven == proven && now >= t.due:
		t.confirm()
	}
}

// Refuse ends the trial for what the image knows about itself, such as a sensor
// that it cannot use. The old one is next.
func (t *Trial) Refuse() {
	if !t.done {
		_ = t.u.log.Reject(t.u.slot) // else its trials run out
		t.end(2)
	}
}

// end restarts the camera; the note says why.
func (t *Trial) end(number byte) {
	t.done = true
	t.u.client.Abort()
	if p := t.u.system.Note(); len(p) >= noteEnd {
		clear(p)
		p[noteAttempt] = number
		seal(p, noteTrial)
	}
	t.u.step = over
	t.u.system.Reset()
}

// probe fetches the relay's test object in two parts, as after an interruption,
// and checks that it is what its entity tag says.
func (t *Trial) probe() {
	c := &t.u.client
	if !t.fetching {
		t.request()
		return
	}
	var p [256]byte
	n := c.Body(p[:])
	t.hash.Write(p[:n])
	t.got += uint32(n)
	r, ended := c.Result()
	if !ended {
		return
	}
	t.fetching = false
	t.u.etagLen = copy(t.u.etag[:], c.ETag())
	switch {
	case r.Class == fetch.OK && t.got == probeHalf:
	case r.Class == fetch.OK && t.got == probeSize && t.genuine():
		t.probed = true
	default:
		t.got, t.due = 0, t.now+t.pause
		t.pause = min(2*t.pause, 8*second)
	}
}

// request asks for a part. From a proxy that knows no parts all of it comes at
// once, which is as good.
func (t *Trial) request() {
	if t.now < t.due {
		return
	}
	r := fetch.Request{Path: probePath[:], Token: t.u.key, Size: probeSize, To: probeHalf - 1}
	if t.got > 0 {
		r.From, r.To, r.ETag = probeHalf, 0, t.u.etag[:t.u.etagLen]
	} else {
		t.hash.Reset()
		t.u.etagLen = 0
	}
	t.fetching = t.u.client.Start(t.now, r)
}

// genuine reports whether what arrived is what the entity tag says: the quoted
// SHA-256.
func (t *Trial) genuine() bool {
	var sum, want [sha2.Size256]byte
	t.hash.Finish(&sum)
	tag := t.u.etag[:t.u.etagLen]
	return len(tag) == 2*len(want)+2 && text.DecodeHex(want[:], tag[1:len(tag)-1]) && sum == want
}

// confirm makes the image what starts from now on. If the chip does not take
// that, it is tried again until the time is over.
func (t *Trial) confirm() {
	u := t.u
	if u.log.Confirm(u.slot) != nil {
		t.due = t.now + second
		return
	}
	t.done = true
	u.mode = Normal
	_ = u.state.raise(u.running.Floor) // each start does so again
	_ = u.state.save(outcome{phase: Confirmed, untold: true})
	u.report(ack{phase: Confirmed})
}
