package boot

import (
	"errors"
	"testing"

	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/sha2"
)

// settled is a camera that runs the first image from slot A, and has the second
// in slot B.
func settled(t *testing.T) (g *rig, first, second *artefact) {
	t.Helper()
	first, second = newArtefact(t, "first", 1), newArtefact(t, "second", 2)
	g = newRig(first, second)
	g.place(first, A)
	g.place(second, B)
	if err := errors.Join(g.log.Open(g.chip, rigMap.Records), g.log.Settle(A, &first.header)); err != nil {
		t.Fatal(err)
	}
	return g, first, second
}

func (g *rig) choose(t *testing.T, crashes int) Choice {
	t.Helper()
	if err := g.selector.Open(g.chip, rigMap, g.hash); err != nil {
		t.Fatal(err)
	}
	c, ok := g.selector.Select(crashes)
	if !ok {
		t.Fatalf("nothing to start: %v, %v", g.selector.Found(A), g.selector.Found(B))
	}
	return c
}

func TestTrialsAreCounted(t *testing.T) {
	g, first, second := settled(t)
	if c := g.choose(t, 0); c != (Choice{Slot: A, Base: rigMap.Slots[A]}) {
		t.Errorf("%+v", c)
	}
	if err := g.log.Activate(B, &second.header, A, &first.header); err != nil {
		t.Fatal(err)
	}
	for n := range uint8(3) {
		if c := g.choose(t, 0); c != (Choice{Slot: B, Base: rigMap.Slots[B], Trial: true, Attempt: n + 1}) {
			t.Errorf("trial %d: %+v", n+1, c)
		}
		if g.selector.Header().Build != 2 {
			t.Error("the header is not that of the choice")
		}
	}
	if c := g.choose(t, 0); c.Slot != A || c.Trial {
		t.Errorf("after the trials: %+v", c)
	}
	if err := g.log.Open(g.chip, rigMap.Records); err != nil {
		t.Fatal(err)
	}
	if r, back := g.log.CameBack(A); !back || r.State() != Exhausted || r.Slot != B || r.Attempts != 3 {
		t.Errorf("%+v %v", r, back)
	}
	if err := g.log.Settle(A, &first.header); err != nil {
		t.Fatal(err)
	}
	if _, back := g.log.CameBack(A); back {
		t.Error("what has been settled is reported again")
	}
}

// The third trial may still confirm itself.
func TestLastTrialConfirms(t *testing.T) {
	g, first, second := settled(t)
	if err := g.log.Activate(B, &second.header, A, &first.header); err != nil {
		t.Fatal(err)
	}
	for range Tries {
		g.choose(t, 0)
	}
	if err := errors.Join(g.log.Open(g.chip, rigMap.Records), g.log.Confirm(B), g.log.Confirm(B)); err != nil {
		t.Fatal(err)
	}
	if c := g.choose(t, 0); c.Slot != B || c.Trial {
		t.Errorf("%+v", c)
	}
	if c := g.choose(t, MaxCrashes); c.Slot != A {
		t.Errorf("when it does not stay up: %+v", c)
	}
	g.chip.Bytes()[rigMap.Slots[A]+image.HeaderSize]++ // then there is nothing else
	if c := g.choose(t, MaxCrashes); c.Slot != B {
		t.Errorf("when it does not stay up and the other is damaged: %+v", c)
	}
}

