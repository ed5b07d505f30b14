package ov2640

// maxProgram is enough for all that is computed.
const maxProgram = 96

// program is a list of writes that is made when it is needed.
type program struct {
	list [maxProgram]uint16
	n    int
	bank uint16 // that the list has chosen so far, 0 if none
}

func (p *program) reset() { p.n, p.bank = 0, 0 }

func (p *program) add(entry uint16) {
	p.list[p.n] = entry
	p.n++
}

func (p *program) table(entries []uint16) {
	for _, e := range entries {
		p.add(e)
	}
	p.bank = 0
}

// write sets a register of a bank.
func (p *program) write(bank uint16, register, value int) {
	if bank != p.bank {
		p.add(bank)
		p.bank = bank
	}
	p.add(uint16(register)<<8 | uint16(value)&0xff)
}

// change sets the bits of a register that are not in keep.
func (p *program) change(bank uint16, register, keep, value int) {
	if bank != p.bank {
		p.add(bank)
		p.bank = bank
	}
	if keep != 0 {
		p.add(keepNext | uint16(keep))
	}
	p.write(bank, register, value)
}

// size makes the program for the size and the part of the field. While it runs
// the DSP is bypassed.
func (p *program) size(w window) {
	p.write(dsp, 0x05, 1)
	switch w.mode {
	case modeCIF:
		p.table(toCIF[:])
	case modeSVGA:
		p.table(toSVGA[:])
	default:
		p.table(toUXGA[:])
	}
	p.window(w)
	p.write(sensor, 0x11, 0x00) // CLKRC: not divided
	speed := 0x08               // clock of the output, divided
	if w.mode == modeUXGA {
		speed = 0x0c
	}
	p.write(dsp, 0xd3, speed)
	p.write(dsp, 0x05, 0)
}

// window sets the source window and the picture's size, in units of 4 pixels;
// offsets are in pixels.
func (p *program) window(w window) {
	x, y := w.source.x, w.source.y
	h, v := w.source.width/4, w.source.height/4
	outH, outV := w.width/4, w.height/4
	p.write(dsp, 0x51, h)
	p.write(dsp, 0x52, v)
	p.write(dsp, 0x53, x)
	p.write(dsp, 0x54, y)
	p.write(dsp, 0x55, v>>1&0x80|y>>4&0x70|h>>5&0x08|x>>8&0x07)
	p.write(dsp, 0x57, h>>2&0x80)
	p.write(dsp, 0x5a, outH)
	p.write(dsp, 0x5b, outV)
	p.write(dsp, 0x5c, outV>>6&0x04|outH>>8&0x03)
}

// change of settings: from is nil when nothing is known of the sensor.
type change struct{ from, to *Settings }

// any reports whether one of the controls changes.
func (c change) any(controls ...Control) bool {
	for _, i := range controls {
		if c.from == nil || c.from[i] != c.to[i] {
			return true
		}
	}
	return false
}

// bits is value<<shift of a control that is 0 or more.
func (c change) bits(i Control, shift int) int { return int(c.to[i]) << shift }

// controls makes the program for all that changes but the size.
func (p *program) controls(c change) {
	if c.any(Quality) {
		p.write(dsp, 0x44, c.bits(Quality, 0))
	}
	p.effects(c)
	p.colours(c)
	p.exposure(c)
	p.picture(c)
}

// effects sets the block of the DSP that has a register for which of its parts
// are in use: 02 saturation, 04 brightness and contrast, others of an effect. So
// all of them are set whenever one of them changes. A luminance Y becomes
// (Y - 20) * contrast/20 + brightness, in hexadecimal.
func (p *program) effects(c change) {
	if !c.any(SpecialEffect, Saturation, Brightness, Contrast) {
		return
	}
	effect := [...][3]int{
		{0x00, 0x80, 0x80}, {0x40, 0x80, 0x80}, {0x18, 0x80, 0x80},
		{0x18, 0x40, 0xc0}, {0x18, 0x40, 0x40}, {0x18, 0xa0, 0x40}, {0x18, 0x40, 0xa6},
	}[c.to[SpecialEffect]]
	saturation, brightness, contrast := int(c.to[Saturation]), int(c.to[Brightness]), int(c.to[Contrast])
	parts := effect[0]
	if saturation != 0 {
		parts |= 0x02
	}
	if brightness != 0 || contrast != 0 {
		parts |= 0x04
	}
	p.indirect(0x00, parts)
	p.indirect(0x05, effect[1], effect[2])
	p.indirect(0x03, 0x48+0x10*saturation, 0x48+0x10*saturation)
	// The middle of the range stays where it is: less contrast needs more. Much
	// contrast and little brightness end at 0.
	p.indirect(0x07, 0x20, 0x20+4*contrast, max(0x20-10*contrast+0x10*brightness, 0), 0x06)
}

