package streamer

import (
	"bytes"
	"errors"
	"image"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/haltest"
	"camrelay/internal/jpeg"
	"camrelay/internal/wire"
)

// picture is a JPEG of noise.
func picture(t testing.TB, seed uint64, side int) []byte {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 7))
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = byte(rnd.Uint32())
	}
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var errGone = errors.New("the connection is over")

// sink puts fragments together as a peer does.
type sink struct {
	t         testing.TB
	buf       [MaxFragment]byte
	room      int
	open      []byte
	fragments []int // lengths
	message   func([]byte)
	fail      int // how many fragments are taken; -1: all
}

func (s *sink) Buffer() []byte { return s.buf[:] }
func (s *sink) Room() int      { return s.room }

func (s *sink) Send(n int, fin bool) error {
	if n > s.room || s.room == 0 {
		s.t.Fatalf("%d bytes for a room of %d", n, s.room)
	}
	if s.fail == 0 {
		return errGone
	}
	s.fail--
	s.open = append(s.open, s.buf[:n]...)
	s.fragments = append(s.fragments, n)
	clear(s.buf[:n]) // it is masked in place
	if fin {
		s.message(s.open)
		s.open = s.open[:0]
	}
	return nil
}

// rig is a streamer between a sensor and a sink.
type rig struct {
	t     testing.TB
	q     capture.Queue
	s     Streamer
	clock *haltest.Clock
	sink  *sink
	got   [][]byte
}

func newRig(t testing.TB, cells int) *rig {
	t.Helper()
	r := &rig{t: t, clock: haltest.NewClock()}
	if err := r.q.Init(make([]uint32, cells)); err != nil {
		t.Fatal(err)
	}
	r.s.Init(&r.q, r.clock)
	r.sink = &sink{t: t, room: MaxFragment, fail: -1, message: func(p []byte) { r.got = append(r.got, bytes.Clone(p)) }}
	r.s.Connect(r.sink)
	r.vsync()
	return r
}

func (r *rig) vsync() {
	r.q.EndOfFrame(r.clock.Advance(40*time.Millisecond), nil)
}

// run steps until there is nothing to do.
func (r *rig) run() {
	for n := 0; r.s.Step(r.clock.Now()); n++ {
		if n > 10_000 {
			r.t.Fatal("there is no end to it")
		}
	}
}

// one returns the only message since the last call.
func (r *rig) one() []byte {
	r.t.Helper()
	if len(r.got) != 1 {
		r.t.Fatalf("%d messages", len(r.got))
	}
	p := r.got[0]
	r.got = nil
	return p
}

// with is a frame as it is to arrive.
func with(p []byte, c wire.Capture) []byte {
	return append(c.Append(bytes.Clone(p[:2])), p[2:]...)
}

func TestMessage(t *testing.T) {
	r := newRig(t, 16384)
	began := r.clock.Now()
	date := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for i, side := range []int{8, 64, 80, 200, 208} {
		p := picture(t, uint64(side), side)
		c := wire.Capture{Count: uint32(i + 1)}
		if i > 0 {
			r.clock.SetUnix(date)
			c.Time = date.UnixMicro() - (r.clock.Now()-began)/1000
		}
		r.q.Write(p)
		r.sink.fragments = nil
		r.run()
		got := r.one()
		if want := with(p, c); !bytes.Equal(got, want) {
			t.Fatalf("%d pixels: %d bytes are not what is wanted", side, len(got))
		}
		if info, err := jpeg.Scan(got); err != nil || info.Width != side {
			t.Errorf("the relay sees %+v, %v", info, err)
		}
		for j, n := range r.sink.fragments {
			if n != MaxFragment && j < len(r.sink.fragments)-1 || n == 0 {
				t.Errorf("fragments of %d", r.sink.fragments)
			}
		}
		r.vsync()
		began = r.clock.Now()
	}
	if !r.s.Idle() {
		t.Error("a message is open")
	}
	t.Logf("a streamer has %d bytes", unsafe.Sizeof(r.s))
}

// A message whose last fragment is full ends with it.
func TestLastFragmentIsFull(t *testing.T) {
	r := newRig(t, 16384)
	p := picture(t, 1, 32)
	comment := make([]byte, 3*MaxFragment-wire.CaptureSegment-len(p))
	copy(comment, []byte{0xff, 0xfe, byte((len(comment) - 2) >> 8), byte(len(comment) - 2)})
	p = append(append(bytes.Clone(p[:2]), comment...), p[2:]...)
	r.q.Write(p)
	r.run()
	if !bytes.Equal(r.one(), with(p, wire.Capture{Count: 1})) || len(r.sink.fragments) != 3 {
		t.Errorf("fragments of %d", r.sink.fragments)
	}
}

