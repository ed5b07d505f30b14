package vp8

// contextSet tells of the blocks at one side of a macroblock which have levels:
// four of luma, two of each chroma plane, and the walsh block.
type contextSet [9]uint8

const walshContext = 8

// coder turns a macroblock's residue into tokens and back into pixels.
type coder struct {
	above []contextSet // by column
	left  contextSet

	// Blocks 0 to 15 are luma, 16 to 19 and 20 to 23 chroma, 24 is walsh.
	levels [25]block
	coeffs [25]block // dequantized
	ends   [25]int
}

const walshBlock = 24

func (c *coder) beginFrame(columns int) {
	clear(c.above[:columns])
}

// transformLuma quantizes the residue of a macroblock's luma whose DC
// coefficients make a walsh block.
func (c *coder) transformLuma(src []byte, stride int, pred window, q *quantizerSet) {
	var dcs block
	for b := range 16 {
		x, y := b&3*4, b>>2*4
		forward(src[y*stride+x:], stride, pred.pix[y*pred.stride+x:], pred.stride, &c.coeffs[b])
		dcs[b] = c.coeffs[b][0]
	}
	walsh := &c.coeffs[walshBlock]
	forwardWalsh(&dcs, walsh)
	c.ends[walshBlock] = q.walsh.quantize(walsh, &c.levels[walshBlock], 0)
	inverseWalsh(walsh, &dcs)
	for b := range 16 {
		c.ends[b] = q.luma.quantize(&c.coeffs[b], &c.levels[b], 1)
		c.coeffs[b][0] = dcs[b]
	}
}

// transformChroma quantizes the residue of a plane, whose blocks begin at first.
func (c *coder) transformChroma(src []byte, stride int, pred window, q *quantizerSet, first int) {
	for b := range 4 {
		x, y := b&1*4, b>>1*4
		coeffs := &c.coeffs[first+b]
		forward(src[y*stride+x:], stride, pred.pix[y*pred.stride+x:], pred.stride, coeffs)
		c.ends[first+b] = q.chroma.quantize(coeffs, &c.levels[first+b], 0)
	}
}

// empty tells whether nothing is left of the residue.
func (c *coder) empty(walsh bool) bool {
	n := 0
	for _, end := range c.ends[:walshBlock] {
		n |= end
	}
	if walsh {
		n |= c.ends[walshBlock]
	}
	return n == 0
}

// addLuma adds the residue to the prediction, in place.
func (c *coder) addLuma(dst []byte, stride int) {
	for b := range 16 {
		c.add(b, dst[b>>2*4*stride+b&3*4:], stride)
	}
}

// addChroma does the same for a chroma plane.
func (c *coder) addChroma(dst []byte, stride, first int) {
	for b := range 4 {
		c.add(first+b, dst[b>>1*4*stride+b&1*4:], stride)
	}
}

func (c *coder) add(b int, dst []byte, stride int) {
	switch {
	case c.ends[b] > 1:
		inverse(&c.coeffs[b], dst, stride)
	case c.coeffs[b][0] != 0:
		inverseDC(c.coeffs[b][0], dst, stride)
	}
}

// put appends the tokens of the macroblock in a column (RFC 6386 section 19.3).
func (c *coder) put(t *tokenBuffer, column int, walsh bool) {
	above, left := &c.above[column], &c.left
	kind, first := typeLuma, 0
	if walsh {
		c.putBlock(t, walshBlock, typeWalsh, 0, &above[walshContext], &left[walshContext])
		kind, first = typeLumaAC, 1
	}
	for b := range 16 {
		c.putBlock(t, b, kind, first, &above[b&3], &left[b>>2])
	}
	for b := range 8 {
		plane := 4 + b>>2*2
		c.putBlock(t, 16+b, typeChroma, 0, &above[plane+b&1], &left[plane+b>>1&1])
	}
}

func (c *coder) putBlock(t *tokenBuffer, b, kind, first int, above, left *uint8) {
	t.block(kind, int(*above+*left), first, &c.levels[b], c.ends[b])
	has := uint8(0)
	if c.ends[b] > 0 {
		has = 1
	}
	*above, *left = has, has
}

// putNone notes a macroblock without coefficients. One that has no walsh block
// says nothing about them (section 13.3).
func (c *coder) putNone(column int, walsh bool) {
	above, left := &c.above[column], &c.left
	keepAbove, keepLeft := above[walshContext], left[walshContext]
	*above, *left = contextSet{}, contextSet{}
	if !walsh {
		above[walshContext], left[walshContext] = keepAbove, keepLeft
	}
}
