package ota

import "time"

// State is how far a job has come.
type State string

// The states of a job, in the order in which they come. Those from Succeeded on
// are final; Lost is corrected if the camera comes back.
const (
	Queued      State = "queued"      // waits for the camera, its window, or other jobs
	Prechecking State = "precheck"    // the relay looks at the image and at what runs
	Preparing   State = "preparing"   // the camera closes its stream and stops its server
	Ready       State = "ready"       // it has its memory free
	Downloading State = "downloading" // it loads the image
	Verifying   State = "verifying"   // it has all bytes, and reads its flash back
	Activated   State = "activated"   // the next start tries the new image: no way to cancel any more
	Rebooting   State = "rebooting"
	Confirming  State = "confirming" // the new image runs and has to prove itself
	Cancelling  State = "cancelling" // the camera goes back to streaming
	Overdue     State = "overdue"    // it should have come back

	Succeeded  State = "succeeded"
	Failed     State = "failed"      // the old image streams again, or will
	RolledBack State = "rolled_back" // the new image ran and did not prove itself
	Cancelled  State = "cancelled"
	Rejected   State = "rejected" // by a check of the relay's
	Superseded State = "superseded"
	Lost       State = "lost"
)

// Final reports whether nothing more is expected.
func (s State) Final() bool {
	switch s {
	case Succeeded, Failed, RolledBack, Cancelled, Rejected, Superseded, Lost:
		return true
	}
	return false
}

// Busy reports whether the camera is away from its viewers.
func (s State) Busy() bool {
	switch s {
	case Preparing, Ready, Downloading, Verifying, Activated, Rebooting, Cancelling, Overdue:
		return true
	}
	return false
}

// Cancellable reports whether the camera can still go back.
func (s State) Cancellable() bool {
	switch s {
	case Queued, Prechecking, Preparing, Ready, Downloading, Verifying:
		return true
	}
	return false
}

// rank orders the states that follow one another.
func (s State) rank() int {
	for i, other := range []State{Queued, Prechecking, Preparing, Ready, Downloading, Verifying, Activated, Rebooting, Confirming} {
		if s == other {
			return i
		}
	}
	return -1
}

// Timing are the limits of the states. Zero fields take the default.
type Timing struct {
	Answer   time.Duration // until a step of Preparing is acknowledged; default 10 s
	Start    time.Duration // from Ready to the first byte; default 30 s
	Stall    time.Duration // without a byte; default 70 s
	Slowest  int64         // bytes a second a download has to make; default 20,000
	Verify   time.Duration // from the last byte; default 90 s
	Reboot   time.Duration // until the camera is back; default 90 s
	Confirm  time.Duration // from then until it has proved itself; default 150 s
	Lost     time.Duration // from Activated until it is given up; default 10 min
	Cancel   time.Duration // until a cancelled camera is back; default 30 s
	CameBack time.Duration // for the reason after the old image came back; default 5 s
	Job      time.Duration // from Preparing, for all but Overdue; default 15 min
	Queue    time.Duration // for a trigger without deadline; default 1 h
	Banner   time.Duration // viewers are told so long before the stream ends; default 1 s
}

func (t *Timing) setDefaults() {
	for _, field := range []struct {
		d     *time.Duration
		value time.Duration
	}{
		{&t.Answer, 10 * time.Second}, {&t.Start, 30 * time.Second}, {&t.Stall, 70 * time.Second}, {&t.Verify, 90 * time.Second},
		{&t.Reboot, 90 * time.Second}, {&t.Confirm, 150 * time.Second}, {&t.Lost, 10 * time.Minute}, {&t.Cancel, 30 * time.Second},
		{&t.CameBack, 5 * time.Second}, {&t.Job, 15 * time.Minute}, {&t.Queue, time.Hour}, {&t.Banner, time.Second},
	} {
		if *field.d == 0 {
			*field.d = field.value
		}
	}
	if t.Slowest == 0 {
		t.Slowest = 20_000
	}
}