// indirect writes registers of the effects' block, one after another.
func (p *program) indirect(address int, values ...int) {
	p.write(dsp, 0x7c, address)
	for _, v := range values {
		p.write(dsp, 0x7d, v)
	}
}

// colours sets the corrections, and white balance.
func (p *program) colours(c change) {
	if c.any(RawGMA, AWB, AWBGain, LENC) {
		p.write(dsp, 0xc3, 0xd1|c.bits(RawGMA, 5)|c.bits(AWB, 3)|c.bits(AWBGain, 2)|c.bits(LENC, 1))
	}
	if c.any(BPC, WPC) {
		p.write(dsp, 0x87, 0x10|c.bits(BPC, 7)|c.bits(WPC, 6))
	}
	if !c.any(WBMode) {
		return
	}
	if c.to[WBMode] == 0 {
		p.write(dsp, 0xc7, 0x10)
		return
	}
	light := [...][3]int{{0x5e, 0x41, 0x54}, {0x65, 0x41, 0x4f}, {0x52, 0x41, 0x66}, {0x42, 0x3f, 0x71}}[c.to[WBMode]-1]
	p.write(dsp, 0xc7, 0x50)
	p.write(dsp, 0xcc, light[0])
	p.write(dsp, 0xcd, light[1])
	p.write(dsp, 0xce, light[2])
}

// exposure sets how bright pictures are made. What the sensor adjusts by itself
// is not disturbed.
func (p *program) exposure(c change) {
	if c.any(AELevel) {
		level := [...][3]int{{0x20, 0x18, 0x60}, {0x34, 0x1c, 0x00}, {0x3e, 0x38, 0x81}, {0x48, 0x40, 0x81}, {0x58, 0x50, 0x92}}[c.to[AELevel]+2]
		p.write(sensor, 0x24, level[0])
		p.write(sensor, 0x25, level[1])
		p.write(sensor, 0x26, level[2])
	}
	if c.any(GainCeiling) {
		p.write(sensor, 0x14, 0x08|c.bits(GainCeiling, 5))
	}
	if c.any(AEC, AGC) {
		p.write(sensor, 0x13, 0xe0|c.bits(AGC, 2)|c.bits(AEC, 0))
	}
	if c.to[AGC] == 0 && c.any(AGC, AGCGain) {
		p.write(sensor, 0x00, gainCode(int(c.to[AGCGain])+1))
	}
	if c.to[AEC] == 0 && c.any(AEC, AECValue) {
		p.write(sensor, 0x10, c.bits(AECValue, 0)>>2)
		p.change(sensor, 0x45, 0xc0, c.bits(AECValue, 0)>>10)
	}
	if c.any(AEC2) {
		p.change(dsp, 0xc2, 0xbf, (1-c.bits(AEC2, 0))<<6)
	}
}

// gainCode is the register's form of a gain of 1 to 31: each bit of the upper
// half doubles it, the lower half adds sixteenths.
func gainCode(gain int) int {
	code := 0
	double := 1
	for 2*double <= gain {
		double *= 2
		code = code<<1 | 0x10
	}
	return code | (gain-double)*16/double
}

// picture sets what is done with the pixels. The lowest bits of REG04 belong to
// the exposure.
func (p *program) picture(c change) {
	if c.any(HMirror, VFlip, AEC, AECValue) {
		keep, low := 0x03, 0
		if c.to[AEC] == 0 {
			keep, low = 0x00, c.bits(AECValue, 0)&0x03
		}
		p.change(sensor, 0x04, keep, 0x28|c.bits(HMirror, 7)|c.bits(VFlip, 6)|c.bits(VFlip, 4)|low)
	}
	if c.any(DCW) {
		p.write(dsp, 0x86, 0x1d|c.bits(DCW, 5))
	}
	if c.any(ColorBar) {
		com7 := [...]int{0x20, 0x40, 0x00}[windowOf(c.to.Size(), int(c.to[Zoom])).mode]
		p.write(sensor, 0x12, com7|c.bits(ColorBar, 1))
	}
}
