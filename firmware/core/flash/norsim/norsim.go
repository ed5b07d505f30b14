// Package norsim is NOR flash on a host, in memory or in a file. It behaves as
// the chip does (programming only clears bits, erasing sets those of a sector),
// refuses what the chip would silently get wrong, counts operations and wear,
// and can lose power in the middle of any of them.
package norsim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"camrelay/firmware/core/flash"
)

// ErrPower is the error of everything that is asked of a chip without power.
var ErrPower = errors.New("flash has no power")

// Counts is what has been done, since the chip was made.
type Counts struct {
	Reads, Programs, Erases uint64
	// Steps are what power can be cut at: words programmed and sectors erased.
	Steps uint64
}

// Flash is one chip. Not for use by two goroutines at once.
type Flash struct {
	mem    []byte
	file   *os.File // nil: in memory only
	counts Counts
	wear   []uint32
	dark   bool
	cutAt  uint64 // value of counts.Steps before the step that is torn
	tear   Tear   // 0: no cut is planned
	rnd    *rand.Rand
	source *rand.PCG
}

var _ flash.Device = (*Flash)(nil)

// New returns a blank chip of size bytes, a multiple of flash.Sector.
func New(size int) *Flash {
	f := &Flash{mem: make([]byte, size), wear: make([]uint32, size/flash.Sector), source: rand.NewPCG(0, 0)}
	f.rnd = rand.New(f.source)
	fill(f.mem)
	return f
}

// Open returns the chip whose content is in a file; a new file is a blank chip
// of size bytes. What is programmed or erased is in the file when the operation
// returns, so that it outlives the process.
func Open(path string, size int) (*Flash, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open flash: %w", err)
	}
	f := New(size)
	f.file = file
	if err := f.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open flash %s: %w", path, err), file.Close())
	}
	return f, nil
}

func (f *Flash) load() error {
	info, err := f.file.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() == 0:
		_, err = f.file.WriteAt(f.mem, 0)
		return err
	case info.Size() != int64(len(f.mem)):
		return fmt.Errorf("the file has %d bytes, the chip %d; move it away to begin with a blank chip", info.Size(), len(f.mem))
	}
	_, err = f.file.ReadAt(f.mem, 0)
	return err
}

// Close closes the file, if there is one.
func (f *Flash) Close() error {
	f.dark = true
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// Size implements flash.Device.
func (f *Flash) Size() uint32 { return uint32(len(f.mem)) }

// Counts returns what has been done so far.
func (f *Flash) Counts() Counts { return f.counts }

// Wear is how often the sector at off has been erased.
func (f *Flash) Wear(off uint32) uint32 { return f.wear[off/flash.Sector] }

// Bytes is the content itself, for looking at and for damaging it.
func (f *Flash) Bytes() []byte { return f.mem }

// Read implements flash.Device.
func (f *Flash) Read(off uint32, p []byte) error {
	if f.dark {
		return ErrPower
	}
	if err := flash.CheckRead(f.Size(), off, len(p)); err != nil {
		return fmt.Errorf("read %d bytes at %#x: %w", len(p), off, err)
	}
	f.counts.Reads++
	copy(p, f.mem[off:])
	return nil
}

// Program implements flash.Device.
func (f *Flash) Program(off uint32, p []byte) error {
	if f.dark {
		return ErrPower
	}
	if err := flash.CheckProgram(f.Size(), off, len(p)); err != nil {
		return fmt.Errorf("program %d bytes at %#x: %w", len(p), off, err)
	}
	for i, b := range p {
		if b&^f.mem[int(off)+i] != 0 {
			return fmt.Errorf("program %#02x over %#02x at %#x: %w", b, f.mem[int(off)+i], int(off)+i, flash.ErrBits)
		}
	}
	f.counts.Programs++
	words := uint64(len(p) / flash.Word)
	if done, cut := f.cut(words); cut {
		f.tearProgram(int(off), p, int(done)*flash.Word)
		return errors.Join(ErrPower, f.store(off, len(p)))
	}
	f.counts.Steps += words
	copy(f.mem[off:], p)
	return f.store(off, len(p))
}

// Erase implements flash.Device.
func (f *Flash) Erase(off uint32) error {
	if f.dark {
		return ErrPower
	}
	if err := flash.CheckErase(f.Size(), off); err != nil {
		return fmt.Errorf("erase at %#x: %w", off, err)
	}
	f.counts.Erases++
	f.wear[off/flash.Sector]++
	if _, cut := f.cut(1); cut {
		f.tearErase(f.mem[off:][:flash.Sector])
		return errors.Join(ErrPower, f.store(off, flash.Sector))
	}
	f.counts.Steps++
	fill(f.mem[off:][:flash.Sector])
	return f.store(off, flash.Sector)
}

func (f *Flash) store(off uint32, n int) error {
	if f.file == nil {
		return nil
	}
	if _, err := f.file.WriteAt(f.mem[off:][:n], int64(off)); err != nil {
		return fmt.Errorf("store flash: %w", err)
	}
	return nil
}

func fill(p []byte) {
	for i := 0; i+8 <= len(p); i += 8 {
		binary.LittleEndian.PutUint64(p[i:], ^uint64(0))
	}
}
