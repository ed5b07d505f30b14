package scene

import "math"

// barTop is where the colour bar at the bottom begins, as a part of the height.
const barTop = 0.94

// bars are the classic eight, from white to black, at three quarters.
func bars() [8]colour {
	return [8]colour{
		{180, 128, 128}, {162, 44, 142}, {131, 156, 44}, {112, 72, 58},
		{84, 184, 198}, {65, 100, 212}, {35, 212, 114}, {16, 128, 128},
	}
}

// paintBackground paints what does not move: an evening sky, three ranges of
// hills with a grain like a sensor's, and colour bars; or with colorbar
// nothing but the bars. The grain is stronger in the dark.
func paintBackground(c canvas) {
	ridges := hills(c.w)
	for y := range c.h {
		v := (float64(y) + 0.5) / float64(c.h)
		for x := range c.w {
			k := backgroundAt(ridges, x, v, c.w, c.look.colorbar)
			if v < barTop && !c.look.colorbar {
				k.y = clamp(int(k.y) + grain(x, y)*2/(2+int(k.y)/40))
			}
			c.set(x, y, c.look.of(k))
		}
	}
}

func backgroundAt(ridges [3][]float64, x int, v float64, w int, colorbar bool) colour {
	if colorbar || v >= barTop {
		return bars()[x*8/w]
	}
	hillColours := [...]colour{{112, 138, 120}, {84, 126, 118}, {58, 122, 116}}
	for i := len(ridges) - 1; i >= 0; i-- {
		if depth := v - ridges[i][x]; depth > 0 {
			k := hillColours[i]
			k.y = clamp(int(k.y) + int(20*math.Sin(90*depth+float64(x)/float64(w)*40)*math.Exp(-6*depth)))
			return k
		}
	}
	return colour{clamp(140 + int(110*v)), clamp(152 - int(90*v)), clamp(108 + int(85*v))}
}

// hills returns for each column where each range begins, far to near.
func hills(w int) (ridges [3][]float64) {
	for i := range ridges {
		ridges[i] = make([]float64, w)
		n := float64(i)
		for x := range w {
			u := float64(x) / float64(w)
			ridges[i][x] = 0.46 + 0.13*n +
				0.05*math.Sin(5*u+2.1*n) + 0.02*math.Sin(17*u+n) + 0.006*math.Sin(61*u*(1+n/3))
		}
	}
	return ridges
}

// grain is the noise of a sensor, the same in every frame: -4 to 4.
func grain(x, y int) int {
	h := uint32(x)*0x9E3779B1 ^ uint32(y)*0x85EBCA77
	h ^= h >> 15
	h *= 0x2C1B3C6D
	h ^= h >> 13
	return int(h%5) + int(h>>8%5) - 4
}

// set paints one pixel of the picture before mirror and flip.
func (c canvas) set(x, y int, k colour) {
	if c.look.mirror {
		x = c.w - 1 - x
	}
	if c.look.flip {
		y = c.h - 1 - y
	}
	c.img.Y[y*c.img.YStride+x] = k.y
	i := y/2*c.img.CStride + x/2
	c.img.Cb[i], c.img.Cr[i] = k.cb, k.cr
}
