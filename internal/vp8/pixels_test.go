package vp8

import (
	"math/rand/v2"
	"testing"
)

// samples are random bytes, now and then extreme or alike.
func samples(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	kind := rnd.IntN(4)
	for i := range b {
		switch kind {
		case 0:
			b[i] = uint8(rnd.Uint32())
		case 1:
			b[i] = uint8(255 * rnd.IntN(2))
		case 2:
			b[i] = uint8(120 + rnd.IntN(9))
		case 3:
			b[i] = 255
		}
	}
	return b
}

// TestDistortions compares the sums in lanes with plain ones.
func TestDistortions(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 500 {
		a, b := samples(rnd, 16*40), samples(rnd, 16*33)
		want := 0
		for y := range 16 {
			for x := range 16 {
				want += int(abs32(int32(a[40*y+x]) - int32(b[33*y+x])))
			}
		}
		if got := sad(a, 40, b, 33, maxCost); got != want {
			t.Fatalf("%d: sad %d, want %d", n, got, want)
		}
		if got := sad(a, 40, b, 33, want/2); got < want/2 {
			t.Fatalf("%d: sad stopped at %d of %d", n, got, want)
		}
		sum16, sum8 := 0, 0
		for i := range 16 {
			x, y := i&3*4, i>>2*4
			var pred [16]byte
			for row := range 4 {
				copy(pred[4*row:], b[33*(y+row)+x:][:4])
			}
			// Half of an odd sum is rounded in each lane.
			s := satd4(a[40*y+x:], 40, &pred)
			sum16 += s
			if x < 8 && y < 8 {
				sum8 += s
			}
		}
		if got := satd(a, 40, b, 33); got > sum16 || got < sum16-16*16/2 {
			t.Fatalf("%d: satd %d, want %d", n, got, sum16)
		}
		if got := satd8(a, 40, b, 33); got > sum8 || got < sum8-4*16/2 {
			t.Fatalf("%d: satd8 %d, want %d", n, got, sum8)
		}
	}
}

// TestInterpolate compares the filters in lanes with those of RFC 6386 section
// 18.3 as they stand there.
func TestInterpolate(t *testing.T) {
	taps := [8][6]int{
		{0, 0, 128, 0, 0, 0}, {0, -6, 123, 12, -1, 0}, {2, -11, 108, 36, -8, 1}, {0, -9, 93, 50, -6, 0},
		{3, -16, 77, 77, -16, 3}, {0, -6, 50, 93, -9, 0}, {1, -8, 36, 108, -11, 2}, {0, -1, 12, 123, -6, 0},
	}
	filter := func(src []byte, at, step, fraction int) byte {
		sum := 64
		for i, tap := range taps[fraction] {
			sum += tap * int(src[at+(i-2)*step])
		}
		return uint8(min(max(sum>>7, 0), 255))
	}
	const stride = 32
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{8, 16} {
		for fx := range 8 {
			for fy := range 8 {
				src := samples(rnd, stride*32)
				at := 3*stride + 3
				got := make([]byte, 16*16)
				interpolate(got, 16, src, at, stride, fx, fy, size)
				rows := make([]byte, len(src))
				for i := 2; i < len(src)-3; i++ {
					rows[i] = filter(src, i, 1, fx)
				}
				for y := range size {
					for x := range size {
						if want := filter(rows, at+y*stride+x, stride, fy); got[16*y+x] != want {
							t.Fatalf("size %d, fraction %d,%d, pixel %d,%d: %d, want %d", size, fx, fy, x, y, got[16*y+x], want)
						}
					}
				}
			}
		}
	}
}

// TestTransforms checks that without quantization a residue comes back to
// within one.
func TestTransforms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		src, pred := samples(rnd, 16), samples(rnd, 16)
		var coeffs block
		forward(src, 4, pred, 4, &coeffs)
		got := append([]byte(nil), pred...)
		inverse(&coeffs, got, 4)
		for i, v := range got {
			if d := int(v) - int(src[i]); d < -1 || d > 1 {
				t.Fatalf("%d: sample %d is %d, want %d", n, i, v, src[i])
			}
		}
		var dcs, walsh, back block
		for i := range dcs {
			dcs[i] = int16(rnd.IntN(4081) - 2040)
		}
		forwardWalsh(&dcs, &walsh)
		inverseWalsh(&walsh, &back)
		for i, v := range back {
			if d := v - dcs[i]; d < -1 || d > 1 {
				t.Fatalf("%d: DC %d is %d, want %d", n, i, v, dcs[i])
			}
		}
	}
	for dc := -4080; dc <= 4080; dc++ {
		coeffs := block{int16(dc)}
		a, b := make([]byte, 16), make([]byte, 16)
		fill(a, 128)
		fill(b, 128)
		inverse(&coeffs, a, 4)
		inverseDC(int16(dc), b, 4)
		if string(a) != string(b) {
			t.Fatalf("DC %d: %v, want %v", dc, b, a)
		}
	}
}

// TestQuantize checks for every quantizer that a level is the nearest or the
// one below, and that small values are zero.
func TestQuantize(t *testing.T) {
	var set quantizerSet
	for index := range quantizers {
		set.set(index)
		for _, q := range []*quantizer{&set.luma, &set.walsh, &set.chroma} {
			for v := -17000; v <= 17000; v += 7 {
				for kind, step := range q.step {
					coeff, level := q.level(int16(v), kind)
					if int(level)*int(step) != int(coeff) {
						t.Fatalf("quantizer %d: level %d, coefficient %d", index, level, coeff)
					}
					if max(v, -v)/int(step) >= maxLevel {
						continue
					}
					d := (max(v, -v) - int(max(coeff, -coeff)))
					if v < 0 && coeff > 0 || v > 0 && coeff < 0 || 2*d < -int(step) || d > int(step) {
						t.Fatalf("quantizer %d: %d became %d, the step is %d", index, v, coeff, step)
					}
				}
				coeffs := block{0: int16(v), 15: int16(v)}
				var levels block
				end := q.quantize(&coeffs, &levels, 1)
				if (end == 16) != (levels[15] != 0) || (end == 0) != (levels[15] == 0) {
					t.Fatalf("quantizer %d: %d gave %v up to %d", index, v, levels, end)
				}
				if coeffs[0] != int16(v) {
					t.Fatalf("quantizer %d: a coefficient before the first changed", index)
				}
			}
		}
	}
}
