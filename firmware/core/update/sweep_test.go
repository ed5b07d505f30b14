package update

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/hal"
)

// trio is the images of a sweep: what runs, what comes, and what comes then.
func trio() []*artefact {
	old, next := pair()
	return []*artefact{old, next, newArtefact("third", 12, small, nil)}
}

// judge says what of an update's promises does not hold, once the camera has come
// to rest: an image that is complete runs, and a second update succeeds.
func (w *world) judge() error {
	w.kind, w.healthy, w.muted = noFault, true, true
	w.victim = ""
	w.chip.PowerOn()
	if w.u.Active() || w.reset || w.dark {
		if err := w.start(); err != nil {
			return err
		}
		if err := w.settle(); err != nil {
			return err
		}
	}
	if w.running == w.known[2] {
		return fmt.Errorf("an image runs that was never sent")
	}
	from := len(w.heard)
	w.command(orderFor(w.known[2], "job-2", ""))
	if err := w.settle(); err != nil {
		return fmt.Errorf("second update: %w", err)
	}
	if w.running != w.known[2] || w.u.Mode() != Normal {
		return fmt.Errorf("second update: %s", w.phases(from))
	}
	return nil
}

// ended checks what a camera has said since a start in which it had an update to
// do.
func (w *world) ended(id string) error {
	var ends []int
	for _, m := range w.heard {
		if m.Boot == id && (m.Phase == "failed" || m.Phase == "rebooting") && !slices.Contains(ends, m.Seq) {
			ends = append(ends, m.Seq)
		}
	}
	if p := w.u.last.phase; len(ends) > 1 || p != Failed && p != Rebooting {
		return fmt.Errorf("ended %d times, at last %v: %s", len(ends), p, w.phases(0))
	}
	return nil
}

// faulty runs an update in which a call misbehaves.
func faulty(t *testing.T, images []*artefact, way channel, order string, k int, kind faultKind) (w *world, err error) {
	w = newWorld(t, small, images...)
	w.healthy = true
	if err := w.start(); err != nil {
		return w, err
	}
	w.healthy, w.muted = false, false
	w.channel, w.at, w.kind, w.calls = way, k, kind, 0
	w.command(orderFor(images[1], "job-1", order))
	for range 8 {
		began, id := w.clock.Now(), fmt.Sprintf("%x", w.u.start)
		updating := w.u.Active()
		w.live(2 * time.Hour)
		if took := time.Duration(w.clock.Now() - began); took > 125*time.Second || updating && took > 70*time.Second {
			return w, fmt.Errorf("it took %v: %s", took, w.phases(0))
		}
		if updating {
			if err := w.ended(id); err != nil {
				return w, err
			}
		}
		if !w.reset {
			break
		}
		w.cause = hal.Software
		if err := w.start(); err != nil {
			return w, err
		}
	}
	if w.reset || w.u.Active() {
		return w, fmt.Errorf("it does not come to rest: %s", w.phases(0))
	}
	if r, ok := w.newest(); kind == failsOnce && ok && (r.Slot != w.slot || r.State() != boot.Confirmed) {
		return w, fmt.Errorf("the record is %+v: %s", r, w.phases(0))
	}
	return w, w.judge()
}

// newest is the record on the chip.
func (w *world) newest() (boot.Record, bool) {
	var l boot.Log
	must(w.t, l.Open(w.chip, w.layout.Records))
	return l.Newest()
}

