package engine

import (
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/control"
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/ov2640"
)

func (e *Engine) hasServer() bool { return e.port < config.NoServer }

// startServer starts the camera's own server, if it is to have one and it does
// not run. A port that is taken is no reason not to work.
func (e *Engine) startServer() {
	if e.hasServer() && e.control.Stopped() {
		_ = e.control.Start(control.Options{Port: uint16(e.port), ID: e.id, Token: e.key})
	}
}

func (e *Engine) sensorRuns() bool { return e.sensor.State() != ov2640.Off }

// controlled is the camera to its server.
type controlled struct{ *Engine }

// Status implements control.Device.
func (e controlled) Status(w *json.Writer, all bool) {
	w.KeyString("id", e.id)
	w.KeyString("version", e.version)
	if !all {
		w.KeyInt("uptime", (e.now-e.started)/second)
		return
	}
	w.KeyInt("build", int64(e.running.Build))
	w.KeyString("slot", e.board.System.Slot().String())
	w.KeyString("state", e.updater.Mode().String())
	w.KeyString("reset", e.board.System.Cause().String())
	w.KeyString("relay", e.client.State().String())
	if e.hasBroker {
		w.KeyString("mqtt", e.broker.State().String())
	}
	e.writeStats(w)
	w.KeyInt("led", int64(e.lights.flash))
	w.Key("settings")
	w.Object()
	e.writeControl(w, ov2640.FrameSize)
	e.writeControl(w, ov2640.Quality)
	w.KeyInt("fps", int64(e.fps))
	w.End()
	if f, n := e.sensor.Fault(); n > 0 && f.Err != nil {
		w.KeyString("sensor_fault", f.Err.Error())
	}
}

// Set implements control.Device. The relay is told what is in force.
func (e controlled) Set(settings []byte, save bool, why []byte) []byte {
	r := json.Read(settings)
	if first := r; !save || first.Next() { // {"save":true} alone saves what is in force
		if why := e.apply(&r, why[:0]); why != nil {
			return why
		}
	}
	e.out.hello = e.stream.open
	if save {
		if err := e.savePicture(); err != nil {
			return append(append(why[:0], "not saved: "...), err.Error()...)
		}
	}
	return nil
}

// LED implements control.Device.
func (e controlled) LED(flash, red int) {
	if flash >= 0 {
		e.setFlash(uint8(flash))
		e.out.hello = e.stream.open
	}
	if red >= 0 {
		e.lights.own = int8(red)
	}
}

// Reboot implements control.Device.
func (e controlled) Reboot() {
	if !e.updater.Active() {
		e.reboot()
	}
}
