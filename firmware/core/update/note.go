package update

import (
	"camrelay/firmware/core/crc"
	"camrelay/firmware/core/le"
)

// A note is what a camera tells itself over a reset, in hal.System.Note: an
// order that goes on in update-only mode, or how a trial ended. The power takes
// it away, so that nothing can repeat itself for ever.
const (
	noteOrder = 0x31444f43 // COD1
	noteTrial = 0x31525443 // CTR1

	noteCRC     = 4
	noteAttempt = 8
	noteLeft    = 12 // seconds of the budget
	noteSizeAt  = 16
	noteHeap    = 20 // what is needed, then what was there before: two words each
	noteJob     = 36
	noteImage   = noteJob + maxJob
	noteToken   = noteImage + maxImage
	noteEnd     = noteToken + maxToken
)

// seal completes a note of the given kind.
func seal(p []byte, kind uint32) {
	le.Put32(p, kind)
	le.Put32(p[noteCRC:], crc.Update(crc.Update(0, p[:noteCRC]), p[noteAttempt:noteEnd]))
}

// sealed reports whether p is a whole note of the kind.
func sealed(p []byte, kind uint32) bool {
	return len(p) >= noteEnd && le.U32(p) == kind &&
		le.U32(p[noteCRC:]) == crc.Update(crc.Update(0, p[:noteCRC]), p[noteAttempt:noteEnd])
}

// writeNote writes what the camera is to know after the restart.
func (u *Updater) writeNote() {
	p, o := u.system.Note()[:noteEnd], &u.order
	attempt := u.attempt
	if !o.clean {
		attempt++
	}
	le.Put32(p[noteAttempt:], uint32(attempt))
	le.Put32(p[noteLeft:], uint32(max(u.deadline-u.now, 0)/second))
	le.Put32(p[noteSizeAt:], o.size)
	le.Put32(p[noteHeap:], o.minHeap)
	le.Put32(p[noteHeap+4:], o.minLargest)
	le.Put32(p[noteHeap+8:], u.before.Free)
	le.Put32(p[noteHeap+12:], u.before.Largest)
	copy(p[noteJob:], o.job[:])
	copy(p[noteImage:], o.image[:])
	copy(p[noteToken:], o.token[:])
	seal(p, noteOrder)
}

// readNote takes the order from a note that is sealed.
func (u *Updater) readNote(p []byte) {
	o := &u.order
	*o = order{size: le.U32(p[noteSizeAt:]), minHeap: le.U32(p[noteHeap:]), minLargest: le.U32(p[noteHeap+4:])}
	u.attempt = uint8(le.U32(p[noteAttempt:]))
	u.deadline = u.now + int64(min(le.U32(p[noteLeft:]), maxBudget))*second
	u.before.Free, u.before.Largest = le.U32(p[noteHeap+8:]), le.U32(p[noteHeap+12:])
	copy(o.job[:], p[noteJob:])
	copy(o.image[:], p[noteImage:])
	copy(o.token[:], p[noteToken:])
}
