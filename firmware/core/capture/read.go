package capture

import "sync/atomic"

// Info is what is known of a frame.
type Info struct {
	Seq      uint32 // number of the frame, from 1; a gap is one that was given up
	Captured int64  // when it began, in nanoseconds of the clock that EndOfFrame has
	Stored   uint32 // bytes that have come so far
	Complete bool   // these are all
	Aborted  Abort  // why no more will come, 0 if it is not so
	// Size in pixels, 0 before it is known.
	Width, Height int
}

// Head is the oldest frame; false if there is none. It is one that is complete,
// that was given up while it was received, or that is still being received.
func (q *Queue) Head() (Info, bool) {
	for q.begun.Load() != q.dropped.Load() {
		f := q.oldest()
		state := f.state.Load() // before stored: what is complete does not grow
		if q.consumer.leaving {
			if state == open {
				break
			}
			q.release(f)
			continue
		}
		info := Info{Seq: f.seq, Captured: f.captured, Stored: f.stored.Load(), Complete: state == complete}
		if state != open && state != complete {
			info.Aborted = Abort(state)
		}
		size := f.size.Load()
		info.Width, info.Height = int(size>>16), int(size&0xffff)
		return info, true
	}
	return Info{}, false
}

// Unread is how many bytes of the oldest frame can be read now.
func (q *Queue) Unread() int {
	if q.consumer.leaving || q.begun.Load() == q.dropped.Load() {
		return 0
	}
	return int(q.oldest().stored.Load() - q.consumer.read)
}

// Read takes the next bytes of the oldest frame, and makes room for others.
func (q *Queue) Read(dst []byte) int {
	dst = dst[:min(len(dst), q.Unread())]
	if len(dst) == 0 {
		return 0
	}
	f := q.oldest()
	at := q.consumer.read
	for i := 0; i < len(dst); {
		// An atomic load takes the whole word: memory that knows only words
		// would not stand one of a byte, which a compiler may make of it.
		w := atomic.LoadUint32(&q.cells[(f.start+at/4)&q.mask]) >> (at % 4 * 8)
		for n := 4 - at%4; n > 0 && i < len(dst); n-- {
			dst[i] = byte(w)
			w >>= 8
			at++
			i++
		}
	}
	q.consumer.read = at
	q.freed.Store(f.start + at/4)
	return len(dst)
}

// Drop is done with the oldest frame. If it is still being received, the rest of
// it is not taken.
func (q *Queue) Drop() {
	if q.begun.Load() == q.dropped.Load() {
		return
	}
	f := q.oldest()
	if f.state.Load() == open {
		q.unwanted.Store(f.seq)
		q.consumer.leaving = true
		return
	}
	q.release(f)
}

func (q *Queue) oldest() *frame { return &q.frames[q.dropped.Load()%ring] }

func (q *Queue) release(f *frame) {
	q.consumer = consumer{}
	q.freed.Store(f.start + f.cells)
	q.dropped.Store(q.dropped.Load() + 1)
}
