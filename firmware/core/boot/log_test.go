package boot

import (
	"bytes"
	"encoding/binary"
	"testing"

	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
)

func TestMap(t *testing.T) {
	m := ESP32CAM()
	end := uint32(SelectorOffset)
	for _, r := range []struct {
		name         string
		offset, size uint32
	}{
		{"selector", SelectorOffset, SelectorSize},
		{"factory", FactoryOffset, flash.Sector},
		{"records", m.Records, 2 * flash.Sector},
		{"settings", SettingsOffset, 2 * flash.Sector},
		{"state", StateOffset, 2 * flash.Sector},
		{"notes", NotesOffset, flash.Sector},
		{"slot A", m.Slots[A], m.SlotSize},
		{"slot B", m.Slots[B], m.SlotSize},
		{"spare", SpareOffset, ChipSize - SpareOffset},
	} {
		if r.offset != end || r.size%flash.Sector != 0 {
			t.Errorf("%s is at %#x, the one before ends at %#x", r.name, r.offset, end)
		}
		end = r.offset + r.size
	}
	if end != ChipSize || m.Slots[A]%(64<<10) != 0 || m.Slots[B]%(64<<10) != 0 {
		t.Errorf("the map ends at %#x; slots at %#x", end, m.Slots)
	}
}

func openLog(t testing.TB, dev flash.Device) *Log {
	t.Helper()
	l := new(Log)
	if err := l.Open(dev, 0); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLogOutlastsManySectors(t *testing.T) {
	chip := norsim.New(2 * flash.Sector)
	l := openLog(t, chip)
	for i := range 5*recordsInSector + 7 {
		r := Record{Slot: Slot(i & 1), Tries: Tries, Fallback: NoSlot, Length: uint32(i)}
		if err := l.append(&r); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		got, ok := openLog(t, chip).Newest()
		if !ok || got != r || got.Seq != uint32(i+1) {
			t.Fatalf("record %d: %+v, want %+v", i, got, r)
		}
	}
	if a, b := chip.Wear(0), chip.Wear(flash.Sector); a+b != 6 || a != 3 {
		t.Errorf("the sectors have been erased %d and %d times", a, b)
	}
}

// A record that is damaged, or a blank that is not one, costs a place and no
// more.
func TestLogStepsOverDamage(t *testing.T) {
	chip := norsim.New(2 * flash.Sector)
	l := openLog(t, chip)
	r := Record{Slot: A, Tries: Tries, Fallback: B, Length: 1}
	if err := l.append(&r); err != nil {
		t.Fatal(err)
	}
	chip.Bytes()[RecordSize+offConfirmed] = 0xfe // one torn bit after it
	next := Record{Slot: B, Tries: Tries, Fallback: A, Length: 2}
	if err := l.append(&next); err != nil {
		t.Fatal(err)
	}
	if l.at != 2*RecordSize {
		t.Errorf("appended at %#x", l.at)
	}
	for bit := range 8 * (offCRC + 4) {
		at := 2*RecordSize + bit/8
		chip.Bytes()[at] ^= 1 << (bit % 8)
		if got, ok := openLog(t, chip).Newest(); !ok || got.Seq != r.Seq {
			t.Errorf("bit %d flipped: %+v", bit, got)
		}
		chip.Bytes()[at] ^= 1 << (bit % 8)
	}
}

func TestMarks(t *testing.T) {
	for n := range 33 {
		var p [RecordSize]byte
		r := Record{Seq: 1, Slot: A, Tries: Tries, Fallback: B}
		r.encode(&p)
		word := ^uint32(0)
		for i := range n { // the bits of a torn write, in some order
			word &^= 1 << (i * 7 % 32)
		}
		binary.LittleEndian.PutUint32(p[offConfirmed:], word)
		if !r.decode(p[:]) || r.Confirmed != (n >= 16) {
			t.Errorf("%d bits clear: confirmed %v", n, r.Confirmed)
		}
		binary.LittleEndian.PutUint32(p[offRejected:], word)
		if !r.decode(p[:]) || r.Rejected != (n >= 16) {
			t.Errorf("%d bits clear: rejected %v", n, r.Rejected)
		}
		binary.LittleEndian.PutUint32(p[offAttempts:], word)
		if !r.decode(p[:]) || int(r.Attempts) != n {
			t.Errorf("%d bits clear: %d attempts", n, r.Attempts)
		}
	}
}

func TestStates(t *testing.T) {
	for _, c := range []struct {
		r    Record
		want State
	}{
		{Record{Tries: 3}, Pending},
		{Record{Tries: 3, Attempts: 2}, Pending},
		{Record{Tries: 3, Attempts: 3}, Exhausted},
		{Record{Tries: 3, Attempts: 3, Confirmed: true}, Confirmed},
		{Record{Tries: 3, Confirmed: true, Rejected: true}, Rejected},
		{Record{Tries: 3, Rejected: true}, Rejected},
	} {
		if got := c.r.State(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.r, got, c.want)
		}
	}
}

