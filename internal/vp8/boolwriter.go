package vp8

import (
	"encoding/binary"
	"math/bits"
)

// boolWriter is the boolean entropy coder of RFC 6386 section 7. It gathers
// bits in a wide register and lets four bytes out at a time, which makes both
// the bookkeeping and the carries rare.
type boolWriter struct {
	out    []byte
	bottom uint64 // lower end of the interval: 8+shifts bits, and one for a carry
	width  uint32 // of the interval, 128 to 255
	shifts uint   // bits of bottom above the lowest eight
}

// begin starts a partition behind out.
func (w *boolWriter) begin(out []byte) {
	*w = boolWriter{out: out, width: 255}
}

// put writes a bool whose probability of being 0 is prob/256.
func (w *boolWriter) put(bit uint32, prob uint8) {
	split := 1 + (w.width-1)*uint32(prob)>>8
	if bit != 0 {
		w.bottom += uint64(split)
		split = w.width - split
	}
	shift := uint(bits.LeadingZeros32(split)) - 24
	w.width = split << (shift & 31)
	w.bottom <<= shift & 63
	w.shifts += shift
	if w.shifts >= 40 {
		w.spill()
	}
}

// spill lets the four highest bytes out.
func (w *boolWriter) spill() {
	rest := w.shifts + 8 - 32
	due := w.bottom >> rest
	w.bottom &= 1<<rest - 1
	w.shifts -= 32
	if due>>32 != 0 {
		w.carry()
	}
	w.out = binary.BigEndian.AppendUint32(w.out, uint32(due))
}

// carry adds one to what is out already. The coded number is below one, so it
// never runs past the beginning of the partition.
func (w *boolWriter) carry() {
	i := len(w.out) - 1
	for w.out[i] == 255 {
		w.out[i] = 0
		i--
	}
	w.out[i]++
}

// end lets everything out and returns the bytes with the partition at the end.
// Two more bytes follow, as a decoder reads so far ahead, and some of them take
// a partition that they have read to its end for a broken one.
func (w *boolWriter) end() []byte {
	due := w.bottom << (56 - 8 - w.shifts) // 56 bits below the carry
	if due>>56 != 0 {
		w.carry()
	}
	for n := int(w.shifts) + 8; n > 0; n -= 8 {
		w.out = append(w.out, uint8(due>>48))
		due <<= 8
	}
	out := append(w.out, 0, 0)
	w.out = nil
	return out
}

// flag writes a bool that is as likely true as false.
func (w *boolWriter) flag(b bool) {
	if b {
		w.put(1, 128)
	} else {
		w.put(0, 128)
	}
}

// literal writes the lowest n bits of v, the highest first.
func (w *boolWriter) literal(v, n int) {
	for n--; n >= 0; n-- {
		w.put(uint32(v>>n)&1, 128)
	}
}

// tree writes a value of a tree (section 8.1).
func (w *boolWriter) tree(path treePath, probs []uint8) {
	for i := range path.len {
		w.put(uint32(path.bits>>(path.len-1-i))&1, probs[path.nodes[i]])
	}
}
