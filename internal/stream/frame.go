package stream

import (
	"sync"
	"sync/atomic"
	"time"
)

// Meta is what is known about a frame besides its bytes.
type Meta struct {
	Stream        uint32    // the camera's number, given by the hub
	Seq           uint32    // given by the hub, grows by one a frame, wraps
	Received      time.Time // when its last byte came, relay's clock
	Captured      time.Time // when the sensor began it; zero if unknown
	Width, Height int       // pixels
	Still         bool      // sent while the camera rests
}

// Frame is one whole JPEG. It is immutable and reference counted: whoever
// keeps one beyond the call that handed it over retains it, and releases it.
type Frame struct {
	Meta
	jpeg  []byte
	block *block
	pool  *Pool
	refs  atomic.Int32

	wraps   [maxWraps]wrapped
	numWrap atomic.Int32
	wrapMu  sync.Mutex // serialises building, not reading
}

// maxWraps bounds how many wrappings one frame can have: one per kind of
// transport.
const maxWraps = 8

// Wrapping is how one kind of transport frames a JPEG: a WebSocket header
// before it, a multipart part around it. The bytes are the same for all
// viewers, so they are made once per frame and sent in one piece.
type Wrapping struct {
	// Overhead is the most bytes that Append adds to the JPEG.
	Overhead int
	// Append writes the wrapped frame to dst, which has room for it.
	Append func(dst []byte, f *Frame) []byte
}

type wrapped struct {
	by    *Wrapping
	block *block
}

// JPEG is the picture, FFD8 to FFD9. It must not be changed.
func (f *Frame) JPEG() []byte { return f.jpeg }

// Wrapped returns the frame as the wrapping sends it, made at the first call.
func (f *Frame) Wrapped(by *Wrapping) []byte {
	for i := range f.wraps[:f.numWrap.Load()] {
		if f.wraps[i].by == by {
			return f.wraps[i].block.b
		}
	}
	return f.wrap(by)
}

func (f *Frame) wrap(by *Wrapping) []byte {
	f.wrapMu.Lock()
	defer f.wrapMu.Unlock()
	n := f.numWrap.Load()
	for i := range f.wraps[:n] {
		if f.wraps[i].by == by {
			return f.wraps[i].block.b
		}
	}
	b := f.pool.block(len(f.jpeg) + by.Overhead)
	b.b = by.Append(b.b, f)
	f.wraps[n] = wrapped{by, b}
	f.numWrap.Store(n + 1)
	return b.b
}

// Retain adds a reference and returns f.
func (f *Frame) Retain() *Frame {
	f.refs.Add(1)
	return f
}

// Release gives up a reference; the last one gives the memory back.
func (f *Frame) Release() {
	switch n := f.refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("stream: frame released twice")
	}
	for i := range f.wraps[:f.numWrap.Load()] {
		f.pool.put(f.wraps[i].block)
		f.wraps[i] = wrapped{}
	}
	f.numWrap.Store(0)
	p := f.pool
	p.put(f.block)
	f.block, f.jpeg, f.pool, f.Meta = nil, nil, nil, Meta{}
	p.live.Add(-1)
	p.frames.Put(f)
}
