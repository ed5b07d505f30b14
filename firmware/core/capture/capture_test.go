package capture

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestInit(t *testing.T) {
	var q Queue
	if err := q.Init(make([]uint32, minCells-1)); !errors.Is(err, ErrCells) || err.Error() == "" {
		t.Errorf("too small: %v", err)
	}
	for cells, want := range map[int]uint32{minCells: minCells, 1000: 512, 16384: 16384, 20000: 16384} {
		if err := q.Init(make([]uint32, cells)); err != nil || q.Size() != 4*want {
			t.Errorf("%d cells: %d bytes, %v", cells, q.Size(), err)
		}
	}
	if _, ok := q.Head(); ok || q.Read(make([]byte, 10)) != 0 || q.Unread() != 0 || q.Taking() {
		t.Error("an empty queue has something")
	}
	q.Drop()
	t.Logf("the queue has %d bytes", unsafe.Sizeof(q))
}

// A frame of every length near the borders of cells and buffers comes out as it
// was sent, with padding or without.
func TestFrames(t *testing.T) {
	r := newRig(t, 1024, 64)
	r.vsync()
	for n := 700; n < 840; n += 3 {
		p := picture(t, uint64(n), n)
		for _, padding := range []int{0, 1, 7, 64, 300} {
			at := r.now
			r.frame(append(bytes.Clone(p), make([]byte, padding)...))
			info := r.head()
			if info.Captured != at || info.Stored != uint32(n) || info.Width == 0 || info.Width != info.Height {
				t.Fatalf("%d bytes: %+v", n, info)
			}
			if got := r.whole(1 + n%97); !bytes.Equal(got, p) {
				t.Fatalf("%d bytes and %d of padding are not what was sent", n, padding)
			}
			r.none()
		}
	}
}

// A frame can be read while it comes, and is complete at its last byte, before
// the sensor says so.
func TestCutThrough(t *testing.T) {
	r := newRig(t, 1024, 16)
	r.vsync()
	p := picture(t, 1, 20_000) // five times the FIFO
	r.q.producer.guess = 30_000
	var got []byte
	buf := make([]byte, 333)
	for at := 0; at < len(p); at += 100 {
		r.send(p[at:min(at+100, len(p))])
		if info, ok := r.q.Head(); ok && info.Aborted != 0 {
			t.Fatalf("after %d bytes: %+v", at, info)
		}
		got = append(got, buf[:r.q.Read(buf)]...)
	}
	r.send(make([]byte, 16)) // the last bytes come with the next buffer
	if !r.head().Complete {
		t.Error("it is not complete before the end of the frame")
	}
	for r.q.Unread() > 0 {
		got = append(got, buf[:r.q.Read(buf)]...)
	}
	r.q.Drop()
	r.none()
	if !bytes.Equal(got, p) {
		t.Error("it is not what was sent")
	}
	if r.q.Taking() {
		t.Error("still taking")
	}
}

// A cell is free when all of it has been read, and not before.
func TestFullToTheLastByte(t *testing.T) {
	p := picture(t, 1, 5000)
	for _, test := range []struct {
		read, more int
		why        Abort
	}{{0, 3, 0}, {0, 4, Overrun}, {1, 4, Overrun}, {3, 4, Overrun}, {4, 4, 0}, {4, 7, 0}, {4, 8, Overrun}, {8, 8, 0}} {
		r := newRig(t, 1024, 64)
		r.vsync()
		r.q.Write(p[:4096])
		if n := r.q.Read(make([]byte, test.read)); n != test.read {
			t.Fatalf("read %d", n)
		}
		r.q.Write(p[4096 : 4096+test.more])
		if info := r.head(); info.Aborted != test.why {
			t.Errorf("%d bytes read, %d more: %v", test.read, test.more, info.Aborted)
		}
		rest := make([]byte, 5000)
		rest = rest[:r.q.Read(rest)]
		if !bytes.Equal(rest, p[test.read:][:len(rest)]) {
			t.Errorf("%d bytes read, %d more: it is not what was sent", test.read, test.more)
		}
	}
}

// Hosts give bytes; their queue is the same.
func TestWrite(t *testing.T) {
	r := newRig(t, 4096, 64)
	r.q.EndOfFrame(r.now, nil)
	p := picture(t, 3, 5000)
	rnd := rand.New(rand.NewPCG(3, 3))
	for rest := p; len(rest) > 0; {
		n := min(1+rnd.IntN(900), len(rest))
		r.q.Write(rest[:n])
		rest = rest[n:]
	}
	r.q.Write([]byte{1, 2, 3})
	if !bytes.Equal(r.whole(1452), p) {
		t.Error("it is not what was written")
	}
	r.q.Write(p)
	r.none() // the frame is over
}

func TestFirstFrame(t *testing.T) {
	r := newRig(t, 1024, 64)
	r.send(picture(t, 1, 900)[300:])
	r.none() // reception began within a frame
	r.vsync()
	p := picture(t, 2, 900)
	r.frame(p)
	if info := r.head(); info.Seq != 1 {
		t.Errorf("%+v", info)
	}
	if !bytes.Equal(r.whole(100), p) {
		t.Error("it is not what was sent")
	}
}

