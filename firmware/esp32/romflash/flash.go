//go:build esp32

// Package romflash is the flash chip of an ESP32, by functions of its ROM.
package romflash

/*
#include "flash.h"
*/
import "C"

import (
	"runtime/volatile"
	"unsafe"

	"camrelay/firmware/core/flash"
)

// Registers, and functions of the ROM: ESP32 Technical Reference Manual, DPORT
// and SPI; esp32.rom.ld of ESP-IDF.
const (
	dportProCacheCtrl  = 0x3ff00040
	dportProCacheCtrl1 = 0x3ff00044
	dportProDbug0      = 0x3ff003f0
	cacheState         = 0x7ff << 7
	cacheIdle          = 1 << 7
	spi1User           = 0x3ff4201c
	spi1UserCommand    = 1 << 31

	romErase     = 0x40062ccc // esp_rom_spiflash_erase_sector
	romProgram   = 0x40062d50 // esp_rom_spiflash_write
	romRead      = 0x40062ed8 // esp_rom_spiflash_read
	romConfigure = 0x40063238 // esp_rom_spiflash_config_param
	romFlush     = 0x40009a14 // Cache_Flush
)

// chunk is how much is read at once, in bytes: interrupts are off meanwhile.
const chunk = 1024

// Chip is the flash. It is made once; its memory is what the ROM reads to and
// writes from, because it wants words, and nothing that is in the flash itself.
type Chip struct {
	table  [9]uintptr // struct romflash_table
	words  [chunk / 4]uint32
	size   uint32
	before func()
}

var _ flash.Device = (*Chip)(nil)

// Open prepares a chip of size bytes. before is called ahead of each operation,
// the longest of which takes 0.4 s; it may be nil.
func (c *Chip) Open(size uint32, before func()) error {
	c.size, c.before = size, before
	c.table = [9]uintptr{dportProCacheCtrl, dportProCacheCtrl1, dportProDbug0, cacheState, cacheIdle, romErase, romProgram, romRead, romFlush}
	(*volatile.Register32)(unsafe.Pointer(uintptr(spi1User))).SetBits(spi1UserCommand) // as after a reset; an emulator may begin without
	if C.romflash_size(unsafe.Pointer(uintptr(romConfigure)), C.uint32_t(size)) != 0 {
		return flash.ErrDevice
	}
	return nil
}

// Size implements flash.Device.
func (c *Chip) Size() uint32 { return c.size }

// Read implements flash.Device.
func (c *Chip) Read(off uint32, p []byte) error {
	if err := flash.CheckRead(c.size, off, len(p)); err != nil {
		return err
	}
	for len(p) > 0 {
		n := min(len(p), chunk)
		if err := c.do(C.ROMFLASH_READ, off, n); err != nil {
			return err
		}
		copy(p[:n], c.bytes())
		p, off = p[n:], off+uint32(n)
	}
	return nil
}

// Load reads to memory that may know whole words only. Offset, address and
// length are multiples of 4.
func (c *Chip) Load(off uint32, address uintptr, size uint32) error {
	if err := flash.CheckRead(c.size, off, int(size)); err != nil {
		return err
	}
	for done := uint32(0); done < size; {
		n := min(size-done, chunk)
		if err := c.do(C.ROMFLASH_READ, off+done, int(n)); err != nil {
			return err
		}
		for i := range c.words[:n/4] {
			(*volatile.Register32)(unsafe.Pointer(address + uintptr(done) + 4*uintptr(i))).Set(c.words[i])
		}
		done += n
	}
	return nil
}

// Program implements flash.Device.
func (c *Chip) Program(off uint32, p []byte) error {
	if err := flash.CheckProgram(c.size, off, len(p)); err != nil {
		return err
	}
	if len(p) == 0 {
		return nil
	}
	copy(c.bytes(), p)
	return c.do(C.ROMFLASH_PROGRAM, off, len(p))
}

// Erase implements flash.Device.
func (c *Chip) Erase(off uint32) error {
	if err := flash.CheckErase(c.size, off); err != nil {
		return err
	}
	return c.do(C.ROMFLASH_ERASE, off/flash.Sector, 0)
}

func (c *Chip) bytes() []byte { return (*[chunk]byte)(unsafe.Pointer(&c.words))[:] }

func (c *Chip) do(op C.int, at uint32, n int) error {
	if c.before != nil {
		c.before()
	}
	table := (*C.struct_romflash_table)(unsafe.Pointer(&c.table))
	if C.romflash_do(table, op, C.uint32_t(at), (*C.uint32_t)(unsafe.Pointer(&c.words)), C.int(n)) != 0 {
		return flash.ErrDevice
	}
	return nil
}
