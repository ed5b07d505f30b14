package stream

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Sizes of pooled blocks: two to each power of two, so that at most a third
// of a block is unused.
const (
	minBlock   = 4 << 10
	minBits    = 12 // log2(minBlock)
	numClasses = 2*(24-minBits) + 1
	maxBlock   = 16 << 20
)

// ErrFrameTooBig says that a frame is longer than its limit.
var ErrFrameTooBig = errors.New("frame is too big")

// block is a pooled piece of memory.
type block struct {
	b     []byte
	class int
}

// classFor returns the smallest class whose blocks hold n bytes.
func classFor(n int) int {
	if n <= minBlock {
		return 0
	}
	k := bits.Len(uint(n-1)) - 1 // 2^k < n <= 2^(k+1)
	if n <= 3<<(k-1) {
		return 2*(k-minBits) + 1
	}
	return 2 * (k + 1 - minBits)
}

func classSize(class int) int {
	size := minBlock << (class / 2)
	if class%2 == 1 {
		size += size / 2
	}
	return size
}

// Pool hands out the memory of frames and takes it back. It holds no memory
// that the garbage collector could not have.
type Pool struct {
	blocks [numClasses]sync.Pool
	frames sync.Pool
	live   atomic.Int64
}

// NewPool returns an empty pool.
func NewPool() *Pool { return new(Pool) }

// Live counts the frames that are not yet released.
func (p *Pool) Live() int64 { return p.live.Load() }

func (p *Pool) block(n int) *block {
	if n > maxBlock {
		return &block{b: make([]byte, 0, n), class: -1}
	}
	class := classFor(n)
	if b, _ := p.blocks[class].Get().(*block); b != nil {
		return b
	}
	return &block{b: make([]byte, 0, classSize(class)), class: class}
}

func (p *Pool) put(b *block) {
	if b == nil || b.class < 0 {
		return
	}
	b.b = b.b[:0]
	p.blocks[b.class].Put(b)
}

// Draft is a frame that is still being received.
type Draft struct {
	pool  *Pool
	block *block
}

// Draft begins a frame of about hint bytes.
func (p *Pool) Draft(hint int) Draft {
	return Draft{pool: p, block: p.block(max(hint, minBlock))}
}

// Bytes is what has been received so far.
func (d *Draft) Bytes() []byte { return d.block.b }

// Append adds a copy of b.
func (d *Draft) Append(b []byte) {
	d.reserve(len(b))
	d.block.b = append(d.block.b, b...)
}

// reserve makes room for n more bytes.
func (d *Draft) reserve(n int) {
	old := d.block
	if cap(old.b)-len(old.b) >= n {
		return
	}
	grown := d.pool.block(max(len(old.b)+n, 3*len(old.b)/2))
	grown.b = append(grown.b, old.b...)
	d.block = grown
	d.pool.put(old)
}

// ReadAll reads r to its end, straight into the frame's memory. A frame longer
// than limit bytes is ErrFrameTooBig, and what is left of r is not read.
func (d *Draft) ReadAll(r io.Reader, limit int) error {
	for blank := 0; blank < maxBlank; {
		if len(d.block.b) > limit {
			return fmt.Errorf("%w: more than the allowed %d bytes", ErrFrameTooBig, limit)
		}
		d.reserve(1)
		b := d.block.b
		n, err := r.Read(b[len(b):cap(b)])
		d.block.b = b[:len(b)+n]
		if err == io.EOF {
			if len(d.block.b) > limit {
				continue
			}
			return nil
		}
		if err != nil {
			return err
		}
		if blank++; n > 0 {
			blank = 0
		}
	}
	return io.ErrNoProgress
}

// maxBlank is how often in a row a reader may return nothing.
const maxBlank = 100

// Discard gives the memory back.
func (d *Draft) Discard() {
	d.pool.put(d.block)
	d.block = nil
}

// Frame makes the first n bytes a frame with one reference. The draft is spent.
func (d *Draft) Frame(n int, meta Meta) *Frame {
	f, _ := d.pool.frames.Get().(*Frame)
	if f == nil {
		f = new(Frame)
	}
	f.pool, f.block, f.jpeg, f.Meta = d.pool, d.block, d.block.b[:n], meta
	f.refs.Store(1)
	d.pool.live.Add(1)
	d.block = nil
	return f
}
