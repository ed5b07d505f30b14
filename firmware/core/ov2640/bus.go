package ov2640

import "camrelay/firmware/core/hal"

// maxTries is how often a transaction is tried before the sensor is given up.
const maxTries = 4

// slice is how many transactions are done in one step: below 2 ms.
const slice = 4

// Fault is what went wrong with the sensor.
type Fault struct {
	Err      error // an Error; nil: nothing so far
	Cause    error // what the bus said
	Bank     uint8 // ErrWrite, ErrRead: 0 the DSP's registers, 1 the sensor's
	Register uint8
	Value    uint8 // ErrWrite: what it did not take; ErrSensor: what it said it is
}

// bus runs programs.
type bus struct {
	camera hal.Camera
	left   []uint16 // of the program
	bank   uint8    // that it wants
	chosen bool     // the sensor has that one
	tries  uint8    // of what is next in the program
	fault  Fault
}

// begin runs a program from its start.
func (b *bus) begin(entries []uint16) { b.left, b.tries = entries, 0 }

// forget says that the sensor may have lost what it was told.
func (b *bus) forget() { b.chosen = false }

// run does the next part of the program. The error is ErrWrite or ErrRead, when
// a transaction has failed too often.
func (b *bus) run() (done bool, err error) {
	for n := 0; len(b.left) > 0 && n < slice; n++ {
		if err := b.next(); err == nil {
			b.tries = 0
			continue
		}
		b.chosen = false // the sensor may have taken half of it
		if b.tries++; b.tries == maxTries {
			return false, b.fault.Err
		}
		return false, nil
	}
	return len(b.left) == 0, nil
}

// next does one entry, or a register and what is to be kept of it.
func (b *bus) next() error {
	entry, keep, entries := b.left[0], uint8(0), 1
	switch entry &^ 0xff {
	case bankSelect:
		b.chosen = b.chosen && b.bank == uint8(entry)
		b.bank = uint8(entry)
		b.left = b.left[1:]
		return nil
	case keepNext:
		entry, keep, entries = b.left[1], uint8(entry), 2
	}
	register, value := uint8(entry>>8), uint8(entry)
	if keep != 0 {
		old, err := b.read(register)
		if err != nil {
			return err
		}
		value |= old & keep
	}
	if err := b.write(register, value); err != nil {
		return err
	}
	b.left = b.left[entries:]
	return nil
}

// choose makes the sensor use the bank, unless it does.
func (b *bus) choose() error {
	if b.chosen {
		return nil
	}
	err := b.camera.WriteRegister(bankSelect>>8, b.bank)
	b.chosen = err == nil
	return err
}

func (b *bus) write(register, value uint8) error {
	err := b.choose()
	if err == nil {
		err = b.camera.WriteRegister(register, value)
	}
	if err != nil {
		b.fault = Fault{ErrWrite, err, b.bank, register, value}
	}
	return err
}

func (b *bus) read(register uint8) (value uint8, err error) {
	if err = b.choose(); err == nil {
		value, err = b.camera.ReadRegister(register)
	}
	if err != nil {
		b.fault = Fault{ErrRead, err, b.bank, register, 0}
	}
	return value, err
}
