package ingest

import "time"

// backoff is the pause before the next try, with full jitter between its lower
// bound and a ceiling that doubles: relays that were cut off together do not
// come back together.
type backoff struct {
	min, max time.Duration
	rand     func() float64 // in [0, 1)
	tries    int
}

// next returns the pause after one more failure. A slow one is at least half of
// the longest: for what will not go away by itself, such as a wrong password,
// as some cameras lock an account after a few of those.
func (b *backoff) next(slow bool) time.Duration {
	low, ceiling := b.min, b.max
	if slow {
		low = max(low, b.max/2)
	} else if shift := b.tries + 1; shift < 32 && b.min<<shift < b.max {
		ceiling = b.min << shift
	}
	b.tries++
	return low + time.Duration(b.rand()*float64(max(0, ceiling-low)))
}

// reset forgets the failures.
func (b *backoff) reset() { b.tries = 0 }
