package vp8

// modeCosts are what the modes of a frame's macroblocks cost, in 1/256 bit.
type modeCosts struct {
	luma       [lumaModes]int
	chroma     [chromaModes]int
	sub        [subModes]int // where it has no context
	keySub     [subModes][subModes][subModes]uint16
	inter      [2]int // predicted in the frame, and from the last one
	empty      [2]int // with coefficients, and without
	components componentCosts
}

func (c *modeCosts) setKeySub() {
	for above := range subModes {
		for left := range subModes {
			for mode := range subModes {
				c.keySub[above][left][mode] = uint16(subTree[mode].cost(keySubModeProbs[above][left][:]))
			}
		}
	}
	for mode := range subModes {
		c.sub[mode] = subTree[mode].cost(subProbs[:])
	}
}

// set reckons with the probabilities of the frame, as far as they are known
// before it is coded: how often macroblocks are inter and empty is guessed from
// the frame before.
func (c *modeCosts) set(p *probabilities, key bool, interProb, emptyProb uint8) {
	for mode := range lumaModes {
		if key {
			c.luma[mode] = keyLumaTree[mode].cost(keyLumaProbs[:])
		} else {
			c.luma[mode] = lumaTree[mode].cost(p.luma[:])
		}
	}
	for mode := range chromaModes {
		if key {
			c.chroma[mode] = chromaTree[mode].cost(keyChromaProbs[:])
		} else {
			c.chroma[mode] = chromaTree[mode].cost(p.chroma[:])
		}
	}
	if interProb == 0 {
		interProb = 16
	}
	if emptyProb == 0 {
		emptyProb = 128
	}
	c.inter = [2]int{bitCost(0, interProb), bitCost(1, interProb)}
	c.empty = [2]int{bitCost(0, emptyProb), bitCost(1, emptyProb)}
	if !key {
		c.components.set(&p.components)
	}
}