func TestAborts(t *testing.T) {
	p := picture(t, 1, 3000)
	long := picture(t, 2, 9000)
	damaged := bytes.Clone(p)
	copy(damaged[2000:], []byte{0xff, 0xd8})
	tests := []struct {
		name  string
		why   Abort
		shown bool
		sent  func(r *rig)
	}{
		{"cut off", Truncated, true, func(r *rig) { r.frame(p[:2999]) }},
		{"cut off early", Truncated, false, func(r *rig) { r.frame(p[:3]) }},
		{"nothing", Empty, false, func(r *rig) { r.vsync() }},
		{"no JPEG", Malformed, false, func(r *rig) { r.frame(make([]byte, 500)) }},
		{"begins in the middle", Malformed, false, func(r *rig) { r.frame(p[1000:]) }},
		{"damaged", Malformed, true, func(r *rig) { r.frame(damaged) }},
		{"too long", Overrun, true, func(r *rig) { r.frame(long) }},
		{"dropped", Unwanted, false, func(r *rig) {
			r.send(p[:1000])
			r.head()
			r.q.Drop()
			r.none2()
			r.send(p[1000:])
			r.vsync()
		}},
		{"stopped", Stopped, true, func(r *rig) {
			r.send(p[:1000])
			r.q.Stop()
			r.send(p[1000:])
			r.vsync()
		}},
		{"a buffer twice", Garbled, true, func(r *rig) {
			r.send(p[:1000])
			r.q.Feed(r.buffers[(r.buffer+7)%8])
			r.send(p[1000:])
			r.vsync()
		}},
		{"bytes in the wrong place", Garbled, true, func(r *rig) {
			r.send(p[:1030])
			r.buffers[r.buffer][3] >>= 8
			r.send(p[1030:])
			r.vsync()
		}},
		{"bytes in the wrong place at the end", Garbled, true, func(r *rig) {
			r.send(p[:1030])
			r.buffers[r.buffer][3] >>= 8
			r.vsync()
		}},
	}
	for _, test := range tests {
		r := newRig(t, 1024, 64)
		r.vsync()
		test.sent(r)
		s := r.q.Stats()
		if s.Aborted[test.why] != 1 || s.Complete != 0 {
			t.Errorf("%s: %+v", test.name, s)
		}
		info, shown := r.q.Head()
		if shown != test.shown || shown && (info.Aborted != test.why || info.Complete) {
			t.Errorf("%s: %v, %+v", test.name, shown, info)
		}
		got := make([]byte, 1<<16)
		got = got[:r.q.Read(got)]
		if !bytes.HasPrefix(p, got) && !bytes.HasPrefix(long, got) && !bytes.HasPrefix(damaged, got) {
			t.Errorf("%s: what is stored is not what was sent", test.name)
		}
		r.q.Drop()
		r.none()
		if r.q.producer.phase == ignoring {
			r.vsync() // after an overrun, the next may have been refused
		}
		r.frame(p)
		if !bytes.Equal(r.whole(77), p) {
			t.Errorf("%s: the next frame is not what was sent", test.name)
		}
		r.none()
	}
	if Overrun.String() != "overrun" || Stopped.String() != "stopped" || aborts.String() != "unknown" ||
		Settling.String() != "settling" || NoRoom.String() != "no room" || rejections.String() != "unknown" {
		t.Error("names")
	}
}

// none2 is none, but for what has been stored.
func (r *rig) none2() {
	if info, ok := r.q.Head(); ok || r.q.Unread() != 0 {
		r.t.Fatalf("a frame that was dropped is there: %+v", info)
	}
}

// What the DMA has left behind the first poisoned word is not the frame's.
func TestStaleTail(t *testing.T) {
	r := newRig(t, 1024, 64)
	r.vsync()
	p := picture(t, 1, 700)
	r.send(p[:len(p)-1])
	tail := r.buffers[r.buffer]
	for i := r.at + 1; i < len(tail); i++ {
		tail[i] = 0x00d90000
	}
	r.vsync()
	if info := r.head(); info.Aborted != Truncated {
		t.Errorf("%+v", info)
	}
	for i, w := range tail {
		if w != poison {
			t.Fatalf("word %d is %#x afterwards", i, w)
		}
	}
}

func TestGlitches(t *testing.T) {
	r := newRig(t, 1024, 64)
	if r.q.Glitch(0) {
		t.Error("the first end of a frame is none")
	}
	r.vsync()
	if !r.q.Glitch(r.now+4*millisecond) || r.q.Glitch(r.now+6*millisecond) || r.q.Stats().Glitches != 1 {
		t.Error("the end of a frame 4 ms after the last is none, 6 ms after it is one")
	}
	// One that is taken for real costs this frame and no other.
	p := picture(t, 1, 900)
	r.send(p[:500])
	r.vsync()
	r.frame(p[500:])
	r.frame(p)
	for _, want := range []Abort{Truncated, 0} {
		if info := r.head(); info.Aborted != want {
			t.Errorf("%+v, want %v", info, want)
		}
		r.q.Drop()
	}
	r.none()
	if s := r.q.Stats(); s.Aborted[Truncated] != 1 || s.Aborted[Malformed] != 1 || s.Complete != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAllocations(t *testing.T) {
	r := newRig(t, 4096, 64)
	r.vsync()
	p := picture(t, 1, 3000)
	buf := make([]byte, 1452)
	frames := 0
	if n := testing.AllocsPerRun(50, func() {
		r.frame(p)
		for info, ok := r.q.Head(); ok && info.Complete && r.q.Read(buf) > 0; info, ok = r.q.Head() {
		}
		r.q.Drop()
		frames++
		_ = r.q.Stats()
	}); n != 0 {
		t.Errorf("%v allocations for a frame", n)
	}
	if s := r.q.Stats(); int(s.Complete) != frames {
		t.Errorf("%+v", s)
	}
}
