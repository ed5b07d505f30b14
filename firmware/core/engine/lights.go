package engine

// lights are the two LEDs. The bright one is the user's, for half a minute at a
// time: it gets hot. The red one says how the camera does.
type lights struct {
	flash   uint8
	flashTo int64 // when it is switched off
	red     bool
	own     int8 // what the user wants of the red one: 0, 1; -1: nothing
}

const flashTime = 30 * second

// setFlash switches the bright LED on or off.
func (e *Engine) setFlash(level uint8) {
	e.lights.flash, e.lights.flashTo = level, e.now+flashTime
	e.board.LED.Flash(level)
}

func (e *Engine) stepLights() {
	l := &e.lights
	if l.flash != 0 && e.now >= l.flashTo {
		e.setFlash(0)
		e.out.hello = true // the relay shows what is in force
	}
	red := e.pattern()
	if l.own >= 0 {
		red = l.own == 1
	}
	if red != l.red {
		l.red = red
		e.board.LED.Red(red)
	}
}

// pattern is the red LED: on without a network; half a second of each second
// without the relay; quick during an update; a blink every five seconds when all
// is well.
func (e *Engine) pattern() bool {
	switch {
	case e.updater.Active():
		return e.now/(second/10)%2 == 0
	case !e.link.up:
		return true
	case !e.stream.open:
		return e.now/(second/2)%2 == 0
	}
	return e.now%(5*second) < second/20
}
