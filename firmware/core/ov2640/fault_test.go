package ov2640

import (
	"errors"
	"testing"

	"camrelay/firmware/core/ov2640/ovsim"
)

// total is how many transactions a start takes, and a change of the size.
func total(t *testing.T, other Settings) (start, change int) {
	r := newRig(t, Defaults())
	r.start()
	start = r.cam.Transactions()
	r.want(other)
	return start, r.cam.Transactions() - start
}

// Any transaction may fail up to three times, and nothing is lost by it.
func TestFailsNowAndThen(t *testing.T) {
	other := with(int(FrameSize), int(SVGA), int(Quality), 20, int(VFlip), 1)
	start, change := total(t, other)
	if start < 250 || change < 80 {
		t.Fatalf("%d and %d transactions", start, change)
	}
	clean := newRig(t, other)
	clean.start()
	for times := 1; times <= 3; times += 2 {
		for n := range start + change {
			r := newRig(t, Defaults())
			if n < start {
				r.cam.FailAt(n, times)
			}
			r.start()
			r.cam.FailAt(n-start, times)
			r.want(other)
			if _, faults := r.d.Fault(); faults != 0 {
				t.Fatalf("%d faults after transaction %d failed %d times", faults, n, times)
			}
			if r.picture() != clean.picture() {
				t.Fatalf("transaction %d failed %d times: %+v", n, times, r.picture())
			}
		}
	}
}

// One that fails four times makes the sensor start anew, with what is wanted.
func TestFailsForAWhile(t *testing.T) {
	other := with(int(FrameSize), int(SVGA), int(Quality), 20, int(VFlip), 1)
	start, change := total(t, other)
	clean := newRig(t, other)
	clean.start()
	for n := range start + change {
		r := newRig(t, Defaults())
		if n < start {
			r.cam.FailAt(n, 4)
		}
		r.d.Start()
		r.run(1000, r.d.InForce)
		r.cam.FailAt(n-start, 4)
		if err := r.d.Want(&other); err != nil {
			t.Fatal(err)
		}
		r.run(1500, r.d.InForce)
		r.check()
		fault, faults := r.d.Fault()
		if faults != 1 || !errors.Is(fault.Err, ErrWrite) && !errors.Is(fault.Err, ErrRead) || !errors.Is(fault.Cause, ovsim.ErrNoAnswer) {
			t.Fatalf("transaction %d: %d faults, %+v", n, faults, fault)
		}
		if r.queue.skip != framesAfterStart && n >= start {
			t.Fatalf("transaction %d: %d frames are skipped after a start", n, r.queue.skip)
		}
		if r.picture() != clean.picture() {
			t.Fatalf("transaction %d: %+v", n, r.picture())
		}
	}
}

// A sensor that is dead is tried again and again, less and less often, and lives
// on when it comes back.
func TestFailsForEver(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	for _, n := range []int{0, 1, 3, 40, 170, 200, 240} {
		r.d.Stop()
		r.cam.FailAt(n, -1)
		before := r.cam.Transactions()
		_, faultsBefore := r.d.Fault()
		r.d.Start()
		faults := func() uint32 {
			_, n := r.d.Fault()
			return n - faultsBefore
		}
		resting := 0
		for end := r.now + 60*second; r.now < end; r.now += millisecond {
			r.d.Step(r.now)
			if r.d.State() == Resting {
				resting++
			}
			if r.cam.Receiving() {
				t.Fatal("data are received of a sensor that is not set up")
			}
		}
		// 100 ms, 200 ms … 6.4 s, then every 10 s: 7 and 5.
		if f := faults(); f < 10 || f > 14 || resting < 50_000 || r.d.InForce() {
			t.Errorf("from transaction %d on: %d faults, %d transactions, %d ms of rest", n, f, r.cam.Transactions()-before, resting)
		}
		if fault, _ := r.d.Fault(); fault.Err == nil || fault.Err.Error() == "" {
			t.Errorf("%+v", fault)
		}
		r.cam.FailAt(0, 0)
		r.run(12_000, r.d.InForce)
		r.check()
	}
}

func TestFaultTellsTheRegister(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	r.cam.FailAt(1, 4) // the first one chooses the bank
	s := with(int(VFlip), 1)
	r.d.Want(&s)
	r.run(10, func() bool { return r.d.State() == Resting })
	if fault, _ := r.d.Fault(); fault != (Fault{ErrRead, ovsim.ErrNoAnswer, 1, 0x04, 0}) {
		t.Errorf("%+v", fault)
	}
	r.run(1000, r.d.InForce)
	s[Quality] = 33
	r.cam.FailAt(1, 4)
	r.d.Want(&s)
	r.run(10, func() bool { return r.d.State() == Resting })
	if fault, _ := r.d.Fault(); fault != (Fault{ErrWrite, ovsim.ErrNoAnswer, 0, 0x44, 33}) {
		t.Errorf("%+v", fault)
	}
	r.run(1000, r.d.InForce)
	r.check()
}

// Something else at the same address is not taken for an OV2640.
func TestOtherSensor(t *testing.T) {
	for _, id := range [][2]uint8{{0x77, 0x41}, {0x26, 0x56}, {0xff, 0xff}} {
		r := newRig(t, Defaults())
		r.d.bus.camera = &other{Sensor: r.cam, id: id}
		r.d.Start()
		r.run(100, func() bool { return r.d.State() == Resting })
		if fault, _ := r.d.Fault(); !errors.Is(fault.Err, ErrSensor) || fault.Value != id[0] && fault.Value != id[1] {
			t.Errorf("%+v", fault)
		}
	}
}

type other struct {
	*ovsim.Sensor
	id [2]uint8
}

func (o *other) ReadRegister(register byte) (byte, error) { return o.id[register-0x0a], nil }

// A sensor that answers but gives no frames is started anew.
func TestNoFrames(t *testing.T) {
	r := newRig(t, Defaults())
	r.start()
	for range 4900 {
		r.now += millisecond
		r.d.Step(r.now)
	}
	if _, faults := r.d.Fault(); faults != 0 {
		t.Error("given up too early")
	}
	for range 200 {
		r.now += millisecond
		r.d.Step(r.now)
	}
	if fault, faults := r.d.Fault(); faults != 1 || fault.Err != ErrNoFrames {
		t.Errorf("%d faults, %+v", faults, fault)
	}
	r.run(1000, r.d.InForce)
	r.check()
}

func TestErrors(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range []Error{ErrName, ErrRange, ErrSize, ErrEncoded, ErrWrite, ErrRead, ErrSensor, ErrNoFrames, 0} {
		if seen[e.Error()] {
			t.Errorf("%d: %q is another's", e, e.Error())
		}
		seen[e.Error()] = true
	}
	for s, want := range map[State]string{Off: "off", Resting: "resting", 99: "resting"} {
		if s.String() != want {
			t.Errorf("%d: %s", s, s)
		}
	}
}
