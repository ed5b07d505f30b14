package ingest

import (
	"time"

	"golang.org/x/time/rate"

	"camrelay/internal/jpeg"
	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// maxSkew is how far a camera's clock may be off before what it says about the
// time of a frame is not believed.
const maxSkew = time.Hour

// intake makes frames of what one connection delivers. Its owner is one
// goroutine.
type intake struct {
	pool    *stream.Pool
	feed    *stream.Feed
	limiter *rate.Limiter
	now     func() time.Time
	last    int // bytes of the last frame
}

func newIntake(pool *stream.Pool, maxFPS int, now func() time.Time) intake {
	// A burst of a second: what Wi-Fi held back comes all at once.
	return intake{pool: pool, limiter: rate.NewLimiter(rate.Limit(maxFPS), maxFPS), now: now}
}

// draft begins a frame that is probably about as long as the last one.
func (in *intake) draft() stream.Draft { return in.pool.Draft(in.last + in.last/4) }

// allow counts a frame against the rate limit and says whether it may pass.
func (in *intake) allow(now time.Time) bool {
	if in.limiter.AllowN(now, 1) {
		return true
	}
	in.feed.Fault(stream.FaultTooFast)
	return false
}

// publish makes the JPEG at the beginning of d the camera's newest frame.
// captured may be zero. It returns false when another connection of the camera
// has taken over. d is spent.
func (in *intake) publish(d *stream.Draft, info jpeg.Info, captured, now time.Time) bool {
	in.last = info.Len
	if c, ok := wire.ParseCapture(d.Bytes()); ok && c.Time != 0 {
		captured = time.UnixMicro(c.Time)
	}
	return in.feed.Publish(d.Frame(info.Len, stream.Meta{
		Received: now, Captured: plausible(captured, now), Width: info.Width, Height: info.Height,
	}))
}

// plausible is when a frame was captured by its camera's clock, if that can be
// true. A clock that is a little ahead would make frames younger than they are:
// no frame is captured after it was received.
func plausible(captured, now time.Time) time.Time {
	switch ahead := captured.Sub(now); {
	case captured.IsZero() || ahead > maxSkew || ahead < -maxSkew:
		return time.Time{}
	case ahead > 0:
		return now
	}
	return captured
}
