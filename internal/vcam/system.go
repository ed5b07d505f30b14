package vcam

import (
	"crypto/rand"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/hal"
)

// watchdog is after how long without System.Feed a chip is reset, in
// nanoseconds.
const watchdog = 30e9

// Memory of a virtual camera, in bytes: what is free with everything stopped, and
// what sensor and stream take of it, about as on an ESP32.
const (
	allFree    = 118_000
	sensorUses = 48_000
	streamUses = 9_200
)

// system is the chip: what of a camera outlives a reset, but not the power.
type system struct {
	clock hal.Clock
	note  [hal.NoteSize]byte
	cause hal.Cause
	crash int // starts in a row that did not stay up, as the selector counts them

	slot   boot.Slot
	fed    int64 // when the watchdog was fed
	resets bool  // Reset was called
	used   func() uint32
}

var _ hal.System = (*system)(nil)

// powerOn is a chip that just got power.
func powerOn(clock hal.Clock) *system {
	s := &system{clock: clock, cause: hal.PowerOn}
	rand.Read(s.note[:])
	return s
}

// start begins a run of the image in a slot; used is how much memory it takes.
func (s *system) start(slot boot.Slot, used func() uint32) {
	s.slot, s.resets, s.fed, s.used = slot, false, s.clock.Now(), used
	s.crash++
}

// starved reports whether the watchdog bites.
func (s *system) starved() bool { return s.clock.Now()-s.fed > watchdog }

func (s *system) Feed()            { s.fed = s.clock.Now() }
func (s *system) Reset()           { s.resets = true }
func (s *system) Cause() hal.Cause { return s.cause }
func (s *system) Slot() boot.Slot  { return s.slot }
func (s *system) Stayed()          { s.crash = 0 }
func (s *system) Note() []byte     { return s.note[:] }

func (s *system) Memory() hal.Memory { return s.Heap() }

func (s *system) Heap() hal.Memory {
	free := allFree - s.used()
	return hal.Memory{Free: free, Largest: free / 8 * 5}
}
