package stream

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestNewcomerSeesNewest(t *testing.T) {
	b := newBench(t, Options{})
	early := newBasket()
	out := NewOutlet(early, nil)
	defer out.Close(nil)
	b.hub.Join(out, ViewerOptions{})
	if len(early.seqs()) != 0 {
		t.Error("a frame before there was one")
	}
	b.attach()
	for range 3 {
		b.publish()
	}
	late := newBasket()
	out2 := NewOutlet(late, nil)
	defer out2.Close(nil)
	v := b.hub.Join(out2, ViewerOptions{})
	if !slices.Equal(late.seqs(), []uint32{3}) {
		t.Errorf("the newcomer got %v at once, want 3", late.seqs())
	}
	b.publish()
	if !slices.Equal(early.seqs(), []uint32{1, 2, 3, 4}) || !slices.Equal(late.seqs(), []uint32{3, 4}) {
		t.Errorf("got %v and %v", early.seqs(), late.seqs())
	}
	if v.Skipped() != 0 || v.Frames() != 2 {
		t.Errorf("the newcomer: %d frames, %d skipped", v.Frames(), v.Skipped())
	}
}

func TestLiveOnly(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	b.publish()
	join := func(opt ViewerOptions) *basket {
		sink := newBasket()
		out := NewOutlet(sink, nil)
		t.Cleanup(func() { out.Close(nil) })
		b.hub.Join(out, opt)
		return sink
	}
	check := func(when string, live bool) {
		t.Helper()
		if got := join(ViewerOptions{LiveOnly: true}).seqs(); (len(got) == 1) != live {
			t.Errorf("%s a viewer that wants it live got %v", when, got)
		}
		if got := join(ViewerOptions{}).seqs(); len(got) != 1 {
			t.Errorf("%s a viewer that takes the last frame got %v", when, got)
		}
	}
	check("online", true)
	b.hub.SetUpdating("1.2")
	check("updating", false)
	b.hub.SetUpdating("")
	b.feed.Close("gone")
	check("offline", false)
	waits := join(ViewerOptions{LiveOnly: true})
	b.attach()
	b.publish()
	if waits.last() != 2 {
		t.Errorf("the camera is back, the viewer got %v", waits.seqs())
	}
}

func TestSuperseded(t *testing.T) {
	b := newBench(t, Options{})
	old := b.attach()
	b.publish()
	newer := new(camera)
	feed := b.hub.Attach(newer, true)
	if got := b.cam.reasons(); !slices.Equal(got, []Reason{Superseded}) {
		t.Errorf("the old connection was told %v", got)
	}
	if old.Publish(b.frame()) {
		t.Error("the old feed could publish")
	}
	old.Hello(wire.Hello{Firmware: "old"})
	old.Fault(FaultPartial)
	old.Close("old")
	if c := b.hub.Camera(); c.State != "online" || c.Firmware != "" || c.Dropped != 0 {
		t.Errorf("the old feed changed something: %+v", c)
	}
	if !feed.Publish(b.frame()) || b.hub.Totals().Frames != 2 || b.hub.Totals().Attached != 2 {
		t.Errorf("the new feed could not publish: %+v", b.hub.Totals())
	}
	if f := b.hub.Newest(); f.Seq != 2 {
		t.Errorf("sequence numbers go on: %d", f.Seq)
	} else {
		f.Release()
	}
	feed.Close("done")
	if feed.Publish(b.frame()) {
		t.Error("a closed feed could publish")
	}
}

func TestGapsAreCounted(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	slow := b.joinSlow(0, ViewerOptions{})
	for range 5 {
		b.publish()
	}
	if !slices.Equal(slow.sink.seqs(), []uint32{1}) || slow.Skipped() != 0 {
		t.Errorf("one in flight: got %v, %d skipped", slow.sink.seqs(), slow.Skipped())
	}
	slow.Ack(99, 0)
	slow.Ack(1, 0)
	if !slices.Equal(slow.sink.seqs(), []uint32{1, 5}) || slow.Skipped() != 3 {
		t.Errorf("acknowledged: got %v, %d skipped", slow.sink.seqs(), slow.Skipped())
	}
	slow.Leave()
	slow.Leave()
	if got := b.hub.Totals(); got.Delivered != 2 || got.Skipped != 3 || got.Bytes != 40 || got.Frames != 5 {
		t.Errorf("totals after it left: %+v", got)
	}
	if b.hub.Viewers() != 0 {
		t.Errorf("%d viewers", b.hub.Viewers())
	}
}

// Sequence numbers wrap, and the order with them.
func TestSequenceWraps(t *testing.T) {
	b := newBench(t, Options{})
	b.hub.seq = 1<<32 - 3
	b.attach()
	sink := newBasket()
	out := NewOutlet(sink, nil)
	defer out.Close(nil)
	v := b.hub.Join(out, ViewerOptions{})
	for range 5 {
		b.publish()
	}
	if !slices.Equal(sink.seqs(), []uint32{1<<32 - 2, 1<<32 - 1, 0, 1, 2}) || v.Skipped() != 0 {
		t.Errorf("got %v, %d skipped", sink.seqs(), v.Skipped())
	}
}

