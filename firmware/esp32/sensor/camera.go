//go:build esp32

// Package sensor is the sensor of an ESP32-CAM by AI-Thinker: its supply, clock
// and control bus, and the receiver of its data, which are I2S with DMA and two
// interrupts.
package sensor

import (
	"machine"
	"runtime/volatile"
	"unsafe"

	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/hal"
)

// Pins of the AI-Thinker board.
const (
	pinXCLK  = machine.Pin(0)
	pinPWDN  = machine.Pin(32) // high: off
	pinSDA   = machine.Pin(26)
	pinSCL   = machine.Pin(27)
	pinVSYNC = machine.Pin(25)
	pinHREF  = machine.Pin(23)
	pinPCLK  = machine.Pin(22)
)

// dataPins are D0 to D7.
var dataPins = [8]machine.Pin{5, 18, 19, 21, 36, 39, 34, 35}

var (
	outputPin = machine.PinConfig{Mode: machine.PinOutput}
	inputPin  = machine.PinConfig{Mode: machine.PinInput}
)

// address is that of the OV2640 on its control bus.
const address = 0x30

// Error is what the sensor did not do. It allocates nothing.
type Error uint8

// Errors of this package.
const ErrNoAnswer Error = 1

func (e Error) Error() string { return "sensor: it does not answer" }

// Camera implements hal.Camera. There is one, because interrupts have no other
// way to find it.
type Camera struct {
	bus [2]byte // what goes over the control bus
}

var _ hal.Camera = (*Camera)(nil)

// reg is a register of the chip.
func reg(address uintptr) *volatile.Register32 {
	return (*volatile.Register32)(unsafe.Pointer(address))
}

// Start prepares everything, the sensor off. Frames go to queue, by clock.
func (c *Camera) Start(queue *capture.Queue, clock func() int64) error {
	pinPWDN.Configure(outputPin)
	pinPWDN.High()
	for _, pin := range [2]machine.Pin{pinSDA, pinSCL} {
		pin.Configure(machine.PinConfig{Mode: machine.PinInputPullup})
	}
	err := machine.I2C0.Configure(machine.I2CConfig{Frequency: 100 * machine.KHz, SDA: pinSDA, SCL: pinSCL})
	if err != nil {
		return err
	}
	return startReceiver(queue, clock)
}

// Power implements hal.Camera.
func (c *Camera) Power(on bool) {
	if !on {
		pinPWDN.High()
		stopXCLK()
		return
	}
	startXCLK()
	pinPWDN.Low()
}

// WriteRegister implements hal.Camera.
func (c *Camera) WriteRegister(register, value byte) error {
	c.bus = [2]byte{register, value}
	if machine.I2C0.Tx(address, c.bus[:], nil) != nil {
		return ErrNoAnswer
	}
	return nil
}

// ReadRegister implements hal.Camera. SCCB knows no repeated start, so there is
// a stop between the two halves.
func (c *Camera) ReadRegister(register byte) (byte, error) {
	c.bus[0] = register
	if machine.I2C0.Tx(address, c.bus[:1], nil) != nil || machine.I2C0.Tx(address, nil, c.bus[1:]) != nil {
		return 0, ErrNoAnswer
	}
	return c.bus[1], nil
}

// Receive implements hal.Camera.
func (c *Camera) Receive(on bool) {
	if on {
		receive()
		return
	}
	stopReceiving()
}
