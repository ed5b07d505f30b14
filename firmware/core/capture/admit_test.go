package capture

import (
	"bytes"
	"testing"
)

func (r *rig) refused(why Rejection) {
	r.t.Helper()
	before := r.q.Stats()
	r.vsync()
	if s := r.q.Stats(); s.Accepted != before.Accepted || s.Rejected[why] != before.Rejected[why]+1 || s.Seen != before.Seen+1 || r.q.Taking() {
		r.t.Fatalf("not refused because of %v: %+v, before %+v", why, s, before)
	}
}

func (r *rig) taken() {
	r.t.Helper()
	before := r.q.Stats().Accepted
	r.vsync()
	if s := r.q.Stats(); s.Accepted != before+1 || !r.q.Taking() {
		r.t.Fatalf("not taken: %+v", s)
	}
}

func TestWhoIsRefused(t *testing.T) {
	r := newRig(t, 1024, 64)
	p := picture(t, 1, 1000)
	r.q.Enable(false)
	r.refused(Disabled)
	r.q.Enable(true)
	r.q.Expect(64, 64, 2)
	r.refused(Settling)
	r.refused(Settling)
	r.q.Hold(true)
	r.refused(Held)
	r.q.Hold(false)
	r.taken()
	r.frame(p)
	if !r.q.Taking() {
		t.Error("with one frame waiting, the next is not taken")
	}
	r.picture(p)
	r.refused(Behind)
	r.q.Drop()
	r.taken()
	r.picture(p)
	for range 2 {
		if !bytes.Equal(r.whole(100), p) {
			t.Error("it is not what was sent")
		}
	}
	r.none()
}

// A frame that has begun goes on while the next must not begin.
func TestHold(t *testing.T) {
	r := newRig(t, 1024, 64)
	p := picture(t, 1, 1000)
	r.taken()
	r.send(p[:500])
	r.q.Hold(true)
	r.q.Enable(false)
	if !r.q.Taking() {
		t.Error("the frame does not go on")
	}
	r.picture(p[500:])
	r.refused(Held)
	if !bytes.Equal(r.whole(100), p) {
		t.Error("it is not what was sent")
	}
}

func TestRoom(t *testing.T) {
	tests := []struct {
		name  string
		guess int // bytes
		sizes []int
		used  int
		fits  bool
	}{
		{"nothing known", 0, nil, 4096, true},
		{"guessed", 1024, nil, 3072, true},
		{"guessed, no room", 1024, nil, 3076, false},
		{"the longest and 30 %", 9999, []int{100, 1000, 200, 300}, 4096 - 1300, true},
		{"the longest and 30 %, no room", 0, []int{100, 1000, 200, 300}, 4096 - 1296, false},
		{"only the last four count", 0, []int{3000, 100, 100, 100, 100}, 4096 - 132, true},
		{"15/16 of the memory", 3840, nil, 256, true},
		{"15/16 of the memory, no room", 3840, nil, 260, false},
		{"more than that goes alone", 3848, nil, 0, true},
		{"and only alone", 3848, nil, 4, false},
		{"larger than the memory goes alone", 0, []int{20000}, 0, true},
		{"larger than the memory, not alone", 0, []int{20000}, 4, false},
	}
	for _, test := range tests {
		var q Queue
		if err := q.Init(make([]uint32, 1024)); err != nil {
			t.Fatal(err)
		}
		q.Expect(test.guess, 8, 0)
		for _, n := range test.sizes {
			q.remember(uint32(n))
		}
		q.producer.cell = 0xfffffff0 // counters wrap
		q.freed.Store(q.producer.cell - uint32(test.used)/4)
		if q.fits() != test.fits {
			t.Errorf("%s: %v", test.name, !test.fits)
		}
	}
}

// An overrun teaches how long frames really are.
func TestAfterOverrun(t *testing.T) {
	r := newRig(t, 1024, 64)
	r.q.Expect(32, 32, 0)
	long, short := picture(t, 1, 9000), picture(t, 2, 500)
	r.taken()
	r.picture(long)
	r.refused(NoRoom) // while what is left of it waits
	if want := uint32(9000 + 900*3); r.q.predicted() != want {
		t.Errorf("predicted %d, want %d", r.q.predicted(), want)
	}
	r.q.Drop()
	r.taken() // alone
	for range 4 {
		r.picture(short)
		r.q.Drop()
		r.taken()
	}
	r.picture(short)
	r.taken() // together with another again
}

// The limit is an average: it does not depend on how it divides what the sensor
// gives.
func TestInterval(t *testing.T) {
	p := picture(t, 1, 500)
	for _, test := range []struct{ milliHertz, want int64 }{
		{0, 250}, {60_000, 250}, {25_000, 250}, {24_000, 240}, {15_000, 150}, {13_000, 130}, {12_500, 125}, {6_000, 60}, {1_000, 10}, {200, 2},
	} {
		r := newRig(t, 1024, 64)
		if test.milliHertz > 0 {
			r.q.SetInterval(1000 * second / test.milliHertz)
		}
		for i := range 250 { // ten seconds
			r.now += []int64{0, 900, -700, 300, -500}[i%5] * 1000 // it trembles
			r.vsync()
			if r.q.Taking() {
				r.picture(p)
				r.whole(500)
			}
		}
		s := r.q.Stats()
		if got := int64(s.Accepted); got < test.want-1 || got > test.want+1 || s.Accepted+s.Rejected[Early] != 250 {
			t.Errorf("%d mHz: %d frames, want %d", test.milliHertz, got, test.want)
		}
	}
}

// What is wanted changes at once, whatever was before.
func TestIntervalChanges(t *testing.T) {
	r := newRig(t, 1024, 64)
	p := picture(t, 1, 500)
	r.q.SetInterval(3600 * second)
	r.taken()
	r.picture(p)
	r.refused(Early)
	r.q.SetInterval(40 * millisecond)
	r.taken()
	r.picture(p)
	r.whole(500)
	r.whole(500)
	r.now += 3600 * second // nothing was wanted for long: that is not made up for
	r.q.SetInterval(80 * millisecond)
	for range 4 {
		r.taken()
		r.picture(p)
		r.whole(500)
		r.refused(Early)
	}
	r.q.SetInterval(1 << 62)
	if got := r.q.intervalNS(); got != (1<<32-1)*1000 {
		t.Errorf("%d", got)
	}
	r.q.SetInterval(-1)
	if got := r.q.intervalNS(); got != 0 {
		t.Errorf("%d", got)
	}
}
