//go:build esp32 && qemu && !wifi

// With the tag qemu alone the program is a console on the UART, for an emulator
// without radio and sensor: it shows what the selector, the slots, the watchdog
// and the flash do. A command is a line; its answer is a line that begins with ok
// or error.
package main

import (
	"machine"
	"runtime"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/sha2"
	"camrelay/firmware/core/slot"
	"camrelay/firmware/esp32/chip"
	"camrelay/firmware/esp32/romflash"
)

// console is the program. It is at package level because it is large.
type console struct {
	system  chip.System
	clock   chip.Clock
	flash   romflash.Chip
	log     boot.Log
	writer  slot.Writer
	hash    sha2.Hash256
	running image.Header
	page    [image.HeaderSize]byte
	line    [80]byte
}

var program console

func main() {
	c := &program
	c.system.Start()
	chip.Arm()
	c.clock.Start()
	err := c.flash.Open(boot.ChipSize, chip.Feed)
	if err == nil {
		err = c.log.Open(&c.flash, boot.RecordsOffset)
	}
	if err == nil {
		err = c.readHeader()
	}
	if err != nil {
		println("error", err.Error())
	}
	c.status()
	for {
		c.answer(c.read())
	}
}

// read waits for a line.
func (c *console) read() string {
	for n := 0; ; {
		chip.Feed()
		if machine.Serial.Buffered() == 0 {
			runtime.Gosched()
			continue
		}
		b, err := machine.Serial.ReadByte()
		switch {
		case err != nil:
		case b == '\n' || b == '\r':
			if n > 0 {
				return string(c.line[:n])
			}
		case n < len(c.line):
			c.line[n] = b
			n++
		}
	}
}

func (c *console) answer(command string) {
	here := c.system.Slot()
	switch command {
	case "status":
		c.status()
	case "copy": // this image to the other slot
		c.done(c.copy(here.Other()))
	case "activate": // the other slot
		c.done(c.activate(here))
	case "confirm":
		c.done(c.log.Confirm(here))
	case "reject":
		c.done(c.log.Reject(here))
	case "settle":
		c.done(c.log.Settle(here, &c.running))
	case "stayed":
		c.system.Stayed()
		c.done(nil)
	case "flash":
		c.done(c.testFlash())
	case "reset":
		println("ok resets")
		chip.Reset()
	case "hang":
		println("ok hangs")
		for {
		}
	case "panic":
		println("ok panics")
		panic("as told")
	default:
		println("error there is no command", command)
	}
}

func (c *console) done(err error) {
	if err != nil {
		println("error", err.Error())
		return
	}
	println("ok")
}

// status says where this runs, why, and what the newest record says.
func (c *console) status() {
	here := c.system.Slot()
	print("ok slot ", here.String(), " build ", c.running.Build, " cause ", c.system.Cause().String(), " crashes ", chip.Crashes())
	if r, ok := c.log.Newest(); ok {
		print(" record ", r.Seq, " for ", r.Slot.String(), " ", r.State().String(), " attempts ", r.Attempts)
	}
	println()
}

func (c *console) readHeader() error {
	if err := c.flash.Read(boot.ESP32CAM().Slots[c.system.Slot()], c.page[:]); err != nil {
		return err
	}
	return image.Decode(c.page[:], &c.running)
}

// copy writes this image to a slot, as an update does.
func (c *console) copy(to boot.Slot) error {
	m := boot.ESP32CAM()
	from := m.Slots[c.system.Slot()]
	if err := c.readHeader(); err != nil {
		return err
	}
	if err := c.writer.Begin(&c.flash, m.Slots[to], m.SlotSize, c.page[:], &c.hash); err != nil {
		return err
	}
	for done := false; !done; {
		var err error
		if done, err = c.writer.Erase(); err != nil {
			return err
		}
	}
	for c.writer.Left() > 0 {
		n := min(c.writer.Left(), flash.Sector)
		if err := c.flash.Read(from+c.writer.Offset(), c.page[:n]); err != nil {
			return err
		}
		if _, err := c.writer.Write(c.page[:n]); err != nil {
			return err
		}
	}
	for done := false; !done; {
		var err error
		if done, err = c.writer.Check(); err != nil {
			return err
		}
	}
	return c.writer.Commit()
}

func (c *console) activate(here boot.Slot) error {
	if err := c.log.Settle(here, &c.running); err != nil {
		return err
	}
	return c.log.Activate(here.Other(), c.writer.Header(), here, &c.running)
}

// testFlash erases, programs, clears bits, and reads back each time.
func (c *console) testFlash() error {
	p := c.page[:flash.Page]
	if err := c.flash.Erase(boot.SpareOffset); err != nil {
		return err
	}
	if err := c.flash.Read(boot.SpareOffset, p); err != nil {
		return err
	}
	if !flash.Blank(p) {
		return flash.ErrVerify
	}
	for round := range 2 {
		for i := range p {
			p[i] = byte(i) >> (4 * round)
		}
		if err := flash.Program(&c.flash, boot.SpareOffset, p); err != nil {
			return err
		}
		for i := range p {
			p[i] = byte(i) & (byte(i) >> (4 * round))
		}
		if err := flash.Verify(&c.flash, boot.SpareOffset, p, c.page[flash.Page:][:flash.Page]); err != nil {
			return err
		}
	}
	return nil
}
