package backoff

import (
	"math"
	"testing"
	"time"

	"camrelay/firmware/core/haltest"
)

func TestBounds(t *testing.T) {
	ms := int64(time.Millisecond)
	for _, c := range []struct {
		name string
		b    Backoff
		want []int64 // in milliseconds
	}{
		{"doubles up to the cap", Backoff{Base: 500 * ms, Cap: 60_000 * ms}, []int64{500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}},
		{"cap is base: fixed", Backoff{Base: 500 * ms, Cap: 500 * ms}, []int64{500, 500, 500}},
		{"cap below base: fixed", Backoff{Base: 500 * ms}, []int64{500, 500, 500}},
		{"cap is no power of two times base", Backoff{Base: 300 * ms, Cap: 1000 * ms}, []int64{300, 600, 1000, 1000}},
		{"nothing", Backoff{}, []int64{0, 0}},
		{"negative", Backoff{Base: -5 * ms, Cap: -3 * ms}, []int64{0, 0}},
	} {
		r := haltest.NewRandom(1)
		for round := range 2 {
			for i, want := range c.want {
				if got := c.b.Bound(); got != want*ms {
					t.Errorf("%s: round %d, pause %d is up to %d ms, want %d", c.name, round, i, got/ms, want)
				}
				if pause := c.b.Next(r); pause < 0 || pause > want*ms {
					t.Errorf("%s: pause %d is %d ns", c.name, i, pause)
				}
			}
			c.b.Reset()
		}
	}
}

// The bound never overflows, however often it doubles.
func TestLongSeries(t *testing.T) {
	b := Backoff{Base: 1, Cap: math.MaxInt64}
	r := haltest.NewRandom(1)
	last := int64(0)
	for i := range 1000 {
		if bound := b.Bound(); bound < last {
			t.Fatalf("bound %d after %d: %d pauses", bound, last, i)
		} else {
			last = bound
		}
		if p := b.Next(r); p < 0 || p > last {
			t.Fatalf("pause %d", p)
		}
	}
	if last != math.MaxInt64 {
		t.Errorf("bound ends at %d", last)
	}
}

// Pauses fill the whole range evenly.
func TestFullJitter(t *testing.T) {
	r := haltest.NewRandom(7)
	var buckets [10]int
	for range 10_000 {
		b := Backoff{Base: int64(time.Second), Cap: int64(time.Minute)}
		buckets[min(b.Next(r)*10/int64(time.Second), 9)]++
	}
	for i, n := range buckets {
		if n < 850 || n > 1150 {
			t.Errorf("%d of 10000 pauses lie in tenth %d", n, i)
		}
	}
}
