package stream

import "sync/atomic"

// shard is a part of a hub's viewers. The first is served by the goroutine that
// publishes; each further one has its own, so that a very large audience uses
// more than one core and the last viewer does not wait for all the others.
type shard struct {
	viewers atomic.Pointer[[]*Viewer] // copy on write under the hub's mu
	wake    chan struct{}             // nil for the first shard
	done    chan struct{}             // closed when the shard is empty and gone
}

func newShard() *shard {
	s := new(shard)
	s.viewers.Store(new([]*Viewer))
	return s
}

func (s *shard) len() int { return len(*s.viewers.Load()) }

func (s *shard) add(v *Viewer) {
	old := *s.viewers.Load()
	viewers := make([]*Viewer, len(old)+1)
	viewers[copy(viewers, old)] = v
	s.viewers.Store(&viewers)
}

func (s *shard) remove(v *Viewer) bool {
	old := *s.viewers.Load()
	for i, w := range old {
		if w == v {
			viewers := make([]*Viewer, len(old)-1)
			copy(viewers[copy(viewers, old[:i]):], old[i+1:])
			s.viewers.Store(&viewers)
			return true
		}
	}
	return false
}

// stride spreads the starting points of successive frames over the viewers, so
// that nobody is always last.
const stride = 2654435761 // 2^32 / golden ratio

// offer offers f to every viewer.
func (s *shard) offer(f *Frame) {
	viewers := *s.viewers.Load()
	if len(viewers) == 0 {
		return
	}
	start := int(uint64(f.Seq*stride) * uint64(len(viewers)) >> 32)
	for _, v := range viewers[start:] {
		v.out.offer(v, f)
	}
	for _, v := range viewers[:start] {
		v.out.offer(v, f)
	}
}

// run offers each newest frame until the shard is gone.
func (s *shard) run(h *Hub) {
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		}
		if f := h.Newest(); f != nil {
			s.offer(f)
			f.Release()
		}
	}
}

// notify wakes the shard's goroutine unless it is about to look anyway.
func (s *shard) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
