package stream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// A viewer may acknowledge a frame before the write that sent it returns.
func TestAckOvertakesWrite(t *testing.T) {
	b := newBench(t, Options{})
	b.attach()
	sink := newBasket()
	out := NewOutlet(sink, nil)
	defer out.Close(nil)
	var v Viewer
	sink.onFrame = func(f *Frame) { v.Ack(f.Seq, 0) }
	b.hub.JoinAs(&v, out, ViewerOptions{Credit: new(Credit)})
	for range 5 {
		b.publish()
	}
	if got := sink.seqs(); !slices.Equal(got, []uint32{1, 2, 3, 4, 5}) {
		t.Errorf("got %v", got)
	}
}

// What was posted before a frame is sent before it, in order, and of the
// frames only the newest waits.
func TestPostsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		b.attach()
		sink := newBasket()
		out := NewOutlet(sink, nil)
		defer out.Close(nil)
		out.Post([]byte("a"))
		b.hub.Join(out, ViewerOptions{})
		sink.setFull(true)
		b.publish() // 1
		out.Post([]byte("b"))
		b.publish() // 2
		out.Post([]byte("c"))
		b.publish() // 3
		want := []string{"post a", "frame 1"}
		for _, next := range []string{"post b", "post c", "frame 3"} {
			if got := sink.events(); !slices.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
			sink.gate <- struct{}{}
			synctest.Wait()
			want = append(want, next)
		}
		sink.setFull(false)
		sink.gate <- struct{}{}
		synctest.Wait()
		b.publish()
		if got := sink.events(); !slices.Equal(got, append(want, "frame 4")) {
			t.Errorf("got %q", got)
		}
	})
}

func TestCloseAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{})
		b.attach()
		sink := newBasket()
		sink.setFull(true)
		closed := make(chan error, 2)
		out := NewOutlet(sink, func(cause error) { closed <- cause })
		b.hub.Join(out, ViewerOptions{})
		b.publish()
		why := errors.New("why")
		out.Post([]byte("before"))
		out.CloseAfter([]byte("last"), why)
		out.Post([]byte("after"))
		out.CloseAfter([]byte("last but one"), nil)
		b.publish()
		for range 3 {
			sink.gate <- struct{}{}
			synctest.Wait()
		}
		if got := sink.events(); !slices.Equal(got, []string{"frame 1", "post before", "post last"}) {
			t.Errorf("got %q", got)
		}
		if cause := <-closed; cause != why || !out.Closed() || sink.closes != 1 || sink.releases != 1 {
			t.Errorf("cause %v, closed %d times, released %d times", cause, sink.closes, sink.releases)
		}
		out.Close(nil)
		if len(closed) != 0 {
			t.Error("closed twice")
		}
	})
}

func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newBasket()
		sink.setFull(true)
		closed := make(chan error, 1)
		out := NewOutlet(sink, func(cause error) { closed <- cause })
		out.Post(make([]byte, 2*maxPosts)) // one big message is no backlog
		out.Post(make([]byte, maxPosts-2*postCost))
		out.Post([]byte("x"))
		if out.Closed() {
			t.Fatal("closed below the limit")
		}
		out.Post([]byte("fits"))
		out.Post([]byte("one too many"))
		if err := <-closed; err != ErrBacklog {
			t.Errorf("closed because of %v", err)
		}
		synctest.Wait()
		if sink.releases != 1 {
			t.Errorf("released %d times", sink.releases)
		}
	})
}

// Tiny messages are bounded too.
func TestBacklogOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newBasket()
		sink.setFull(true)
		out := NewOutlet(sink, nil)
		n := 0
		for ; !out.Closed(); n++ {
			out.Post(nil)
		}
		if n > 10_000 {
			t.Errorf("%d empty messages waited", n)
		}
	})
}

// slowCloser is a sink whose Close takes its time.
type slowCloser struct {
	basket
	trying, goOn, closing, closeOn chan struct{}
	closeDone                      bool
	releasedEarly                  bool
}

func (s *slowCloser) TryPost([]byte) (bool, error) {
	close(s.trying)
	<-s.goOn
	return true, nil
}

func (s *slowCloser) Close() {
	close(s.closing)
	<-s.closeOn
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeDone = true
}

