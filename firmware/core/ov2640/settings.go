package ov2640

import "camrelay/firmware/core/le"

// Control is one thing that can be set. Stored settings depend on the order.
type Control uint8

// Controls, named as in docs/protocol.md.
const (
	FrameSize Control = iota // a Size
	Quality                  // quantization: the lower, the better and the longer
	Brightness
	Contrast
	Saturation
	SpecialEffect // none, negative, grey, red, green, blue, sepia
	AWB           // automatic white balance
	AWBGain
	WBMode // automatic, sunny, cloudy, office, home
	AEC    // automatic exposure
	AEC2   // automatic exposure of the DSP, too
	AELevel
	AECValue // exposure in lines, while AEC is off
	AGC      // automatic gain
	AGCGain  // gain less one, while AGC is off
	GainCeiling
	BPC    // black pixel correction
	WPC    // white pixel correction
	RawGMA // gamma curve
	LENC   // lens correction
	HMirror
	VFlip
	DCW // make pictures smaller than the source window
	ColorBar
	Zoom     // percent
	Controls // how many there are
)

var controls = [Controls]struct {
	name           string
	low, high, std int16
}{
	FrameSize:     {"framesize", 0, int16(Sizes) - 1, int16(VGA)},
	Quality:       {"quality", 4, 63, 12},
	Brightness:    {"brightness", -2, 2, 0},
	Contrast:      {"contrast", -2, 2, 0},
	Saturation:    {"saturation", -2, 2, 0},
	SpecialEffect: {"special_effect", 0, 6, 0},
	AWB:           {"awb", 0, 1, 1},
	AWBGain:       {"awb_gain", 0, 1, 1},
	WBMode:        {"wb_mode", 0, 4, 0},
	AEC:           {"aec", 0, 1, 1},
	AEC2:          {"aec2", 0, 1, 1}, // as the sensor has it after a reset
	AELevel:       {"ae_level", -2, 2, 0},
	AECValue:      {"aec_value", 0, 1200, 300},
	AGC:           {"agc", 0, 1, 1},
	AGCGain:       {"agc_gain", 0, 30, 0},
	GainCeiling:   {"gainceiling", 0, 6, 0},
	BPC:           {"bpc", 0, 1, 0},
	WPC:           {"wpc", 0, 1, 1},
	RawGMA:        {"raw_gma", 0, 1, 1},
	LENC:          {"lenc", 0, 1, 1},
	HMirror:       {"hmirror", 0, 1, 0},
	VFlip:         {"vflip", 0, 1, 0},
	DCW:           {"dcw", 0, 1, 1},
	ColorBar:      {"colorbar", 0, 1, 0},
	Zoom:          {"zoom", 100, 400, 100},
}

// Name is the control's in docs/protocol.md.
func (c Control) Name() string { return controls[c].name }

// Range is the lowest and the highest value.
func (c Control) Range() (low, high int) { return int(controls[c].low), int(controls[c].high) }

// ControlNamed finds a control by its name.
func ControlNamed(name []byte) (Control, bool) {
	for c := range Controls {
		if equal(name, controls[c].name) {
			return c, true
		}
	}
	return Controls, false
}

// Settings are the values of all controls.
type Settings [Controls]int16

// Defaults are VGA at quality 12, and otherwise what suits most places.
func Defaults() Settings {
	var s Settings
	for c := range Controls {
		s[c] = controls[c].std
	}
	return s
}

// Size is the picture's.
func (s *Settings) Size() Size { return Size(s[FrameSize]) }

// Set changes the control of that name. FrameSize has names for values: see
// SetSize. If it does not return nil, nothing has changed.
func (s *Settings) Set(name []byte, value int) error {
	c, ok := ControlNamed(name)
	switch {
	case !ok:
		return ErrName
	case c == FrameSize:
		return ErrSize
	case value < int(controls[c].low) || value > int(controls[c].high):
		return ErrRange
	}
	s[c] = int16(value)
	return nil
}

// SetSize changes the size to the one of that name. If it does not return nil,
// nothing has changed.
func (s *Settings) SetSize(name []byte) error {
	size, ok := SizeNamed(name)
	if !ok {
		return ErrSize
	}
	s[FrameSize] = int16(size)
	return nil
}

// Check returns the first control whose value is out of range.
func (s *Settings) Check() (Control, error) {
	for c := range Controls {
		if s[c] < controls[c].low || s[c] > controls[c].high {
			return c, ErrRange
		}
	}
	return Controls, nil
}

// MaxEncoded is how long encoded settings can be, in bytes.
const MaxEncoded = 3 * int(Controls)

// Append encodes what differs from Defaults, for storing: for each control its
// number and its value, little endian. Nothing differs: nothing is appended.
func (s *Settings) Append(dst []byte) []byte {
	for c := range Controls {
		if v := s[c]; v != controls[c].std {
			dst = append(dst, byte(c), byte(v), byte(v>>8))
		}
	}
	return dst
}

// Decode replaces s by encoded settings. Controls that this firmware does not
// have, and values that it does not allow, come from another one: they are left
// at their defaults, as all is when the error is not nil.
func (s *Settings) Decode(p []byte) error {
	*s = Defaults()
	if len(p)%3 != 0 {
		return ErrEncoded
	}
	for ; len(p) > 0; p = p[3:] {
		v := int16(le.U16(p[1:]))
		if c := Control(p[0]); c < Controls && v >= controls[c].low && v <= controls[c].high {
			s[c] = v
		}
	}
	return nil
}
