package ingest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// A camera that posts one picture at a time stays online between two of them:
// for three times the pause between the last two, as it may miss one, within
// these bounds. They are chosen for a picture a minute, the most that cron can
// do.
const (
	lingerPauses = 3
	minLinger    = 10 * time.Second
	firstLinger  = 90 * time.Second // after the first, when the pause is not known
	maxLinger    = 3 * time.Minute
	// lingerTick is how often the hub is told that silence is all right: more
	// often than it takes any hub to call a camera stale.
	lingerTick = 500 * time.Millisecond
)

// poster is the feed of a camera that posts. It outlives a request that brought
// one frame.
type poster struct {
	server *Server
	hub    *stream.Hub
	feed   *stream.Feed

	mu     sync.Mutex
	active *post     // the request under way
	last   time.Time // when the last one began
	timer  *time.Timer
	until  time.Time // for how long it lingers
	wait   time.Duration
	gone   bool
}

// detachedError ends a request whose camera is wanted elsewhere.
type detachedError struct {
	status int
	text   string
}

func (e *detachedError) Error() string { return e.text }

// attach makes p the camera's feed. It returns nil when the camera was removed.
func (s *Server) attach(p *post) *poster {
	s.mu.Lock()
	old := s.posters[p.hub]
	s.mu.Unlock()
	if old != nil && old.resume(p) {
		return old
	}
	own := &poster{server: s, hub: p.hub, active: p, last: p.began}
	feed := p.hub.Attach(own, true)
	if feed == nil {
		return nil
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	own.feed = feed
	if !own.gone { // else it was detached at once
		s.mu.Lock()
		s.posters[p.hub] = own
		s.mu.Unlock()
	}
	return own
}

// resume goes on with a feed that lingers.
func (o *poster) resume(p *post) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone || o.active != nil {
		return false
	}
	o.timer.Stop()
	o.active = p
	o.wait = min(max(lingerPauses*p.began.Sub(o.last), minLinger), maxLinger)
	o.last = p.began
	return true
}

// ended is called when a request is over.
func (o *poster) ended(p *post, err error) {
	o.mu.Lock()
	var reason string
	switch {
	case o.active != p || o.gone:
	case err != nil:
		reason = "the sender's connection broke off"
	case p.frames > 1:
		reason = "the sender ended its stream"
	default:
		if o.wait == 0 {
			o.wait = firstLinger
		}
		o.active = nil
		o.until = time.Now().Add(o.wait)
		o.timer = time.AfterFunc(lingerTick, o.tick)
	}
	if reason != "" {
		o.leave()
	}
	o.mu.Unlock()
	if reason != "" {
		o.feed.Close(reason)
	}
}

// tick keeps the camera online between two requests.
func (o *poster) tick() {
	o.mu.Lock()
	lingers := !o.gone && o.active == nil
	over := lingers && !time.Now().Before(o.until)
	if over {
		o.leave()
	} else if lingers {
		o.timer.Reset(lingerTick)
	}
	o.mu.Unlock()
	if over {
		o.feed.Close(fmt.Sprintf("no picture was posted for %v", o.wait))
	} else if lingers {
		o.feed.Up()
	}
}

// leave makes room for another feed. Called with mu held; the feed is closed
// after that.
func (o *poster) leave() {
	o.gone = true
	o.active = nil
	if o.timer != nil {
		o.timer.Stop()
	}
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	if o.server.posters[o.hub] == o {
		delete(o.server.posters, o.hub)
	}
}

// Detach implements stream.Source.
func (o *poster) Detach(why stream.Reason) {
	cause := &detachedError{http.StatusServiceUnavailable, "the relay restarts: try again in a second"}
	switch why {
	case stream.Superseded:
		cause = &detachedError{http.StatusConflict, "a newer connection of this camera took over"}
	case stream.Forbidden:
		cause = &detachedError{http.StatusUnauthorized, "the key is no longer valid, or the camera was removed"}
	case stream.Update:
		cause = &detachedError{http.StatusConflict, "an update of this camera begins"}
	}
	o.mu.Lock()
	if o.active != nil {
		o.active.body.abort(cause)
	}
	feed := o.feed
	o.leave()
	o.mu.Unlock()
	if feed != nil {
		feed.Close(cause.text)
	}
}

// Pace implements stream.Source: there is no way to tell.
func (o *poster) Pace(wire.Pace) {}

// CanSet implements stream.Source.
func (o *poster) CanSet() bool { return false }

// Set implements stream.Source.
func (o *poster) Set(context.Context, wire.Settings) (wire.Settings, error) {
	return nil, stream.ErrNoControl
}

// Pause implements stream.Source.
func (o *poster) Pause(context.Context, bool) error { return stream.ErrNoControl }
