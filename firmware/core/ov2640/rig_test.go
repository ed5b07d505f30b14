package ov2640

import (
	"testing"

	"camrelay/firmware/core/ov2640/ovsim"
)

// queue is where the frames go: it counts, and remembers what it was told.
type queue struct {
	t             *testing.T
	held, taking  bool
	seen          uint32
	width, height int
	skip          uint32
	expected      int // calls of Expect
	cam           *ovsim.Sensor
}

func (q *queue) Hold(on bool) { q.held = on }
func (q *queue) Taking() bool { return q.taking }
func (q *queue) Seen() uint32 { return q.seen }

func (q *queue) Stop() {
	if q.cam.Receiving() {
		q.t.Error("the queue is stopped while data are received")
	}
	q.taking = false
}

func (q *queue) Expect(width, height int, skip uint32) {
	if q.cam.Receiving() {
		q.t.Error("the queue is told of another size while data are received")
	}
	q.width, q.height, q.skip = width, height, skip
	q.expected++
}

// rig is a driver with a sensor and a clock that the test moves.
type rig struct {
	t     *testing.T
	now   int64
	cam   *ovsim.Sensor
	queue *queue
	d     Driver
}

func newRig(t *testing.T, s Settings) *rig {
	r := &rig{t: t, now: 1}
	r.cam = ovsim.New(func() int64 { return r.now })
	r.queue = &queue{t: t, cam: r.cam}
	r.d.Init(r.cam, r.queue, &s)
	return r
}

// run lets time pass, in milliseconds, until done says so.
func (r *rig) run(limit int64, done func() bool) {
	r.t.Helper()
	for end := r.now + limit*millisecond; !done(); r.now += millisecond {
		if r.now > end {
			fault, n := r.d.Fault()
			r.t.Fatalf("nothing after %d ms: %v, %+v, %d faults", limit, r.d.State(), fault, n)
		}
		before := r.cam.Transactions()
		r.d.Step(r.now)
		if n := r.cam.Transactions() - before; n > 2*slice+1 {
			r.t.Fatalf("%d transactions in a step", n)
		}
		if r.cam.Receiving() && r.now/millisecond%40 == 0 {
			r.queue.seen++
		}
	}
}

// start runs until the sensor gives frames.
func (r *rig) start() {
	r.t.Helper()
	r.d.Start()
	r.run(1000, r.d.InForce)
	r.check()
}

// want changes settings and runs until they are in force.
func (r *rig) want(s Settings) {
	r.t.Helper()
	if err := r.d.Want(&s); err != nil {
		r.t.Fatal(err)
	}
	r.run(1000, r.d.InForce)
	r.check()
}

// check says what the sensor found fault with.
func (r *rig) check() {
	r.t.Helper()
	if err := r.cam.Err(); err != nil {
		r.t.Error(err)
	}
	if !r.cam.Receiving() || r.queue.held {
		r.t.Errorf("receiving: %v, held: %v", r.cam.Receiving(), r.queue.held)
	}
}

func (r *rig) picture() ovsim.Picture {
	r.t.Helper()
	p, ok := r.cam.State()
	if !ok {
		r.t.Fatal("there is no picture")
	}
	return p
}

// with are the default settings but for these.
func with(values ...int) Settings {
	s := Defaults()
	for i := 0; i < len(values); i += 2 {
		s[values[i]] = int16(values[i+1])
	}
	return s
}
