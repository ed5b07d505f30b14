package capture

import (
	"bytes"
	"image"
	stdjpeg "image/jpeg"
	"math/rand/v2"
	"testing"
)

const (
	second      = 1_000_000_000
	millisecond = 1_000_000
)

// picture is a JPEG of about n bytes; exactly n with a comment that fills it up.
func picture(t testing.TB, seed uint64, n int) []byte {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 7))
	side := 8
	for side*side*3/2 < n {
		side += 8
	}
	for {
		img := image.NewGray(image.Rect(0, 0, side, side))
		for i := range img.Pix {
			img.Pix[i] = byte(rnd.Uint32())
		}
		var b bytes.Buffer
		if err := stdjpeg.Encode(&b, img, &stdjpeg.Options{Quality: 60}); err != nil {
			t.Fatal(err)
		}
		gap := n - b.Len()
		if gap == 0 {
			return b.Bytes()
		}
		if gap >= 4 && gap < 65000 {
			comment := append([]byte{0xff, 0xfe, byte((gap - 2) >> 8), byte(gap - 2)}, make([]byte, gap-4)...)
			for i := range comment[4:] {
				comment[4+i] = byte(rnd.Uint32()) | 0xd8
			}
			return append(append(bytes.Clone(b.Bytes()[:2]), comment...), b.Bytes()[2:]...)
		}
		if side -= 8; side < 8 {
			t.Fatalf("no picture of %d bytes", n)
		}
	}
}

// rig is a queue with the DMA of an ESP32 in front: a ring of buffers, each
// handed over when it is full, and the one in work when the frame ends.
type rig struct {
	t       testing.TB
	q       Queue
	now     int64
	buffers [8][]uint32
	buffer  int
	at      int
}

func newRig(t testing.TB, cells, buffer int) *rig {
	t.Helper()
	r := &rig{t: t, now: second}
	memory := make([]uint32, cells)
	for i := range memory {
		memory[i] = 0xdeadbeef // nobody has cleared it
	}
	if err := r.q.Init(memory); err != nil {
		t.Fatal(err)
	}
	for i := range r.buffers {
		r.buffers[i] = make([]uint32, buffer)
		r.q.Feed(r.buffers[i])
	}
	r.q.Enable(true)
	return r
}

// send is what the sensor gives within a frame.
func (r *rig) send(p []byte) {
	for _, b := range p {
		buffer := r.buffers[r.buffer]
		if r.at == 0 && buffer[0] != poison || buffer[r.at] != poison {
			r.t.Fatalf("word %d of buffer %d is %#x: it has not been poisoned", r.at, r.buffer, buffer[r.at])
		}
		buffer[r.at] = uint32(b) << 16
		if r.at++; r.at == len(buffer) {
			r.q.Feed(buffer)
			r.buffer, r.at = (r.buffer+1)%len(r.buffers), 0
		}
	}
}

// picture sends a whole frame, and padding that pushes it out of the last buffer.
func (r *rig) picture(p []byte) {
	r.send(p)
	r.send(make([]byte, len(r.buffers[0])))
}

// vsync ends the frame and starts the DMA anew.
func (r *rig) vsync() {
	r.now += 40 * millisecond
	if r.q.Glitch(r.now) {
		r.t.Fatal("the end of the frame is taken for a glitch")
	}
	r.q.EndOfFrame(r.now, r.buffers[r.buffer])
	r.buffer, r.at = 0, 0
}

func (r *rig) frame(p []byte) {
	r.send(p)
	r.vsync()
}

func (r *rig) head() Info {
	r.t.Helper()
	info, ok := r.q.Head()
	if !ok {
		r.t.Fatalf("there is no frame: %+v", r.q.Stats())
	}
	return info
}

// whole reads the oldest frame, which is complete, in pieces of n bytes, and
// drops it.
func (r *rig) whole(n int) []byte {
	r.t.Helper()
	info := r.head()
	if !info.Complete || info.Aborted != 0 {
		r.t.Fatalf("not complete: %+v", info)
	}
	var got []byte
	buf := make([]byte, n)
	for {
		n := r.q.Read(buf)
		if n == 0 {
			break
		}
		got = append(got, buf[:n]...)
	}
	if len(got) != int(info.Stored) {
		r.t.Fatalf("read %d bytes of %d", len(got), info.Stored)
	}
	r.q.Drop()
	return got
}

func (r *rig) none() {
	r.t.Helper()
	if info, ok := r.q.Head(); ok {
		r.t.Fatalf("there is a frame: %+v", info)
	}
	if used := r.q.producer.cell - r.q.freed.Load(); used != 0 {
		r.t.Fatalf("%d cells are in use", used)
	}
}
