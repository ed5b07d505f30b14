package boot

import "camrelay/firmware/core/image"

// OnTrial reports whether the image in slot running, which is running, still
// has to confirm itself.
func (l *Log) OnTrial(running Slot) bool {
	return l.has && l.newest.Slot == running && !l.newest.Confirmed
}

// Confirm says that the running image works. Without records, or when the newest
// is about another image, there is nothing to confirm.
func (l *Log) Confirm(running Slot) error {
	switch {
	case !l.has || l.newest.Slot != running:
		return ErrUnsettled
	case l.newest.Rejected:
		return ErrRejected
	case l.newest.Confirmed:
		return nil
	}
	return l.mark(offConfirmed)
}

// Reject says that the running image does not work. The next start goes back.
func (l *Log) Reject(running Slot) error {
	if !l.has || l.newest.Slot != running {
		return ErrUnsettled
	}
	return l.mark(offRejected)
}

// CameBack returns the record of an image that should run but does not: it was
// rejected, it used up its trials, or it could not be started. Settle ends
// this, so that it is reported once.
func (l *Log) CameBack(running Slot) (Record, bool) {
	return l.newest, l.has && l.newest.Slot != running
}

// Settle makes sure that the newest record is about the running image and says
// that it works, as it must before the other slot is touched. It changes
// nothing if that is so; it refuses for an image on trial.
func (l *Log) Settle(running Slot, h *image.Header) error {
	if l.OnTrial(running) {
		return ErrTrial
	}
	if l.settled(running, h) {
		return nil
	}
	return l.append(&Record{
		Slot: running, Tries: Tries, Fallback: NoSlot, Length: h.Length, Sum: [12]byte(h.Sum[:]), FallbackSum: [8]byte{}, Confirmed: true,
	})
}

func (l *Log) settled(running Slot, h *image.Header) bool {
	return l.has && l.newest.Slot == running && l.newest.Confirmed && !l.newest.Rejected && l.newest.Names(h)
}

// Activate makes the next start the first trial of the image in slot, whose
// signature and body have been checked and whose header is next. The running
// image must be settled; it is what the camera falls back to.
func (l *Log) Activate(slot Slot, next *image.Header, running Slot, h *image.Header) error {
	switch {
	case slot == running || slot > B:
		return ErrRunning
	case l.OnTrial(running):
		return ErrTrial
	case !l.settled(running, h):
		return ErrUnsettled
	}
	return l.append(&Record{
		Slot: slot, Tries: Tries, Fallback: running, Length: next.Length, Sum: [12]byte(next.Sum[:]), FallbackSum: [8]byte(h.Sum[:]),
	})
}
