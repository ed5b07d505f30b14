//go:build esp32

package sensor

// The first channel and timer of LEDC's fast half: ESP32 Technical Reference
// Manual, 14. One bit of duty, so the clock is symmetrical.
const (
	periClock = 0x3ff000c0
	periReset = 0x3ff000c4
	periLEDC  = 1 << 11

	ledcConf0  = 0x3ff59000
	ledcHPoint = 0x3ff59004
	ledcDuty   = 0x3ff59008
	ledcConf1  = 0x3ff5900c
	ledcTimer0 = 0x3ff59140

	timerReset = 1 << 24
	timerAPB   = 1 << 25
	xclkBits   = 1
	xclkDiv    = 512 // 2 in 1/256: 20 MHz from 80 MHz and two steps

	signalLEDC = 71 // LEDC_HS_SIG_OUT0
)

// startXCLK gives the sensor its clock of 20 MHz.
func startXCLK() {
	reg(periClock).SetBits(periLEDC)
	reg(periReset).ClearBits(periLEDC)
	reg(ledcTimer0).Set(xclkBits | xclkDiv<<5 | timerAPB | timerReset)
	reg(ledcTimer0).Set(xclkBits | xclkDiv<<5 | timerAPB)
	reg(ledcHPoint).Set(0)
	reg(ledcDuty).Set(1 << 4)
	reg(ledcConf0).Set(1 << 2) // timer 0, output
	reg(ledcConf1).Set(1<<31 | 1<<30 | 1<<20 | 1<<10)
	pinXCLK.Configure(outputPin)
	reg(gpioOutSelect + 4*uintptr(pinXCLK)).Set(signalLEDC)
}

func stopXCLK() {
	reg(ledcConf0).Set(0)
}
