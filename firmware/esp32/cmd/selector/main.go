//go:build esp32

// Selector is the first program of a camera, which the ESP32's ROM loads from the
// flash at 0x1000. It runs in memory that no other program is loaded to, chooses
// one of two images, loads it and starts it.
package main

/*
#include <stdint.h>
void selector_jump(uintptr_t entry, uintptr_t from, uintptr_t to);
*/
import "C"

import (
	"machine"
	"runtime/volatile"
	"time"
	"unsafe"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/crc"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/sha2"
	"camrelay/firmware/esp32/chip"
	"camrelay/firmware/esp32/romflash"
)

// Memory that programs expect to be clear, as it is when the ROM starts them:
// TinyGo's linker script has variables of the radio outside of what its start-up
// clears. The second range is the selector's own, and is cleared last.
const (
	dataLow, dataHigh = 0x3ffb0000, 0x3ffe0000
	ownLow, ownHigh   = 0x3fff0000, 0x40000000
)

// redLED is the small one of an ESP32-CAM; it is on when low.
const redLED = machine.Pin(33)

// memory is all that the selector uses.
var memory struct {
	flash    romflash.Chip
	selector boot.Selector
	hash     sha2.Hash256
}

func main() {
	chip.Arm()
	s := &memory.selector
	err := memory.flash.Open(boot.ChipSize, chip.Feed)
	if err == nil {
		err = s.Open(&memory.flash, boot.ESP32CAM(), &memory.hash)
	}
	if err != nil {
		fail("the boot record cannot be read: ", err, nil)
	}
	crashes := chip.Crashes()
	chip.SetCrashes(crashes + 1)
	for {
		c, ok := s.Select(crashes)
		if !ok {
			fail("no image can be started. A: ", s.Found(boot.A), s.Found(boot.B))
		}
		if load(c.Base, &s.Header().Load) {
			l := &s.Header().Load
			(*volatile.Register32)(unsafe.Pointer(uintptr(l.Patch))).Set(c.Base + l.Data.Offset)
			chip.Feed()
			C.selector_jump(C.uintptr_t(l.Entry), ownLow, ownHigh)
		}
		if s.Broken(c) != nil {
			chip.Reset()
		}
	}
}

// load copies the segments of the image at base to memory. It reports whether
// they are what the header says.
func load(base uint32, l *image.Load) bool {
	for at := uintptr(dataLow); at < dataHigh; at += 4 {
		(*volatile.Register32)(unsafe.Pointer(at)).Set(0)
	}
	for i := range l.Segments {
		s := &l.Segments[i]
		if s.Length == 0 {
			break
		}
		if memory.flash.Load(base+s.Offset, uintptr(s.Address), s.Length) != nil || sum(s) != s.CRC {
			return false
		}
	}
	return true
}

// sum is the CRC of a segment in memory, which may know whole words only.
func sum(s *image.Segment) uint32 {
	var c uint32
	var word [4]byte
	for at := s.Address; at < s.Address+s.Length; at += 4 {
		v := (*volatile.Register32)(unsafe.Pointer(uintptr(at))).Get()
		word = [4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
		c = crc.Update(c, word[:])
	}
	return c
}

// fail says why nothing is started, blinks for ten seconds and tries again.
func fail(what string, a, b error) {
	openUART()
	say("selector: ")
	say(what)
	sayError(a)
	if b != nil {
		say("; B: ")
		sayError(b)
	}
	say("\r\n")
	redLED.Configure(machine.PinConfig{Mode: machine.PinOutput})
	for i := range 40 {
		redLED.Set(i%2 == 1)
		time.Sleep(250 * time.Millisecond)
	}
	chip.Reset()
}

func sayError(err error) {
	if err == nil {
		say("was not tried")
		return
	}
	say(err.Error())
}
