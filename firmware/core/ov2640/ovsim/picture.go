package ovsim

import "image"

// Picture is what the sensor gives.
type Picture struct {
	Width, Height int
	// Source is the part of the sensor's 1600 by 1200 pixels that is seen.
	Source image.Rectangle
	// FPS is how many frames there are a second with a clock of 20 MHz.
	FPS     float64
	Quality int // quantization: the lower, the better

	Brightness, Contrast, Saturation, AELevel int // -2 to 2
	Effect                                    int // as special_effect
	Light                                     int // 0: found out, else as wb_mode

	Mirror, Flip, ColorBar bool

	AutoExposure, AutoExposureDSP, AutoGain bool
	Exposure                                int     // lines
	Gain, GainCeiling                       float64 // times

	WhiteBalance, WhiteBalanceGain        bool
	BlackPixels, WhitePixels, Gamma, Lens bool // corrections
	Scaled                                bool // the picture is the source made smaller, not cut out of it
}

// State is what the registers make of the picture; false if there is none.
func (s *Sensor) State() (Picture, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.jpeg() {
		return Picture{}, false
	}
	var p Picture
	p.size(s)
	p.dsp(s)
	p.timing(s)
	return p, true
}

// size is how large the picture is, and what is seen in it.
func (p *Picture) size(s *Sensor) {
	d := &s.banks[DSP]
	high := int(d[0x55])
	p.Width = 4 * (int(d[0x5a]) | int(d[0x5c])&3<<8)
	p.Height = 4 * (int(d[0x5b]) | int(d[0x5c])&4<<6)
	width := 4 * (int(d[0x51]) | high&0x08<<5 | int(d[0x57])&0x80<<2)
	height := 4 * (int(d[0x52]) | high&0x80<<1)
	x, y := int(d[0x53])|high&0x07<<8, int(d[0x54])|high&0x70<<4
	times, fps := 1, 12.5
	switch s.banks[Timing][0x12] & 0x70 {
	case 0x20:
		times, fps = 4, 50
	case 0x40:
		times, fps = 2, 25
	}
	p.Source = image.Rect(x, y, x+width, y+height)
	p.Source.Min, p.Source.Max = p.Source.Min.Mul(times), p.Source.Max.Mul(times)
	p.FPS = fps / float64(1+s.banks[Timing][0x11]&0x3f)
}

// dsp is what the second half of the sensor does.
func (p *Picture) dsp(s *Sensor) {
	d := &s.banks[DSP]
	p.Quality = int(d[0x44] & 0x3f)
	p.Gamma, p.WhiteBalance, p.WhiteBalanceGain, p.Lens = d[0xc3]&0x20 != 0, d[0xc3]&0x08 != 0, d[0xc3]&0x04 != 0, d[0xc3]&0x02 != 0
	p.BlackPixels, p.WhitePixels = d[0x87]&0x80 != 0, d[0x87]&0x40 != 0
	p.Scaled = d[0x86]&0x20 != 0
	p.AutoExposureDSP = d[0xc2]&0x40 == 0
	if d[0xc7]&0x40 != 0 {
		p.Light = 1 + find([3]uint8(d[0xcc:0xcf]), [3]uint8{0x5e, 0x41, 0x54}, [3]uint8{0x65, 0x41, 0x4f}, [3]uint8{0x52, 0x41, 0x66}, [3]uint8{0x42, 0x3f, 0x71})
	}
	e := &s.ports[effects].values
	if e[0]&0x02 != 0 {
		p.Saturation = (int(e[3]) - 0x48) / 0x10
	}
	if e[0]&0x04 != 0 {
		p.Contrast = (int(e[8]) - 0x20) / 4
		p.Brightness = (int(e[9])-0x20+10*p.Contrast+0x20+8)/0x10 - 2 // rounded
	}
	switch e[0] & 0x58 {
	case 0x40:
		p.Effect = 1
	case 0x18:
		p.Effect = 2 + find([3]uint8{e[5], e[6]}, [3]uint8{0x80, 0x80}, [3]uint8{0x40, 0xc0}, [3]uint8{0x40, 0x40}, [3]uint8{0xa0, 0x40}, [3]uint8{0x40, 0xa6})
	}
}

// timing is what the first half does.
func (p *Picture) timing(s *Sensor) {
	t := &s.banks[Timing]
	p.Mirror, p.Flip = t[0x04]&0x80 != 0, t[0x04]&0x50 == 0x50
	p.ColorBar = t[0x12]&0x02 != 0
	p.AutoExposure, p.AutoGain = t[0x13]&0x01 != 0, t[0x13]&0x04 != 0
	p.Exposure = int(t[0x04]&3) | int(t[0x10])<<2 | int(t[0x45]&0x3f)<<10
	p.Gain = 1 + float64(t[0x00]&15)/16
	for bit := uint8(0x10); bit != 0; bit <<= 1 {
		if t[0x00]&bit != 0 {
			p.Gain *= 2
		}
	}
	p.GainCeiling = float64(int(2) << (t[0x14] >> 5))
	p.AELevel = find([3]uint8(t[0x24:0x27]), [3]uint8{0x20, 0x18, 0x60}, [3]uint8{0x34, 0x1c, 0x00}, [3]uint8{0x3e, 0x38, 0x81},
		[3]uint8{0x48, 0x40, 0x81}, [3]uint8{0x58, 0x50, 0x92}) - 2
}

// find returns which of the sets of registers it is; -1 if it is none.
func find(is [3]uint8, of ...[3]uint8) int {
	for i, v := range of {
		if is == v {
			return i
		}
	}
	return -1
}

// Effects is what lies behind the port of the special effects, by address.
func (s *Sensor) Effects() [16]uint8 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports[effects].values
}
