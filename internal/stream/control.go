package stream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"camrelay/internal/wire"
)

// leaseTime is how long a person controls a camera after the last change.
const leaseTime = 10 * time.Second

// BusyError says that another person controls the camera.
type BusyError struct {
	Camera, By string
	Left       time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s is controlled by %s for another %d s", e.Camera, e.By, int(e.Left.Seconds()+0.999))
}

// lease lets one person at a time control a camera.
type lease struct {
	mu    sync.Mutex
	by    string
	until time.Time
}

func (l *lease) take(camera, by string, force bool, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by != by && !force {
		if left := l.until.Sub(now); left > 0 {
			return &BusyError{camera, l.by, left}
		}
	}
	l.by, l.until = by, now.Add(leaseTime)
	return nil
}

// Set changes the camera's settings on behalf of a person; force takes over
// from another one. Without a person, by is empty, nobody is kept away. It returns what the camera says is in force; errors are
// those of wire.Settings.Check, *BusyError, ErrOffline, ErrNoControl, and what
// the camera answers.
func (h *Hub) Set(ctx context.Context, by string, force bool, settings wire.Settings) (wire.Settings, error) {
	if err := settings.Check(); err != nil {
		return nil, err
	}
	feed, err := h.connected()
	if err != nil {
		return nil, err
	}
	if !feed.source.CanSet() {
		return nil, ErrNoControl
	}
	if by != "" {
		if err := h.lease.take(h.id, by, force, h.opt.Now()); err != nil {
			return nil, err
		}
	}
	got, err := feed.source.Set(ctx, settings)
	if err != nil {
		return nil, err
	}
	feed.Settings(got)
	return got, nil
}

// Pause stops all frames of the camera, or lets them flow again.
func (h *Hub) Pause(ctx context.Context, on bool) error {
	feed, err := h.connected()
	if err != nil {
		return err
	}
	return feed.source.Pause(ctx, on)
}

func (h *Hub) connected() (*Feed, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.feed == nil {
		return nil, ErrOffline
	}
	return h.feed, nil
}
