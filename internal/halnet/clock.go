package halnet

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Clock implements hal.Clock with the host's clock.
type Clock struct{ start time.Time }

// NewClock returns a clock whose Now begins at 1.
func NewClock() *Clock { return &Clock{time.Now()} }

// Now implements hal.Clock.
func (c *Clock) Now() int64 { return int64(time.Since(c.start)) + 1 }

// Unix implements hal.Clock.
func (c *Clock) Unix() int64 { return time.Now().UnixMicro() }

// Random implements hal.Random with the host's secure source. The zero value
// is ready; safe for concurrent use.
type Random struct {
	mu   sync.Mutex
	pool [256]byte
	left int
}

// Uint32 implements hal.Random.
func (r *Random) Uint32() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		rand.Read(r.pool[:]) // never fails
		r.left = len(r.pool)
	}
	r.left -= 4
	return binary.NativeEndian.Uint32(r.pool[r.left:])
}
