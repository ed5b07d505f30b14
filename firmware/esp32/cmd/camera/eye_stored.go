//go:build esp32 && qemu && wifi

package main

import (
	_ "embed"

	"camrelay/firmware/core/capture"
)

// stored is what the sensor sees, again and again.
//
//go:embed stored.jpg
var stored string

// storedEvery is the time between two frames, in nanoseconds.
const storedEvery = second / 10

// eye stands in for a sensor: its registers keep what is written, and frames are
// one that is stored.
type eye struct {
	queue     *capture.Queue
	clock     func() int64
	registers [2][256]byte // by bank
	bank      byte
	on        bool
	next      int64
	at        int // bytes of the frame that has begun
	piece     [256]byte
}

// Start is like the sensor's.
func (e *eye) Start(queue *capture.Queue, clock func() int64) error {
	e.queue, e.clock = queue, clock
	e.at = len(stored)
	return nil
}

// Power implements hal.Camera.
func (e *eye) Power(on bool) {
	// PID and VER, and the manufacturer's, of an OV2640.
	for register, value := range map[byte]byte{0x0a: 0x26, 0x0b: 0x42, 0x1c: 0x7f, 0x1d: 0xa2} {
		e.registers[1][register] = value
	}
}

// WriteRegister implements hal.Camera.
func (e *eye) WriteRegister(register, value byte) error {
	if register == 0xff {
		e.bank = value & 1
		return nil
	}
	e.registers[e.bank][register] = value
	return nil
}

// ReadRegister implements hal.Camera.
func (e *eye) ReadRegister(register byte) (byte, error) {
	if register == 0xff {
		return e.bank, nil
	}
	return e.registers[e.bank][register], nil
}

// Receive implements hal.Camera.
func (e *eye) Receive(on bool) { e.on, e.at = on, len(stored) }

// Step gives the queue more of the frame.
func (e *eye) Step() {
	now := e.clock()
	switch {
	case !e.on:
	case e.at < len(stored):
		n := copy(e.piece[:], stored[e.at:])
		e.queue.Write(e.piece[:n])
		e.at += n
	case now >= e.next:
		e.next = now + storedEvery
		e.queue.EndOfFrame(now, nil)
		e.at = 0
	}
}
