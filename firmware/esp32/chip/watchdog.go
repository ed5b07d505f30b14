//go:build esp32

// Package chip is what of an ESP32 is neither radio nor camera: watchdog, reset,
// clock, random numbers, LEDs, and memory that outlives a reset.
package chip

import (
	"runtime/volatile"
	"unsafe"
)

// reg is a register of the chip.
func reg(address uintptr) *volatile.Register32 {
	return (*volatile.Register32)(unsafe.Pointer(address))
}

// The watchdog of timer group 1 (ESP32 Technical Reference Manual, 19). TinyGo's
// start-up and the radio switch all others off, and leave this one alone, so it
// watches from the selector to the application without a hole.
const (
	timg1Config0 = 0x3ff60048
	timg1Config1 = 0x3ff6004c
	timg1Config2 = 0x3ff60050
	timg1Feed    = 0x3ff60060
	timg1Protect = 0x3ff60064

	protectKey  = 0x50d83aa1
	wdtEnable   = 1 << 31
	wdtReset    = 3 << 29 // stage 0 resets the system
	wdtPulses   = 7 << 15 // length of the reset signals
	wdtPrescale = 40_000  // of 80 MHz: ticks of half a millisecond

	periClock = 0x3ff000c0
	periReset = 0x3ff000c4
	periTimg1 = 1 << 15
)

// WatchdogTime is after how many milliseconds the watchdog resets the chip.
const WatchdogTime = 30_000

// Arm starts the watchdog.
func Arm() {
	reg(periClock).SetBits(periTimg1)
	reg(periReset).ClearBits(periTimg1)
	reg(timg1Protect).Set(protectKey)
	reg(timg1Config0).Set(0)
	reg(timg1Config1).Set(wdtPrescale << 16)
	reg(timg1Config2).Set(2 * WatchdogTime)
	reg(timg1Feed).Set(1)
	reg(timg1Config0).Set(wdtEnable | wdtReset | wdtPulses)
	reg(timg1Protect).Set(0)
}

// Feed begins the watchdog's time again.
func Feed() {
	reg(timg1Protect).Set(protectKey)
	reg(timg1Feed).Set(1)
	reg(timg1Protect).Set(0)
}