func TestDecide(t *testing.T) {
	trial := func(s Slot) Step { return Step{Slot: s, Match: RecordImage, Trial: true} }
	known := func(s Slot) Step { return Step{Slot: s, Match: RecordImage, Quick: true} }
	whatever := func(s Slot) Step { return Step{Slot: s} }
	for _, c := range []struct {
		name    string
		r       Record
		none    bool
		crashes int
		want    []Step
	}{
		{"no record", Record{}, true, 0, []Step{whatever(A), whatever(B)}},
		{"confirmed", Record{Slot: B, Tries: 3, Fallback: A, Confirmed: true}, false, 9, []Step{known(B), whatever(B), whatever(A)}},
		{"confirmed, but does not stay up", Record{Slot: B, Tries: 3, Fallback: A, Confirmed: true}, false, 10,
			[]Step{{Slot: A, Match: FallbackImage}, known(B), whatever(A)}},
		{"the same with nothing to fall back to", Record{Slot: B, Tries: 3, Fallback: NoSlot, Confirmed: true}, false, 10, []Step{known(B), whatever(B), whatever(A)}},
		{"new", Record{Slot: B, Tries: 3, Fallback: A}, false, 0, []Step{trial(B), whatever(A), whatever(B)}},
		{"two trials spent", Record{Slot: A, Tries: 3, Fallback: B, Attempts: 2}, false, 99, []Step{trial(A), whatever(B), whatever(A)}},
		{"three trials spent", Record{Slot: A, Tries: 3, Fallback: B, Attempts: 3}, false, 0, []Step{whatever(B), whatever(A)}},
		{"rejected", Record{Slot: B, Tries: 3, Fallback: A, Rejected: true, Confirmed: true}, false, 0, []Step{whatever(A), whatever(B)}},
	} {
		if got, want := Decide(c.r, !c.none, c.crashes), plan(c.want...); got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

// Whatever the sectors hold, the log can be read, what it says is sound, and a
// record can be appended that then is the newest.
func FuzzLog(f *testing.F) {
	chip := norsim.New(2 * flash.Sector)
	l := openLog(f, chip)
	for range recordsInSector + 1 {
		if err := l.append(&Record{Slot: A, Tries: Tries, Fallback: B}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(chip.Bytes()[:3*RecordSize], chip.Bytes()[flash.Sector:][:RecordSize])
	f.Add(chip.Bytes()[:flash.Sector], []byte{})
	f.Add([]byte{}, []byte("junk"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		chip := norsim.New(2 * flash.Sector)
		copy(chip.Bytes()[:flash.Sector], a)
		copy(chip.Bytes()[flash.Sector:], b)
		l := openLog(t, chip)
		r, recorded := l.Newest()
		p := Decide(r, recorded, MaxCrashes)
		both := [2]bool{}
		for _, s := range p.Steps[:p.Len] {
			both[s.Slot] = true
		}
		if both != [2]bool{true, true} {
			t.Errorf("%+v: not both slots are tried", p)
		}
		held, at := bytes.Clone(chip.Bytes()[l.at:][:RecordSize]), l.at
		next := Record{Slot: B, Tries: Tries, Fallback: A, Length: 9}
		if err := l.append(&next); err != nil {
			t.Fatal(err)
		}
		if recorded && !bytes.Equal(held, chip.Bytes()[at:][:RecordSize]) {
			t.Error("the record that held has changed")
		}
		if got, ok := openLog(t, chip).Newest(); !ok || got != next {
			t.Errorf("%+v, want %+v", got, next)
		}
	})
}
