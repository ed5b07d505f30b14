package boot

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"camrelay/firmware/core/flash/norsim"
)

// sweep cuts the power in every step of one update: from the state in which a
// camera runs the old image, through erasing, writing, activating, the trials,
// to the new image confirmed or the old one back. After each cut the camera is
// started again, and the power is cut again in every step of that. In the end
// a second update must succeed.
type sweep struct {
	*rig
	old, next, third *artefact
	from             Slot
	stride           uint64 // of the steps in the long stretch of body words
	deep             uint64 // of the first cuts after which there is a second
	base             []byte
	again            []byte // the chip after the first cut
	scenarios        int
}

// arrangement is where a sweep begins.
type arrangement struct {
	from   Slot
	bad    bool // the new image never confirms itself
	left   int  // blank records in the sector of the newest; -1: no records at all
	back   bool // the camera came back from an update before, and has not settled
	stride uint64
}

func (a arrangement) String() string {
	return fmt.Sprintf("from %v, bad %v, %d records left, came back %v", a.from, a.bad, a.left, a.back)
}

func newSweep(t testing.TB, a arrangement, w wrong) *sweep {
	s := &sweep{from: a.from, stride: a.stride, deep: 1}
	s.old, s.next, s.third = newArtefact(t, "old", 10), newArtefact(t, "new", 11), newArtefact(t, "third", 12)
	s.next.bad = a.bad
	s.rig = newRig(s.old, s.next, s.third)
	s.place(s.old, a.from)
	ancient := newArtefact(t, "ancient", 9)
	s.place(ancient, a.from.Other())
	if a.left >= 0 {
		s.appendUntil(t, s.old, a.from, a.left)
	}
	if a.back {
		must(t, s.log.Activate(a.from.Other(), &ancient.header, a.from, &s.old.header))
		for range Tries {
			must(t, s.log.mark(offAttempts))
		}
	}
	s.wrong = w
	s.base = bytes.Clone(s.chip.Bytes())
	return s
}

// run returns the first promise that is broken.
func (s *sweep) run() error {
	steps, err := s.steps(s.base, s.episode)
	if err != nil {
		return fmt.Errorf("without a cut: %w", err)
	}
	s.chip.PowerOn()
	if err := s.judge(); err != nil {
		return fmt.Errorf("without a cut: %w", err)
	}
	for k := uint64(0); k < steps; k += s.step(k, steps) {
		for tear := range norsim.Tears {
			if err := s.cutOnce(k, tear); err != nil {
				return fmt.Errorf("cut %v step %d of %d: %w", tear, k, steps, err)
			}
		}
	}
	return nil
}

// step is 1 but in the middle, where one word after another of the body is
// programmed.
func (s *sweep) step(k, steps uint64) uint64 {
	const ends = 300
	if k < 20 || k+ends > steps {
		return 1
	}
	return s.stride
}

// steps counts the steps of a run from the given content.
func (s *sweep) steps(from []byte, run func() error) (uint64, error) {
	s.forget()
	s.chip.Restore(from)
	before := s.chip.Counts().Steps
	err := run()
	return s.chip.Counts().Steps - before, err
}

// cutOnce has the power cut in step k of the update, and then in each step of
// what follows.
func (s *sweep) cutOnce(k uint64, tear norsim.Tear) error {
	s.forget()
	s.chip.Restore(s.base)
	s.chip.CutAfter(k, tear, k)
	if err := s.episode(); !errors.Is(err, norsim.ErrPower) {
		return fmt.Errorf("the power was to be cut, but: %w", err)
	}
	s.again = append(s.again[:0], s.chip.Bytes()...)
	activating, activated, confirmed, starts := s.activating, s.activated, s.confirmed, s.starts[s.next]
	recall := func() {
		s.chip.Restore(s.again)
		s.activating, s.activated, s.confirmed = activating, activated, confirmed
		clear(s.starts)
		s.starts[s.next] = starts
	}

	recall()
	before := s.chip.Counts().Steps
	if err := s.recover(); err != nil {
		return err
	}
	steps := s.chip.Counts().Steps - before
	if err := s.judge(); err != nil {
		return err
	}
	if k%s.deep != 0 {
		return nil
	}
	for j := range steps {
		for second := range norsim.Tears {
			recall()
			s.chip.CutAfter(j, second, k+j)
			if err := s.recover(); !errors.Is(err, norsim.ErrPower) {
				return fmt.Errorf("cut again %v step %d: the power was to be cut, but: %w", second, j, err)
			}
			s.chip.PowerOn()
			if err := s.recover(); err != nil {
				return fmt.Errorf("cut again %v step %d: %w", second, j, err)
			}
			if err := s.judge(); err != nil {
				return fmt.Errorf("cut again %v step %d: %w", second, j, err)
			}
		}
	}
	return nil
}

