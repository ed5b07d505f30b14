//go:build esp32

package chip

import "runtime/interrupt"

// The first timer of group 1: ESP32 Technical Reference Manual, 18. TinyGo's own
// is that of group 0; reading it takes two steps that an interrupt may part.
const (
	timg1T0Config = 0x3ff60000
	timg1T0Low    = 0x3ff60004
	timg1T0High   = 0x3ff60008
	timg1T0Update = 0x3ff6000c
	timg1T0LoadLo = 0x3ff60018
	timg1T0LoadHi = 0x3ff6001c
	timg1T0Load   = 0x3ff60020

	timerEnable = 1 << 31
	timerUp     = 1 << 30
	timerHalf   = 2 << 13 // of 80 MHz: a tick is 25 ns
)

// Clock implements hal.Clock, Unix by a time that is set. Its methods may be
// called in interrupts.
type Clock struct {
	offset int64 // microseconds from Now to 1970
	known  bool
}

// Start starts it.
func (c *Clock) Start() {
	reg(timg1T0Config).Set(timerEnable | timerUp | timerHalf)
	reg(timg1T0LoadLo).Set(0)
	reg(timg1T0LoadHi).Set(0)
	reg(timg1T0Load).Set(0)
}

// Now implements hal.Clock.
func (c *Clock) Now() int64 {
	state := interrupt.Disable()
	reg(timg1T0Update).Set(0)
	low, high := reg(timg1T0Low).Get(), reg(timg1T0High).Get()
	interrupt.Restore(state)
	ticks := int64(high)<<32 | int64(low)
	return ticks<<4 + ticks<<3 + ticks // times 25, without a call to the ROM
}

// Unix implements hal.Clock.
func (c *Clock) Unix() int64 {
	if !c.known {
		return 0
	}
	return c.Now()/1000 + c.offset
}

// Set says what Unix is now, in microseconds.
func (c *Clock) Set(unix int64) { c.offset, c.known = unix-c.Now()/1000, true }
