//go:build esp32

package chip

import (
	"runtime"
	"unsafe"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/hal"
)

// noteAddress is RTC slow memory, which nothing else uses. It keeps its content
// over resets.
const noteAddress = 0x5000_0000

// dromFlash is where in the flash the mapped data of this program are. The
// selector sets it.
//
//go:extern _drom_flash_addr
var dromFlash uint32

// System implements hal.System.
type System struct{ cause hal.Cause }

// Start notes why the chip started, before anything can touch the register.
func (s *System) Start() {
	s.cause = Cause()
	Started()
}

// Feed implements hal.System.
func (s *System) Feed() { Feed() }

// Reset implements hal.System.
func (s *System) Reset() { Reset() }

// Cause implements hal.System.
func (s *System) Cause() hal.Cause { return s.cause }

// Slot implements hal.System.
func (s *System) Slot() boot.Slot {
	if dromFlash >= boot.SlotBOffset {
		return boot.B
	}
	return boot.A
}

// Memory implements hal.System.
func (s *System) Memory() hal.Memory {
	runtime.GC()
	return s.Heap()
}

// Heap implements hal.System. TinyGo does not say how long the longest free piece
// is; buffers are made at the start and stay, so most of what is free is one
// piece, and half of it is a careful guess.
func (s *System) Heap() hal.Memory {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	free := uint32(m.HeapIdle)
	return hal.Memory{Free: free, Largest: free / 2}
}

// Stayed implements hal.System.
func (s *System) Stayed() { SetCrashes(0) }

// Note implements hal.System.
func (s *System) Note() []byte {
	return (*[hal.NoteSize]byte)(unsafe.Pointer(uintptr(noteAddress)))[:]
}

// rngData is random as long as the radio is on: ESP32 Technical Reference Manual,
// 24. It takes a while until the next word is another one.
const rngData = 0x3ff75144

// Random implements hal.Random.
type Random struct{ state uint32 }

// Uint32 implements hal.Random.
func (r *Random) Uint32() uint32 {
	for range 4 { // stir in more than one sample: the register is read faster than it fills
		r.state ^= reg(rngData).Get()
		r.state ^= r.state << 13
		r.state ^= r.state >> 17
		r.state ^= r.state << 5
	}
	return r.state
}
