//go:build esp32

package chip

import (
	"camrelay/firmware/core/hal"
)

// Registers of the clock that runs on through resets. Of its eight words, 0, 1
// and 4 to 6 are used by TinyGo's start-up, the radio and the ROM.
const (
	rtcOptions0   = 0x3ff48000
	rtcSoftReset  = 1 << 31
	rtcResetState = 0x3ff48034
	rtcStore2     = 0x3ff48054
	rtcStore3     = 0x3ff48058
)

// Causes of a reset of the first CPU: ESP32 Technical Reference Manual, 4.1.
const (
	resetPowerOn  = 1
	resetSoftware = 3
	resetGroup0   = 7
	resetGroup1   = 8
	resetRTC      = 9
	resetCPUGroup = 11
	resetCPU      = 12
	resetCPURTC   = 13
	resetBrownOut = 15
	resetAllRTC   = 16
)

// Marks that say what a word holds; there is anything in it after power came.
const (
	crashMark = 0xca5e_0000
	panicMark = 0xbad0_0001
)

// Reset restarts the chip.
func Reset() {
	reg(rtcOptions0).SetBits(rtcSoftReset)
	for {
	}
}

// Cause is why the chip started.
func Cause() hal.Cause {
	switch reg(rtcResetState).Get() & 0x3f {
	case resetPowerOn:
		return hal.PowerOn
	case resetSoftware, resetCPU:
		if reg(rtcStore2).Get() == panicMark {
			return hal.Panic
		}
		return hal.Software
	case resetGroup0, resetGroup1, resetRTC, resetCPUGroup, resetCPURTC, resetAllRTC:
		return hal.Watchdog
	case resetBrownOut:
		return hal.BrownOut
	}
	return hal.UnknownCause
}

// Failing says that the program gives up: if it resets the chip, that counts as
// a panic. It holds until Started.
func Failing() { reg(rtcStore2).Set(panicMark) }

// Started forgets Failing, once Cause has been asked.
func Started() { reg(rtcStore2).Set(0) }

// Crashes is how many starts in a row did not stay up. It is 0 after power came.
func Crashes() int {
	v := reg(rtcStore3).Get()
	if Cause() == hal.PowerOn || v&0xffff_0000 != crashMark {
		return 0
	}
	return int(v & 0xffff)
}

// SetCrashes sets what Crashes returns after the next reset.
func SetCrashes(n int) { reg(rtcStore3).Set(crashMark | uint32(min(n, 0xffff))) }
