package stream

import (
	"sync"
	"testing"
	"time"

	"camrelay/internal/wire"
)

func TestRest(t *testing.T) {
	b := newBench(t, Options{Linger: 30 * time.Second, Still: 5 * time.Second})
	b.attach()
	if p := b.cam.pace(t); p.Resting() || p.FPS != 0 {
		t.Errorf("just added, nobody watches yet: %+v", p)
	}
	b.run(10, 29*time.Second)
	if b.cam.pace(t).Resting() {
		t.Error("rests before the linger is over")
	}
	b.run(10, 2*time.Second)
	if p := b.cam.pace(t); p.Still != 5 || p.FPS != 0 {
		t.Errorf("after the linger: %+v", p)
	}
	b.publish()
	if state, _ := b.hub.State(); state != Resting {
		t.Errorf("state %v", state)
	}
	if f := b.hub.Newest(); !f.Still {
		t.Error("a frame of a resting camera is no still")
	} else {
		f.Release()
	}

	sink := newBasket()
	out := NewOutlet(sink, nil)
	v := b.hub.Join(out, ViewerOptions{})
	if p := b.cam.pace(t); p.Resting() {
		t.Errorf("the first viewer did not wake the camera: %+v", p)
	}
	if len(sink.seqs()) != 1 {
		t.Error("the first viewer did not see the still at once")
	}
	b.publish()
	if state, _ := b.hub.State(); state != Online {
		t.Errorf("state with a viewer and a frame: %v", state)
	}
	v.Leave()
	b.run(10, 29*time.Second)
	if b.cam.pace(t).Resting() {
		t.Error("rests before the linger is over")
	}
	b.run(10, 2*time.Second)
	if !b.cam.pace(t).Resting() {
		t.Error("does not rest again")
	}
	out.Close(nil)
}

func TestNeverRests(t *testing.T) {
	b := newBench(t, Options{Linger: time.Second})
	b.attach()
	b.run(5, 10*time.Second)
	if p := b.cam.pace(t); p.Resting() {
		t.Errorf("no still is set, and it rests: %+v", p)
	}
	if len(b.cam.paces) != 1 {
		t.Errorf("it was told %d times the same", len(b.cam.paces))
	}
}

