// Package worldsim is a world for one camera, in which everything goes wrong
// sooner or later: a network that drops, stalls and forgets connections, a relay
// and a broker that restart, people who hold connections open, updates with good
// and bad firmware, and a plug that is pulled. The camera is the firmware itself.
//
// A world has no goroutines and no clock but its own: all that happens follows
// from a seed, and a day takes seconds. What must hold at every moment is in
// check.go; a world stops when it does not.
package worldsim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Config says what a world is like.
type Config struct {
	Seed  uint64
	Log   func(line string) // what happens, as it happens; nil: only the last of it is kept
	Calm  bool              // nothing goes wrong, but for what the caller does
	NoJob bool              // no updates
}

// World is one. It is not for use by two goroutines.
type World struct {
	now    int64
	rnd    *rand.Rand
	timers timers
	conf   Config
	stormy bool

	net    *network
	relay  *relay
	broker *broker
	desk   *desk
	people *people
	camera *camera
	images *images
	brain  Brain // instead of the desk; may be nil

	checks
	Counts
}

// Counts are what has happened in a world.
type Counts struct {
	Steps, Frames, Aborted                     int
	Watched                                    int // seconds in which frames were due
	Starts, PowerCuts, Resets                  int
	LinkLosses, RelayRestarts, BrokerRestarts  int
	Jobs, Confirmed, Failed, RolledBack        int // updates, and how they ended
	Visitors, Commands, Requests, CutDownloads int
}

// nap is how long a camera sleeps that has nothing to do, and stepTime what a
// step takes that does something.
const (
	nap      = 50 * time.Millisecond
	stepTime = 100 * time.Microsecond
)

// New returns a world at its beginning, with a camera that has no power yet.
func New(conf Config) (*World, error) {
	w := &World{now: int64(time.Hour), rnd: rand.New(rand.NewPCG(conf.Seed, 0x63616d)), conf: conf}
	var err error
	if w.images, err = newImages(); err != nil {
		return nil, err
	}
	w.net, w.relay, w.broker = newNetwork(w), newRelay(w), newBroker(w)
	w.desk, w.people = newDesk(w), &people{World: w}
	if w.camera, err = newCamera(w); err != nil {
		return nil, err
	}
	w.checks.begin(w)
	w.camera.powerOn()
	if !conf.NoJob {
		w.desk.plan()
	}
	if !conf.Calm {
		w.weather()
	}
	w.relay.audience()
	return w, nil
}

// Run lets time pass. The error is a *Violation, or nil.
func (w *World) Run(d time.Duration) error {
	for end := w.now + int64(d); w.now < end && w.violation == nil; {
		w.step(end)
	}
	if w.violation != nil {
		return w.violation
	}
	return nil
}

// step does what is due now, and moves the clock on.
func (w *World) step(end int64) {
	w.Steps++
	w.timers.fire(w.now)
	w.net.move()
	w.camera.eye.look()
	busy := w.camera.step()
	w.checks.look()
	if busy {
		w.now += int64(stepTime)
		return
	}
	next := min(end, w.timers.next(), w.net.next())
	if w.camera.runs() {
		next = min(next, w.camera.eye.next, w.now+int64(nap))
	}
	w.now = max(w.now+1, next)
}

// after plans what happens in a while.
func (w *World) after(d time.Duration, do func()) { w.timers.add(w.now+int64(d), do) }

// Now implements hal.Clock.
func (w *World) Now() int64 { return w.now }

// Unix implements hal.Clock.
func (w *World) Unix() int64 { return 1_795_166_000_000_000 + w.now/1000 }

// Uint32 implements hal.Random.
func (w *World) Uint32() uint32 { return w.rnd.Uint32() }

// chance is true once in n times.
func (w *World) chance(n int) bool { return w.rnd.IntN(n) == 0 }

// between is a time from low to high, short ones more often.
func (w *World) between(low, high time.Duration) time.Duration {
	x := w.rnd.Float64()
	return low + time.Duration(x*x*float64(high-low))
}

// String is where the world is.
func (w *World) String() string {
	return fmt.Sprintf("seed %d at %v", w.conf.Seed, time.Duration(w.now)-time.Hour)
}
