package imageserver

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// gate lets so many downloads in at a time, and of each camera one.
type gate struct {
	mu     sync.Mutex
	active map[*ticket]struct{}
}

// ticket is a download from its beginning to its end.
type ticket struct {
	who     Download
	client  context.Context // the request's: it ends when the connection does
	ctx     context.Context // of the download
	cut     context.CancelCauseFunc
	waiting atomic.Int64 // since when the client has not taken a piece, in ns since 1970; 0: it has
}

func newTicket(client context.Context, who Download) *ticket {
	t := &ticket{who: who, client: client}
	t.ctx, t.cut = context.WithCancelCause(context.Background())
	return t
}

// enter lets a download in. One of the same camera or job that stands still
// gives way: its camera has lost the connection, and the relay does not know
// yet. Errors are ErrTaken and ErrBusy.
func (g *gate) enter(t *ticket, opt *Options, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for old := range g.active {
		if !old.same(t) {
			continue
		}
		if !old.still(now, opt.Takeover) {
			return ErrTaken
		}
		old.cut(ErrReplaced)
		delete(g.active, old)
	}
	if len(g.active) >= opt.MaxDownloads {
		return fmt.Errorf("%w: %d is the limit; try again", ErrBusy, opt.MaxDownloads)
	}
	g.active[t] = struct{}{}
	return nil
}

func (g *gate) leave(t *ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.active, t)
}

func (g *gate) len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.active)
}

// same reports whether two downloads are of one camera or job.
func (t *ticket) same(o *ticket) bool {
	return t.who.Job != "" && t.who.Job == o.who.Job || t.who.Camera != "" && t.who.Camera == o.who.Camera
}

// still reports whether the client is gone or has not read for so long.
func (t *ticket) still(now time.Time, takeover time.Duration) bool {
	since := t.waiting.Load()
	return t.client.Err() != nil || since != 0 && now.UnixNano()-since >= int64(takeover)
}
