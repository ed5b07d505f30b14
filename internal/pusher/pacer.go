package pusher

import (
	"sync"
	"time"

	"camrelay/internal/wire"
)

// pacer knows when the next frame is due: from the setting fps, what the relay
// wants, and whether it paused the camera.
type pacer struct {
	changed chan struct{} // has a token when the answer may be another

	mu     sync.Mutex
	fps    int // setting; 0: maxFPS
	pace   wire.Pace
	paused bool
}

func newPacer(fps int) *pacer { return &pacer{changed: make(chan struct{}, 1), fps: fps} }

func (p *pacer) update(change func(p *pacer)) {
	p.mu.Lock()
	change(p)
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// interval is the time between frames; false if there are to be none.
func (p *pacer) interval() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused {
		return 0, false
	}
	if p.pace.Resting() {
		return seconds(p.pace.Still), true
	}
	fps := float64(p.fps)
	if p.fps <= 0 {
		fps = maxFPS
	}
	if p.pace.FPS > 0 {
		fps = min(fps, p.pace.FPS)
	}
	return seconds(1 / fps), true
}

// seconds is at most a day: what a relay says must not overflow.
func seconds(s float64) time.Duration {
	const day = 24 * 60 * 60
	return time.Duration(min(s, day) * float64(time.Second))
}
