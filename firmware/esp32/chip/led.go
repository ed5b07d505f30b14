//go:build esp32

package chip

import "machine"

// LEDs of an ESP32-CAM: the bright one behind a transistor, the small one on when
// low.
const (
	flashPin = 4
	redPin   = machine.Pin(33)
)

// The second channel and timer of LEDC's fast half (ESP32 Technical Reference
// Manual, 14); the first are the sensor's clock.
const (
	periLEDC      = 1 << 11
	ledcChannel1  = 0x3ff59014
	ledcTimer1    = 0x3ff59148
	ledcSignal1   = 72 // LEDC_HS_SIG_OUT1
	gpioOutSelect = 0x3ff44530

	ledcBits = 8
	ledcDiv  = 16_000 // 62.5 in 1/256: 5 kHz from 80 MHz
)

// LED implements hal.LED.
type LED struct{}

// Start prepares both, off.
func (l LED) Start() {
	redPin.Configure(machine.PinConfig{Mode: machine.PinOutput})
	l.Red(false)
	machine.Pin(flashPin).Configure(machine.PinConfig{Mode: machine.PinOutput})
	machine.Pin(flashPin).Low()
	reg(periClock).SetBits(periLEDC)
	reg(periReset).ClearBits(periLEDC)
	reg(ledcTimer1).Set(ledcBits | ledcDiv<<5 | 1<<25 | 1<<24)
	reg(ledcTimer1).Set(ledcBits | ledcDiv<<5 | 1<<25)
	l.Flash(0)
	reg(gpioOutSelect + 4*flashPin).Set(ledcSignal1)
}

// Flash implements hal.LED.
func (LED) Flash(level uint8) {
	duty := uint32(level)
	if level == 255 {
		duty = 256
	}
	reg(ledcChannel1 + 4).Set(0)         // rises at the beginning of the period
	reg(ledcChannel1 + 8).Set(duty << 4) // in 1/16
	reg(ledcChannel1).Set(1 | 1<<2)      // timer 1, output
	reg(ledcChannel1 + 12).Set(1<<31 | 1<<30 | 1<<20 | 1<<10)
}

// Red implements hal.LED.
func (LED) Red(on bool) { redPin.Set(!on) }
