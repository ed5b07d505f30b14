package vp8

import (
	"math/rand/v2"
	"testing"
)

// boolReader is the decoder of RFC 6386 section 7.3, bit by bit.
type boolReader struct {
	in           []byte
	value, width uint32
	shifts       int
}

func newBoolReader(in []byte) *boolReader {
	return &boolReader{in: in[2:], value: uint32(in[0])<<8 | uint32(in[1]), width: 255}
}

func (r *boolReader) get(prob uint8) uint32 {
	split := 1 + (r.width-1)*uint32(prob)>>8
	bit := uint32(0)
	if r.value >= split<<8 {
		bit = 1
		r.width -= split
		r.value -= split << 8
	} else {
		r.width = split
	}
	for r.width < 128 {
		r.value <<= 1
		r.width <<= 1
		if r.shifts++; r.shifts == 8 {
			r.shifts = 0
			if len(r.in) > 0 {
				r.value |= uint32(r.in[0])
				r.in = r.in[1:]
			}
		}
	}
	return bit
}

// TestBoolWriter writes bools of all probabilities, likely and unlikely, and
// reads them back. Unlikely ones at the ends of the range make carries run.
func TestBoolWriter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		count := rnd.IntN(600)
		bits, probs := make([]uint32, count), make([]uint8, count)
		for i := range bits {
			probs[i] = uint8(1 + rnd.IntN(255))
			if n%3 == 0 {
				probs[i] = []uint8{1, 255}[rnd.IntN(2)]
			}
			bits[i] = rnd.Uint32() & 1
			if n%2 == 0 && uint8(rnd.Uint32()) < probs[i] {
				bits[i] = 0
			}
		}
		var w boolWriter
		w.begin([]byte("before"))
		for i, bit := range bits {
			w.put(bit, probs[i])
		}
		out := w.end()
		if string(out[:6]) != "before" {
			t.Fatalf("stream %d: what was before is %q", n, out[:6])
		}
		r := newBoolReader(out[6:])
		for i, bit := range bits {
			if got := r.get(probs[i]); got != bit {
				t.Fatalf("stream %d: bool %d of %d is %d, want %d", n, i, count, got, bit)
			}
		}
	}
}

// TestCarry writes what makes a carry run through bytes of 255.
func TestCarry(t *testing.T) {
	var w boolWriter
	w.begin(nil)
	for range 200 {
		w.put(1, 1) // to the very top of the interval
	}
	w.put(0, 128)
	for range 20 {
		w.put(1, 255)
	}
	r := newBoolReader(w.end())
	for i := range 200 {
		if r.get(1) != 1 {
			t.Fatalf("bool %d is 0", i)
		}
	}
	if r.get(128) != 0 {
		t.Fatal("bool 200 is 1")
	}
	for i := range 20 {
		if r.get(255) != 1 {
			t.Fatalf("bool %d is 0", 201+i)
		}
	}
}

// TestTokens reads back the tokens of every value by the tree of section 13.2.
func TestTokens(t *testing.T) {
	for kind := range blockTypes {
		for v := -maxLevel; v <= maxLevel; v++ {
			first := 0
			if kind == typeLumaAC {
				first = 1
			}
			levels := block{7: int16(-v / 3), 15: int16(v / 64)}
			levels[first] = int16(v)
			end := 16
			for end > first && levels[end-1] == 0 {
				end--
			}
			var buf tokenBuffer
			buf.begin(&defaultCoeffProbs)
			buf.block(kind, v&1, first, &levels, end)
			var w boolWriter
			w.begin(nil)
			buf.write(&w, &defaultCoeffProbs)
			got := readBlock(newBoolReader(w.end()), kind, v&1, first)
			if got != levels {
				t.Fatalf("type %d, value %d: read %v, want %v", kind, v, got, levels)
			}
		}
	}
}

// coeffTree is that of section 13.2: leaves are the tokens, negated.
var coeffTree = [22]int{-11, 2, 0, 4, -1, 6, 8, 12, -2, 10, -3, -4, 14, 16, -5, -6, 18, 20, -7, -8, -9, -10}

func readBlock(r *boolReader, kind, context, first int) block {
	var levels block
	skip := 0
	for i := first; i < 16; i++ {
		probs := defaultCoeffProbs[((kind*bands+int(band[i]))*contexts+context)*tokenNodes:]
		at := skip
		for {
			at = coeffTree[at+int(r.get(probs[at/2]))]
			if at <= 0 {
				break
			}
		}
		token := -at
		if token == 11 {
			break
		}
		skip = 0
		v := token
		switch {
		case token == 0:
			skip, context = 2, 0
			continue
		case token > 4:
			c := categories[token-5]
			v = 0
			for _, p := range c.probs {
				v = 2*v + int(r.get(p))
			}
			v += c.base
		}
		context = min(v, 2)
		if r.get(128) == 1 {
			v = -v
		}
		levels[i] = int16(v)
	}
	return levels
}

// TestVectors reads back every component of a vector (section 17.1), and
// checks what it is said to cost.
func TestVectors(t *testing.T) {
	var costs componentCosts
	costs.set(&defaultComponentProbs)
	for i, probs := range defaultComponentProbs {
		for v := -maxComponent; v <= maxComponent; v++ {
			var w boolWriter
			w.begin(nil)
			cost := 0
			visitComponent(v, func(bit uint32, place int) {
				w.put(bit, probs[place])
				cost += bitCost(bit, probs[place])
			})
			if got := readComponent(newBoolReader(w.end()), &probs); got != v {
				t.Fatalf("component %d: read %d, want %d", i, got, v)
			}
			if got := int(costs[i][v+maxComponent]); got != cost {
				t.Fatalf("component %d: cost of %d is %d, want %d", i, v, got, cost)
			}
		}
	}
	if _, ok := costs.cost(vector{maxComponent, 0}, vector{-1, 0}); ok {
		t.Error("a difference of 1024 can be coded")
	}
}

func readComponent(r *boolReader, probs *[vectorProbs]uint8) int {
	v := 0
	if r.get(probs[vectorLong]) == 1 {
		for i := range 3 {
			v += int(r.get(probs[vectorBits+i])) << i
		}
		for i := vectorLongBits - 1; i > 3; i-- {
			v += int(r.get(probs[vectorBits+i])) << i
		}
		if v&0xFFF0 == 0 || r.get(probs[vectorBits+3]) == 1 {
			v += 8
		}
	} else {
		tree := [14]int{2, 8, 4, 6, 0, -1, -2, -3, 10, 12, -4, -5, -6, -7}
		at := 0
		for {
			at = tree[at+int(r.get(probs[vectorShort+at/2]))]
			if at <= 0 {
				break
			}
		}
		v = -at
	}
	if v != 0 && r.get(probs[vectorSign]) == 1 {
		v = -v
	}
	return v
}
