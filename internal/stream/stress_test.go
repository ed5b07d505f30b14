package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// erratic is a sink that takes a frame, a part of it, blocks or fails, as its
// dice say, and checks that it is used as Sink promises. What is not atomic in
// it is the holder's alone: the race detector sees who else touches it.
type erratic struct {
	t     *testing.T
	dice  *rand.Rand
	fails bool
	gates <-chan struct{}
	acks  func(stream, seq uint32)

	using    atomic.Int32
	closed   chan struct{}
	closes   atomic.Int32
	releases atomic.Int32

	begun []byte // what Finish is about
	copy  []byte
	posts uint64
	last  map[uint32]uint32 // by stream
}

func (s *erratic) enter() func() {
	if s.using.Add(1) != 1 {
		s.t.Error("two methods run at a time")
	}
	if s.releases.Load() != 0 {
		s.t.Error("a method is called after Release")
	}
	return func() { s.using.Add(-1) }
}

var errErratic = errors.New("failed by chance")

func (s *erratic) begin(b []byte) (bool, error) {
	if s.begun != nil {
		s.t.Error("Finish was due")
	}
	if s.dice.IntN(4) == 0 { // a write takes time: others come meanwhile
		time.Sleep(time.Duration(s.dice.IntN(3000)) * time.Microsecond)
	}
	switch n := s.dice.IntN(100); {
	case s.fails && n < 1:
		return false, errErratic
	case n < 30:
		s.begun, s.copy = b, bytes.Clone(b)
		return false, nil
	default:
		return true, nil
	}
}

func (s *erratic) TryFrame(f *Frame) (bool, error) {
	defer s.enter()()
	if last, ok := s.last[f.Stream]; ok && int32(f.Seq-last) <= 0 {
		s.t.Errorf("stream %d: %d after %d", f.Stream, f.Seq, last)
	}
	s.last[f.Stream] = f.Seq
	s.acks(f.Stream, f.Seq)
	return s.begin(f.JPEG())
}

func (s *erratic) TryPost(b []byte) (bool, error) {
	defer s.enter()()
	if n := binary.BigEndian.Uint64(b); n != s.posts+1 {
		s.t.Errorf("post %d after %d", n, s.posts)
	} else {
		s.posts = n
	}
	return s.begin(b)
}

func (s *erratic) Finish() error {
	defer s.enter()()
	if s.begun == nil {
		s.t.Error("Finish without anything begun")
	}
	switch n := s.dice.IntN(100); {
	case s.fails && n < 1:
		return errErratic
	case n < 40:
		select {
		case <-s.gates:
		case <-s.closed:
			return ErrClosed
		}
	}
	if !bytes.Equal(s.begun, s.copy) {
		s.t.Error("a frame changed while it was being sent")
	}
	s.begun = nil
	return nil
}

func (s *erratic) Close() {
	if s.closes.Add(1) != 1 {
		s.t.Error("closed twice")
	}
	close(s.closed)
}

func (s *erratic) Release() {
	if s.using.Load() != 0 || s.closes.Load() != 1 || s.releases.Add(1) != 1 {
		s.t.Errorf("Release: %d methods run, closed %d times, released %d times", s.using.Load(), s.closes.Load(), s.releases.Load())
	}
}

// member is one outlet of the stress test with its viewers.
type member struct {
	sink   *erratic
	out    *Outlet
	mu     sync.Mutex
	views  map[uint32]*Viewer
	acks   chan [2]uint32
	posted uint64
}

// Everything at the same time: cameras publish, drop and return, viewers come,
// post, acknowledge, leave and fail. When it is quiet again, each viewer that
// is left has the newest frame, and nothing is held.
func TestStress(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { stress(t, uint64(round)) })
		})
	}
}

