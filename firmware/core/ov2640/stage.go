package ov2640

// stage is what a Driver does next.
type stage uint8

const (
	off      stage = iota
	powerOff       // then on
	powerOn        // then ask who it is
	reset          // then the long table
	startUp
	toSize
	fromSize // JPEG
	rest     // all other settings
	running
	holding // for a frame that is being received
	writing // changes
)

// enter begins a stage.
func (d *Driver) enter(s stage) { d.stage, d.waits = s, false }

// after reports whether ns nanoseconds have passed since it was first asked in a
// stage.
func (d *Driver) after(now, ns int64) bool {
	if !d.waits {
		d.waits, d.until = true, now+ns
	}
	return now >= d.until
}

// Step does what is next, at most four transactions. It reports whether there was
// anything to do.
func (d *Driver) Step(now int64) bool {
	switch d.stage {
	case off:
		return false
	case powerOff:
		return d.stepPowerOff(now)
	case powerOn:
		return d.stepPowerOn(now)
	case running:
		return d.stepRunning(now)
	case holding:
		return d.stepHolding(now)
	}
	return d.stepProgram(now)
}

// silence ends the reception of data.
func (d *Driver) silence() {
	d.bus.camera.Receive(false)
	d.frames.Stop()
	d.frames.Hold(false)
	d.started = false
}

func (d *Driver) stepPowerOff(now int64) bool {
	if !d.waits {
		d.silence()
		d.bus.camera.Power(false)
	}
	if !d.after(now, d.restTime()) {
		return false
	}
	d.bus.camera.Power(true)
	d.bus.begin(nil)
	d.enter(powerOn)
	return true
}

func (d *Driver) restTime() int64 {
	if d.failures == 0 {
		return settle
	}
	return min(int64(shortRest)<<min(d.failures-1, 16), longRest)
}

func (d *Driver) stepPowerOn(now int64) bool {
	if !d.after(now, settle) {
		return false
	}
	id, version, err := d.probe()
	switch {
	case err != nil:
		if d.bus.tries++; d.bus.tries < maxTries {
			return true
		}
		d.fail(d.bus.fault)
	case id != productID:
		d.fail(Fault{Err: ErrSensor, Bank: 1, Register: 0x0a, Value: id})
	case version != 0x41 && version != 0x42:
		d.fail(Fault{Err: ErrSensor, Bank: 1, Register: 0x0b, Value: version})
	default:
		d.run(reset, softReset[:])
	}
	return true
}

// productID is an OV2640's, and others' with other versions.
const productID = 0x26

func (d *Driver) probe() (id, version uint8, err error) {
	d.bus.bank, d.bus.chosen = uint8(sensor&0xff), false
	if id, err = d.bus.read(0x0a); err == nil {
		version, err = d.bus.read(0x0b)
	}
	return id, version, err
}

// run begins a stage that is a program.
func (d *Driver) run(s stage, entries []uint16) {
	d.enter(s)
	d.bus.begin(entries)
}

// stepProgram runs the program of a stage, waits for what that needs, and goes on.
func (d *Driver) stepProgram(now int64) bool {
	if len(d.bus.left) > 0 {
		if _, err := d.bus.run(); err != nil {
			d.fail(d.bus.fault)
		}
		return true
	}
	switch d.stage {
	case reset, toSize, fromSize:
		if !d.after(now, settle) {
			return false
		}
	}
	switch d.stage {
	case reset:
		d.bus.forget()
		d.run(startUp, startup[:])
	case startUp:
		d.skip = framesAfterStart
		d.resize()
	case toSize:
		d.run(fromSize, toJPEG[:])
	case fromSize:
		d.program.reset()
		d.program.controls(change{to: &d.next})
		d.run(rest, d.program.list[:d.program.n])
	case rest:
		d.receive(now)
	case writing:
		d.force = d.next
		d.frames.Hold(false)
		d.enter(running)
	}
	return true
}

// resize begins the program for the size that is wanted.
func (d *Driver) resize() {
	d.next = d.wanted
	d.program.reset()
	d.program.size(windowOf(d.next.Size(), int(d.next[Zoom])))
	d.run(toSize, d.program.list[:d.program.n])
}

// receive takes frames from now on.
func (d *Driver) receive(now int64) {
	d.force = d.next
	width, height := d.force.Size().Pixels()
	d.frames.Expect(width, height, d.skip)
	d.seen, d.last = d.frames.Seen(), now
	d.bus.camera.Receive(true)
	d.started = true
	d.enter(running)
}

func (d *Driver) stepRunning(now int64) bool {
	if seen := d.frames.Seen(); seen != d.seen {
		d.seen, d.last, d.failures = seen, now, 0
	}
	switch {
	case now-d.last > noFrames:
		d.fail(Fault{Err: ErrNoFrames})
	case d.force == d.wanted:
		return false
	case d.force[FrameSize] != d.wanted[FrameSize] || d.force[Zoom] != d.wanted[Zoom]:
		d.bus.camera.Receive(false)
		d.frames.Stop()
		d.skip = framesAfterSize
		d.resize()
	default:
		d.frames.Hold(true)
		d.enter(holding)
	}
	return true
}

// stepHolding waits for the end of a frame: no picture is half of one kind and
// half of another.
func (d *Driver) stepHolding(now int64) bool {
	if d.frames.Taking() && !d.after(now, longestFrame) {
		return false
	}
	d.next = d.wanted
	// A size that was changed meanwhile has its turn afterwards.
	d.next[FrameSize], d.next[Zoom] = d.force[FrameSize], d.force[Zoom]
	d.program.reset()
	d.program.controls(change{from: &d.force, to: &d.next})
	d.run(writing, d.program.list[:d.program.n])
	return true
}

// fail switches the sensor off and tries again later.
func (d *Driver) fail(f Fault) {
	d.fault = f
	d.faults++
	d.failures++
	d.bus.begin(nil)
	d.silence()
	d.bus.camera.Power(false)
	d.enter(powerOff)
}
