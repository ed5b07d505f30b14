// Probe is the smallest program with all that a camera has of the core. It is
// for compiling it with TinyGo, for measuring what it costs, and for running it
// on an emulated chip; on a host it is an example of a start.
package main

import (
	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/ed25519"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/sha2"
	"camrelay/firmware/core/slot"
)

// memory is a chip without a chip.
type memory [10 * flash.Sector]byte

func (m *memory) Size() uint32 { return uint32(len(m)) }

func (m *memory) Read(off uint32, p []byte) error {
	if err := flash.CheckRead(m.Size(), off, len(p)); err != nil {
		return err
	}
	copy(p, m[off:])
	return nil
}

func (m *memory) Program(off uint32, p []byte) error {
	if err := flash.CheckProgram(m.Size(), off, len(p)); err != nil {
		return err
	}
	for i, b := range p {
		m[int(off)+i] &= b
	}
	return nil
}

func (m *memory) Erase(off uint32) error {
	if err := flash.CheckErase(m.Size(), off); err != nil {
		return err
	}
	for i := range m[off:][:flash.Sector] {
		m[int(off)+i] = 0xff
	}
	return nil
}

// camera is what would be at package level on a camera.
type camera struct {
	chip     memory
	selector boot.Selector
	writer   slot.Writer
	settings config.Store
	values   config.Values
	verifier ed25519.Verifier
	hash     sha2.Hash256
	header   [image.HeaderSize]byte
}

func main() {
	c := new(camera)
	m := boot.Map{Records: 0, Slots: [2]uint32{4 * flash.Sector, 7 * flash.Sector}, SlotSize: 3 * flash.Sector}
	println("settings:", text(c.settings.Open(&c.chip, 2*flash.Sector)), text(c.values.Set(config.Camera, []byte("door"))),
		text(c.settings.Save(c.values.Bytes())))
	println("selector:", text(c.selector.Open(&c.chip, m, &c.hash)))
	choice, ok := c.selector.Select(0)
	println("starts:", ok, "slot", choice.Slot.String())
	println("signature:", text(image.Verify(c.header[:], []image.Key{image.NewKey([32]byte{1})}, &c.verifier)))
	println("camera:", text(whole(&c.chip)))
	println("writer:", text(c.writer.Begin(&c.chip, m.Slots[boot.B], m.SlotSize, c.header[:], &c.hash)))
}

func text(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}
