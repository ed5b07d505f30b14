package vp8

// block holds the 16 coefficients or residues of a 4x4 block, row by row.
type block [16]int16

// Constants of the transform in 1/4096: √2·cos(π/8) and √2·sin(π/8).
const (
	cos4096 = 5352
	sin4096 = 2217
)

// forward is the discrete cosine transform of the difference between a source
// and its prediction, scaled as the inverse of RFC 6386 section 14.4 wants it.
func forward(src []byte, srcStride int, pred []byte, predStride int, out *block) {
	var t [16]int32
	for i := range 4 {
		s := (*[4]byte)(src[i*srcStride:])
		p := (*[4]byte)(pred[i*predStride:])
		d0, d1 := int32(s[0])-int32(p[0]), int32(s[1])-int32(p[1])
		d2, d3 := int32(s[2])-int32(p[2]), int32(s[3])-int32(p[3])
		a, b, c, d := d0+d3, d1+d2, d1-d2, d0-d3
		t[4*i] = (a + b) << 3
		t[4*i+2] = (a - b) << 3
		t[4*i+1] = (d*cos4096 + c*sin4096 + 256) >> 9
		t[4*i+3] = (d*sin4096 - c*cos4096 + 256) >> 9
	}
	for i := range 4 {
		a, b := t[i]+t[12+i], t[4+i]+t[8+i]
		c, d := t[4+i]-t[8+i], t[i]-t[12+i]
		out[i] = int16((a + b + 8) >> 4)
		out[8+i] = int16((a - b + 8) >> 4)
		out[4+i] = int16((d*cos4096 + c*sin4096 + 1<<15) >> 16)
		out[12+i] = int16((d*sin4096 - c*cos4096 + 1<<15) >> 16)
	}
}

// Constants of the inverse in 1/65536: √2·cos(π/8)-1 and √2·sin(π/8).
const (
	cosLess1 = 20091
	sin65536 = 35468
)

// inverse adds the residue of dequantized coefficients to a prediction in place
// (section 14.4).
func inverse(in *block, dst []byte, stride int) {
	var t [16]int32
	for i := range 4 {
		i0, i4, i8, i12 := int32(in[i]), int32(in[4+i]), int32(in[8+i]), int32(in[12+i])
		a, b := i0+i8, i0-i8
		c := i4*sin65536>>16 - (i12 + i12*cosLess1>>16)
		d := i4 + i4*cosLess1>>16 + i12*sin65536>>16
		t[i], t[12+i], t[4+i], t[8+i] = a+d, a-d, b+c, b-c
	}
	for i := range 4 {
		i0, i1, i2, i3 := t[4*i], t[4*i+1], t[4*i+2], t[4*i+3]
		a, b := i0+i2+4, i0-i2+4
		c := i1*sin65536>>16 - (i3 + i3*cosLess1>>16)
		d := i1 + i1*cosLess1>>16 + i3*sin65536>>16
		p := (*[4]byte)(dst[i*stride:])
		p[0] = clamp255(int32(p[0]) + (a+d)>>3)
		p[1] = clamp255(int32(p[1]) + (b+c)>>3)
		p[2] = clamp255(int32(p[2]) + (b-c)>>3)
		p[3] = clamp255(int32(p[3]) + (a-d)>>3)
	}
}

// inverseDC is inverse for a block with a DC coefficient only.
func inverseDC(dc int16, dst []byte, stride int) {
	v := (int32(dc) + 4) >> 3
	for i := range 4 {
		p := (*[4]byte)(dst[i*stride:])
		p[0] = clamp255(int32(p[0]) + v)
		p[1] = clamp255(int32(p[1]) + v)
		p[2] = clamp255(int32(p[2]) + v)
		p[3] = clamp255(int32(p[3]) + v)
	}
}

func clamp255(v int32) uint8 {
	if uint32(v) > 255 {
		return uint8(^(v >> 31))
	}
	return uint8(v)
}

// forwardWalsh transforms the DC coefficients of a macroblock's luma blocks,
// scaled as inverseWalsh wants it.
func forwardWalsh(in, out *block) {
	var t [16]int32
	for i := range 4 {
		i0, i1, i2, i3 := int32(in[4*i]), int32(in[4*i+1]), int32(in[4*i+2]), int32(in[4*i+3])
		a, b, c, d := i0+i3, i1+i2, i1-i2, i0-i3
		t[4*i], t[4*i+1], t[4*i+2], t[4*i+3] = a+b, c+d, a-b, d-c
	}
	for i := range 4 {
		a, b, c, d := t[i]+t[12+i], t[4+i]+t[8+i], t[4+i]-t[8+i], t[i]-t[12+i]
		out[i] = halve(a + b)
		out[4+i] = halve(c + d)
		out[8+i] = halve(a - b)
		out[12+i] = halve(d - c)
	}
}

// halve rounds halves away from zero.
func halve(v int32) int16 {
	return int16((v + 1 + v>>31) >> 1)
}

// inverseWalsh gives the DC coefficients of the 16 luma blocks (section 14.3).
func inverseWalsh(in, out *block) {
	var t [16]int32
	for i := range 4 {
		i0, i4, i8, i12 := int32(in[i]), int32(in[4+i]), int32(in[8+i]), int32(in[12+i])
		a, b, c, d := i0+i12, i4+i8, i4-i8, i0-i12
		t[i], t[4+i], t[8+i], t[12+i] = a+b, c+d, a-b, d-c
	}
	for i := range 4 {
		i0, i1, i2, i3 := t[4*i], t[4*i+1], t[4*i+2], t[4*i+3]
		a, b, c, d := i0+i3+3, i1+i2, i1-i2, i0-i3+3
		out[4*i] = int16((a + b) >> 3)
		out[4*i+1] = int16((c + d) >> 3)
		out[4*i+2] = int16((a - b) >> 3)
		out[4*i+3] = int16((d - c) >> 3)
	}
}
