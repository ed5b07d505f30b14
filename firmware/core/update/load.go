package update

import (
	"camrelay/firmware/core/fetch"
	"camrelay/firmware/core/image"
)

// The header is asked for alone: while the slot is erased there is no connection
// that a server could lose patience with, and reports can be posted.

const (
	gain     = 64 << 10 // bytes after which failures are forgotten, and an ack is due
	maxTries = 5
	piece    = 512 // of the body, at one step
)

// rewind forgets how loading has gone so far.
func (u *Updater) rewind() {
	u.tries, u.mark, u.got, u.etagLen, u.cause = 0, image.HeaderSize, 0, 0, ""
}

// fetchAt makes the next request due. Until then the connection is for reports.
func (u *Updater) fetchAt(t int64) { u.due, u.hold = t, t+postLimit }

// request begins a request when it is due and nothing is to be reported before.
func (u *Updater) request(from, to uint32) {
	if u.now < u.due || !u.clear() {
		return
	}
	u.got, u.skip = 0, 0
	r := fetch.Request{Path: trim(u.order.image[:]), Token: u.token(), Size: u.order.size, From: from, To: to, ETag: u.etag[:u.etagLen]}
	if !u.client.Start(u.now, r) {
		u.fail(badRequest)
		return
	}
	u.fetching = true
}

// token is what proves to the relay who asks.
func (u *Updater) token() []byte {
	if u.order.token[0] != 0 {
		return trim(u.order.token[:])
	}
	return u.key
}

// ask asks for the header until it is here, and looks at it.
func (u *Updater) ask(late bool) {
	if late {
		if u.cause == "" {
			u.cause = noAnswer
		}
		u.fail(u.cause)
		return
	}
	if !u.fetching {
		u.request(0, image.HeaderSize-1)
		return
	}
	n := uint32(u.client.Body(u.buf[u.got:]))
	u.got += n
	u.moved = u.moved || n > 0
	r, ended := u.client.Result()
	switch {
	case u.got == image.HeaderSize:
		u.etagLen = copy(u.etag[:], u.client.ETag())
		u.fetching = false
		u.decide()
	case ended:
		u.again(r, u.until)
	}
}

// decide looks at the header. If it is good, the other slot is this image's from
// now on.
func (u *Updater) decide() {
	if c := u.judge(); c != "" {
		u.fail(c)
		return
	}
	if u.client.Left() > 0 {
		u.client.Abort() // all of it would come; the rest is asked for when there is room
	}
	copy(u.head[:], u.buf[:])
	u.tries, u.cause = 0, ""
	u.told, u.toldAt = 0, u.now
	u.report(ack{phase: HeaderOK})
	u.enter(erasing, 0)
	u.other = 0
}

func (u *Updater) judge() code {
	if err := image.Verify(u.buf[:], u.ring, u.verifier); err != nil {
		return codeOf(err)
	}
	if err := image.Decode(u.buf[:], &u.next); err != nil {
		return codeOf(err)
	}
	u.target.Floor = u.floor()
	if err := u.target.Check(&u.next).Err(); err != nil {
		return codeOf(err)
	}
	if u.next.Length != u.order.size {
		return sizeMismatch
	}
	if err := u.log.Settle(u.slot, u.running); err != nil {
		return flashError
	}
	return u.prepare()
}

// prepare begins with the slot, whose new header is in buf.
func (u *Updater) prepare() code {
	if err := u.writer.Begin(u.chip, u.layout.Slots[u.slot.Other()], u.layout.SlotSize, u.buf[:], u.hash); err != nil {
		return codeOf(err)
	}
	return ""
}

// load brings the body into the slot.
func (u *Updater) load() {
	if !u.fetching {
		u.request(u.writer.Offset(), 0)
		return
	}
	from, answered := u.client.Answered()
	if answered && from == 0 && u.skip == 0 && u.got == 0 { // all of it comes, from the start
		if u.writer.Offset() > image.HeaderSize {
			u.anew()
			return
		}
		u.skip = image.HeaderSize
	}
	n := u.client.Body(u.buf[:piece])
	u.moved = u.moved || n > 0
	if !u.take(u.buf[:n]) {
		return
	}
	r, ended := u.client.Result()
	switch {
	case u.writer.Left() == 0:
		u.fetching = false
		u.enter(checking, 60*second)
	case ended:
		u.again(r, u.deadline)
	}
}

// take takes bytes of the answer: those of the header again, then the body's.
func (u *Updater) take(p []byte) bool {
	for len(p) > 0 && u.got < u.skip {
		want := byte(0xff)
		if u.got < uint32(len(u.head)) {
			want = u.head[u.got]
		}
		if p[0] != want { // the relay has put another image there
			u.fail(badAnswer)
			return false
		}
		u.got++
		p = p[1:]
	}
	if len(p) == 0 {
		return true
	}
	first := u.told == 0
	n, err := u.writer.Write(p)
	if u.got += uint32(n); err != nil {
		u.fail(codeOf(err))
		return false
	}
	at := u.writer.Offset()
	if at >= u.mark+gain {
		u.mark, u.tries = at, 0
	}
	if first || at >= u.told+gain || u.now >= u.toldAt+5*second {
		u.told, u.toldAt = at, u.now
		u.report(ack{phase: Downloading, offset: at})
	}
	return true
}

// anew begins with an empty slot: a server, or a proxy before it, cannot send a
// part. Only what goes beyond what has been here before counts as a gain.
func (u *Updater) anew() {
	u.client.Abort()
	u.fetching = false
	if u.tries++; u.tries > maxTries {
		u.fail(code(fetch.ErrBroken.Code()))
		return
	}
	n := copy(u.buf[:], u.head[:])
	for i := range u.buf[n:] {
		u.buf[n+i] = 0xff
	}
	if c := u.prepare(); c != "" {
		u.fail(c)
		return
	}
	u.enter(erasing, 0)
}

// pauses are those before a request is made again, in milliseconds.
var pauses = [maxTries]uint32{1000, 2000, 4000, 8000, 8000}

// again plans the next request after one that failed, unless that would be
// beyond the limit.
func (u *Updater) again(r fetch.Result, limit int64) {
	u.fetching = false
	if r.Class == fetch.OK { // complete, and yet something is missing
		r.Class, r.Err = fetch.Retry, fetch.ErrBroken
	}
	u.cause = u.codeOfResult(r)
	u.tries++
	if r.Class == fetch.GiveUp || u.tries > maxTries {
		u.fail(u.cause)
		return
	}
	pause := r.Delay
	if pause == 0 {
		p := pauses[u.tries-1]
		pause = int64(p-p/5+u.random.Uint32()%(2*p/5)) * millisecond // 20 % more or less
	}
	if pause >= limit-u.now {
		u.fail(u.cause)
		return
	}
	u.fetchAt(u.now + pause)
}
