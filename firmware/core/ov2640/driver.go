// Package ov2640 sets up an OV2640 and changes its settings, a few registers at a
// time, while everything else goes on. A sensor that fails is switched off and
// on, and set up anew.
package ov2640

import "camrelay/firmware/core/hal"

const (
	millisecond = 1_000_000
	second      = 1000 * millisecond

	settle = 10 * millisecond // after power-up, a reset, and a change of the size

	framesAfterStart = 5 // until exposure and white balance are right
	framesAfterSize  = 2

	// longestFrame is how long a frame may keep a change of settings waiting.
	longestFrame = second
	// noFrames is after what time without any the sensor is taken for dead.
	noFrames = 5 * second
	// Between being switched off and on again: more, the more often it fails.
	shortRest = 100 * millisecond
	longRest  = 10 * second
)

// Frames is where the sensor's data go: a capture.Queue.
type Frames interface {
	// Hold lets no frame begin. Taking reports whether one is being received.
	Hold(on bool)
	Taking() bool
	// Stop and Expect are called while nothing is received: the frame that was
	// being received is over; the next ones have another size, and skip of them
	// are not to be taken.
	Stop()
	Expect(width, height int, skip uint32)
	// Seen is how many frames there have been, taken or not.
	Seen() uint32
}

// State is where a Driver is.
type State uint8

// States of a Driver.
const (
	Off      State = iota
	Starting       // the sensor is being set up
	Running        // it gives frames
	Changing       // its settings change
	Resting        // it has failed, and is tried again after a while
)

func (s State) String() string {
	return [...]string{"off", "starting", "running", "changing", "resting"}[min(s, Resting)]
}

// Driver is one sensor. Init first.
type Driver struct {
	frames Frames
	bus    bus
	stage  stage
	until  int64 // when what is waited for is over
	waits  bool

	wanted   Settings
	next     Settings // what the program that runs makes of the sensor
	force    Settings
	started  bool // force is right; the sensor has been receiving
	program  program
	skip     uint32
	failures uint32 // in a row
	faults   uint32
	fault    Fault

	seen uint32 // frames when there was last a new one
	last int64  // and when that was
}

// Init prepares a sensor, which is switched off, and is to have these settings.
func (d *Driver) Init(camera hal.Camera, frames Frames, s *Settings) {
	*d = Driver{}
	d.frames, d.bus.camera, d.wanted = frames, camera, *s
}

// Start switches the sensor on.
func (d *Driver) Start() {
	if d.stage == off {
		d.failures = 0
		d.enter(powerOff)
	}
}

// Stop switches the sensor off, at once. No data come any more on return.
func (d *Driver) Stop() {
	d.silence()
	d.bus.camera.Power(false)
	d.stage = off
}

// Want changes the settings, between frames, as soon as the sensor is ready. A
// change of the size takes about 150 ms and costs two frames. If the error is not
// nil, nothing happens.
func (d *Driver) Want(s *Settings) error {
	if _, err := s.Check(); err != nil {
		return err
	}
	d.wanted = *s
	return nil
}

// Wanted is what was wanted last.
func (d *Driver) Wanted() *Settings { return &d.wanted }

// InForce reports whether the sensor gives frames with the settings that are
// wanted.
func (d *Driver) InForce() bool { return d.stage == running && d.force == d.wanted }

// State is where the driver is.
func (d *Driver) State() State {
	switch {
	case d.stage == off:
		return Off
	case d.stage == powerOff && d.failures > 0:
		return Resting
	case d.stage == running:
		return Running
	case d.started:
		return Changing
	}
	return Starting
}

// Fault is what went wrong last, and how often something did.
func (d *Driver) Fault() (Fault, uint32) { return d.fault, d.faults }
