// Package capture holds what the sensor sends until it has been sent on: a FIFO
// of bytes, the frames in it, and the decision which frames are taken at all.
//
// One side receives, in an interrupt on a camera: Feed or Write, and EndOfFrame.
// The other side, the reactor, has all the rest. They share counters that only
// one of them writes, so neither ever waits. A frame can be read while it is
// still being received.
package capture

import (
	"sync/atomic"

	"camrelay/firmware/core/jpegscan"
)

const (
	// MaxQueued is how many frames there are at most, the one that is being
	// received and the one that is being read included.
	MaxQueued = 2

	// ring is how many places for frames there are; a power of two, so that
	// counters may wrap.
	ring = 2 * MaxQueued

	// minCells is the smallest FIFO: what a sensor sends before a reactor that
	// has something else to do for a few milliseconds comes back.
	minCells = 256
)

// Error is what is wrong with how a Queue is used. It allocates nothing.
type Error uint8

// ErrCells is the error of a FIFO that is too small.
const ErrCells Error = 1

func (e Error) Error() string { return "capture: the frame memory is too small" }

// Queue is the FIFO and the frames in it. Init first; it is not to be copied.
type Queue struct {
	cells    []uint32
	mask     uint32
	frames   [ring]frame
	producer producer
	consumer consumer
	counts   counts

	// Written by the receiving side alone.
	begun  atomic.Uint32 // frames shown to the reading side, ever
	taking atomic.Uint32 // 1 while a frame is received, or may be about to

	// Written by the reading side alone.
	dropped  atomic.Uint32 // frames it is done with, ever
	freed    atomic.Uint32 // cells it is done with, ever
	unwanted atomic.Uint32 // number of a frame it wants no more of
	enabled  atomic.Uint32
	held     atomic.Uint32
	interval atomic.Uint32 // microseconds
}

// frame is one in the FIFO. The receiving side writes it; what is not atomic
// before the frame is shown or before its state is no longer open.
type frame struct {
	seq      uint32
	start    uint32 // first cell, counted as freed is
	cells    uint32 // set when it is no longer open
	captured int64
	stored   atomic.Uint32 // bytes that may be read
	size     atomic.Uint32 // width << 16 | height
	state    atomic.Uint32 // open, complete, or why it was given up
}

// States of a frame; else it is an Abort.
const (
	open     = 0
	complete = 0x100
)

// producer is what the receiving side keeps for itself.
type producer struct {
	phase  phase
	shown  bool // the reading side knows of the frame
	paced  bool // last is set
	edge   bool // ended is set
	frame  *frame
	scan   jpegscan.Scanner
	word   uint32 // bytes that do not fill a cell yet, first one lowest
	bits   uint32 // how many bits of word there are
	cell   uint32 // next one to write, counted as freed is
	filled uint32 // words of the frame, stored or not
	seq    uint32
	ended  int64 // when the last frame ended
	last   int64 // when the last one was taken, by schedule
	skip   uint32
	guess  uint32 // bytes of a frame when none has been seen
	sizes  [4]uint32
	at     uint32 // of sizes
}

// phase is what becomes of a byte.
type phase uint8

const (
	ignoring  phase = iota // until the end of the frame
	storing                // it is stored
	measuring              // it is counted: there was no room for it
)

// consumer is what the reading side keeps for itself.
type consumer struct {
	read    uint32 // bytes of the oldest frame
	leaving bool   // it was dropped while it was being received
}

// Init makes the queue empty, its frames not wanted. Of cells the largest power
// of two is used. They may be memory that knows only whole words, and need not be
// cleared.
func (q *Queue) Init(cells []uint32) error {
	n := uint32(minCells)
	if len(cells) < minCells {
		return ErrCells
	}
	for 2*n <= uint32(len(cells)) {
		n *= 2
	}
	*q = Queue{}
	q.cells, q.mask = cells[:n], n-1
	return nil
}

// Size is how many bytes the FIFO holds.
func (q *Queue) Size() uint32 { return 4 * uint32(len(q.cells)) }

// Enable says whether frames are wanted. One that has begun goes on.
func (q *Queue) Enable(on bool) { q.enabled.Store(flag(on)) }

// Hold lets no frame begin while something else changes the picture. The frame
// that is being received goes on: see Taking.
func (q *Queue) Hold(on bool) { q.held.Store(flag(on)) }

// Taking reports whether a frame is being received. Once it has been false while
// held, no frame begins.
func (q *Queue) Taking() bool { return q.taking.Load() != 0 }

// SetInterval takes at most one frame in so many nanoseconds, on average; 0: no
// limit. It is rounded to microseconds, and at most 71 minutes.
func (q *Queue) SetInterval(ns int64) {
	const microsecond = 1000
	q.interval.Store(uint32(min(max(ns, 0)/microsecond, 1<<32-1)))
}

// Seen is how many frames the sensor has given, taken or not.
func (q *Queue) Seen() uint32 { return q.counts.seen.Load() }

func flag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}
