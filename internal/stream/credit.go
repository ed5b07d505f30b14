package stream

import (
	"math"
	"sync"
	"time"
)

// MaxWindow is the most frames a viewer may have unacknowledged.
const MaxWindow = 4

// windowSlack is how much of a frame interval a round trip may take before it
// is worth a second frame in flight: a window of one then costs at most so
// much of the frame rate, and saves a whole frame of queueing on a slow link.
const windowSlack = 0.1

// Window is the number of frames that keeps a path busy which takes rtt from
// sending a frame to hearing that it was painted, the frame's own transmission
// not counted: clamp(⌈RTT × fps − 0.1⌉ + 1, 1, 4).
func Window(rtt time.Duration, fps float64) int {
	need := math.Ceil(rtt.Seconds()*fps-windowSlack) + 1
	return int(min(max(need, 1), MaxWindow))
}

// Credit counts the frames that a viewer has been sent and has not yet
// acknowledged. The zero value has a window of one.
type Credit struct {
	mu     sync.Mutex
	flying [MaxWindow]uint32 // sequence numbers, oldest first
	n      int
	window int
	held   bool
	paths  [6]time.Duration // latest round trips of the path, newest last
	hold   time.Duration    // smoothed time from arrival to painting
}

// Ready reports whether another frame may be sent.
func (c *Credit) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.held && c.n < max(c.window, 1)
}

// Hold holds all frames back, or no longer.
func (c *Credit) Hold(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = on
}

// Idle reports whether no frame is in flight.
func (c *Credit) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n == 0
}

// Take notes that a frame was sent.
func (c *Credit) Take(seq uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == len(c.flying) { // a window that shrank: the oldest no longer counts
		copy(c.flying[:], c.flying[1:])
		c.n--
	}
	c.flying[c.n] = seq
	c.n++
}

// Ack takes back the credit of a frame and of all before it; hold is how long
// the viewer had it before it was painted. It reports whether seq was one of
// those in flight: an acknowledgement of anything else changes nothing.
func (c *Credit) Ack(seq uint32, hold time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.flying[:c.n] {
		if s != seq {
			continue
		}
		c.n = copy(c.flying[:], c.flying[i+1:c.n])
		c.hold += (min(hold, time.Second) - c.hold) / 8
		return true
	}
	return false
}

// Path notes a round trip of a small message. The shortest of the latest few
// counts, as the others waited behind frames.
func (c *Credit) Path(rtt time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	copy(c.paths[:], c.paths[1:])
	c.paths[len(c.paths)-1] = max(rtt, 1)
}

// Resize sets the window for a camera that gives fps frames a second.
func (c *Credit) Resize(fps float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rtt time.Duration
	for _, d := range c.paths {
		if d > 0 && (rtt == 0 || d < rtt) {
			rtt = d
		}
	}
	c.window = Window(rtt+c.hold, fps)
}
