package stream

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"camrelay/internal/wire"
)

// Options hold for all cameras of a registry. Zero values mean the defaults.
type Options struct {
	Linger     time.Duration    // without viewers before a camera rests; default 30 s
	Still      time.Duration    // between frames while it rests; 0: it never rests
	StaleAfter time.Duration    // without a frame before a camera is stale; default 5 s
	ShardSize  int              // viewers of one camera before they are split; default 500
	MaxShards  int              // default one per core
	Now        func() time.Time // default time.Now
}

func (o *Options) setDefaults() {
	o.Linger = cmp.Or(o.Linger, 30*time.Second)
	o.StaleAfter = cmp.Or(o.StaleAfter, 5*time.Second)
	o.ShardSize = cmp.Or(o.ShardSize, 500)
	o.MaxShards = cmp.Or(o.MaxShards, runtime.GOMAXPROCS(0))
	if o.Now == nil {
		o.Now = time.Now
	}
}

// TickEvery is how often Run looks at the cameras.
const TickEvery = 250 * time.Millisecond

// tellEvery is how often observers are told of figures that change all the
// time. Changes of state they hear at once.
const tellEvery = time.Second

// Observer is told what happens to cameras. The calls come from the goroutine
// that made the change: they must not block.
type Observer interface {
	Changed(*Hub) // also when it was added
	Removed(*Hub)
}

// Registry holds the hubs of all cameras.
type Registry struct {
	opt  Options
	pool *Pool

	mu        sync.RWMutex
	hubs      map[string]*Hub
	next      uint32
	observers []Observer
}

// NewRegistry returns a registry without cameras.
func NewRegistry(opt Options) *Registry {
	opt.setDefaults()
	return &Registry{opt: opt, pool: NewPool(), hubs: make(map[string]*Hub)}
}

// Pool is where the frames of all cameras come from.
func (r *Registry) Pool() *Pool { return r.pool }

// Add makes a hub for a new camera.
func (r *Registry) Add(id, name, kind string) (*Hub, error) {
	if err := wire.CheckID(id); err != nil {
		return nil, err
	}
	r.mu.Lock()
	if r.hubs[id] != nil {
		r.mu.Unlock()
		return nil, fmt.Errorf("camera %s exists already", id)
	}
	r.next++
	h := newHub(id, r.next, &r.opt, r.changed)
	h.name, h.kind = cmp.Or(name, id), kind
	r.hubs[id] = h
	r.mu.Unlock()
	r.changed(h)
	return h, nil
}

// Get finds a camera's hub; nil if there is none.
func (r *Registry) Get(id string) *Hub {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.hubs[id]
}

// All lists the hubs by id.
func (r *Registry) All() []*Hub {
	r.mu.RLock()
	hubs := make([]*Hub, 0, len(r.hubs))
	for _, h := range r.hubs {
		hubs = append(hubs, h)
	}
	r.mu.RUnlock()
	slices.SortFunc(hubs, func(a, b *Hub) int { return cmp.Compare(a.id, b.id) })
	return hubs
}

// Remove forgets a camera: its feed is detached, its viewers get no more.
func (r *Registry) Remove(id string) {
	r.mu.Lock()
	h := r.hubs[id]
	delete(r.hubs, id)
	observers := r.observers
	r.mu.Unlock()
	if h == nil {
		return
	}
	h.remove(Forbidden)
	for _, o := range observers {
		o.Removed(h)
	}
}

// Close detaches all cameras as for a restart of the relay.
func (r *Registry) Close() {
	for _, h := range r.All() {
		h.remove(Shutdown)
	}
}

// Observe adds an observer; the function it returns takes it out again.
func (r *Registry) Observe(o Observer) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observers = append(slices.Clone(r.observers), o)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.observers = slices.DeleteFunc(slices.Clone(r.observers), func(x Observer) bool { return x == o })
	}
}

func (r *Registry) changed(h *Hub) {
	r.mu.RLock()
	observers := r.observers
	r.mu.RUnlock()
	for _, o := range observers {
		o.Changed(h)
	}
}

// Run follows the cameras' lives until ctx ends.
func (r *Registry) Run(ctx context.Context) {
	ticker := time.NewTicker(TickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.Tick()
		}
	}
}

// Tick does what is due now for every camera.
func (r *Registry) Tick() {
	now := r.opt.Now()
	for _, h := range r.All() {
		h.tick(now)
	}
}
