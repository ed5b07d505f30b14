// Package backoff spaces out attempts that fail, so that a thousand cameras do
// not all come back in the same second.
package backoff

import "camrelay/firmware/core/hal"

// Backoff gives pauses with full jitter: random between 0 and a bound that
// doubles with each pause. Base and Cap may be changed at any time.
type Backoff struct {
	Base int64 // bound of the first pause, in nanoseconds
	Cap  int64 // highest bound; at most Base: the bound does not grow

	n uint8 // how often the bound is to be doubled
}

// Bound is the highest that Next may return.
func (b *Backoff) Bound() int64 {
	bound := max(b.Base, 0)
	for range b.n {
		if bound >= b.Cap/2 {
			return max(b.Cap, b.Base, 0)
		}
		bound *= 2
	}
	return bound
}

// Next is how long to wait now, in nanoseconds: from 0 to Bound.
func (b *Backoff) Next(r hal.Random) int64 {
	pause := Jitter(r, b.Bound())
	b.n = min(b.n+1, 63) // by then any bound is at the cap
	return pause
}

// Reset makes the next pause a first one.
func (b *Backoff) Reset() { b.n = 0 }

// Jitter is a random time from 0 to bound, in nanoseconds.
func Jitter(r hal.Random, bound int64) int64 {
	x := uint64(r.Uint32())<<32 | uint64(r.Uint32())
	return int64(x % (uint64(max(bound, 0)) + 1))
}
