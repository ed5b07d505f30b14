// Package haltest is hardware for tests of the camera's logic: a clock that
// stands still until it is told, numbers that are the same each time, and a
// network in memory whose far ends the test plays. Nothing runs by itself and
// nothing is safe for concurrent use: what happens is what the test does, in its
// order. For real sockets there is internal/halnet.
package haltest

import (
	"math/rand/v2"
	"time"
)

// Clock implements hal.Clock.
type Clock struct{ now, unix int64 }

// NewClock returns a clock at a time that is not 0, and that does not know the
// date.
func NewClock() *Clock { return &Clock{now: int64(time.Hour)} }

// Now implements hal.Clock.
func (c *Clock) Now() int64 { return c.now }

// Unix implements hal.Clock.
func (c *Clock) Unix() int64 { return c.unix }

// Advance lets time pass. It returns the new Now.
func (c *Clock) Advance(d time.Duration) int64 {
	c.now += int64(d)
	if c.unix != 0 {
		c.unix += d.Microseconds()
	}
	return c.now
}

// SetUnix sets the date; the zero time makes it unknown again.
func (c *Clock) SetUnix(t time.Time) {
	c.unix = 0
	if !t.IsZero() {
		c.unix = t.UnixMicro()
	}
}

// Random implements hal.Random.
type Random struct{ pcg *rand.PCG }

// NewRandom returns numbers that depend on seed only.
func NewRandom(seed uint64) *Random { return &Random{rand.NewPCG(seed, 0)} }

// Uint32 implements hal.Random.
func (r *Random) Uint32() uint32 { return uint32(r.pcg.Uint64() >> 32) }
