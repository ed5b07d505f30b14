package xtensa

import "testing"

// The encodings are those of GNU and LLVM assemblers.
func TestDecode(t *testing.T) {
	for name, test := range map[string]struct {
		code []byte
		want Instruction
	}{
		"entry a1, 32":     {[]byte{0x36, 0x41, 0x00}, Instruction{Size: 3}},
		"retw.n":           {[]byte{0x1d, 0xf0}, Instruction{Size: 2}},
		"l32i.n a2, a2, 0": {[]byte{0x28, 0x02}, Instruction{Size: 2}},
		"l32r a2, -4":      {[]byte{0x21, 0xff, 0xff}, Instruction{Kind: Const, Size: 3, Register: 2, Target: 0xffc}},
		"call8 +4":         {[]byte{0x25, 0x00, 0x00}, Instruction{Kind: Call, Size: 3, Target: 0x1004}},
		"call8 0":          {[]byte{0xe5, 0xff, 0xff}, Instruction{Kind: Call, Size: 3, Target: 0x1000}},
		"callx8 a8":        {[]byte{0xe0, 0x08, 0x00}, Instruction{Kind: CallX, Size: 3, Register: 8}},
		"callx0 a3":        {[]byte{0xc0, 0x03, 0x00}, Instruction{Kind: CallX, Size: 3, Register: 3}},
		"jx a2":            {[]byte{0xa0, 0x02, 0x00}, Instruction{Kind: JumpX, Size: 3, Register: 2}},
		"j -1":             {[]byte{0x46, 0xff, 0xff}, Instruction{Kind: Jump, Size: 3, Target: 0x1001}},
		"loop a2":          {[]byte{0x76, 0x82, 0x05}, Instruction{Kind: Loop, Size: 3}},
		"loopnez a2":       {[]byte{0x76, 0x92, 0x05}, Instruction{Kind: Loop, Size: 3}},
		"loopgtz a2":       {[]byte{0x76, 0xa2, 0x05}, Instruction{Kind: Loop, Size: 3}},
		"lsi f0, a1, 0":    {[]byte{0x03, 0x01, 0x00}, Instruction{Kind: Float, Size: 3}},
		"add.s f0, f1, f2": {[]byte{0x20, 0x01, 0x0a}, Instruction{Kind: Float, Size: 3}},
		"add a2, a3, a4":   {[]byte{0x40, 0x23, 0x80}, Instruction{Size: 3}},
		"rsil a2, 15":      {[]byte{0x20, 0x6f, 0x00}, Instruction{Size: 3}},
		"beqz a2, 4":       {[]byte{0x16, 0x02, 0x00}, Instruction{Size: 3}},
		"ret":              {[]byte{0x80, 0x00, 0x00}, Instruction{Size: 3}},
		"too short":        {[]byte{0x36}, Instruction{Kind: Illegal}},
		"cut off":          {[]byte{0x36, 0x41}, Instruction{Kind: Illegal}},
		"no LX6":           {[]byte{0x0e, 0, 0, 0}, Instruction{Kind: Illegal}},
	} {
		if got := Decode(test.code, 0x1000); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x36, 0x41, 0x00}, uint32(0x400d0000))
	f.Fuzz(func(t *testing.T, p []byte, pc uint32) {
		in := Decode(p, pc)
		if in.Kind == Illegal != (in.Size == 0) || int(in.Size) > len(p) {
			t.Errorf("%x: %+v", p, in)
		}
	})
}
