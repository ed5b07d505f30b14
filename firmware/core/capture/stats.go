package capture

import "sync/atomic"

// Rejection is why a frame of the sensor was not taken at all.
type Rejection uint8

// Reasons not to take a frame.
const (
	accepted Rejection = iota
	Settling           // the sensor has just been set up
	Held               // its settings change
	Disabled           // nobody wants one
	Early              // fewer are wanted
	Behind             // enough are waiting
	NoRoom             // it would not fit
	rejections
)

func (r Rejection) String() string {
	return [...]string{"", "settling", "held", "disabled", "early", "behind", "no room", "unknown"}[min(r, rejections)]
}

// Abort is why a frame was given up after it had begun.
type Abort uint8

// Reasons to give up a frame.
const (
	Overrun   Abort = iota + 1 // the FIFO was full
	Truncated                  // it ended before its end-of-image marker
	Malformed                  // it is no JPEG
	Garbled                    // the DMA's data are not the sensor's
	Empty                      // nothing came
	Unwanted                   // it was dropped while it came
	Stopped                    // reception was stopped
	aborts
)

func (a Abort) String() string {
	return [...]string{"", "overrun", "truncated", "malformed", "garbled", "empty", "unwanted", "stopped", "unknown"}[min(a, aborts)]
}

// Stats counts since Init; all of it wraps at 2^32.
type Stats struct {
	Seen     uint32             // frames of the sensor
	Accepted uint32             // frames begun
	Complete uint32             // frames received whole
	Bytes    uint32             // in these
	Glitches uint32             // ends of frames that were none
	Rejected [rejections]uint32 // by Rejection
	Aborted  [aborts]uint32     // by Abort
}

// counter is written by the receiving side alone.
type counter struct{ atomic.Uint32 }

func (c *counter) add(n uint32) { c.Store(c.Load() + n) }

type counts struct {
	seen, accepted, complete, bytes, glitches counter
	rejected                                  [rejections]counter
	aborted                                   [aborts]counter
}

// Stats returns the counters.
func (q *Queue) Stats() Stats {
	c := &q.counts
	s := Stats{Seen: c.seen.Load(), Accepted: c.accepted.Load(), Complete: c.complete.Load(), Bytes: c.bytes.Load(), Glitches: c.glitches.Load()}
	for i := range c.rejected {
		s.Rejected[i] = c.rejected[i].Load()
	}
	for i := range c.aborted {
		s.Aborted[i] = c.aborted[i].Load()
	}
	return s
}
