package stream

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is the time of a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// camera is a Source that remembers what it was told.
type camera struct {
	control bool
	onPace  func(wire.Pace)
	onSet   func(wire.Settings) (wire.Settings, error)

	mu       sync.Mutex
	paces    []wire.Pace
	detached []Reason
	paused   []bool
}

func (c *camera) Pace(p wire.Pace) {
	if c.onPace != nil {
		c.onPace(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paces = append(c.paces, p)
}

func (c *camera) CanSet() bool { return c.control }

func (c *camera) Set(_ context.Context, s wire.Settings) (wire.Settings, error) {
	if c.onSet != nil {
		return c.onSet(s)
	}
	return s, nil
}

func (c *camera) Pause(_ context.Context, on bool) error {
	if !c.control {
		return ErrNoControl
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = append(c.paused, on)
	return nil
}

func (c *camera) Detach(why Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.detached = append(c.detached, why)
}

// pace is what it was told last.
func (c *camera) pace(t *testing.T) wire.Pace {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.paces) == 0 {
		t.Fatal("the camera was told no pace")
	}
	return c.paces[len(c.paces)-1]
}

func (c *camera) reasons() []Reason {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Reason(nil), c.detached...)
}

// bench is a registry with a clock and one camera, door.
type bench struct {
	*testing.T
	clock *clock
	reg   *Registry
	hub   *Hub
	cam   *camera
	feed  *Feed
	count uint64
}

func newBench(t *testing.T, opt Options) *bench {
	t.Helper()
	b := &bench{T: t, clock: newClock(), cam: new(camera)}
	opt.Now = b.clock.Now
	b.reg = NewRegistry(opt)
	hub, err := b.reg.Add("door", "Front door", "push")
	if err != nil {
		t.Fatal(err)
	}
	b.hub = hub
	t.Cleanup(func() {
		b.reg.Close()
		// An outlet that was closed in the middle of a frame lets go of it when
		// its goroutine has noticed.
		testkit.Eventually(t, 5*time.Second, func() bool { return b.reg.Pool().Live() == 0 }, "all frames released")
	})
	return b
}

func (b *bench) attach() *Feed {
	b.Helper()
	b.feed = b.hub.Attach(b.cam, true)
	if b.feed == nil {
		b.Fatal("the camera could not attach")
	}
	return b.feed
}

// frame makes a frame whose bytes say which one it is.
func (b *bench) frame() *Frame {
	b.count++
	d := b.reg.Pool().Draft(100)
	d.Append(binary.BigEndian.AppendUint64(nil, b.count))
	return d.Frame(8, Meta{Received: b.clock.Now(), Width: 640, Height: 480})
}

func (b *bench) publish() {
	b.Helper()
	if !b.feed.Publish(b.frame()) {
		b.Fatal("the feed was not the newest")
	}
}

// run publishes fps frames a second for so long, with ticks between them.
func (b *bench) run(fps float64, d time.Duration) {
	b.Helper()
	step := time.Duration(float64(time.Second) / fps)
	tick := b.clock.Now().Add(TickEvery)
	for end := b.clock.Now().Add(d); b.clock.Now().Before(end); {
		b.publish()
		next := b.clock.Now().Add(step)
		for ; !tick.After(next); tick = tick.Add(TickEvery) {
			b.clock.Add(tick.Sub(b.clock.Now()))
			b.reg.Tick()
		}
		b.clock.Add(next.Sub(b.clock.Now()))
	}
}

// idle lets time pass without frames.
func (b *bench) idle(d time.Duration) {
	for end := b.clock.Now().Add(d); b.clock.Now().Before(end); {
		b.clock.Add(TickEvery)
		b.reg.Tick()
	}
}

// basket is a sink that takes everything at once, unless full.
type basket struct {
	mu       sync.Mutex
	got      []uint32 // sequence numbers
	streams  []uint32
	posts    []string
	log      []string
	full     bool
	gate     chan struct{} // Finish waits for it
	closed   chan struct{}
	closes   int
	releases int
	onFrame  func(*Frame)
	err      error
}

func newBasket() *basket {
	return &basket{gate: make(chan struct{}), closed: make(chan struct{})}
}

func (s *basket) take(fn func()) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false, s.err
	}
	fn()
	return !s.full, nil
}

func (s *basket) TryFrame(f *Frame) (bool, error) {
	if s.onFrame != nil {
		s.onFrame(f)
	}
	return s.take(func() {
		s.got, s.streams = append(s.got, f.Seq), append(s.streams, f.Stream)
		s.log = append(s.log, "frame "+string(rune('0'+f.Seq%10)))
	})
}

func (s *basket) TryPost(msg []byte) (bool, error) {
	return s.take(func() {
		s.posts = append(s.posts, string(msg))
		s.log = append(s.log, "post "+string(msg[:min(len(msg), 10)]))
	})
}

func (s *basket) Finish() error {
	select {
	case <-s.gate:
		return nil
	case <-s.closed:
		return ErrClosed
	}
}

func (s *basket) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closes++
	close(s.closed)
}

func (s *basket) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releases++
}

func (s *basket) setFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

func (s *basket) seqs() []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]uint32(nil), s.got...)
}

func (s *basket) last() uint32 {
	if got := s.seqs(); len(got) > 0 {
		return got[len(got)-1]
	}
	return 0
}

func (s *basket) events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}
