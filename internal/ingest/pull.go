package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// stableAfter is how long a connection has to live to count as a success. Two
// relays that read the same camera can push each other out: the back-off grows
// until one of them gives way.
const stableAfter = 2 * time.Second

// Puller reads one camera, over exactly one connection however many viewers
// there are, and over none while nobody watches: it gives no stills while the
// camera rests, but any viewer that joins the hub, a snapshot's too, wakes it.
// Stock firmware cannot be asked for fewer frames a second: that slows down
// only the polling of snapshots.
type Puller struct {
	cfg     PullConfig
	url     *url.URL
	client  *http.Client
	pool    *stream.Pool
	hub     *stream.Hub
	log     *slog.Logger
	control *stockControl // nil: there is none
	changed chan struct{} // has a buffer of one
	width   atomic.Int32  // of the last frame
	height  atomic.Int32

	backoff  backoff // Run's
	reported string  // Run's: the last reason that was logged

	mu     sync.Mutex
	feed   *stream.Feed
	pace   wire.Pace
	paused bool
	gone   bool                    // detached for good
	stop   context.CancelFunc      // of Run
	cancel context.CancelCauseFunc // of the connection
}

// NewPuller returns a puller for hub. An error says what is wrong with the
// configuration.
func NewPuller(cfg PullConfig, pool *stream.Pool, hub *stream.Hub) (*Puller, error) {
	cfg.setDefaults()
	u, err := parseHTTP(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("url of camera %s: %w", hub.ID(), err)
	}
	if u.User != nil && cfg.Username == "" && cfg.Password == "" {
		cfg.Username = u.User.Username()
		cfg.Password, _ = u.User.Password()
	}
	u.User = nil
	p := &Puller{
		cfg: cfg, url: u, pool: pool, hub: hub, client: newClient(&cfg, u), log: cfg.Logger.With("camera", hub.ID()),
		backoff: backoff{min: cfg.BackoffMin, max: cfg.BackoffMax, rand: cfg.Rand}, changed: make(chan struct{}, 1),
	}
	if p.control, err = newStockControl(&cfg, u); err != nil {
		return nil, fmt.Errorf("control_url of camera %s: %w", hub.ID(), err)
	}
	return p, nil
}

// Run reads the camera until ctx ends or the hub has no more use for it.
func (p *Puller) Run(ctx context.Context) {
	feed := p.hub.Attach(p, false)
	if feed == nil {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p.mu.Lock()
	p.feed, p.stop = feed, stop
	if p.gone { // detached already
		stop()
	}
	p.mu.Unlock()
	defer feed.Close("the relay stops reading this camera")
	up := false
	for p.waitWanted(ctx, feed, &up) {
		began := time.Now()
		end := p.connect(ctx, feed)
		up = up || end.frames > 0
		if end.lived >= stableAfter {
			p.backoff.reset()
		}
		pause := p.pause(end, time.Since(began))
		switch reason := p.complain(end); {
		case reason != "":
			feed.Down(reason)
			up = false
			p.report(reason, end, pause)
		case errors.Is(end.err, errResting) && up: // it is not online before it is connected again
			feed.Down("")
			up = false
		}
		sleep(ctx, pause)
	}
}

// report logs what was wrong with a connection: once at level info, then, for
// as long as it is the same, at level debug.
func (p *Puller) report(reason string, end ending, pause time.Duration) {
	level := slog.LevelDebug
	if reason != p.reported || end.frames > 0 {
		level = slog.LevelInfo
	}
	p.reported = reason
	p.log.Log(context.Background(), level, "camera cannot be read", "reason", reason, "frames", end.frames, "again_in", pause)
}

// complain says for people what was wrong with a connection, if anything was.
func (p *Puller) complain(end ending) string {
	if end.err == nil || errors.Is(end.err, errResting) || errors.Is(end.err, errStopped) {
		return ""
	}
	return sentence(end.err, p.url.Host)
}

// pause is how long to leave the camera alone after a connection.
func (p *Puller) pause(end ending, took time.Duration) time.Duration {
	switch {
	case end.err == nil:
		return p.snapshotPause(took)
	case errors.Is(end.err, errStopped):
		return 0
	case errors.Is(end.err, errResting): // viewers may come and go quickly
		return max(0, min(p.cfg.BackoffMin, stableAfter-took))
	}
	return p.backoff.next(isLasting(end.err))
}

// snapshotPause is how long to leave a camera alone between two snapshots: at
// least as long as the last one took.
func (p *Puller) snapshotPause(took time.Duration) time.Duration {
	interval := p.cfg.SnapshotInterval
	p.mu.Lock()
	if fps := p.pace.FPS; fps > 0 {
		interval = max(interval, time.Duration(float64(time.Second)/fps))
	}
	p.mu.Unlock()
	return max(interval-took, took)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// waitWanted waits until somebody wants pictures. It returns false when ctx has
// ended.
func (p *Puller) waitWanted(ctx context.Context, feed *stream.Feed, up *bool) bool {
	for {
		p.mu.Lock()
		wanted := p.wanted()
		p.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return false
		case wanted:
			return true
		}
		if *up { // else the reason why it could not be read still holds
			feed.Down("")
			*up = false
		}
		select {
		case <-ctx.Done():
		case <-p.changed:
		}
	}
}

// wanted is called with mu held.
func (p *Puller) wanted() bool { return !p.paused && !p.pace.Resting() }

// change changes what is wanted, and ends the connection if it no longer is.
func (p *Puller) change(fn func()) {
	p.mu.Lock()
	fn()
	if !p.wanted() && p.cancel != nil {
		p.cancel(errResting)
	}
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Pace implements stream.Source.
func (p *Puller) Pace(pace wire.Pace) { p.change(func() { p.pace = pace }) }

// Pause implements stream.Source.
func (p *Puller) Pause(_ context.Context, on bool) error {
	p.change(func() { p.paused = on })
	return nil
}

// Detach implements stream.Source. An update of the camera's firmware ends the
// connection but not the puller.
func (p *Puller) Detach(why stream.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if why == stream.Update {
		if p.cancel != nil {
			p.cancel(errUpdating)
		}
		return
	}
	p.gone = true
	if p.stop != nil {
		p.stop()
	}
}
