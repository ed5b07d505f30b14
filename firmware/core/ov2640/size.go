package ov2640

// Size is that of the picture.
type Size uint8

// Sizes, in the order of docs/protocol.md; stored settings depend on it.
const (
	S96X96 Size = iota
	QQVGA
	S128X128
	QCIF
	HQVGA
	S240X240
	QVGA
	S320X320
	CIF
	HVGA
	VGA
	SVGA
	XGA
	HD
	SXGA
	UXGA
	Sizes // how many there are
)

// area is a part of the sensor's 1600 by 1200 pixels.
type area struct{ x, y, width, height int }

// What is seen of the sensor, by the shape of the picture.
const (
	shape4x3 = iota
	shape3x2
	shape16x9
	shape5x4
	shape1x1
)

var shapes = [...]area{
	shape4x3:  {0, 0, 1600, 1200},
	shape3x2:  {8, 72, 1584, 1056},
	shape16x9: {0, 150, 1600, 900},
	shape5x4:  {50, 0, 1500, 1200},
	shape1x1:  {200, 0, 1200, 1200},
}

var sizes = [Sizes]struct {
	name          string
	width, height int
	shape         uint8
}{
	S96X96:   {"96X96", 96, 96, shape1x1},
	QQVGA:    {"QQVGA", 160, 120, shape4x3},
	S128X128: {"128X128", 128, 128, shape1x1},
	QCIF:     {"QCIF", 176, 144, shape5x4},
	HQVGA:    {"HQVGA", 240, 176, shape4x3},
	S240X240: {"240X240", 240, 240, shape1x1},
	QVGA:     {"QVGA", 320, 240, shape4x3},
	S320X320: {"320X320", 320, 320, shape1x1},
	CIF:      {"CIF", 400, 296, shape4x3},
	HVGA:     {"HVGA", 480, 320, shape3x2},
	VGA:      {"VGA", 640, 480, shape4x3},
	SVGA:     {"SVGA", 800, 600, shape4x3},
	XGA:      {"XGA", 1024, 768, shape4x3},
	HD:       {"HD", 1280, 720, shape16x9},
	SXGA:     {"SXGA", 1280, 1024, shape5x4},
	UXGA:     {"UXGA", 1600, 1200, shape4x3},
}

// Name is that of docs/protocol.md, "" for none of the sizes.
func (s Size) Name() string {
	if s >= Sizes {
		return ""
	}
	return sizes[s].name
}

// Pixels is the width and the height, 0 for none of the sizes.
func (s Size) Pixels() (width, height int) {
	if s >= Sizes {
		return 0, 0
	}
	return sizes[s].width, sizes[s].height
}

// SizeNamed finds a size by its name.
func SizeNamed(name []byte) (Size, bool) {
	for s := range Sizes {
		if equal(name, sizes[s].name) {
			return s, true
		}
	}
	return Sizes, false
}

func equal(p []byte, s string) bool {
	if len(p) != len(s) {
		return false
	}
	for i, b := range p {
		if b != s[i] {
			return false
		}
	}
	return true
}

// mode is how the sensor reads its pixels out: the fewer, the faster.
type mode uint8

const (
	modeCIF  mode = iota // 400 x 296, 50 frames a second at 20 MHz
	modeSVGA             // 800 x 600, 25
	modeUXGA             // 1600 x 1200, 12.5
)

// divisor is how many of the sensor's pixels make one.
func (m mode) divisor() int { return 4 >> m }

// window is what the sensor reads out, and what part of that, in the mode's
// pixels, becomes the picture.
type window struct {
	mode   mode
	source area
	width  int
	height int
}

// windowOf finds the fastest mode in which the part of the field that is wanted
// has at least as many pixels as the picture: the sensor makes pictures smaller,
// not larger. zoom is in percent; more than the sensor has pixels for has no
// effect.
func windowOf(s Size, zoom int) window {
	w := window{width: sizes[s].width, height: sizes[s].height}
	for w.mode = modeCIF; w.mode < modeUXGA; w.mode++ {
		w.source = sourceOf(s, zoom, w.mode)
		if w.source.width >= w.width && w.source.height >= w.height {
			return w
		}
	}
	w.source = sourceOf(s, zoom, w.mode)
	w.source.widen(w.width, w.height)
	return w
}

// sourceOf is the middle of the shape's area, in a mode's pixels. Its sides are
// multiples of 4, which is the registers' unit.
func sourceOf(s Size, zoom int, m mode) area {
	const cifHeight = 296
	a := shapes[sizes[s].shape]
	d := m.divisor()
	a = area{a.x / d, a.y / d, a.width / d, a.height / d}
	if m == modeCIF {
		a.height = min(a.height, cifHeight)
	}
	width, height := a.width*100/zoom&^3, a.height*100/zoom&^3
	if zoom > 100 {
		a.x += (a.width - width) / 2
		a.y += (a.height - height) / 2
	}
	a.width, a.height = width, height
	return a
}

// widen makes a at least so large, about its middle.
func (a *area) widen(width, height int) {
	if width > a.width {
		a.x -= (width - a.width) / 2
		a.width = width
	}
	if height > a.height {
		a.y -= (height - a.height) / 2
		a.height = height
	}
}
