package config

import (
	"bytes"
	"errors"
	"testing"

	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
)

func open(t testing.TB, dev flash.Device) *Store {
	t.Helper()
	s := new(Store)
	if err := s.Open(dev, 0); err != nil {
		t.Fatal(err)
	}
	return s
}

func load(t testing.TB, dev flash.Device) []byte {
	t.Helper()
	p := make([]byte, MaxSize)
	n, err := open(t, dev).Load(p)
	if err == ErrEmpty {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return p[:n]
}

func TestStoreKeepsEverySize(t *testing.T) {
	chip := norsim.New(2 * flash.Sector)
	s := open(t, chip)
	if _, err := s.Load(nil); err != ErrEmpty {
		t.Errorf("a blank chip: %v", err)
	}
	for _, size := range []int{1, 0, 3, 4, 223, 224, 225, 255, 256, 257, 1000, MaxSize} {
		want := bytes.Repeat([]byte{byte(size)}, size)
		if err := s.Save(want); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if got := load(t, chip); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %d bytes came back", size, len(got))
		}
	}
	if err := s.Save(make([]byte, MaxSize+1)); err != ErrLong {
		t.Errorf("too much: %v", err)
	}
	if _, err := s.Load(make([]byte, 10)); err != ErrLong {
		t.Errorf("no room: %v", err)
	}
}

func TestStoreSparesTheFlash(t *testing.T) {
	chip := norsim.New(2 * flash.Sector)
	s := open(t, chip)
	for range 10 {
		if err := s.Save([]byte("the same")); err != nil {
			t.Fatal(err)
		}
	}
	if n := chip.Counts().Erases; n != 1 {
		t.Errorf("%d sectors erased to store one content", n)
	}
	for i := range 10 {
		if err := s.Save([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := chip.Wear(0), chip.Wear(flash.Sector); a+b != 11 || a < 5 || b < 5 {
		t.Errorf("the sectors have been erased %d and %d times", a, b)
	}
}

// The power is cut in every step of saving, and again in every step of saving
// after that: the old content is there or the new, and can be replaced.
func TestStorePowerCuts(t *testing.T) {
	first, second, third := bytes.Repeat([]byte("first "), 60), bytes.Repeat([]byte("second "), 50), []byte("third")
	for _, before := range [][][]byte{{}, {first}, {third, first}} {
		chip := norsim.New(2 * flash.Sector)
		var old []byte
		for _, content := range before {
			if err := open(t, chip).Save(content); err != nil {
				t.Fatal(err)
			}
			old = content
		}
		base := bytes.Clone(chip.Bytes())
		steps := stepsOf(t, chip, second)
		for k := range steps {
			for tear := range norsim.Tears {
				chip.Restore(base)
				chip.CutAfter(k, tear, k)
				if err := open(t, chip).Save(second); !errors.Is(err, norsim.ErrPower) {
					t.Fatalf("step %d: %v", k, err)
				}
				chip.PowerOn()
				held := load(t, chip)
				if !bytes.Equal(held, old) && !bytes.Equal(held, second) {
					t.Fatalf("cut %v step %d of %d: %q is stored", tear, k, steps, held)
				}
				again := bytes.Clone(chip.Bytes())
				for j := range stepsOf(t, chip, third) {
					for tear := range norsim.Tears {
						chip.Restore(again)
						chip.CutAfter(j, tear, j)
						if err := open(t, chip).Save(third); !errors.Is(err, norsim.ErrPower) {
							t.Fatal(err)
						}
						chip.PowerOn()
						if got := load(t, chip); !bytes.Equal(got, held) && !bytes.Equal(got, third) {
							t.Fatalf("cut %d, then %v step %d: %q is stored", k, tear, j, got)
						}
					}
				}
			}
		}
	}
}

func stepsOf(t *testing.T, chip *norsim.Flash, content []byte) uint64 {
	t.Helper()
	before := chip.Counts().Steps
	if err := open(t, chip).Save(content); err != nil {
		t.Fatal(err)
	}
	return chip.Counts().Steps - before
}

func TestStoreIgnoresOtherFormats(t *testing.T) {
	chip := norsim.New(2 * flash.Sector)
	s := open(t, chip)
	for _, content := range []string{"mine", "that of a newer firmware"} {
		if err := s.Save([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	chip.Bytes()[flash.Sector+offFormat] = Format + 1
	if got := load(t, chip); string(got) != "mine" {
		t.Errorf("%q is loaded", got)
	}
}

func TestStoreSeesDamage(t *testing.T) {
	chip := norsim.New(2 * flash.Sector)
	s := open(t, chip)
	content := []byte("some content of some length")
	if err := s.Save(content); err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * (headSize + len(content)) {
		at := bit / 8
		if at >= offCRC+4 && at < headSize {
			continue // not used
		}
		chip.Bytes()[at] ^= 1 << (bit % 8)
		if got := load(t, chip); got != nil {
			t.Errorf("bit %d flipped: %q is loaded", bit, got)
		}
		chip.Bytes()[at] ^= 1 << (bit % 8)
	}
}

func TestStoreDoesNotAllocate(t *testing.T) {
	chip := norsim.New(2 * flash.Sector)
	s := open(t, chip)
	p, i := make([]byte, 500), byte(0)
	if n := testing.AllocsPerRun(50, func() {
		i++
		p[0] = i
		if err := errors.Join(s.Save(p), s.Open(chip, 0)); err != nil {
			t.Error(err)
		}
		if _, err := s.Load(p); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever is in the two sectors, opening them does not panic, and what can be
// loaded is whole.
func FuzzStore(f *testing.F) {
	chip := norsim.New(2 * flash.Sector)
	s := open(f, chip)
	for range 2 {
		if err := s.Save([]byte{1, 1, 1}); err != nil {
			f.Fatal(err)
		}
		f.Add(chip.Bytes()[:64], chip.Bytes()[flash.Sector:][:64])
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		chip := norsim.New(2 * flash.Sector)
		copy(chip.Bytes()[:flash.Sector], a)
		copy(chip.Bytes()[flash.Sector:], b)
		held := load(t, chip)
		var v Values
		if v.Decode(held) == nil && !bytes.Equal(v.Bytes(), held) {
			t.Error("values are not what was decoded")
		}
		if err := open(t, chip).Save([]byte("next")); err != nil {
			t.Fatal(err)
		}
		if got := load(t, chip); string(got) != "next" {
			t.Errorf("%q is stored", got)
		}
	})
}
