package vp8

import "encoding/binary"

// Sums over a macroblock work on four 16-bit lanes of a word at a time.
const (
	lanes     = 0x0001_0001_0001_0001
	evenBytes = 0x00FF_00FF_00FF_00FF
	halves    = 0x7FFF_7FFF_7FFF_7FFF
)

// sad is the sum of absolute differences of two 16x16 blocks. It stops when the
// sum exceeds the limit.
func sad(a []byte, aStride int, b []byte, bStride int, limit int) int {
	sum := 0
	for range 4 {
		var acc uint64
		for range 4 {
			x, y := (*[16]byte)(a), (*[16]byte)(b)
			acc += absDiff(binary.LittleEndian.Uint64(x[:8]), binary.LittleEndian.Uint64(y[:8]))
			acc += absDiff(binary.LittleEndian.Uint64(x[8:]), binary.LittleEndian.Uint64(y[8:]))
			a, b = a[min(aStride, len(a)):], b[min(bStride, len(b)):]
		}
		sum += int(acc * lanes >> 48)
		if sum > limit {
			break
		}
	}
	return sum
}

// absDiff adds up the absolute differences of pairs of bytes in four lanes.
func absDiff(x, y uint64) uint64 {
	return laneAbsDiff(x&evenBytes, y&evenBytes) + laneAbsDiff(x>>8&evenBytes, y>>8&evenBytes)
}

func laneAbsDiff(x, y uint64) uint64 {
	d := (x | lanes<<8) - y // 256 + x - y
	n := d>>8&lanes ^ lanes
	return (d^(n<<8-n))&evenBytes + n
}

// satd is the sum of the absolute Hadamard-transformed differences of two 16x16
// blocks in units of a pixel's difference, the best cheap guess at what the
// residue will cost.
func satd(a []byte, aStride int, b []byte, bStride int) int {
	var acc uint64
	for range 4 {
		var t [16]uint64
		for y := range 4 {
			p, q := (*[16]byte)(a), (*[16]byte)(b)
			p0, p8 := binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
			q0, q8 := binary.LittleEndian.Uint64(q[:8]), binary.LittleEndian.Uint64(q[8:])
			d0 := column(p0, p8) - column(q0, q8)
			d1 := column(p0>>8, p8>>8) - column(q0>>8, q8>>8)
			d2 := column(p0>>16, p8>>16) - column(q0>>16, q8>>16)
			d3 := column(p0>>24, p8>>24) - column(q0>>24, q8>>24)
			s, d, u, v := d0+d1, d0-d1, d2+d3, d2-d3
			t[4*y], t[4*y+1], t[4*y+2], t[4*y+3] = s+u, d+v, s-u, d-v
			a, b = a[min(aStride, len(a)):], b[min(bStride, len(b)):]
		}
		acc += hadamardColumns(&t)
	}
	return int(acc&0xFFFF + acc>>16&0xFFFF + acc>>32&0xFFFF + acc>>48)
}

// satd8 is satd for 8x8 blocks.
func satd8(a []byte, aStride int, b []byte, bStride int) int {
	var t [16]uint64
	for y := range 4 {
		p0 := binary.LittleEndian.Uint64(a[y*aStride:])
		p8 := binary.LittleEndian.Uint64(a[(y+4)*aStride:])
		q0 := binary.LittleEndian.Uint64(b[y*bStride:])
		q8 := binary.LittleEndian.Uint64(b[(y+4)*bStride:])
		d0 := column(p0, p8) - column(q0, q8)
		d1 := column(p0>>8, p8>>8) - column(q0>>8, q8>>8)
		d2 := column(p0>>16, p8>>16) - column(q0>>16, q8>>16)
		d3 := column(p0>>24, p8>>24) - column(q0>>24, q8>>24)
		s, d, u, v := d0+d1, d0-d1, d2+d3, d2-d3
		t[4*y], t[4*y+1], t[4*y+2], t[4*y+3] = s+u, d+v, s-u, d-v
	}
	return int(hadamardColumns(&t) * lanes >> 48)
}

// column gathers every fourth byte, one per 4x4 block, in the four lanes.
func column(low, high uint64) uint64 {
	const fourth = 0x0000_00FF_0000_00FF
	return low&fourth | high&fourth<<16
}

// hadamardColumns transforms the columns and adds up half the magnitudes. Lanes
// are signed here: a negative one has borrowed from the next, which laneAbs
// undoes.
func hadamardColumns(t *[16]uint64) uint64 {
	var acc uint64
	for i := range 4 {
		s, d := t[i]+t[4+i], t[i]-t[4+i]
		u, v := t[8+i]+t[12+i], t[8+i]-t[12+i]
		acc += laneAbs(s+u)>>1&halves + laneAbs(d+v)>>1&halves
		acc += laneAbs(s-u)>>1&halves + laneAbs(d-v)>>1&halves
	}
	return acc
}

func laneAbs(x uint64) uint64 {
	s := x >> 15 & lanes
	s = s<<16 - s
	return (x + s) ^ s
}

// satd4 is satd for a 4x4 block and a prediction of it.
func satd4(src []byte, stride int, pred *[16]byte) int {
	var t [16]int32
	for y := range 4 {
		s := (*[4]byte)(src[y*stride:])
		p := (*[4]byte)(pred[4*y:])
		d0, d1 := int32(s[0])-int32(p[0]), int32(s[1])-int32(p[1])
		d2, d3 := int32(s[2])-int32(p[2]), int32(s[3])-int32(p[3])
		a, b, c, d := d0+d1, d0-d1, d2+d3, d2-d3
		t[4*y], t[4*y+1], t[4*y+2], t[4*y+3] = a+c, b+d, a-c, b-d
	}
	sum := int32(0)
	for i := range 4 {
		a, b := t[i]+t[4+i], t[i]-t[4+i]
		c, d := t[8+i]+t[12+i], t[8+i]-t[12+i]
		sum += abs32(a+c) + abs32(b+d) + abs32(a-c) + abs32(b-d)
	}
	return int(sum) >> 1
}

func abs32(v int32) int32 {
	s := v >> 31
	return v ^ s - s
}

// squares is the sum of squared differences of two squares of pixels.
func squares(a []byte, aStride int, b []byte, bStride int, size int) int {
	sum := 0
	for range size {
		p, q := a[:size], b[:size]
		for i, v := range p {
			d := int(v) - int(q[i])
			sum += d * d
		}
		a, b = a[min(aStride, len(a)):], b[min(bStride, len(b)):]
	}
	return sum
}