func TestDamagedImagesAreNotStarted(t *testing.T) {
	for name, damage := range map[string]func(g *rig){
		"header":        func(g *rig) { g.chip.Bytes()[rigMap.Slots[B]+0x20]++ },
		"body":          func(g *rig) { g.chip.Bytes()[rigMap.Slots[B]+rigImage-1]++ },
		"erased":        func(g *rig) { g.chip.Bytes()[rigMap.Slots[B]] = 0xff },
		"another image": func(g *rig) { g.place(g.known[0], B) },
	} {
		g, first, second := settled(t)
		if err := g.log.Activate(B, &second.header, A, &first.header); err != nil {
			t.Fatal(err)
		}
		damage(g)
		if c := g.choose(t, 0); c.Slot != A || c.Trial {
			t.Errorf("%s: %+v", name, c)
		}
		if err := g.selector.Found(B); err == nil {
			t.Errorf("%s: the selector cannot say why", name)
		}
		if r, _ := g.selector.Newest(); r.State() != Rejected || r.Attempts != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestBrokenChoice(t *testing.T) {
	g, first, second := settled(t)
	if err := g.log.Activate(B, &second.header, A, &first.header); err != nil {
		t.Fatal(err)
	}
	c := g.choose(t, 0)
	if err := g.selector.Broken(c); err != nil {
		t.Fatal(err)
	}
	if c, ok := g.selector.Select(0); !ok || c.Slot != A {
		t.Errorf("%+v %v", c, ok)
	}
	if c := g.choose(t, 0); c.Slot != A {
		t.Errorf("at the next start: %+v", c)
	}
	if err := g.selector.Broken(c); err != nil {
		t.Fatal(err)
	}
}

// With no record, A before B; with no image, nothing.
func TestWithoutRecords(t *testing.T) {
	first, second := newArtefact(t, "first", 1), newArtefact(t, "second", 2)
	g := newRig(first, second)
	if err := g.selector.Open(g.chip, rigMap, g.hash); err != nil {
		t.Fatal(err)
	}
	if c, ok := g.selector.Select(0); ok {
		t.Errorf("a blank chip starts %+v", c)
	}
	g.place(second, B)
	if c := g.choose(t, 0); c.Slot != B {
		t.Errorf("%+v", c)
	}
	g.place(first, A)
	if c := g.choose(t, 0); c.Slot != A {
		t.Errorf("%+v", c)
	}
	if err := g.log.Open(g.chip, rigMap.Records); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"confirm":  g.log.Confirm(A),
		"reject":   g.log.Reject(A),
		"activate": g.log.Activate(B, &second.header, A, &first.header),
	} {
		if err != ErrUnsettled {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a cable has written is started although the record names another image.
func TestImageByCable(t *testing.T) {
	g, _, second := settled(t)
	g.place(second, A)
	if c := g.choose(t, 0); c.Slot != A || g.selector.Header().Build != 2 {
		t.Errorf("%+v", c)
	}
}

func TestRefusals(t *testing.T) {
	g, first, second := settled(t)
	if err := g.log.Activate(A, &second.header, A, &first.header); err != ErrRunning {
		t.Errorf("over itself: %v", err)
	}
	if err := g.log.Activate(NoSlot, &second.header, A, &first.header); err != ErrRunning {
		t.Errorf("to nowhere: %v", err)
	}
	if err := g.log.Activate(A, &second.header, B, &first.header); err != ErrUnsettled {
		t.Errorf("unsettled: %v", err)
	}
	if err := g.log.Activate(B, &second.header, A, &first.header); err != nil {
		t.Fatal(err)
	}
	if err := g.log.Confirm(A); err != ErrUnsettled {
		t.Errorf("confirming the other: %v", err)
	}
	// B runs now
	if err := g.log.Activate(A, &first.header, B, &second.header); err != ErrTrial {
		t.Errorf("on trial: %v", err)
	}
	if err := g.log.Settle(B, &second.header); err != ErrTrial {
		t.Errorf("on trial: %v", err)
	}
	if err := g.log.Reject(B); err != nil {
		t.Fatal(err)
	}
	if err := g.log.Confirm(B); err != ErrRejected {
		t.Errorf("rejected: %v", err)
	}
	if c := g.choose(t, 0); c.Slot != A {
		t.Errorf("%+v", c)
	}
}

// readOnly is a chip that is protected.
type readOnly struct{ *norsim.Flash }

func (readOnly) Program(uint32, []byte) error { return flash.ErrDevice }
func (readOnly) Erase(uint32) error           { return flash.ErrDevice }

// A trial that cannot be counted is none.
func TestTrialOnProtectedChip(t *testing.T) {
	g, first, second := settled(t)
	if err := g.log.Activate(B, &second.header, A, &first.header); err != nil {
		t.Fatal(err)
	}
	if err := g.selector.Open(readOnly{g.chip}, rigMap, g.hash); err != nil {
		t.Fatal(err)
	}
	if c, ok := g.selector.Select(0); !ok || c.Slot != A || c.Trial {
		t.Errorf("%+v %v", c, ok)
	}
	if err := g.selector.Found(B); err != flash.ErrDevice {
		t.Errorf("%v", err)
	}
	var l Log
	if err := l.Open(readOnly{g.chip}, rigMap.Records); err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(A, &first.header); err != flash.ErrDevice {
		t.Errorf("%v", err)
	}
}

func TestNoAllocation(t *testing.T) {
	g, first, second := settled(t)
	hash := new(sha2.Hash256)
	for name, f := range map[string]func() error{
		"a start": func() error {
			if err := g.selector.Open(g.chip, rigMap, hash); err != nil {
				return err
			}
			if _, ok := g.selector.Select(0); !ok {
				return errNoImage
			}
			return nil
		},
		"an update and its trial": func() error {
			err := errors.Join(g.log.Open(g.chip, rigMap.Records), g.log.Settle(A, &first.header), g.log.Activate(B, &second.header, A, &first.header),
				g.selector.Open(g.chip, rigMap, hash))
			c, ok := g.selector.Select(0)
			if !ok || !c.Trial {
				return errNoImage
			}
			return errors.Join(err, g.log.Open(g.chip, rigMap.Records), g.log.Reject(B))
		},
	} {
		if n := testing.AllocsPerRun(200, func() {
			if err := f(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
