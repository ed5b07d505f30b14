package norsim

import (
	"encoding/binary"

	"camrelay/firmware/core/flash"
)

// Tear is what is left of the step during which power is lost.
type Tear uint8

// The ways a step is torn.
const (
	Before  Tear = iota + 1 // nothing of it has happened
	Partial                 // some bits have changed: any of a sector's, or of the word's after those before it
	Scatter                 // like Partial, but a page is programmed in no order: any bits of all its words
	After                   // all of it has happened
	tears
)

// Tears calls yield with each way, for range.
func Tears(yield func(Tear) bool) {
	for t := Before; t < tears && yield(t); t++ {
	}
}

func (t Tear) String() string {
	switch t {
	case Before:
		return "before"
	case Partial:
		return "partial"
	case Scatter:
		return "scatter"
	case After:
		return "after"
	}
	return "none"
}

// CutAfter plans that power is lost in the step that follows the next n steps.
// The seed says which bits of it have changed.
func (f *Flash) CutAfter(n uint64, t Tear, seed uint64) {
	f.cutAt, f.tear = f.counts.Steps+n, t
	f.source.Seed(seed, n)
}

// PowerOn gives the chip power again and forgets a cut that was planned. It
// reports whether power had been lost.
func (f *Flash) PowerOn() bool {
	was := f.dark
	f.dark, f.tear = false, 0
	return was
}

// Restore makes content, as from Bytes, that of the chip, and gives it power.
// It is no operation of the chip's and is not stored in a file.
func (f *Flash) Restore(content []byte) {
	copy(f.mem, content)
	f.PowerOn()
}

// cut reports whether power is lost within the next n steps, and after how many
// of them.
func (f *Flash) cut(n uint64) (done uint64, cut bool) {
	if f.tear == 0 || f.cutAt-f.counts.Steps >= n {
		return 0, false
	}
	done = f.cutAt - f.counts.Steps
	f.counts.Steps = f.cutAt
	f.dark = true
	return done, true
}

// tearProgram leaves what power loss leaves of programming p at off, done bytes
// of which had been programmed.
func (f *Flash) tearProgram(off int, p []byte, done int) {
	m := f.mem[off:][:len(p)]
	switch f.tear {
	case Before:
		copy(m[:done], p)
	case After:
		copy(m[:done+flash.Word], p)
	case Partial:
		copy(m[:done], p)
		f.clearSome(m[done:][:flash.Word], p[done:])
	case Scatter:
		for i := 0; i < len(p); i += flash.Word {
			f.clearSome(m[i:][:flash.Word], p[i:])
		}
	}
}

// clearSome clears some of the bits of word m that p has clear.
func (f *Flash) clearSome(m, p []byte) {
	old, want := binary.LittleEndian.Uint32(m), binary.LittleEndian.Uint32(p)
	binary.LittleEndian.PutUint32(m, old&(want|f.rnd.Uint32()))
}

// tearErase leaves a sector of which some bits have been set: few, most, or
// anything between.
func (f *Flash) tearErase(m []byte) {
	switch f.tear {
	case Before:
	case After:
		fill(m)
	default:
		kind := f.rnd.IntN(3)
		for i := 0; i < len(m); i += 8 {
			set := f.rnd.Uint64()
			switch kind {
			case 0:
				set &= f.rnd.Uint64() & f.rnd.Uint64()
			case 1:
				set |= f.rnd.Uint64() | f.rnd.Uint64()
			}
			binary.LittleEndian.PutUint64(m[i:], binary.LittleEndian.Uint64(m[i:])|set)
		}
	}
}
