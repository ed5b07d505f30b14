package engine

import (
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/ov2640"
	"camrelay/firmware/core/text"
)

const (
	maxFPS   = 60
	maxStill = 3_600_000 // milliseconds
)

// wanted is a change of settings while it is read: it is made as a whole or not
// at all.
type wanted struct {
	picture ov2640.Settings
	fps     int
	flash   int                   // -1: as it is
	touched [ov2640.Controls]bool // named in the change
	fpsSet  bool
}

// command is what a text of the relay says, but for settings and updates.
type command struct {
	kind              [12]byte // cut off, if it is one that nobody knows
	size              int      // of kind
	id                int64    // 0: none
	milliHertz, still int64    // -1: not said; still is in nanoseconds
}

func (c *command) read(p []byte) {
	*c = command{milliHertz: -1, still: -1}
	r := json.Read(p)
	for r.Next() {
		switch {
		case r.Is("t"):
			if s, ok := r.String(c.kind[:]); ok {
				c.size = copy(c.kind[:], s)
			}
		case r.Is("id"):
			if v, ok := r.Int(0, 1<<32-1); ok {
				c.id = v
			}
		case r.Is("fps"):
			if v, ok := r.Milli(0, 1<<40); ok {
				c.milliHertz = min(v, maxFPS*1000)
			}
		case r.Is("still"):
			if v, ok := r.Milli(0, 1<<40); ok {
				c.still = min(v, maxStill) * millisecond
			}
		}
	}
}

func (c *command) is(kind string) bool { return text.Equal(c.kind[:c.size], kind) }

// obey does what a text of the relay says.
func (e *Engine) obey(p []byte) {
	var c command
	c.read(p)
	switch {
	case c.is("ota"):
		e.updater.Command(e.now, p)
		return
	case c.is("set"):
		e.change(c.id, p)
		return
	case c.is("pace") && min(c.milliHertz, c.still) < 0:
		e.answer(c.id, []byte("pace needs fps and still, 0 or more"))
		return
	case c.is("pace"):
		e.streamer.Pace(c.milliHertz, c.still)
	case c.is("pause"):
		e.streamer.Pause()
	case c.is("resume"):
		e.streamer.Resume()
	default:
		e.answer(c.id, []byte("command not known"))
		return
	}
	e.answer(c.id, nil)
}

// change is a command set: it is answered with what is in force of what it
// named.
func (e *Engine) change(id int64, p []byte) {
	r := json.Read(p)
	for r.Next() {
		if !r.Is("settings") || !r.Enter() {
			continue
		}
		if why := e.apply(&r, e.reply[:0]); why != nil {
			e.answer(id, why)
			return
		}
		e.answerSettings(id)
		return
	}
	e.answer(id, []byte("no setting that this camera has"))
}

// apply reads the object of settings that r is in, and makes it so.
// It returns nil, or what is wrong appended to why. Settings that this camera
// has not are left out.
func (e *Engine) apply(r *json.Reader, why []byte) []byte {
	w := &e.wanted
	*w = wanted{picture: e.picture, fps: e.fps, flash: -1}
	some := false
	for r.Next() {
		had, err := w.read(r)
		if err != nil {
			why = append(append(why, r.Key()...), ": "...)
			return append(why, err.Error()...)
		}
		some = some || had
	}
	if !some {
		return append(why, "no setting that this camera has"...)
	}
	return e.make(w, why)
}

// read takes one setting. had is false for one that this camera has not.
func (w *wanted) read(r *json.Reader) (had bool, err error) {
	switch {
	case r.Is("fps"):
		v, ok := r.Int(0, maxFPS)
		if !ok {
			return true, ov2640.ErrRange
		}
		w.fps, w.fpsSet = int(v), true
		return true, nil
	case r.Is("led_intensity"):
		v, ok := r.Int(0, 255)
		if !ok {
			return true, ov2640.ErrRange
		}
		w.flash = int(v)
		return true, nil
	}
	c, ok := ov2640.ControlNamed(r.Key())
	if !ok {
		return false, nil
	}
	w.touched[c] = true
	if c == ov2640.FrameSize {
		var name [16]byte
		s, ok := r.String(name[:])
		if !ok {
			return true, ov2640.ErrSize
		}
		return true, w.picture.SetSize(s)
	}
	v, ok := r.Int(-1<<15, 1<<15-1)
	if !ok {
		return true, ov2640.ErrRange
	}
	return true, w.picture.Set(r.Key(), int(v))
}

// make puts a change in force.
func (e *Engine) make(w *wanted, why []byte) []byte {
	if err := e.sensor.Want(&w.picture); err != nil {
		return append(why, err.Error()...)
	}
	if e.picture != w.picture || e.fps != w.fps {
		e.saveAt = e.now + saveTime
	}
	e.picture = w.picture
	if w.fpsSet {
		e.fps = w.fps
		e.streamer.SetLimit(w.fps)
	}
	if w.flash >= 0 {
		e.setFlash(uint8(w.flash))
	}
	return nil
}

// answer acknowledges a command; why is nil if it was done. Without an id
// nobody waits for it.
func (e *Engine) answer(id int64, why []byte) {
	if id == 0 {
		return
	}
	w := json.Begin(e.text[:0])
	w.Object()
	w.KeyString("t", "ack")
	w.KeyInt("id", id)
	w.KeyBool("ok", why == nil)
	if why != nil {
		w.KeyText("error", why)
	}
	w.End()
	e.queue(&w)
}

func (e *Engine) answerSettings(id int64) {
	if id == 0 {
		return
	}
	w := json.Begin(e.text[:0])
	w.Object()
	w.KeyString("t", "ack")
	w.KeyInt("id", id)
	w.KeyBool("ok", true)
	w.Key("settings")
	w.Object()
	for c := range ov2640.Controls {
		if e.wanted.touched[c] {
			e.writeControl(&w, c)
		}
	}
	if e.wanted.fpsSet {
		w.KeyInt("fps", int64(e.fps))
	}
	if e.wanted.flash >= 0 {
		w.KeyInt("led_intensity", int64(e.lights.flash))
	}
	w.End()
	w.End()
	e.queue(&w)
}

// queue puts what was written into the outbox. A relay that sends more commands
// at once than fit there hears nothing of the last ones.
func (e *Engine) queue(w *json.Writer) {
	if p, ok := w.Bytes(); ok && e.stream.open {
		e.out.put(p)
	}
}