// The camera is told last what holds last, though those that tell it overtake
// each other: here a viewer joins while the tick is about to let it rest.
func TestPaceKeepsOrder(t *testing.T) {
	b := newBench(t, Options{Linger: time.Second, Still: 5 * time.Second})
	out := NewOutlet(newBasket(), nil)
	defer out.Close(nil)
	var joined sync.WaitGroup
	b.cam.onPace = func(p wire.Pace) {
		if !p.Resting() {
			return
		}
		b.cam.onPace = nil
		joined.Go(func() { b.hub.Join(out, ViewerOptions{}) })
		for b.hub.Viewers() == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	b.attach()
	b.idle(2 * time.Second)
	joined.Wait()
	if p := b.cam.pace(t); p.Resting() {
		t.Error("a camera with a viewer was told last to rest")
	}
}

// A viewer that takes so many frames a second at most and acknowledges none of
// the others is what these tests need: a sink that is full in between.
type slowViewer struct {
	*Viewer
	sink *basket
	out  *Outlet
	fps  float64
	due  time.Time
}

func (b *bench) joinSlow(fps float64, opt ViewerOptions) *slowViewer {
	s := &slowViewer{sink: newBasket(), fps: fps, due: b.clock.Now()}
	opt.Credit = new(Credit)
	s.out = NewOutlet(s.sink, nil)
	s.Viewer = b.hub.Join(s.out, opt)
	b.Cleanup(func() { s.out.Close(nil) })
	return s
}

// turn acknowledges a frame if it is time to.
func (s *slowViewer) turn(now time.Time) {
	if s.fps == 0 || now.Before(s.due) {
		return
	}
	if last := s.sink.last(); last != 0 {
		s.due = now.Add(time.Duration(float64(time.Second) / s.fps))
		s.Ack(last, 0)
	}
}

// serve runs a camera that obeys its pace, with its viewers.
func (b *bench) serve(natural float64, d time.Duration, viewers ...*slowViewer) (frames int) {
	b.Helper()
	frame, tick := b.clock.Now(), b.clock.Now().Add(TickEvery)
	for end := b.clock.Now().Add(d); b.clock.Now().Before(end); {
		now := b.clock.Add(5 * time.Millisecond)
		if !now.Before(frame) {
			fps := natural
			if limit := b.cam.pace(b.T).FPS; limit > 0 {
				fps = min(fps, limit)
			}
			b.publish()
			frames++
			frame = frame.Add(time.Duration(float64(time.Second) / fps))
		}
		if !now.Before(tick) {
			b.reg.Tick()
			tick = tick.Add(TickEvery)
		}
		for _, v := range viewers {
			v.turn(now)
		}
	}
	return frames
}

func TestThrottledCamera(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	slow := b.joinSlow(5, ViewerOptions{})
	b.serve(25, 10*time.Second, slow)
	if p := b.cam.pace(t); p.FPS < 5 || p.FPS > 9 {
		t.Errorf("the only viewer takes 5 fps: the camera is asked for %v", p.FPS)
	}
	// It is slow for long: the camera stays near what the viewer takes, and the
	// viewer gets it.
	before := slow.Frames()
	if frames := b.serve(25, 100*time.Second, slow); frames > 900 {
		t.Errorf("the camera sent %d frames in 100 s, the viewer can take 500", frames)
	}
	if got := slow.Frames() - before; got < 400 {
		t.Errorf("the viewer got %d frames in 100 s, it can take 500", got)
	}
	slow.fps = 1000 // it is quick now
	b.serve(25, 90*time.Second, slow)
	if p := b.cam.pace(t); p.FPS != 0 && p.FPS < 25 {
		t.Errorf("90 seconds after the viewer became quick the camera is asked for %v fps", p.FPS)
	}
}

// A viewer that joins gets all there is, whatever others could not take.
func TestNewcomerEndsThrottle(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	slow := b.joinSlow(2, ViewerOptions{})
	b.serve(25, 60*time.Second, slow)
	if p := b.cam.pace(t); p.FPS == 0 {
		t.Fatal("the camera is not throttled")
	}
	quick := b.joinSlow(1000, ViewerOptions{})
	if p := b.cam.pace(t); p.FPS != 0 {
		t.Errorf("the camera is still asked for %v fps", p.FPS)
	}
	b.serve(25, 30*time.Second, slow, quick)
	if p := b.cam.pace(t); p.FPS != 0 {
		t.Errorf("one of two viewers is quick: the camera is asked for %v fps", p.FPS)
	}
}

// A camera throttled to one frame a second is not forgotten there.
func TestThrottleRecoversFromOne(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	v := b.joinSlow(0.3, ViewerOptions{})
	b.serve(15, 20*time.Second, v)
	if p := b.cam.pace(t); p.FPS != 1 {
		t.Fatalf("the camera is asked for %v fps, want 1", p.FPS)
	}
	v.fps = 1000
	b.serve(15, 2*time.Minute, v)
	if p := b.cam.pace(t); p.FPS != 0 && p.FPS < 15 {
		t.Errorf("the camera is asked for %v fps two minutes after its viewer became quick", p.FPS)
	}
}

// Viewers that wish few frames are no slow viewers: the camera sends few, and
// at once more when somebody wishes more.
func TestWish(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	thumbnail := b.joinSlow(1000, ViewerOptions{MaxFPS: 5})
	if p := b.cam.pace(t); p.FPS != 6 {
		t.Errorf("5 fps are wished, the camera is asked for %v", p.FPS)
	}
	b.serve(25, time.Minute, thumbnail)
	if p := b.cam.pace(t); p.FPS != 6 {
		t.Errorf("after a minute it is asked for %v", p.FPS)
	}
	if n := thumbnail.Frames(); n < 270 || n > 310 {
		t.Errorf("5 fps are wished for a minute: got %d frames", n)
	}
	full := b.joinSlow(1000, ViewerOptions{})
	if p := b.cam.pace(t); p.FPS != 0 {
		t.Errorf("a viewer wants all, the camera is asked for %v", p.FPS)
	}
	b.serve(25, 10*time.Second, thumbnail, full)
	if n := full.Frames(); n < 225 {
		t.Errorf("the viewer that wants all got %d frames in 10 s", n)
	}
	full.Leave()
	b.serve(25, 10*time.Second, thumbnail)
	if p := b.cam.pace(t); p.FPS != 6 {
		t.Errorf("alone again, the camera is asked for %v", p.FPS)
	}
}

func TestThrottleTable(t *testing.T) {
	type look struct {
		camera, best float64
		enough       bool
		limit        float64
	}
	repeat := func(n int, l look) []look {
		looks := make([]look, n)
		for i := range looks {
			looks[i] = l
		}
		return looks
	}
	join := func(parts ...[]look) (all []look) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	tests := []struct {
		name  string
		looks []look
	}{
		{"all is well", repeat(5, look{25, 25, true, 0})},
		{"once slow is nothing", join(repeat(1, look{25, 5, false, 0}), repeat(3, look{25, 25, true, 0}), repeat(1, look{25, 5, false, 0}))},
		{"twice slow", join(repeat(1, look{25, 5, false, 0}), repeat(1, look{25, 5, false, 6}))},
		{"never below one", join(repeat(1, look{25, 0, false, 0}), repeat(1, look{25, 0, false, 1}))},
		{"no camera", repeat(5, look{0.2, 0, false, 0})},
		{"recovers", join(
			repeat(1, look{25, 5, false, 0}), repeat(1, look{25, 5, false, 6}),
			repeat(2, look{6, 6, true, 6}), repeat(3, look{6, 6, true, 9}), repeat(3, look{9, 9, true, 14}), repeat(3, look{14, 14, true, 21}),
			repeat(3, look{21, 21, true, 32}), repeat(3, look{25, 25, true, 48}), repeat(4, look{25, 25, true, 0}))},
		{"waits longer after a try that failed", join(
			repeat(1, look{25, 5, false, 0}), repeat(1, look{25, 5, false, 6}), repeat(2, look{6, 6, true, 6}), repeat(1, look{6, 6, true, 9}),
			repeat(1, look{9, 5, false, 9}), repeat(1, look{9, 5, false, 6}), repeat(5, look{6, 6, true, 6}), repeat(1, look{6, 6, true, 9}))},
	}
	for _, test := range tests {
		var th throttle
		for i, l := range test.looks {
			th.look(l.camera, l.best, l.enough)
			if th.limit != l.limit {
				t.Errorf("%s, look %d: limit %v, want %v", test.name, i, th.limit, l.limit)
				break
			}
		}
	}
}

// TestUnconnectedSourceWaits: a source that has yet to connect, and that nobody
// waits for, is asked for nothing until a viewer comes.
func TestUnconnectedSourceWaits(t *testing.T) {
	b := newBench(t, Options{Still: 5 * time.Second})
	source := &camera{}
	if b.hub.Attach(source, false) == nil {
		t.Fatal("not attached")
	}
	if p := source.pace(t); !p.Resting() {
		t.Errorf("with nobody there it is asked for %+v, want rest", p)
	}
	if s, _ := b.hub.State(); s != Resting {
		t.Errorf("state is %v, want resting", s)
	}
	b.hub.Join(NewOutlet(newBasket(), nil), ViewerOptions{})
	if p := source.pace(t); p.Resting() {
		t.Errorf("with a viewer it is asked for %+v, want frames", p)
	}
}
