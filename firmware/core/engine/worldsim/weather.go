package worldsim

import (
	"time"

	"camrelay/firmware/core/flash/norsim"
)

// storm and lull are how long things go wrong, and how long nothing more does, so
// that one can see whether everything is well again.
const (
	storm = 40 * time.Minute
	lull  = 20 * time.Minute
)

// weather begins all that goes wrong.
func (w *World) weather() {
	w.changes()
	for _, kind := range [...]struct {
		every time.Duration // on average
		do    func()
	}{
		{20 * time.Minute, w.linkLoss},
		{25 * time.Minute, w.fade},
		{30 * time.Minute, w.badRadio},
		{25 * time.Minute, w.relayRestart},
		{60 * time.Minute, w.relayBusy},
		{25 * time.Minute, w.brokerRestart},
		{40 * time.Minute, w.darkness},
		{30 * time.Minute, w.powerCut},
		{10 * time.Minute, w.tornWrite},
		{60 * time.Minute, w.sentAway},
		{60 * time.Minute, w.sensorFault},
		{3 * time.Minute, w.visit},
		{5 * time.Hour, w.rebooted},
	} {
		w.again(kind.every, kind.do)
	}
}

// again does something again and again, at random times.
func (w *World) again(every time.Duration, do func()) {
	w.after(time.Duration(w.rnd.ExpFloat64()*float64(every)), func() {
		if w.stormy {
			do()
		}
		w.again(every, do)
	})
}

// changes begins a storm or a lull.
func (w *World) changes() {
	w.stormy = !w.stormy
	if w.stormy {
		w.after(storm, w.changes)
	} else {
		w.after(lull, w.changes)
	}
}

// linkLoss takes the wireless link away.
func (w *World) linkLoss() {
	if !w.net.up {
		return
	}
	d := w.between(100*time.Millisecond, 3*time.Minute)
	if w.chance(12) {
		d = 11 * time.Minute // the camera restarts then
	}
	w.LinkLosses++
	w.note("no link for %v", d)
	w.net.setUp(false)
	w.disturbed(d)
	w.after(d, func() { w.note("the link is back"); w.net.setUp(true) })
}

// fade lets nothing through for a while.
func (w *World) fade() {
	d := w.between(500*time.Millisecond, 25*time.Second)
	w.note("nothing gets through for %v", d)
	w.net.stillTill = max(w.net.stillTill, w.now+int64(d))
	w.disturbed(d)
}

// badRadio makes the link slow and lossy.
func (w *World) badRadio() {
	d := w.between(5*time.Second, 2*time.Minute)
	w.net.weather = radio{latency: w.between(5*time.Millisecond, 300*time.Millisecond), jitter: 50 * time.Millisecond, loss: 5 + w.rnd.IntN(30), bandwidth: 6_000 + w.rnd.IntN(60_000)}
	w.note("a bad link for %v: %+v", d, w.net.weather)
	w.disturbed(d)
	w.after(d, func() { w.net.weather = fineRadio })
}

func (w *World) relayRestart() {
	if w.relay.state != listening {
		return
	}
	d := w.between(time.Second, time.Minute)
	if w.chance(10) {
		d = w.between(time.Minute, 15*time.Minute)
	}
	w.relay.restart(presence(1+w.rnd.IntN(2)), d)
	if w.chance(2) {
		w.relay.busyAt = w.now + int64(d) + int64(5*time.Second)
	}
}

// relayBusy lets the relay take no stream for a while.
func (w *World) relayBusy() {
	d := w.between(time.Second, 20*time.Second)
	w.relay.busyAt = w.now + int64(d)
	w.disturbed(d)
	if s := w.relay.socket; s != nil {
		s.end.Abort()
		s.gone()
	}
}

func (w *World) brokerRestart() {
	if w.broker.state == listening {
		d := w.between(time.Second, 3*time.Minute)
		w.broker.restart(presence(1+w.rnd.IntN(2)), d)
		w.disturbed(d) // a trial waits for it
	}
}

// darkness makes one connection one of which somebody on the way knows nothing
// any more.
func (w *World) darkness() {
	if n := len(w.net.conns); n > 0 {
		w.note("a connection goes dark")
		w.net.conns[w.rnd.IntN(n)].dark = true
		w.disturbed(40 * time.Second)
	}
}

func (w *World) powerCut() { w.camera.powerOff(w.between(0, time.Minute)) }

// tornWrite cuts the power in one of the next writes to flash.
func (w *World) tornWrite() {
	if w.camera.powered && w.chance(3) {
		w.camera.flash.CutAfter(w.rnd.Uint64N(1<<w.rnd.IntN(16)), norsim.Tear(1+w.rnd.IntN(int(norsim.After))), w.rnd.Uint64())
		w.disturbed(20 * time.Second)
	}
}

// sentAway has the relay close the stream with a code of its own.
func (w *World) sentAway() {
	s := w.relay.socket
	if s == nil {
		return
	}
	code, d := uint16(4001), 5*time.Minute
	switch w.rnd.IntN(4) {
	case 0:
		code, d = 4002, 30*time.Second
	case 1:
		code, d = 1012, 10*time.Second
	case 2:
		code, d = 4003, 5*time.Minute
	}
	w.note("the relay closes with %d", code)
	w.disturbed(d)
	s.goAway(code)
}

// sensorFault lets the sensor not answer for a while.
func (w *World) sensorFault() {
	if !w.camera.runs() {
		return
	}
	e := w.camera.eye
	if w.disturbed(20 * time.Second); w.chance(2) {
		e.FailAt(w.rnd.IntN(50), 1+w.rnd.IntN(5))
		return
	}
	sensor := e.Sensor
	sensor.Unplug(true)
	w.note("the sensor does not answer")
	w.after(w.between(time.Second, 10*time.Second), func() { sensor.Unplug(false) })
}

func (w *World) visit() { w.people.come() }

func (w *World) rebooted() { w.people.reboot() }
