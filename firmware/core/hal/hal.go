// Package hal says what the firmware needs of the hardware below it. A camera
// implements it with registers and a TCP/IP stack, a host with sockets and a
// painted scene, a simulation with a model of a network. Nothing here blocks,
// except one operation of the flash; who calls comes back later.
package hal

import (
	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/flash"
)

// Board is all of a camera.
type Board struct {
	Clock   Clock
	Random  Random
	Network Network
	Camera  Camera
	Flash   flash.Device
	System  System
	LED     LED
}

// Clock tells the time.
type Clock interface {
	// Now is monotonic, in nanoseconds; it has no meaning across restarts.
	Now() int64
	// Unix is in microseconds since 1970 UTC, 0 while that is not known.
	Unix() int64
}

// Random gives 32 bits nobody can foresee: masks, nonces and back-off.
type Random interface {
	Uint32() uint32
}

// Camera is a sensor, its control bus (SCCB), and the receiver of its data, which
// fills a capture.Queue.
type Camera interface {
	// Power switches the sensor's supply and its clock. The sensor wants 10 ms
	// before its registers are used.
	Power(on bool)
	// WriteRegister and ReadRegister do one transaction, below a millisecond.
	WriteRegister(register, value byte) error
	ReadRegister(register byte) (byte, error)
	// Receive starts and stops the transfer to memory. After Receive(false) has
	// returned nothing is written any more.
	Receive(on bool)
}

// System is the chip.
type System interface {
	// Feed holds off the watchdog, which resets the chip after 30 s.
	Feed()
	// Reset restarts the chip. Where it returns, nothing more may be done.
	Reset()
	// Cause is why the chip started.
	Cause() Cause
	// Slot is where the running image is.
	Slot() boot.Slot
	// Memory collects garbage and measures; it may take 50 ms. Heap measures
	// without, at once: what it says is free is so at least.
	Memory() Memory
	Heap() Memory
	// Stayed says that the image has been up long enough not to count as a crash.
	Stayed()
	// Note is memory that keeps its content over a reset and loses it with the
	// power; NoteSize bytes, aligned to 4. What it holds at first is random.
	Note() []byte
}

// NoteSize is how long System.Note is, in bytes.
const NoteSize = 512

// Memory is the state of the heap, in bytes.
type Memory struct {
	Free, Largest uint32
}

// Cause is why a chip started.
type Cause uint8

// Causes of a start.
const (
	UnknownCause Cause = iota
	PowerOn
	Software // System.Reset
	Panic
	Watchdog
	BrownOut // the supply was too low
)

func (c Cause) String() string {
	return [...]string{"unknown", "power", "software", "panic", "watchdog", "brownout"}[min(c, BrownOut)]
}

// LED is what a camera shows with.
type LED interface {
	// Flash sets the bright one, 0 to 255.
	Flash(level uint8)
	// Red switches the small one.
	Red(on bool)
}
