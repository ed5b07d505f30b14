package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"camrelay/internal/wire"
)

// Hub is the one place of a camera where its newest frame is published. All
// methods may be called from any goroutine.
type Hub struct {
	id     string
	stream uint32
	opt    *Options
	notify func(*Hub) // tells the registry's observers; called without mu

	shards atomic.Pointer[[]*shard] // changed under mu
	pacing sync.Mutex               // orders what the camera is told; before mu

	mu      sync.Mutex
	name    string
	kind    string
	newest  *Frame
	seq     uint32
	feed    *Feed
	life    life
	meter   meter
	demand  demand
	viewers int
	removed bool
	ended   Reason // why it was removed
	lease   lease

	firmware, board string
	settings        wire.Settings
	stats           *wire.Stats
	faults          [numFaults]uint64
	frames, bytes   uint64
	delivered       uint64 // frames sent to viewers that have left
	skipped         uint64 // and those they missed
	attached        uint64
	changed         bool // something an observer would see
	told            time.Time
}

func newHub(id string, stream uint32, opt *Options, notify func(*Hub)) *Hub {
	own := *opt // Rest may change it
	h := &Hub{id: id, stream: stream, opt: &own, notify: notify, name: id}
	h.shards.Store(&[]*shard{newShard()})
	h.life.enter(Offline, "", opt.Now())
	h.demand.emptySince = opt.Now()
	return h
}

// ID is the camera's id.
func (h *Hub) ID() string { return h.id }

// Stream is the camera's number in frame headers.
func (h *Hub) Stream() uint32 { return h.stream }

// Newest returns the last frame, retained; nil if there has been none.
func (h *Hub) Newest() *Frame {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.retainNewest()
}

// Live returns the last frame, retained, if the camera is there to replace it.
func (h *Hub) Live() *Frame {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.life.state; s == Offline || s == Updating {
		return nil
	}
	return h.retainNewest()
}

func (h *Hub) retainNewest() *Frame {
	if h.newest == nil {
		return nil
	}
	return h.newest.Retain()
}

// Join adds a viewer that sends through out, beginning with the newest frame.
// It returns nil when out is closed or the camera was removed.
func (h *Hub) Join(out *Outlet, opt ViewerOptions) *Viewer {
	v := new(Viewer)
	if !h.JoinAs(v, out, opt) {
		return nil
	}
	return v
}

// JoinAs is Join for those that embed the viewer.
func (h *Hub) JoinAs(v *Viewer, out *Outlet, opt ViewerOptions) bool {
	v.hub, v.out, v.ViewerOptions = h, out, opt
	if opt.MaxFPS > 0 {
		v.interval = time.Duration(min(1/opt.MaxFPS, maxInterval.Seconds()) * float64(time.Second))
	}
	h.mu.Lock()
	if h.removed || !out.add(v) {
		h.mu.Unlock()
		return false
	}
	h.shardFor().add(v)
	h.viewers++
	h.changed = true
	if v.Credit != nil {
		v.Credit.Resize(h.meter.fps)
	}
	h.demand.throttle.reset() // nobody knows yet how much this one can take
	repaced := h.repace()
	h.mu.Unlock()
	if out.Closed() { // it closed before the hub knew the viewer
		h.leave(v)
		return false
	}
	if repaced {
		h.sendPace()
	}
	out.Wake()
	return true
}

// shardFor returns the shard a new viewer goes to. Called with mu held.
func (h *Hub) shardFor() *shard {
	shards := *h.shards.Load()
	least := shards[0]
	for _, s := range shards[1:] {
		if s.len() < least.len() {
			least = s
		}
	}
	if least.len() < h.opt.ShardSize || len(shards) >= h.opt.MaxShards {
		return least
	}
	s := newShard()
	s.wake, s.done = make(chan struct{}, 1), make(chan struct{})
	go s.run(h)
	grown := append(append([]*shard(nil), shards...), s)
	h.shards.Store(&grown)
	return s
}

// leave takes a viewer out; a second time does nothing.
func (h *Hub) leave(v *Viewer) {
	h.mu.Lock()
	shards := *h.shards.Load()
	for i, s := range shards {
		if !s.remove(v) {
			continue
		}
		if s.wake != nil && s.len() == 0 {
			close(s.done)
			rest := append(append([]*shard(nil), shards[:i]...), shards[i+1:]...)
			h.shards.Store(&rest)
		}
		h.viewers--
		h.delivered += v.Frames()
		h.skipped += v.Skipped()
		h.changed = true
		if h.viewers == 0 {
			h.demand.emptySince = h.opt.Now()
		}
		break
	}
	h.mu.Unlock()
}

// publish makes f the newest frame of the feed and offers it to every viewer.
// It takes over the caller's reference. No lock is held while viewers are
// offered the frame, and nothing is allocated or copied for any of them.
func (h *Hub) publish(feed *Feed, f *Frame) bool {
	h.mu.Lock()
	if h.feed != feed {
		h.mu.Unlock()
		f.Release()
		return false
	}
	h.seq++
	f.Stream, f.Seq = h.stream, h.seq
	f.Still = h.demand.pace.Resting()
	old := h.newest
	h.newest = f.Retain()
	h.frames++
	h.bytes += uint64(len(f.jpeg))
	h.meter.count(len(f.jpeg))
	h.life.lastFrame = f.Received
	tell := h.life.state != Online && h.life.judge(f.Still, h.opt, f.Received)
	shards := *h.shards.Load()
	h.mu.Unlock()
	if old != nil {
		old.Release()
	}
	for _, s := range shards[1:] {
		s.notify()
	}
	shards[0].offer(f)
	f.Release()
	if tell {
		h.notify(h)
	}
	return true
}

// each calls fn for every viewer.
func (h *Hub) each(fn func(*Viewer)) {
	for _, s := range *h.shards.Load() {
		for _, v := range *s.viewers.Load() {
			fn(v)
		}
	}
}