func (s *slowCloser) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releases++
	s.releasedEarly = !s.closeDone
}

// Release comes after Close has returned and after the last other call,
// whichever is later.
func TestReleaseIsLast(t *testing.T) {
	for _, holderFirst := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := &slowCloser{trying: make(chan struct{}), goOn: make(chan struct{}), closing: make(chan struct{}), closeOn: make(chan struct{})}
			out := NewOutlet(s, nil)
			go out.Post([]byte("x"))
			<-s.trying
			go out.Close(nil)
			<-s.closing
			first, second := s.goOn, s.closeOn
			if !holderFirst {
				first, second = second, first
			}
			close(first)
			synctest.Wait()
			if s.releases != 0 {
				t.Errorf("holder first %v: released before the other was done", holderFirst)
			}
			close(second)
			synctest.Wait()
			if s.releases != 1 || s.releasedEarly {
				t.Errorf("holder first %v: released %d times, early: %v", holderFirst, s.releases, s.releasedEarly)
			}
		})
	}
}

// failing is a sink that fails at its n-th call.
type failing struct {
	*basket
	left int
}

var errSweep = errors.New("failed on purpose")

func (s *failing) spend() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left == 0 {
		return errSweep
	}
	return nil
}

func (s *failing) TryFrame(f *Frame) (bool, error) {
	if err := s.spend(); err != nil {
		return false, err
	}
	return s.basket.TryFrame(f)
}

func (s *failing) TryPost(b []byte) (bool, error) {
	if err := s.spend(); err != nil {
		return false, err
	}
	return s.basket.TryPost(b)
}

func (s *failing) Finish() error {
	if err := s.spend(); err != nil {
		return err
	}
	return s.basket.Finish()
}

// The sink fails at each of its calls in turn: each time it is closed and
// released once, the viewers have left, and no frame is held.
func TestFaultSweep(t *testing.T) {
	for n := 1; ; n++ {
		reached := false
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Options{})
			b.attach()
			yard, _ := b.reg.Add("yard", "", "push")
			second := yard.Attach(new(camera), true)
			s := &failing{newBasket(), n}
			var causes []error
			out := NewOutlet(s, func(cause error) { causes = append(causes, cause) })
			out.Post([]byte("hello"))
			v := b.hub.Join(out, ViewerOptions{Credit: new(Credit)})
			yard.Join(out, ViewerOptions{})
			for i := range 12 {
				s.setFull(i%3 == 1)
				b.publish()
				second.Publish(b.frame())
				out.Post(fmt.Append(nil, i))
				if v != nil {
					v.Ack(s.last(), 0)
				}
				select {
				case s.gate <- struct{}{}:
				default:
				}
				synctest.Wait()
			}
			reached = s.left <= 0
			if reached {
				if !out.Closed() || len(causes) != 1 || causes[0] != errSweep {
					t.Errorf("call %d: closed %v because of %v", n, out.Closed(), causes)
				}
				if b.hub.Viewers() != 0 || yard.Viewers() != 0 {
					t.Errorf("call %d: viewers stayed", n)
				}
			}
			out.Close(nil)
			close(s.gate)
			synctest.Wait()
			if s.closes != 1 || s.releases != 1 {
				t.Errorf("call %d: closed %d times, released %d times", n, s.closes, s.releases)
			}
			b.reg.Close()
			if live := b.reg.Pool().Live(); live != 0 {
				t.Errorf("call %d: %d frames are held", n, live)
			}
		})
		if !reached {
			if n < 30 {
				t.Errorf("only %d calls", n)
			}
			return
		}
	}
}

func TestJoinClosedOutlet(t *testing.T) {
	b := newBench(t, Options{})
	sink := newBasket()
	out := NewOutlet(sink, nil)
	out.Close(nil)
	out.Post([]byte("x"))
	out.Wake()
	if b.hub.Join(out, ViewerOptions{}) != nil || b.hub.Viewers() != 0 || len(sink.events()) != 0 || sink.releases != 1 {
		t.Errorf("a closed outlet lives: %d viewers, %s", b.hub.Viewers(), strings.Join(sink.events(), ", "))
	}
}
