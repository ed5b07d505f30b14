package engine

import (
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/ov2640"
)

// sensorName is what the hello says.
const sensorName = "OV2640"

// helloText says who the camera is and what is in force.
func (e *Engine) helloText() ([]byte, bool) {
	w := json.Begin(e.text[:0])
	w.Object()
	w.KeyString("t", "hello")
	w.KeyString("firmware", e.version)
	w.KeyInt("build", int64(e.running.Build))
	w.KeyString("board", e.kind)
	w.KeyString("sensor", sensorName)
	e.updater.Hello(&w)
	w.Key("settings")
	w.Object()
	for c := range ov2640.Controls {
		if c != ov2640.Zoom { // which the relay does not know
			e.writeControl(&w, c)
		}
	}
	w.KeyInt("fps", int64(e.fps))
	w.KeyInt("led_intensity", int64(e.lights.flash))
	w.End()
	w.End()
	return w.Bytes()
}

// writeControl writes one setting of the sensor.
func (e *Engine) writeControl(w *json.Writer, c ov2640.Control) {
	value := e.picture[c]
	if c == ov2640.FrameSize {
		w.KeyString(c.Name(), ov2640.Size(value).Name())
		return
	}
	w.KeyInt(c.Name(), int64(value))
}

// statsText says how the camera does.
func (e *Engine) statsText() ([]byte, bool) {
	w := json.Begin(e.text[:0])
	w.Object()
	w.KeyString("t", "stats")
	e.writeStats(&w)
	w.End()
	return w.Bytes()
}

// writeStats writes members. Collecting garbage for them would cost frames, so
// the memory is what the system says without.
func (e *Engine) writeStats(w *json.Writer) {
	s := e.streamer.Stats(e.now)
	memory := e.board.System.Heap()
	w.KeyInt("uptime", (e.now-e.started)/second)
	w.KeyInt("heap", int64(memory.Free))
	if memory.Largest != 0 {
		w.KeyInt("heap_largest", int64(memory.Largest))
	}
	if rssi := e.board.Network.RSSI(); rssi != 0 {
		w.KeyInt("rssi", int64(rssi))
	}
	w.Key("fps")
	w.Milli(int64(s.MilliHertz))
	w.KeyInt("sent", int64(s.Sent))
	w.KeyInt("dropped", int64(s.Dropped))
	w.KeyInt("aborted", int64(s.Aborted))
}