// Each call of anything, to the camera, its flash or the network, fails once,
// until the next start, or for ever.
func TestFaultSweep(t *testing.T) {
	images := trio()
	runs := 0
	for _, c := range []struct {
		way   channel
		order string
	}{{byMQTT, `,"budget":60`}, {byStream, `,"budget":60`}, {byMQTT, `,"budget":60,"min_heap":110000`}, {byStream, `,"budget":60,"mode":"clean"`}} {
		w, err := faulty(t, images, c.way, c.order, 0, noFault)
		if err != nil {
			t.Fatalf("without a fault: %v", err)
		}
		calls := 0
		w = newWorld(t, small, images...)
		must(t, w.start())
		w.channel, w.calls = c.way, 0
		w.trace = []string{}
		w.command(orderFor(images[1], "job-1", c.order))
		must(t, w.settle())
		calls = w.calls
		if w.running != images[1] {
			t.Fatal(w.phases(0))
		}
		seen := map[string]bool{}
		for k := 1; k <= calls; k++ {
			for kind := failsOnce; kind <= fails; kind++ {
				if kind > failsOnce && seen[fmt.Sprint(kind, w.trace[k-1], k/16)] {
					continue // for ever from the next call on is not much different
				}
				seen[fmt.Sprint(kind, w.trace[k-1], k/16)] = true
				runs++
				if f, err := faulty(t, images, c.way, c.order, k, kind); err != nil {
					t.Errorf("way %d, order %s: call %d of %d, %s, fault %d: %v", c.way, c.order, k, calls, f.victim, kind, err)
				}
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d runs", runs)
}

// The power is cut in every step of an update, from the order to the new image
// confirmed; and in some of those of the start that follows.
func TestPowerCutSweep(t *testing.T) {
	images := trio()
	stride := uint64(7)
	if testing.Short() {
		stride = 61
	}
	run := func(plan func(w *world)) (*world, uint64, error) {
		w := newWorld(t, small, images...)
		must(t, w.start())
		before := w.chip.Counts().Steps
		plan(w)
		w.command(orderFor(images[1], "job-1", ""))
		err := w.settle()
		return w, w.chip.Counts().Steps - before, err
	}
	w, steps, err := run(func(*world) {})
	must(t, err)
	must(t, w.judge())
	cuts := 0
	for k := uint64(0); k < steps; {
		for tear := range norsim.Tears {
			cuts++
			w, _, err := run(func(w *world) { w.chip.CutAfter(k, tear, k) })
			if err == nil {
				err = w.afterCut(images, k)
			}
			if err != nil {
				t.Fatalf("cut %v step %d of %d: %v: %s", tear, k, steps, err, w.phases(0))
			}
		}
		if k += stride; k < 150 || k+150 > steps {
			k -= stride - 1
		}
	}
	t.Logf("%d cuts in %d steps", cuts, steps)
}

// afterCut starts a camera that lost its power, with a second cut for some.
func (w *world) afterCut(images []*artefact, k uint64) error {
	if !w.dark {
		return fmt.Errorf("the power was to be cut")
	}
	said := w.phases(0)
	confirmed := bytes.HasSuffix([]byte(said), []byte("confirmed"))
	activated := len(w.heard) > 0 && slices.ContainsFunc(w.heard, func(m message) bool { return m.Phase == "activated" })
	rnd := rand.New(rand.NewPCG(k, 1))
	for i := range 2 {
		w.chip.PowerOn()
		for i := range w.note {
			w.note[i] = byte(rnd.Uint32())
		}
		if w.cause = hal.PowerOn; i == 0 && k%3 == 0 {
			w.chip.CutAfter(rnd.Uint64()%40, norsim.Partial, k)
		}
		if err := w.start(); err != nil {
			return err
		}
		if err := w.settle(); err != nil {
			return err
		}
		if !w.dark {
			break
		}
	}
	switch {
	case w.dark || w.u.Mode() != Normal:
		return fmt.Errorf("no rest: %v", w.u.Mode())
	case (confirmed || activated) && w.running != images[1]:
		return fmt.Errorf("%s runs", w.running.name)
	}
	// It knows how the job ended, and has said so.
	w.command(`{"t":"ota","cmd":"status"}`)
	w.live(time.Minute)
	last := w.heard[len(w.heard)-1]
	switch {
	case w.running == images[1] && last.Phase != "confirmed",
		w.running == images[0] && last.Phase != "failed" && last.Phase != "booted" && last.Phase != "rolled_back":
		return fmt.Errorf("%s runs: %s", w.running.name, last.raw)
	}
	if r, ok := w.newest(); !ok || r.Slot != w.slot || r.State() != boot.Confirmed {
		return fmt.Errorf("the record is %+v", r)
	}
	return w.judge()
}
