package capture

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"camrelay/firmware/core/jpegscan"
)

// reader reads whatever is there as a reactor would, in pieces, and now and then
// drops a frame or holds. It knows each frame that was sent by its number.
type reader struct {
	t        *testing.T
	q        *Queue
	rnd      *rand.Rand
	sent     *sync.Map // number of the frame: its bytes
	buf      [1452]byte
	got      []byte
	seq      uint32
	complete int
	aborted  int
	left     int
	held     bool
}

func (c *reader) step() {
	if c.rnd.IntN(20) == 0 {
		c.held = c.rnd.IntN(10) == 0
		c.q.Hold(c.held)
	}
	if c.held && !c.q.Taking() {
		accepted := c.q.Stats().Accepted
		for range c.rnd.IntN(3) {
			runtime.Gosched()
		}
		if s := c.q.Stats(); s.Accepted != accepted {
			c.t.Errorf("a frame began while it was held: %+v", s)
		}
	}
	info, ok := c.q.Head()
	if !ok {
		return
	}
	if info.Seq != c.seq {
		if info.Seq < c.seq {
			c.t.Errorf("frame %d after %d", info.Seq, c.seq)
		}
		c.seq, c.got = info.Seq, c.got[:0]
	}
	c.got = append(c.got, c.buf[:c.q.Read(c.buf[:1+c.rnd.IntN(len(c.buf))])]...)
	switch {
	case c.rnd.IntN(500) == 0:
		c.left++
	case info.Aborted != 0:
		c.aborted++
	case info.Complete && len(c.got) == int(info.Stored):
		c.complete++
		var scan jpegscan.Scanner
		for i, b := range c.got {
			if (scan.Next(b) == jpegscan.Done) != (i == len(c.got)-1) {
				c.t.Fatalf("frame %d does not end at its end", info.Seq)
			}
		}
	default:
		return
	}
	if want, ok := c.sent.Load(info.Seq); !ok || !bytes.HasPrefix(want.([]byte), c.got) {
		c.t.Fatalf("what came of frame %d is not what was sent", info.Seq)
	}
	c.q.Drop()
}

// sensor sends random frames, some damaged.
type sensor struct {
	r    *rig
	rnd  *rand.Rand
	sent *sync.Map
	all  [][]byte
}

func (s *sensor) frame(pause func()) {
	p := s.all[s.rnd.IntN(len(s.all))]
	if s.rnd.IntN(8) == 0 {
		p = bytes.Clone(p)
		p[s.rnd.IntN(len(p))] = 0xff
	}
	if s.rnd.IntN(10) == 0 {
		p = p[:s.rnd.IntN(len(p))]
	}
	p = append(bytes.Clone(p), make([]byte, s.rnd.IntN(200))...)
	if s.r.q.Taking() {
		s.sent.Store(s.r.q.producer.seq, p)
	}
	for len(p) > 0 {
		n := min(1+s.rnd.IntN(700), len(p))
		s.r.send(p[:n])
		p = p[n:]
		pause()
	}
	s.r.vsync()
	pause()
}

func newPair(t *testing.T, seed uint64, cells int) (*sensor, *reader) {
	r := newRig(t, cells, []int{64, 1, 37, 512}[seed%4])
	sent := new(sync.Map)
	s := &sensor{r: r, rnd: rand.New(rand.NewPCG(seed, 1)), sent: sent}
	for i, n := range []int{700, 1500, 3000, 9000, 40_000} {
		s.all = append(s.all, picture(t, uint64(i), n))
	}
	return s, &reader{t: t, q: &r.q, rnd: rand.New(rand.NewPCG(seed, 2)), sent: sent}
}

// check accounts for every frame: nothing got lost, nothing is left over.
func (c *reader) check(frames int) {
	c.t.Helper()
	c.q.Hold(false)
	c.q.Enable(false)
	s := c.q.Stats()
	rejected, aborted := uint32(0), uint32(0)
	for _, n := range s.Rejected {
		rejected += n
	}
	for _, n := range s.Aborted {
		aborted += n
	}
	open := uint32(0)
	if c.q.Taking() {
		open = 1
	}
	if s.Seen != uint32(frames) || s.Accepted+rejected != s.Seen || s.Complete+aborted+open != s.Accepted || c.complete > int(s.Complete) {
		c.t.Errorf("%d complete, %d aborted, %d dropped of %+v", c.complete, c.aborted, c.left, s)
	}
	if c.complete < 5 || c.aborted == 0 {
		c.t.Errorf("%d complete, %d aborted, %d dropped: the test is worth nothing (%+v)", c.complete, c.aborted, c.left, s)
	}
}

// Both sides in turn, in any order. The counters wrap on the way.
func TestInTurn(t *testing.T) {
	const frames = 150
	for seed := range uint64(4) {
		s, c := newPair(t, seed, 2048)
		s.r.q.freed.Store(0xffffe000)
		s.r.q.producer.cell = 0xffffe000
		s.r.q.begun.Store(0xfffffff0)
		s.r.q.dropped.Store(0xfffffff0)
		for range frames {
			s.frame(func() {
				for range c.rnd.IntN(4) {
					c.step()
				}
			})
		}
		c.check(frames)
		for range 300 {
			c.step()
		}
		if c.q.Head(); !c.q.Taking() {
			s.r.none()
		}
	}
}

// Both sides at once.
func TestAtOnce(t *testing.T) {
	const frames = 300
	s, c := newPair(t, 9, 4096)
	over := make(chan uint32)
	go func() {
		defer close(over)
		for range frames {
			s.frame(runtime.Gosched)
		}
	}()
	for running := true; running; {
		select {
		case <-over:
			running = false
		default:
			c.step()
			if c.rnd.IntN(3) == 0 {
				runtime.Gosched()
			}
		}
	}
	c.check(frames)
	t.Logf("%d complete, %d aborted, %d dropped, %+v", c.complete, c.aborted, c.left, c.q.Stats())
}

// The memory of a camera, with frames of its usual size.
func BenchmarkFeed(b *testing.B) {
	r := newRig(b, 16384, 512)
	r.vsync()
	p := picture(b, 1, 24_000)
	words := make([]uint32, len(p))
	sum := crc32.ChecksumIEEE(p)
	buf := make([]byte, len(p))
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		for i, c := range p {
			words[i] = uint32(c) << 16
		}
		r.q.Feed(words)
		if n := r.q.Read(buf); crc32.ChecksumIEEE(buf[:n]) != sum {
			b.Fatal("it is not what was sent")
		}
		r.q.Drop()
		r.now += second
		r.q.EndOfFrame(r.now, nil)
	}
}