// episode is the update, from the running old image until nothing changes any
// more.
func (s *sweep) episode() error {
	a, running, err := s.start()
	if err != nil {
		return err
	}
	if a != s.old {
		return fmt.Errorf("the %s image was started first", a.name)
	}
	if err := s.live(a, running); err != nil {
		return err
	}
	if err := s.update(a, running, s.next); err != nil {
		return err
	}
	return s.recover()
}

// recover starts the camera until a start changes nothing any more.
func (s *sweep) recover() error {
	for range 8 {
		before := s.chip.Counts().Steps
		a, running, err := s.start()
		if err != nil {
			return err
		}
		if a == s.third {
			return errors.New("an image was started that was never sent")
		}
		if s.confirmed && a != s.next {
			return fmt.Errorf("the %s image was started although the new one was confirmed", a.name)
		}
		if err := s.live(a, running); err != nil {
			return err
		}
		if s.chip.Counts().Steps == before {
			return nil
		}
	}
	return errors.New("eight starts, and still something changes")
}

// judge says what of the promises does not hold in the end, and does a second
// update.
func (s *sweep) judge() error {
	s.scenarios++
	a, running, err := s.start()
	switch {
	case err != nil:
		return err
	case s.next.bad && a != s.old:
		return fmt.Errorf("the camera stays with the bad image")
	case s.starts[s.next] > Tries && s.next.bad:
		return fmt.Errorf("the bad image was started %d times", s.starts[s.next])
	case !s.activating && a != s.old:
		return fmt.Errorf("the %s image is started, but was not activated", a.name)
	case s.activated && !s.next.bad && a != s.next:
		return fmt.Errorf("the new image was activated and is good, but the %s one is started", a.name)
	}
	wrongly := s.wrong
	s.wrong = nothingWrong
	defer func() { s.wrong = wrongly }()
	if err := s.update(a, running, s.third); err != nil {
		return fmt.Errorf("second update: %w", err)
	}
	for range 2 {
		b, at, err := s.start()
		if err != nil {
			return fmt.Errorf("after the second update: %w", err)
		}
		if b != s.third || at != running.Other() {
			return fmt.Errorf("after the second update the %s image is started", b.name)
		}
		if err := s.live(b, at); err != nil {
			return fmt.Errorf("after the second update: %w", err)
		}
	}
	return nil
}

func TestPowerCutSweep(t *testing.T) {
	every, deep := uint64(1), uint64(1)
	if testing.Short() || slow {
		every, deep = 61, 23
	}
	began, scenarios := time.Now(), 0
	for i, a := range []arrangement{
		{from: A, bad: false, left: 5, stride: every},
		{from: B, bad: true, left: 0, stride: every},
		{from: A, bad: true, left: 1, stride: 17 * every},
		{from: B, bad: false, left: 0, stride: 17 * every},
		{from: A, bad: false, left: -1, stride: 17 * every},
		{from: A, bad: true, left: -1, stride: 17 * every},
		{from: B, bad: false, left: 1, stride: 17 * every},
		{from: A, bad: true, left: 2, stride: 17 * every},
		{from: A, bad: false, left: 1, back: true, stride: 17 * every},
		{from: B, bad: true, left: 2, back: true, stride: 17 * every},
	} {
		if slow && i == 3 {
			break
		}
		s := newSweep(t, a, nothingWrong)
		s.deep = deep
		if err := s.run(); err != nil {
			t.Errorf("%v: %v", a, err)
		}
		scenarios += s.scenarios
	}
	t.Logf("%d scenarios in %v", scenarios, time.Since(began).Round(time.Millisecond))
	if every == 1 && scenarios < 30000 {
		t.Errorf("only %d scenarios", scenarios)
	}
}

// The sweep finds the mistakes that it is there to find.
func TestSweepFindsMistakes(t *testing.T) {
	for name, w := range map[string]wrong{
		"activate before verify":     activateBeforeVerify,
		"trust before verify":        trustBeforeVerify,
		"erase record before append": eraseRecordBeforeAppend,
		"write over running":         writeOverRunning,
		"endless trials":             endlessTrials,
		"confirm by rewriting":       confirmByRewriting,
	} {
		t.Run(name, func(t *testing.T) {
			for _, a := range []arrangement{
				{from: A, bad: false, left: 5, stride: 509},
				{from: B, bad: false, left: 5, stride: 509},
				{from: A, bad: true, left: 5, stride: 509},
				{from: B, bad: true, left: 5, stride: 509},
			} {
				if err := newSweep(t, a, w).run(); err != nil {
					t.Logf("found: %v: %v", a, err)
					return
				}
			}
			t.Error("not found")
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
