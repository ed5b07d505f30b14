package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// FrameSize is a picture size by the name that esp32-camera gives it.
type FrameSize struct {
	Name          string
	Width, Height int
}

// FrameSizes lists the sizes an OV2640 can give, in the order of esp32-camera.
func FrameSizes() []FrameSize {
	return []FrameSize{
		{"96X96", 96, 96}, {"QQVGA", 160, 120}, {"128X128", 128, 128}, {"QCIF", 176, 144}, {"HQVGA", 240, 176},
		{"240X240", 240, 240}, {"QVGA", 320, 240}, {"320X320", 320, 320}, {"CIF", 400, 296}, {"HVGA", 480, 320},
		{"VGA", 640, 480}, {"SVGA", 800, 600}, {"XGA", 1024, 768}, {"HD", 1280, 720}, {"SXGA", 1280, 1024}, {"UXGA", 1600, 1200},
	}
}

// FrameSizeNamed finds a size by its name.
func FrameSizeNamed(name string) (FrameSize, bool) {
	for _, s := range FrameSizes() {
		if s.Name == name {
			return s, true
		}
	}
	return FrameSize{}, false
}

// SettingRange is one picture setting and what it may be.
type SettingRange struct {
	Name     string
	Min, Max int
}

// settingRanges are the variables of CameraWebServer's /control with the
// ranges of esp32-camera's sensor_t, and fps, which is ours.
func settingRanges() []SettingRange {
	return []SettingRange{
		{"quality", 4, 63}, {"fps", 0, 60},
		{"brightness", -2, 2}, {"contrast", -2, 2}, {"saturation", -2, 2}, {"special_effect", 0, 6},
		{"awb", 0, 1}, {"awb_gain", 0, 1}, {"wb_mode", 0, 4},
		{"aec", 0, 1}, {"aec2", 0, 1}, {"ae_level", -2, 2}, {"aec_value", 0, 1200},
		{"agc", 0, 1}, {"agc_gain", 0, 30}, {"gainceiling", 0, 6},
		{"bpc", 0, 1}, {"wpc", 0, 1}, {"raw_gma", 0, 1}, {"lenc", 0, 1},
		{"hmirror", 0, 1}, {"vflip", 0, 1}, {"dcw", 0, 1}, {"colorbar", 0, 1}, {"led_intensity", 0, 255},
	}
}

// SettingNamed finds the range of a numeric setting.
func SettingNamed(name string) (SettingRange, bool) {
	for _, r := range settingRanges() {
		if r.Name == name {
			return r, true
		}
	}
	return SettingRange{}, false
}

// FrameSizeSetting is the one setting whose value is a name.
const FrameSizeSetting = "framesize"

// Settings are picture settings by name. All values are numbers but that of
// framesize, which is an index into FrameSizes and travels as its name.
type Settings map[string]int

// Check says which setting is unknown or out of range, naming what is allowed.
func (s Settings) Check() error {
	for _, name := range s.Names() {
		if name == FrameSizeSetting {
			if _, ok := s.FrameSize(); !ok {
				return fmt.Errorf("setting %s: that is not a size: %s are", name, sizeNames())
			}
			continue
		}
		r, ok := SettingNamed(name)
		if !ok {
			return fmt.Errorf("setting %.40q is not known", name)
		}
		if s[name] == unusable {
			return fmt.Errorf("setting %s: that is not a whole number: %d to %d are allowed", name, r.Min, r.Max)
		}
		if v := s[name]; v < r.Min || v > r.Max {
			return fmt.Errorf("setting %s: %d is out of range: %d to %d are allowed", name, v, r.Min, r.Max)
		}
	}
	return nil
}

// Names lists the settings in alphabetical order.
func (s Settings) Names() []string {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// FrameSize returns the size that is set.
func (s Settings) FrameSize() (FrameSize, bool) {
	v, ok := s[FrameSizeSetting]
	if sizes := FrameSizes(); ok && v >= 0 && v < len(sizes) {
		return sizes[v], true
	}
	return FrameSize{}, false
}

// SetFrameSize sets a size by name and reports whether there is such a size.
func (s Settings) SetFrameSize(name string) bool {
	i := slices.IndexFunc(FrameSizes(), func(f FrameSize) bool { return f.Name == name })
	if i >= 0 {
		s[FrameSizeSetting] = i
	}
	return i >= 0
}

// Merge returns a copy of s in which the values of newer win.
func (s Settings) Merge(newer Settings) Settings {
	merged := make(Settings, len(s)+len(newer))
	for k, v := range s {
		merged[k] = v
	}
	for k, v := range newer {
		merged[k] = v
	}
	return merged
}

// MarshalJSON writes framesize as its name.
func (s Settings) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(s))
	for name, v := range s {
		if v != unusable {
			out[name] = v
		}
	}
	if size, ok := s.FrameSize(); ok {
		out[FrameSizeSetting] = size.Name
	} else {
		delete(out, FrameSizeSetting)
	}
	return json.Marshal(out)
}

// maxSettings bounds what one message can carry: more than there are names,
// so that a newer camera's settings do not break an older relay.
const maxSettings = 64

// unusable stands for a value that cannot be understood, such as the name of a
// size that only a newer sensor has. It is never written.
const unusable = math.MinInt32

// UnmarshalJSON reads numbers, booleans (0 or 1) and the name of framesize.
// Names and values that this version does not know are for Check to refuse: a
// camera that reports one is not to be misunderstood for the rest.
func (s *Settings) UnmarshalJSON(b []byte) error {
	var raw map[string]any
	if err := json.Unmarshal(b, &raw); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if len(raw) > maxSettings {
		return fmt.Errorf("settings: %d are too many: at most %d", len(raw), maxSettings)
	}
	out := make(Settings, len(raw))
	for name, v := range raw {
		out[name] = unusable
		out.setAny(name, v)
	}
	*s = out
	return nil
}

// setAny sets what v says if it says anything usable.
func (s Settings) setAny(name string, v any) {
	if name == FrameSizeSetting {
		size, _ := v.(string)
		s.SetFrameSize(size)
		return
	}
	switch v := v.(type) {
	case float64:
		if v == float64(int32(v)) {
			s[name] = int(v)
		}
	case bool:
		s[name] = 0
		if v {
			s[name] = 1
		}
	}
}

func sizeNames() string {
	var names []string
	for _, s := range FrameSizes() {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}