func stress(t *testing.T, seed uint64) {
	const cameras, members, frames = 3, 12, 150
	reg := NewRegistry(Options{ShardSize: 1 + int(seed%5), MaxShards: 1 + int(seed%4), Still: time.Second, Linger: time.Millisecond})
	var hubs []*Hub
	for i := range cameras {
		h, err := reg.Add(fmt.Sprintf("cam%d", i), "", "push")
		if err != nil {
			t.Fatal(err)
		}
		hubs = append(hubs, h)
	}
	gates := make(chan struct{})
	var all []*member
	var busy sync.WaitGroup
	stop := make(chan struct{})
	var ackers sync.WaitGroup
	for i := range members {
		m := newMember(t, rand.New(rand.NewPCG(seed, uint64(i))), gates, i%3 == 0)
		all = append(all, m)
		ackers.Go(func() { m.acknowledge(stop) })
		dice := rand.New(rand.NewPCG(seed, uint64(100+i)))
		busy.Go(func() { m.live(hubs, dice) })
	}
	for i, h := range hubs {
		dice := rand.New(rand.NewPCG(seed, uint64(200+i)))
		busy.Go(func() { film(reg, h, dice, frames) })
	}
	ticks := make(chan struct{})
	go func() {
		defer close(ticks)
		for {
			select {
			case gates <- struct{}{}:
			case <-stop:
				return
			}
			reg.Tick()
		}
	}()
	settle := func() {
		time.Sleep(time.Second)
		synctest.Wait()
	}
	busy.Wait()
	settle()
	for i, m := range all {
		m.check(t, i, hubs)
	}
	for i, m := range all {
		if i%2 == 0 {
			m.out.Close(nil)
		} else {
			m.out.CloseAfter(binary.BigEndian.AppendUint64(nil, m.posted+1), nil)
		}
	}
	settle()
	for i, m := range all {
		if m.sink.releases.Load() != 1 || m.sink.closes.Load() != 1 {
			t.Errorf("member %d: closed %d times, released %d times", i, m.sink.closes.Load(), m.sink.releases.Load())
		}
	}
	close(stop)
	<-ticks
	ackers.Wait()
	for _, h := range hubs {
		if h.Viewers() != 0 || len(*h.shards.Load()) != 1 {
			t.Errorf("%s: %d viewers, %d shards", h.ID(), h.Viewers(), len(*h.shards.Load()))
		}
		totals := h.Totals()
		if totals.Frames != frames {
			t.Errorf("%s: %d frames published, want %d", h.ID(), totals.Frames, frames)
		}
	}
	reg.Close()
	synctest.Wait()
	if live := reg.Pool().Live(); live != 0 {
		t.Errorf("%d frames are held", live)
	}
}

func newMember(t *testing.T, dice *rand.Rand, gates <-chan struct{}, fails bool) *member {
	m := &member{views: make(map[uint32]*Viewer), acks: make(chan [2]uint32, 1000)}
	m.sink = &erratic{
		t: t, dice: dice, fails: fails, gates: gates, closed: make(chan struct{}), last: make(map[uint32]uint32),
		acks: func(stream, seq uint32) { m.acks <- [2]uint32{stream, seq} },
	}
	m.out = NewOutlet(m.sink, nil)
	return m
}

// acknowledge acknowledges each frame, some of them twice.
func (m *member) acknowledge(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case ack := <-m.acks:
			m.mu.Lock()
			v := m.views[ack[0]]
			m.mu.Unlock()
			if v != nil {
				v.Ack(ack[1], 0)
				if ack[1]%5 == 0 {
					v.Ack(ack[1], 0)
				}
			}
		}
	}
}

// live joins all cameras, posts, and leaves one of them again.
func (m *member) live(hubs []*Hub, dice *rand.Rand) {
	for i, h := range hubs {
		time.Sleep(time.Duration(dice.IntN(50)) * time.Millisecond)
		v := &Viewer{}
		m.set(h, v) // known before its first frame can be acknowledged
		joined := h.JoinAs(v, m.out, ViewerOptions{Credit: m.credit(i)})
		if !joined {
			m.set(h, nil)
		}
		for range dice.IntN(4) {
			m.posted++
			m.out.Post(binary.BigEndian.AppendUint64(nil, m.posted))
		}
		if joined && dice.IntN(3) == 0 {
			time.Sleep(time.Duration(dice.IntN(20)) * time.Millisecond)
			v.Leave()
			m.set(h, nil)
		}
	}
	if dice.IntN(6) == 0 {
		m.out.Close(nil)
	}
}

func (m *member) set(h *Hub, v *Viewer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views[h.Stream()] = v
}

// credit is for every other viewer.
func (m *member) credit(i int) *Credit {
	if i%2 == 0 {
		return nil
	}
	return new(Credit)
}

// film publishes so many frames, over several connections.
func film(reg *Registry, h *Hub, dice *rand.Rand, frames int) {
	feed := h.Attach(new(camera), true)
	for n := range frames {
		time.Sleep(time.Duration(dice.IntN(3)) * time.Millisecond)
		d := reg.Pool().Draft(64)
		d.Append(binary.BigEndian.AppendUint64(nil, uint64(n)<<32|uint64(h.Stream())))
		feed.Publish(d.Frame(8, Meta{Received: time.Now()}))
		if dice.IntN(20) == 0 {
			if dice.IntN(2) == 0 {
				feed.Close("lost")
			}
			feed = h.Attach(new(camera), true)
		}
	}
}

func (m *member) check(t *testing.T, i int, hubs []*Hub) {
	if m.out.Closed() {
		if m.sink.releases.Load() != 1 {
			t.Errorf("member %d closed and was released %d times", i, m.sink.releases.Load())
		}
		return
	}
	if state := m.out.state.Load(); state != idle {
		t.Errorf("member %d is in state %d", i, state)
	}
	if m.sink.posts != m.posted {
		t.Errorf("member %d: %d of %d posts were sent", i, m.sink.posts, m.posted)
	}
	for _, h := range hubs {
		if m.views[h.Stream()] == nil {
			continue
		}
		f := h.Newest()
		if got := m.sink.last[h.Stream()]; got != f.Seq {
			t.Errorf("member %d, %s: has %d, the newest is %d", i, h.ID(), got, f.Seq)
		}
		f.Release()
	}
}