// A frame leaves while it comes: nothing but the last part of a segment waits.
func TestCutThrough(t *testing.T) {
	r := newRig(t, 1024)
	p := picture(t, 1, 240)
	if uint32(len(p)) < 5*r.q.Size() {
		t.Fatal("the picture is too small")
	}
	for at := 0; at < len(p); at += 300 {
		r.q.Write(p[at:min(at+300, len(p))])
		r.run()
		if n := len(r.sink.open); len(r.got) == 0 && at+300-n > MaxFragment {
			t.Fatalf("%d bytes of %d have been sent", n, at+300)
		}
	}
	if !bytes.Equal(r.one(), with(p, wire.Capture{Count: 1})) {
		t.Error("it is not what was sent")
	}
}

// Whatever room there is, and whenever, what arrives is what was sent.
func TestRooms(t *testing.T) {
	for seed := range uint64(30) {
		rooms(t, seed, func(rnd *rand.Rand) int {
			return []int{0, 0, 1, rnd.IntN(MaxFragment), MaxFragment, 5000}[rnd.IntN(6)]
		})
	}
}

func FuzzRooms(f *testing.F) {
	f.Add(uint64(1), []byte{0, 255})
	f.Add(uint64(2), []byte{0, 1, 2, 255, 3})
	f.Fuzz(func(t *testing.T, seed uint64, pattern []byte) {
		at := 0
		rooms(t, seed, func(*rand.Rand) int {
			if at++; len(pattern) == 0 || at%7 == 0 {
				return MaxFragment
			}
			return int(pattern[at%len(pattern)]) * 6
		})
	})
}

// rooms sends frames, some cut off, through a sink whose room changes.
func rooms(t *testing.T, seed uint64, room func(*rand.Rand) int) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	r := newRig(t, 2048)
	pictures := [][]byte{picture(t, 1, 16), picture(t, 2, 64), picture(t, 3, 120)}
	var whole, cut [][]byte
	before := uint32(0)
	for range 40 {
		p := pictures[rnd.IntN(len(pictures))]
		count := r.q.Stats().Accepted
		if count != before {
			if rnd.IntN(5) == 0 {
				p = p[:rnd.IntN(len(p))]
				cut = append(cut, with(append(bytes.Clone(p), 0, 0)[:max(len(p), 2)], wire.Capture{Count: count}))
			} else {
				whole = append(whole, with(p, wire.Capture{Count: count}))
			}
		}
		before = count
		for len(p) > 0 {
			n := min(1+rnd.IntN(900), len(p))
			r.q.Write(p[:n])
			p = p[n:]
			for range rnd.IntN(5) {
				r.sink.room = room(rnd)
				r.s.Step(r.clock.Now())
			}
		}
		r.vsync()
	}
	r.sink.room = MaxFragment
	r.s.Pause()
	r.q.Stop()
	r.run()
	sent := 0
	for _, m := range r.got {
		_, err := jpeg.Scan(m)
		switch i := index(whole, m); {
		case i >= 0 && err == nil:
			sent++
			whole = whole[i+1:] // in their order
		case err == nil || bytes.HasSuffix(m, []byte{0xff, 0xd9}):
			t.Fatalf("a message of %d bytes is a frame that was not sent", len(m))
		case !partOf(m, cut) && !partOf(m, whole):
			t.Fatalf("a message of %d bytes is no part of a frame", len(m))
		}
	}
	if s := r.s.Stats(r.clock.Now()); int(s.Sent) != sent || sent+int(s.Aborted) != len(r.got) || !r.s.Idle() || len(r.sink.open) > 0 {
		t.Fatalf("%d of %d messages are frames: %+v", sent, len(r.got), s)
	}
}

func index(frames [][]byte, m []byte) int {
	for i, f := range frames {
		if bytes.Equal(f, m) {
			return i
		}
	}
	return -1
}

func partOf(m []byte, frames [][]byte) bool {
	for _, f := range frames {
		if bytes.HasPrefix(f, m) || bytes.HasPrefix(f, m[:len(m)-1]) && m[len(m)-1] == 0 {
			return true
		}
	}
	return false
}
