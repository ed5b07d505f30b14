package streamer

import (
	"bytes"
	"testing"
	"time"

	"camrelay/internal/wire"
)

// Wherever a frame is given up, its message is ended, and is none.
func TestAborts(t *testing.T) {
	p := picture(t, 1, 120)
	tests := []struct {
		name string
		give func(r *rig)
	}{
		{"cut off by the sensor", func(r *rig) { r.vsync() }},
		{"damaged", func(r *rig) { r.q.Write([]byte{0xff, 0xd8}) }},
		{"more than there is room for", func(r *rig) { r.q.Write(make([]byte, 9000)) }},
		{"reception stops", func(r *rig) { r.q.Stop() }},
		{"the sensor stops", func(r *rig) { r.clock.Advance(2*time.Second + 1) }},
		{"the time of an update is over", func(r *rig) {
			r.s.Quiesce(r.clock.Now(), second)
			r.run()
			if r.s.Idle() {
				t.Error("given up at once")
			}
			r.clock.Advance(time.Second)
		}},
	}
	for _, test := range tests {
		r := newRig(t, 2048)
		r.q.Write(p[:5000])
		r.run()
		if len(r.sink.open) < 4000 || len(r.got) > 0 {
			t.Fatalf("%s: %d bytes, %d messages before", test.name, len(r.sink.open), len(r.got))
		}
		test.give(r)
		r.sink.room = 0
		r.run()
		if r.s.Idle() || len(r.got) > 0 {
			t.Errorf("%s: ended without room", test.name)
		}
		r.sink.room = MaxFragment
		r.run()
		if m := r.one(); !bytes.HasPrefix(with(p, wire.Capture{Count: 1}), m) {
			t.Errorf("%s: the message is no part of the frame", test.name)
		}
		if s := r.s.Stats(r.clock.Now()); s.Aborted != 1 || s.Sent != 0 || !r.s.Idle() {
			t.Errorf("%s: %+v", test.name, s)
		}
		r.s.Wake()
		r.vsync()
		r.run()
		r.vsync()
		r.q.Write(p)
		r.run()
		if m := r.one(); !bytes.HasSuffix(m, p[2:]) {
			t.Errorf("%s: the next message is not the next frame", test.name)
		}
	}
}

// A message that is given up right behind an FFD9 of a table gets one byte more.
func TestAbortBehindFalseEnd(t *testing.T) {
	r := newRig(t, 2048)
	p := picture(t, 1, 120)
	comment := make([]byte, MaxFragment)
	copy(comment, []byte{0xff, 0xfe, 8, 0})
	false1 := append(append(bytes.Clone(p[:2]), comment...), p[2:]...)
	at := MaxFragment - leadSize + 2 // what the first fragment has of the frame
	copy(false1[at-2:], []byte{0xff, 0xd9})
	r.q.Write(false1[:at+40])
	r.run()
	if !bytes.HasSuffix(r.sink.open, []byte{0xff, 0xd9}) || len(r.got) > 0 {
		t.Fatalf("the first fragment ends in %x", r.sink.open[len(r.sink.open)-4:])
	}
	r.vsync()
	r.run()
	if m := r.one(); !bytes.HasSuffix(m, []byte{0xff, 0xd9, 0}) {
		t.Errorf("it ends in %x", m[len(m)-4:])
	}
}

// Whatever fragment the connection fails at, the next connection begins with a
// whole frame.
func TestConnectionFails(t *testing.T) {
	p := picture(t, 1, 120)
	for n := range 9 {
		for _, damaged := range []bool{false, true} {
			r := newRig(t, 4096)
			r.sink.fail = n
			r.q.Write(p[:6000])
			r.run()
			if damaged {
				r.vsync()
			} else {
				r.q.Write(p[6000:])
			}
			r.run()
			r.vsync()
			lost := Stats{Dropped: 1}
			if n > 0 {
				lost = Stats{Aborted: 1}
			}
			if s := r.s.Stats(r.clock.Now()); len(r.got) == 0 && (s.Aborted != lost.Aborted || s.Dropped != lost.Dropped) {
				t.Errorf("%d fragments: %+v", n, s)
			}
			if len(r.got) == 0 && r.q.Taking() {
				t.Fatalf("%d fragments: frames are taken without a connection", n)
			}
			next := &sink{t: t, room: MaxFragment, fail: -1, message: r.sink.message}
			r.got = nil
			r.s.Connect(next)
			r.run()
			r.vsync()
			r.q.Write(p)
			r.run()
			if m := r.one(); !bytes.HasSuffix(m, p[2:]) || len(m) != len(p)+wire.CaptureSegment {
				t.Errorf("%d fragments: not the whole frame", n)
			}
		}
	}
}
