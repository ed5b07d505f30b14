package streamer

import (
	"bytes"
	"testing"
	"time"

	"camrelay/internal/wire"
)

// during lets the sensor give 25 frames a second and returns how many messages
// come of it.
func (r *rig) during(d time.Duration, p []byte) int {
	r.got = nil
	for end := r.clock.Now() + int64(d); r.clock.Now() < end; {
		r.q.Write(p)
		r.run()
		r.vsync()
	}
	return len(r.got)
}

func TestPace(t *testing.T) {
	p := picture(t, 1, 16)
	for _, test := range []struct {
		name              string
		limit             int
		milliHertz, still int64
		want              int // in 20 s
	}{
		{"all there are", 0, 0, 0, 500},
		{"the setting", 15, 0, 0, 300},
		{"more than there are", 60, 60_000, 0, 500},
		{"the relay wants less", 15, 6_000, 0, 120},
		{"the setting allows less", 5, 6_000, 0, 100},
		{"part of a frame a second", 15, 2_500, 0, 50},
		{"stills", 15, 0, 5 * second, 4},
		{"stills, whatever else", 1, 25_000, second / 2, 40},
		{"nonsense", -3, -1, -1, 500},
	} {
		r := newRig(t, 2048)
		r.s.SetLimit(max(test.limit, 0))
		r.s.Pace(test.milliHertz, test.still)
		r.during(time.Second, p)
		if n := r.during(20*time.Second, p); n < test.want-1 || n > test.want+1 {
			t.Errorf("%s: %d messages, want %d", test.name, n, test.want)
		}
		mhz := int(r.s.Stats(r.clock.Now()).MilliHertz)
		if want := test.want * 50; mhz < want-300 || mhz > want+300 {
			t.Errorf("%s: %d mHz, want %d", test.name, mhz, want)
		}
		r.clock.Advance(time.Minute)
		if s := r.s.Stats(r.clock.Now()); s.MilliHertz != 0 || s.Dropped != 0 {
			t.Errorf("%s: %+v", test.name, s)
		}
	}
}

func TestPause(t *testing.T) {
	r := newRig(t, 2048)
	p := picture(t, 1, 120)
	r.q.Write(p[:5000])
	r.run()
	r.s.Pause()
	r.q.Write(p[5000:])
	r.run()
	if !bytes.HasSuffix(r.one(), p[2:]) {
		t.Error("the message that had begun is not sent to its end")
	}
	r.vsync()
	if n := r.during(time.Second, p); n != 0 {
		t.Errorf("%d messages in a pause", n)
	}
	r.s.Resume()
	r.vsync()
	if n := r.during(time.Second, p); n != 25 {
		t.Errorf("%d messages afterwards", n)
	}
	r.s.Pause()
	r.s.Pace(1000, 0)
	r.s.Connect(r.sink)
	r.vsync()
	if n := r.during(time.Second, p); n != 25 {
		t.Errorf("%d messages over the next connection", n)
	}
	// A frame that waits when the pause begins is not sent late.
	r.sink.room = 0
	r.q.Write(p)
	r.run()
	r.s.Pause()
	r.s.Resume()
	r.s.Pause()
	r.sink.room = MaxFragment
	r.run()
	if _, ok := r.q.Head(); ok || len(r.got) != 25 || r.s.Stats(0).Dropped != 1 {
		t.Errorf("%d messages, %+v", len(r.got), r.s.Stats(0))
	}
}

func TestQuiesce(t *testing.T) {
	r := newRig(t, 2048)
	p := picture(t, 1, 120)
	r.q.Write(p[:5000])
	r.run()
	if r.s.Idle() {
		t.Error("idle within a message")
	}
	r.s.Quiesce(r.clock.Now(), second)
	r.q.Write(p[5000:])
	r.run()
	if !r.s.Idle() || !bytes.HasSuffix(r.one(), p[2:]) {
		t.Error("the message that had begun is not sent to its end")
	}
	r.s.Resume()
	r.s.Connect(r.sink) // another connection changes nothing
	r.vsync()
	if n := r.during(time.Second, p); n != 0 || r.q.Taking() {
		t.Errorf("%d messages", n)
	}
	r.s.Wake()
	r.vsync()
	if n := r.during(time.Second, p); n != 25 {
		t.Errorf("%d messages afterwards", n)
	}
	r.s.Disconnect()
	r.s.Quiesce(r.clock.Now(), second)
	if !r.s.Idle() {
		t.Error("not idle without a connection")
	}
}

// A connection that is slow gets new frames and not old ones.
func TestSlowConnection(t *testing.T) {
	r := newRig(t, 16384)
	p := picture(t, 1, 120) // six fragments
	oldestSent := time.Duration(0)
	captured := map[uint32]int64{}
	r.sink.message = func(m []byte) {
		c, ok := wire.ParseCapture(m)
		if !ok {
			t.Fatal("there is no segment behind SOI")
		}
		oldestSent = max(oldestSent, time.Duration(r.clock.Now()-captured[c.Count]))
		r.got = append(r.got, m)
	}
	captured[1] = r.clock.Now()
	for range 25 * 60 {
		r.q.Write(p)
		r.sink.room = 0
		if r.clock.Now()/(40*int64(time.Millisecond))%12 == 0 { // two fragments a second
			r.sink.room = MaxFragment
			r.s.Step(r.clock.Now())
		}
		for r.sink.room = 0; r.s.Step(r.clock.Now()); {
		}
		r.vsync()
		if n := r.q.Stats().Accepted; captured[n] == 0 {
			captured[n] = r.clock.Now()
		}
	}
	s := r.s.Stats(r.clock.Now())
	if len(r.got) < 18 || s.Aborted != 0 || s.Dropped < 25*60*9/10 {
		t.Errorf("%d messages in a minute, %+v", len(r.got), s)
	}
	if oldestSent > 4100*time.Millisecond { // 1 s until it begins, and 3 s to send it
		t.Errorf("a frame arrived %v after it was captured", oldestSent)
	}
}

func TestAllocations(t *testing.T) {
	r := newRig(t, 16384)
	p := picture(t, 1, 120)
	r.sink.message = func([]byte) {}
	r.during(time.Second, p)
	r.sink.fragments = make([]int, 0, 10_000)
	if n := testing.AllocsPerRun(100, func() {
		r.q.Write(p)
		r.run()
		r.vsync()
		r.s.Stats(r.clock.Now())
	}); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
	if s := r.s.Stats(r.clock.Now()); s.Sent < 120 {
		t.Errorf("%+v", s)
	}
}