func TestMaxFPS(t *testing.T) {
	for _, test := range []struct{ camera, limit, low, high float64 }{
		{25, 10, 9.7, 10.1}, {25, 5, 4.8, 5.1}, {10, 7, 6.5, 7.1}, {30, 0.5, 0.45, 0.6}, {10, 25, 9.9, 10.1},
		{10, 1e-300, 0, 0.04}, {10, 1000, 9.9, 10.1},
	} {
		b := newBench(t, Options{})
		b.attach()
		sink := newBasket()
		out := NewOutlet(sink, nil)
		b.hub.Join(out, ViewerOptions{MaxFPS: test.limit})
		b.run(test.camera, 30*time.Second)
		if got := float64(len(sink.seqs())) / 30; got < test.low || got > test.high {
			t.Errorf("at most %v of %v fps: got %.2f", test.limit, test.camera, got)
		}
		out.Close(nil)
	}
}

// A shared outlet serves its cameras in turn.
func TestManyCamerasOneOutlet(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	yard, err := b.reg.Add("yard", "", "push")
	if err != nil {
		t.Fatal(err)
	}
	second := yard.Attach(new(camera), true)
	sink := newBasket()
	out := NewOutlet(sink, nil)
	defer out.Close(nil)
	b.hub.Join(out, ViewerOptions{})
	yard.Join(out, ViewerOptions{})
	sink.setFull(true)
	b.publish() // fills it
	for range 10 {
		b.publish()
		second.Publish(b.frame())
	}
	for range 3 {
		sink.gate <- struct{}{}
	}
	testkit.Eventually(t, 5*time.Second, func() bool { return len(sink.seqs()) == 3 }, "the newest frame of each")
	got := map[uint32]uint32{}
	sink.mu.Lock()
	for i, s := range sink.streams {
		got[s] = sink.got[i]
	}
	sink.mu.Unlock()
	if got[b.hub.Stream()] != 11 || got[yard.Stream()] != 10 {
		t.Errorf("the last frames by camera: %v", got)
	}
}

func TestRemoveCamera(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	b.publish()
	sink := newBasket()
	out := NewOutlet(sink, nil)
	defer out.Close(nil)
	b.hub.Join(out, ViewerOptions{})
	b.reg.Remove("door")
	b.reg.Remove("door")
	if !slices.Equal(b.cam.reasons(), []Reason{Forbidden}) || b.hub.Viewers() != 0 {
		t.Errorf("told %v, %d viewers", b.cam.reasons(), b.hub.Viewers())
	}
	if b.feed.Publish(b.frame()) || b.hub.Attach(b.cam, true) != nil || b.hub.Join(out, ViewerOptions{}) != nil {
		t.Error("a removed camera goes on")
	}
	if out.Closed() {
		t.Error("the viewer's transport was closed: it may carry others")
	}
	b.feed.Close("late")
	b.hub.Detach(Update)
	b.reg.Tick()
}

// The camera drops and returns a thousand times while viewers come and go:
// nothing grows.
func TestDropAndReturn(t *testing.T) {
	b := newBench(t, Options{Still: 5 * time.Second, Linger: time.Second, ShardSize: 4, MaxShards: 3})
	stays := newBasket()
	out := NewOutlet(stays, nil)
	defer out.Close(nil)
	b.hub.Join(out, ViewerOptions{})
	turn := func(i int) {
		feed := b.hub.Attach(new(camera), true)
		var visitors [9]*Outlet
		for k := range visitors {
			visitors[k] = NewOutlet(newBasket(), nil)
			b.hub.Join(visitors[k], ViewerOptions{})
		}
		for range 3 {
			b.clock.Add(40 * time.Millisecond)
			feed.Publish(b.frame())
		}
		for k, v := range visitors {
			if k%2 == i%2 {
				v.Close(nil)
			}
		}
		feed.Publish(b.frame())
		b.reg.Tick()
		if i%2 == 0 {
			feed.Close("lost")
		}
		for _, v := range visitors {
			v.Close(nil)
		}
	}
	for i := range 100 {
		turn(i)
	}
	measure := func() (heap uint64, goroutines int) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	stays.mu.Lock()
	stays.got, stays.streams, stays.log = make([]uint32, 0, 8000), make([]uint32, 0, 8000), make([]string, 0, 8000)
	stays.mu.Unlock()
	heap, goroutines := measure()
	for i := range 1000 {
		turn(i)
	}
	testkit.Eventually(t, 5*time.Second, func() bool { _, n := measure(); return n <= goroutines }, "goroutines back at %d", goroutines)
	// The runtime keeps what goroutines needed; what 10,000 viewers needed is more.
	if after, _ := measure(); after > heap+1<<20 {
		t.Errorf("heap %d before, %d after 1,000 turns", heap, after)
	}
	if n := stays.last(); n != 4400 {
		t.Errorf("the viewer that stayed saw %d last, want 4400", n)
	}
	if b.hub.Viewers() != 1 || len(*b.hub.shards.Load()) != 1 {
		t.Errorf("%d viewers in %d shards", b.hub.Viewers(), len(*b.hub.shards.Load()))
	}
	if live := b.reg.Pool().Live(); live != 1 {
		t.Errorf("%d frames live, want the newest", live)
	}
}
