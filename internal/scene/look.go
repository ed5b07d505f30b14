package scene

import "camrelay/internal/wire"

// colour is one of JFIF's YCbCr.
type colour struct{ y, cb, cr uint8 }

var (
	whiteColour = colour{235, 128, 128}
	blackColour = colour{16, 128, 128}
	sunColour   = colour{214, 60, 152}
	bobColour   = colour{128, 100, 196}
	rodColour   = colour{60, 128, 128}
)

// look is what the settings do to the picture, apart from its size and quality.
type look struct {
	mirror, flip, colorbar bool
	y, cb, cr              [256]uint8
}

// tint is a constant pair of colour differences.
type tint struct{ cb, cr int }

func newLook(s wire.Settings) look {
	l := look{mirror: s["hmirror"] == 1, flip: s["vflip"] == 1, colorbar: s["colorbar"] == 1}
	brightness := 24*s["brightness"] + 16*s["ae_level"] + s["led_intensity"]/8
	contrast := 5 + s["contrast"] // fifths
	saturation := 4 + s["saturation"]
	// Sunny, cloudy, office, home: the light a sensor is told to expect.
	balance := [...]tint{{0, 0}, {-6, 4}, {-10, 8}, {4, -4}, {10, -8}}[s["wb_mode"]]
	for v := range 256 {
		l.y[v] = clamp((v-128)*contrast/5 + 128 + brightness)
		l.cb[v] = clamp((v-128)*saturation/4 + 128 + balance.cb)
		l.cr[v] = clamp((v-128)*saturation/4 + 128 + balance.cr)
	}
	l.effect(s["special_effect"])
	return l
}

// effect applies special_effect: 1 negative, 2 grey, 3 reddish, 4 greenish,
// 5 bluish, 6 sepia.
func (l *look) effect(n int) {
	if n == 1 {
		for v := range 256 {
			l.y[v], l.cb[v], l.cr[v] = 255-l.y[v], 255-l.cb[v], 255-l.cr[v]
		}
		return
	}
	if n < 2 || n > 6 {
		return
	}
	t := [...]tint{{0, 0}, {-10, 50}, {-24, -40}, {50, -16}, {-26, 18}}[n-2]
	for v := range 256 {
		l.cb[v], l.cr[v] = clamp(128+t.cb), clamp(128+t.cr)
	}
}

func (l *look) of(c colour) colour { return colour{l.y[c.y], l.cb[c.cb], l.cr[c.cr]} }

func clamp(v int) uint8 { return uint8(min(max(v, 0), 255)) }
