//go:build esp32

package main

import (
	"runtime/volatile"
	"unsafe"
)

// The first UART: ESP32 Technical Reference Manual, 13.
const (
	uartFIFO    = 0x3ff40000
	uartDivider = 0x3ff40014
	uartStatus  = 0x3ff4001c
	uartFull    = 120 // of 128 bytes
)

// openUART sets 115,200 baud from 80 MHz, which the ROM had set from 40 MHz.
func openUART() {
	(*volatile.Register32)(unsafe.Pointer(uintptr(uartDivider))).Set(694 | 7<<20)
}

func say(s string) {
	for i := range len(s) {
		for (*volatile.Register32)(unsafe.Pointer(uintptr(uartStatus))).Get()>>16&0xff >= uartFull {
		}
		(*volatile.Register32)(unsafe.Pointer(uintptr(uartFIFO))).Set(uint32(s[i]))
	}
}
