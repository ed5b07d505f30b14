//go:build esp32

package sensor

import (
	"device/esp"
	"machine"
	"runtime/interrupt"
	"unsafe"

	"camrelay/firmware/core/capture"
)

// The ring that the DMA fills: eight buffers of 2,048 bytes, which are 512 bytes
// of the sensor's each, because one takes a word.
const (
	buffers     = 8
	bufferWords = 512
)

// descriptor of the DMA: ESP32 Technical Reference Manual, 12.
type descriptor struct {
	flags  uint32
	buffer uintptr
	next   uintptr
}

const (
	descriptorSize  = 12
	descriptorOwner = 1 << 31
)

// Bits of I2S0, and its place in the matrices of signals and interrupts.
const (
	confRxReset     = 1 << 1
	confRxFIFOReset = 1 << 3
	confRxStart     = 1 << 5
	confRxSlave     = 1 << 7
	lcInReset       = 1 << 0
	lcFIFOReset     = 1 << 2
	lcAHBReset      = 1 << 3
	conf2Camera     = 1 << 0
	conf2LCD        = 1 << 5
	linkStop        = 1 << 28
	linkStart       = 1 << 29
	inSucEOF        = 1 << 9

	periI2S0      = 1 << 4
	i2s0Interrupt = 0x3ff00184 // DPORT_PRO_I2S0_INT_MAP
	cpuLine       = 13         // level 1, and free

	gpioInSelect  = 0x3ff44130
	gpioOutSelect = 0x3ff44530
	selectMatrix  = 1 << 7
	selectHigh    = 0x38
	signalData0   = 140 // I2S0I_DATA_IN0
	signalVSYNC   = 191
	signalHREF    = 190
	signalEnable  = 192
	signalPCLK    = 28 // I2S0I_WS_IN
)

// The receiver's state. It is the interrupts', and only changed with them off, so
// it is at package level. Interrupts must not use floating point, loops of the
// processor, memory functions of the ROM, or the heap: they do not save what
// those use.
//
//go:align 16
var ring [buffers][bufferWords]uint32

//go:align 16
var descriptors [buffers]descriptor

var receiver struct {
	queue *capture.Queue
	clock func() int64 // in nanoseconds
	next  uint32       // buffer that is fed next
	on    bool
}

// startReceiver prepares I2S0 and its pins.
func startReceiver(queue *capture.Queue, clock func() int64) error {
	receiver.queue, receiver.clock = queue, clock
	for i := range descriptors {
		descriptors[i] = descriptor{
			flags:  bufferWords*4 | bufferWords*4<<12 | descriptorOwner,
			buffer: uintptr(unsafe.Pointer(&ring[i])),
			next:   uintptr(unsafe.Pointer(&descriptors[(i+1)%buffers])),
		}
	}
	reg(periClock).SetBits(periI2S0)
	reg(periReset).SetBits(periI2S0)
	reg(periReset).ClearBits(periI2S0)
	route()
	configureI2S()
	reg(i2s0Interrupt).Set(cpuLine)
	if err := interrupt.New(cpuLine, filled).Enable(); err != nil {
		return err
	}
	return pinVSYNC.SetInterrupt(machine.PinFalling, frameEnded)
}

// route connects the pins with I2S0.
func route() {
	connect := func(pin machine.Pin, signal uintptr) {
		pin.Configure(inputPin)
		reg(gpioInSelect + 4*signal).Set(uint32(pin) | selectMatrix)
	}
	for i, pin := range dataPins {
		connect(pin, signalData0+uintptr(i))
	}
	connect(pinVSYNC, signalVSYNC)
	connect(pinHREF, signalHREF)
	connect(pinPCLK, signalPCLK)
	reg(gpioInSelect + 4*signalEnable).Set(selectHigh | selectMatrix)
}

// configureI2S makes it take a byte with each edge of PCLK, to bits 23 to 16 of a
// word: fifo mode 3. Other modes are denser and may lose a byte's place.
func configureI2S() {
	esp.I2S0.CONF.Set(confRxSlave)
	esp.I2S0.CONF2.Set(conf2Camera | conf2LCD)
	esp.I2S0.CLKM_CONF.Set(esp.I2S0.CLKM_CONF.Get()&^0xfffff | 2) // 80 MHz
	esp.I2S0.FIFO_CONF.Set(1<<12 | 3<<16 | 1<<20)
	esp.I2S0.CONF_CHAN.Set(1 << 3)
	esp.I2S0.SAMPLE_RATE_CONF.Set(esp.I2S0.SAMPLE_RATE_CONF.Get() &^ (63 << 18))
	esp.I2S0.TIMING.Set(1 << 21)
	esp.I2S0.RXEOF_NUM.Set(bufferWords)
	esp.I2S0.INT_ENA.Set(0)
}

// receive starts the transfer. The ring is poisoned first.
func receive() {
	state := interrupt.Disable()
	if !receiver.on {
		for i := range ring {
			receiver.queue.Feed(ring[i][:])
		}
		receiver.on = true
		begin()
		esp.I2S0.INT_ENA.Set(inSucEOF)
	}
	interrupt.Restore(state)
}

func stopReceiving() {
	state := interrupt.Disable()
	receiver.on = false
	end()
	esp.I2S0.INT_ENA.Set(0)
	esp.I2S0.INT_CLR.Set(inSucEOF)
	interrupt.Restore(state)
}

// begin starts the DMA at the first buffer.
func begin() {
	esp.I2S0.CONF.Set(confRxSlave | confRxReset | confRxFIFOReset)
	esp.I2S0.CONF.Set(confRxSlave)
	esp.I2S0.LC_CONF.Set(lcInReset | lcFIFOReset | lcAHBReset)
	esp.I2S0.LC_CONF.Set(0)
	esp.I2S0.INT_CLR.Set(inSucEOF)
	receiver.next = 0
	esp.I2S0.IN_LINK.Set(uint32(uintptr(unsafe.Pointer(&descriptors)))&0xfffff | linkStart)
	esp.I2S0.CONF.Set(confRxSlave | confRxStart)
}

// end stops the DMA.
func end() {
	esp.I2S0.CONF.Set(confRxSlave)
	esp.I2S0.IN_LINK.Set(linkStop)
}

// filled is the interrupt after each buffer.
//
//go:noinline
func filled(interrupt.Interrupt) {
	esp.I2S0.INT_CLR.Set(inSucEOF)
	if receiver.on {
		feed()
	}
}

// feed hands over the buffers that are full. An interrupt may have come late and
// be about more than one.
func feed() {
	first := uint32(uintptr(unsafe.Pointer(&descriptors)))
	at := esp.I2S0.IN_EOF_DES_ADDR.Get() - first
	for i := uint32(0); i < buffers; i++ {
		last := receiver.next*descriptorSize == at
		receiver.queue.Feed(ring[receiver.next][:])
		receiver.next = (receiver.next + 1) % buffers
		if last {
			return
		}
	}
}

// frameEnded is the interrupt of VSYNC's falling edge. The radio makes edges of
// its own, so the line is looked at again.
//
//go:noinline
func frameEnded(machine.Pin) {
	if !receiver.on || pinVSYNC.Get() {
		return
	}
	now := receiver.clock()
	if receiver.queue.Glitch(now) {
		return
	}
	end()
	if esp.I2S0.INT_RAW.Get()&inSucEOF != 0 { // filled has not run yet
		feed()
	}
	receiver.queue.EndOfFrame(now, ring[receiver.next][:])
	begin()
}
