package vp8

import "errors"

// errPartition is why a frame has to be coded again with cheaper modes: the
// size of the first partition has 19 bits (RFC 6386 section 9.1).
var errPartition = errors.New("first partition too large")

const maxPartition = 1<<19 - 1

// write appends the frame that has been decided on to dst.
func (e *Encoder) write(dst []byte) ([]byte, error) {
	e.countModes()
	e.tally.coeffs = [1 << 11][2]uint32{}
	e.tokens.count(&e.tally.coeffs)

	begin := len(dst)
	size := 3
	if e.key {
		size = 10
	}
	dst = append(dst, make([]byte, size)...)
	e.writer.begin(dst)
	e.writeHeader()
	e.writeModes()
	dst = e.writer.end()
	partition := len(dst) - begin - size
	if partition > e.maxPartition {
		return dst[:begin], errPartition
	}
	e.putFrameTag(dst[begin:], partition)

	e.writer.begin(dst)
	e.tokens.write(&e.writer, &e.next.coeffs)
	return e.writer.end(), nil
}

// putFrameTag fills in what precedes the first partition.
func (e *Encoder) putFrameTag(b []byte, partition int) {
	const shown = 1 << 4
	tag := partition<<5 | shown
	if !e.key {
		tag |= 1
	}
	b[0], b[1], b[2] = uint8(tag), uint8(tag>>8), uint8(tag>>16)
	if e.key {
		b[3], b[4], b[5] = 0x9D, 0x01, 0x2A
		b[6], b[7] = uint8(e.width), uint8(e.width>>8)
		b[8], b[9] = uint8(e.height), uint8(e.height>>8)
	}
}

// writeHeader writes the frame header (section 19.2).
func (e *Encoder) writeHeader() {
	w := &e.writer
	if e.key {
		w.literal(0, 1) // color space: YUV of BT.601
		w.literal(0, 1) // pixels need clamping
	}
	w.flag(false)   // segmentation
	w.literal(0, 1) // normal loop filter
	w.literal(e.strength.level, 6)
	w.literal(0, 3) // sharpness
	w.flag(false)   // loop filter deltas
	w.literal(0, 2) // one token partition
	w.literal(e.quant.index, 7)
	w.literal(0, 5) // no differences between the quantizer indices
	if e.key {
		w.flag(true) // keep the probabilities
	} else {
		w.flag(false)   // refresh golden frame
		w.flag(false)   // refresh alternate frame
		w.literal(0, 4) // copy nothing to them
		w.literal(0, 2) // sign biases
		w.flag(true)    // keep the probabilities
		w.flag(true)    // refresh last frame
	}
	e.next.putCoeffs(w, &e.tally)
	w.flag(true) // macroblocks without coefficients are marked
	e.emptyProb = ideal(e.tally.empty)
	w.literal(int(e.emptyProb), 8)
	if e.key {
		return
	}
	e.interProb = ideal(e.tally.inter)
	w.literal(int(e.interProb), 8)
	w.literal(255, 8) // of the last frame as reference
	w.literal(128, 8) // of the golden frame before the alternate
	putModes(w, e.next.luma[:], e.tally.luma[:])
	putModes(w, e.next.chroma[:], e.tally.chroma[:])
	e.next.putComponents(w, &e.tally)
}

// countModes counts the bools of all macroblocks' modes.
func (e *Encoder) countModes() {
	t := &e.tally
	t.luma, t.chroma = [lumaModes - 1][2]uint32{}, [chromaModes - 1][2]uint32{}
	t.components = [2][vectorProbs][2]uint32{}
	t.inter, t.empty = [2]uint32{}, [2]uint32{}
	for y := range e.rows {
		for x := range e.columns {
			i := e.place(x, y)
			mb := &e.blocks[i]
			t.empty[oneIf(mb.empty)]++
			t.inter[oneIf(mb.inter)]++
			switch {
			case e.key:
			case !mb.inter:
				countPath(lumaTree[mb.mode], t.luma[:])
				countPath(chromaTree[mb.chroma], t.chroma[:])
			case mb.mode == modeNew:
				best := e.surveyAt(x, y).best
				visitComponent(int(mb.vector.y)-int(best.y), func(bit uint32, place int) { t.components[0][place][bit]++ })
				visitComponent(int(mb.vector.x)-int(best.x), func(bit uint32, place int) { t.components[1][place][bit]++ })
			}
		}
	}
}

// writeModes writes the macroblocks' headers (section 19.3).
func (e *Encoder) writeModes() {
	w := &e.writer
	for y := range e.rows {
		for x := range e.columns {
			i := e.place(x, y)
			mb := &e.blocks[i]
			w.put(oneIf(mb.empty), e.emptyProb)
			switch {
			case e.key:
				w.tree(keyLumaTree[mb.mode], keyLumaProbs[:])
				if mb.mode == modeSub {
					e.writeKeySubModes(i)
				}
				w.tree(chromaTree[mb.chroma], keyChromaProbs[:])
			case !mb.inter:
				w.put(0, e.interProb)
				w.tree(lumaTree[mb.mode], e.next.luma[:])
				if mb.mode == modeSub {
					for _, mode := range mb.sub {
						w.tree(subTree[mode], subProbs[:])
					}
				}
				w.tree(chromaTree[mb.chroma], e.next.chroma[:])
			default:
				w.put(1, e.interProb)
				w.put(0, 255) // last frame
				e.writeVector(mb, e.surveyAt(x, y))
			}
		}
	}
}

func (e *Encoder) writeKeySubModes(i int) {
	for j, mode := range e.blocks[i].sub {
		above, left := e.subContext(i, j)
		e.writer.tree(subTree[mode], keySubModeProbs[above][left][:])
	}
}

// subContext gives the modes of the subblocks above and to the left of a
// macroblock's subblock (section 11.3).
func (e *Encoder) subContext(i, sub int) (above, left uint8) {
	if sub < 4 {
		above = e.blocks[i-e.span].sub[sub+12]
	} else {
		above = e.blocks[i].sub[sub-4]
	}
	if sub&3 == 0 {
		left = e.blocks[i-1].sub[sub+3]
	} else {
		left = e.blocks[i].sub[sub-1]
	}
	return above, left
}

func (e *Encoder) writeVector(mb *macroblock, near neighbours) {
	w := &e.writer
	w.tree(interTree[mb.mode], near.probs[:])
	if mb.mode != modeNew {
		return
	}
	probs := &e.next.components
	visitComponent(int(mb.vector.y)-int(near.best.y), func(bit uint32, place int) { w.put(bit, probs[0][place]) })
	visitComponent(int(mb.vector.x)-int(near.best.x), func(bit uint32, place int) { w.put(bit, probs[1][place]) })
}

func oneIf(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
