package stream

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"camrelay/internal/wire"
)

// witness is an Observer.
type witness struct {
	mu      sync.Mutex
	changed []string
	removed []string
}

func (w *witness) Changed(h *Hub) {
	state, _ := h.State()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, h.ID()+" "+state.String())
}

func (w *witness) Removed(h *Hub) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removed = append(w.removed, h.ID())
}

func (w *witness) take() (changed, removed []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed, removed = w.changed, w.removed
	w.changed, w.removed = nil, nil
	return changed, removed
}

func TestRegistry(t *testing.T) {
	r := NewRegistry(Options{})
	for _, id := range []string{"yard", "door", "attic"} {
		if _, err := r.Add(id, "", "push"); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"door", "", "Door", "all", "a b"} {
		if _, err := r.Add(id, "", "push"); err == nil {
			t.Errorf("%q was added", id)
		}
	}
	var ids []string
	streams := map[uint32]bool{}
	for _, h := range r.All() {
		ids = append(ids, h.ID())
		streams[h.Stream()] = true
	}
	if !slices.Equal(ids, []string{"attic", "door", "yard"}) || len(streams) != 3 {
		t.Errorf("%v, streams %v", ids, streams)
	}
	old := r.Get("door").Stream()
	r.Remove("door")
	if r.Get("door") != nil {
		t.Error("door is still there")
	}
	h, err := r.Add("door", "Another door", "pull")
	if err != nil || h.Stream() == old {
		t.Errorf("a new camera has the stream number of the old one: %v", err)
	}
	if c := h.Camera(); c.Name != "Another door" || c.Kind != "pull" || c.State != "offline" || c.LastFrame != 0 {
		t.Errorf("%+v", c)
	}
	if c := r.Get("yard").Camera(); c.Name != "yard" {
		t.Errorf("without a name it has its id: %+v", c)
	}
}

func TestObservers(t *testing.T) {
	b := newBench(t, Options{})
	w := new(witness)
	stop := b.reg.Observe(w)
	expect := func(when string, changed, removed []string) {
		t.Helper()
		if c, r := w.take(); !slices.Equal(c, changed) || !slices.Equal(r, removed) {
			t.Errorf("%s: %v, %v", when, c, r)
		}
	}
	b.attach()
	expect("attached", []string{"door online"}, nil)
	b.publish()
	expect("a frame is no change", nil, nil)
	b.feed.Hello(wire.Hello{Firmware: "1.2"})
	expect("hello", []string{"door online"}, nil)
	b.hub.Rename("Back door")
	expect("renamed", []string{"door online"}, nil)
	b.reg.Tick()
	w.take()
	rssi := -60
	for range 10 { // figures: at most once a second
		b.feed.Stats(wire.Stats{RSSI: &rssi})
		b.feed.Fault(FaultText)
		b.clock.Add(TickEvery)
		b.reg.Tick()
	}
	if c, _ := w.take(); len(c) < 2 || len(c) > 3 {
		t.Errorf("told %d times in 2.5 s", len(c))
	}
	if c := b.hub.Camera(); c.Dropped != 10 || c.Stats == nil || *c.Stats.RSSI != -60 {
		t.Errorf("%+v", c)
	}
	b.feed.Close("lost")
	expect("closed", []string{"door offline"}, nil)
	b.reg.Remove("door")
	expect("removed", nil, []string{"door"})
	stop()
	stop()
	if _, err := b.reg.Add("yard", "", "push"); err != nil {
		t.Fatal(err)
	}
	expect("after it stopped", nil, nil)
}

func TestCloseIsForARestart(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	b.publish()
	b.reg.Close()
	if !slices.Equal(b.cam.reasons(), []Reason{Shutdown}) {
		t.Errorf("the camera was told %v", b.cam.reasons())
	}
	b.reg.Close()
}

func TestRunTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{Linger: time.Second, Still: 5 * time.Second})
		h, _ := r.Add("door", "", "push")
		cam := new(camera)
		h.Attach(cam, true)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { r.Run(ctx) })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !cam.pace(t).Resting() {
			t.Error("the camera was not let rest")
		}
		cancel()
		wg.Wait()
		r.Close()
	})
}
