// Package xtensa reads as much of the ESP32's instructions as is needed to say
// what a function does not do: Xtensa Instruction Set Architecture Reference
// Manual, 7.
package xtensa

// Kind is what of an instruction matters here.
type Kind uint8

// The kinds.
const (
	Other Kind = iota
	Const      // l32r: Register gets the word at Target
	Call       // to Target
	CallX      // to what Register holds
	Jump       // to Target
	JumpX      // to what Register holds
	Loop       // of the processor, which interrupts do not save
	Float      // floating point, which interrupts do not save
	Illegal
)

// Instruction is one.
type Instruction struct {
	Kind     Kind
	Size     uint32 // bytes
	Register uint8
	Target   uint32
}

// Decode reads the instruction at address pc, which p begins with. Size is 0 if
// there is none.
func Decode(p []byte, pc uint32) Instruction {
	if len(p) < 2 {
		return Instruction{Kind: Illegal}
	}
	op0 := p[0] & 15
	switch {
	case op0 >= 14: // of wide instructions, which the LX6 does not have
		return Instruction{Kind: Illegal}
	case op0 >= 8:
		return Instruction{Size: 2}
	case len(p) < 3:
		return Instruction{Kind: Illegal}
	}
	w := uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
	in := wide(w, op0, pc)
	in.Size = 3
	return in
}

func wide(w uint32, op0 byte, pc uint32) Instruction {
	s, r, op1 := uint8(w>>8&15), w>>12&15, w>>16&15
	n, m := w>>4&3, w>>6&3
	offset := uint32(int32(w<<8) >> 14) // 18 bits with their sign
	switch op0 {
	case 0:
		return short(w, s, r, op1, n, m)
	case 1:
		return Instruction{Kind: Const, Register: uint8(w >> 4 & 15), Target: (pc+3)&^3 + (0xfffc0000 | w>>8<<2)}
	case 3: // lsi, ssi, and those that move the address
		return Instruction{Kind: Float}
	case 5:
		return Instruction{Kind: Call, Target: pc&^3 + offset<<2 + 4}
	case 6:
		switch {
		case n == 0:
			return Instruction{Kind: Jump, Target: pc + offset + 4}
		case n == 3 && m == 1 && r >= 8 && r <= 10:
			return Instruction{Kind: Loop}
		}
	}
	return Instruction{}
}

// short decodes the instructions with op0 0.
func short(w uint32, s uint8, r, op1, n, m uint32) Instruction {
	switch {
	case op1 == 8, op1 == 10, op1 == 11: // lsx, and floating point proper
		return Instruction{Kind: Float}
	case op1 == 0 && w>>20 == 0 && r == 0 && m == 3:
		return Instruction{Kind: CallX, Register: s}
	case op1 == 0 && w>>20 == 0 && r == 0 && m == 2 && n == 2:
		return Instruction{Kind: JumpX, Register: s}
	}
	return Instruction{}
}
