package worldsim

import (
	"errors"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/hal"
)

// allFree is the memory with everything stopped, in bytes.
const allFree = 110_000

// chip is what of hal.System outlives a reset, or not.
type chip struct {
	memo   [hal.NoteSize]byte
	cause  hal.Cause
	crash  int // starts in a row that did not stay up
	slot   boot.Slot
	fed    int64
	resets bool
}

func (c *chip) Cause() hal.Cause { return c.cause }
func (c *chip) Slot() boot.Slot  { return c.slot }
func (c *chip) Stayed()          { c.crash = 0 }
func (c *chip) Note() []byte     { return c.memo[:] }
func (c *chip) Reset()           { c.resets = true }

// Feed implements hal.System.
func (c *camera) Feed() { c.fed = c.now }

// Memory implements hal.System.
func (c *camera) Memory() hal.Memory { return c.Heap() }

// Heap implements hal.System: what sensor and stream take is about as on an
// ESP32.
func (c *camera) Heap() hal.Memory {
	free := uint32(allFree)
	if c.eye.Receiving() {
		free -= 48_000
	}
	free -= c.leak
	return hal.Memory{Free: free, Largest: free / 8 * 5}
}

// power is the flash, of which the power can go in the middle of an operation,
// and whose operations take time.
type power struct{ *camera }

func (p power) Size() uint32 { return p.flash.Size() }

func (p power) Read(off uint32, b []byte) error {
	p.flashed += time.Duration(len(b)) * 100 * time.Nanosecond
	return p.lost(p.flash.Read(off, b))
}

func (p power) Program(off uint32, b []byte) error {
	p.flashed += 700 * time.Microsecond
	return p.lost(p.flash.Program(off, b))
}

func (p power) Erase(off uint32) error {
	p.flashed += 45 * time.Millisecond
	return p.lost(p.flash.Erase(off))
}

// lost stops the program where it is.
func (p power) lost(err error) error {
	if errors.Is(err, norsim.ErrPower) {
		panic(norsim.ErrPower)
	}
	return err
}

// lamp is an LED nobody looks at.
type lamp struct{}

func (lamp) Flash(uint8) {}
func (lamp) Red(bool)    {}
