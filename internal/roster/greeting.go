package roster

import (
	"context"
	"maps"
	"sync/atomic"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// greetTimeout bounds sending a camera its settings.
const greetTimeout = 10 * time.Second

// greeting is the settings that a camera gets, once for each connection.
type greeting struct {
	settings wire.Settings
	met      atomic.Uint64 // the hub's connection that got them last
}

// greet takes the camera's settings of today; they go out at once if the camera
// is connected and they are others than before. Called with mu held.
func (r *Roster) greet(e *entry) {
	if e.greeting != nil && maps.Equal(e.greeting.settings, e.spec.Settings) {
		return
	}
	e.greeting = &greeting{settings: e.spec.Settings}
	if len(e.spec.Settings) == 0 {
		r.greetings.Delete(e.hub)
		return
	}
	r.greetings.Store(e.hub, e.greeting)
	r.Changed(e.hub)
}

// Changed implements stream.Observer: a camera that has connected gets its
// settings. It is called often, and with any lock held.
func (r *Roster) Changed(h *stream.Hub) {
	found, ok := r.greetings.Load(h)
	if !ok || !h.Camera().Control {
		return
	}
	g := found.(*greeting)
	connection := h.Connections()
	if met := g.met.Load(); met == connection || !g.met.CompareAndSwap(met, connection) {
		return
	}
	go r.send(h, g)
}

// Removed implements stream.Observer.
func (r *Roster) Removed(*stream.Hub) {}

func (r *Roster) send(h *stream.Hub, g *greeting) {
	r.mu.Lock()
	if r.ctx.Err() != nil {
		r.mu.Unlock()
		return
	}
	r.tasks.Add(1)
	r.mu.Unlock()
	defer r.tasks.Done()
	ctx, cancel := context.WithTimeout(r.ctx, greetTimeout)
	defer cancel()
	if _, err := h.Set(ctx, "", false, g.settings); err != nil && r.ctx.Err() == nil {
		r.log.Warn("camera did not take its configured settings", "camera", h.ID(), "err", err)
	}
}
