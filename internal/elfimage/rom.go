package elfimage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"camrelay/firmware/core/boot"
)

// The ROM's image format: Espressif, "Firmware Image Format" in the manual of
// esptool.
const (
	romMagic    = 0xe9
	romHead     = 24   // and 8 for each segment
	romFlash    = 3    // offset of the byte with size and speed of the flash
	romHashed   = 23   // offset of the byte that says that a SHA-256 follows
	flash4M80   = 0x2f // 4 MiB, 80 MHz
	romChecksum = 0xef
	romSegments = 16
)

// Memory of the selector. It is what no program is loaded to, so that the
// selector can put a program where it belongs.
const (
	selectorCodeLow, selectorCodeHigh = 0x40078000, 0x40080000
	selectorDataLow, selectorDataHigh = 0x3fff0000, 0x3fff8000
)

// Selector returns the boot selector for a board with 4 MiB of flash, from what
// TinyGo made of it, which says 2 MiB. It checks the image as the ROM does, and
// that all of it stays in the selector's memory.
func Selector(rom []byte) ([]byte, error) {
	end, err := checkROM(rom)
	if err != nil {
		return nil, fmt.Errorf("the selector cannot be used: %w", err)
	}
	if end+sha256.Size > boot.SelectorSize {
		return nil, fmt.Errorf("the selector has %d bytes, and there is room for %d", end+sha256.Size, boot.SelectorSize)
	}
	out := bytes.Clone(rom[:end])
	out[romFlash] = flash4M80
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), nil
}

// checkROM returns where the SHA-256 begins.
func checkROM(rom []byte) (end int, err error) {
	if len(rom) < romHead || rom[0] != romMagic {
		return 0, fmt.Errorf("it is no image for the ESP32's ROM; tinygo build -o selector.bin makes one")
	}
	segments, entry := int(rom[1]), binary.LittleEndian.Uint32(rom[4:])
	if segments == 0 || segments > romSegments || rom[romHashed] != 1 {
		return 0, fmt.Errorf("it has %d segments, or no SHA-256", segments)
	}
	checksum, entered := byte(romChecksum), false
	at := romHead
	for range segments {
		if len(rom)-at < 8 {
			return 0, fmt.Errorf("it is cut off")
		}
		address, size := binary.LittleEndian.Uint32(rom[at:]), binary.LittleEndian.Uint32(rom[at+4:])
		at += 8
		if uint64(size) > uint64(len(rom)-at) {
			return 0, fmt.Errorf("it is cut off")
		}
		code := within(uint64(address), uint64(size), selectorCodeLow, selectorCodeHigh)
		if !code && !within(uint64(address), uint64(size), selectorDataLow, selectorDataHigh) {
			return 0, fmt.Errorf("it loads %d bytes to %#x, where a program may be loaded; it needs the linker script selector.ld", size, address)
		}
		entered = entered || code && entry >= address && entry-address < size
		for _, b := range rom[at : at+int(size)] {
			checksum ^= b
		}
		at += int(size)
	}
	end = (at + 16) &^ 15
	switch {
	case !entered:
		return 0, fmt.Errorf("its entry %#x is not in its code", entry)
	case len(rom) != end+sha256.Size:
		return 0, fmt.Errorf("it has %d bytes, and its segments say %d", len(rom), end+sha256.Size)
	case rom[end-1] != checksum:
		return 0, fmt.Errorf("its checksum is wrong")
	case sha256.Sum256(rom[:end]) != [sha256.Size]byte(rom[end:]):
		return 0, fmt.Errorf("its SHA-256 is wrong")
	}
	return end, nil
}
