package control

import (
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/text"
)

// command carries out a request that has a body, and answers it.
func (s *Server) command(c *conn, now int64) {
	var why []byte
	switch c.route {
	case toLED:
		why = s.led(c.body)
	case toSettings:
		why = s.set(c.body)
	case toReboot:
		s.reboot(now)
	}
	s.done(c, why, now)
}

// because is why something was not done.
func (s *Server) because(why string) []byte { return append(s.why[:0], why...) }

// led is {"flash":0..255,"red":true}, either of them or both.
func (s *Server) led(p []byte) (why []byte) {
	r := json.Read(p)
	flash, red := int64(-1), -1
	for ok := true; r.Next(); {
		switch {
		case r.Is("flash"):
			if flash, ok = r.Int(0, 255); !ok {
				return s.because("flash is not a whole number from 0 to 255")
			}
		case r.Is("red"):
			on, ok := r.Bool()
			if !ok {
				return s.because("red is neither true nor false")
			}
			red = 0
			if on {
				red = 1
			}
		}
	}
	switch {
	case !r.OK():
		return s.because(`this is not a JSON object, like {"flash":128,"red":true}`)
	case flash < 0 && red < 0:
		return s.because("neither flash nor red is given")
	}
	s.device.LED(int(flash), red)
	return nil
}

// set is an object of settings, with "save" among them. Settings may also be an
// object of their own, as the relay sends them: {"settings":{…},"save":true}.
func (s *Server) set(p []byte) (why []byte) {
	r := json.Read(p)
	save, ok := false, true
	var within []byte // their own object
	flat := 0
	for r.Next() {
		switch {
		case r.Is("save"):
			if save, ok = r.Bool(); !ok {
				return s.because("save is neither true nor false")
			}
		case r.Is("settings"):
			if within = r.Raw(); within[0] != '{' {
				return s.because("settings is not an object")
			}
		case !aboutCommand(&r):
			flat++
		}
	}
	switch {
	case !r.OK():
		return s.because(`this is not a JSON object of settings, like {"quality":12,"save":true}`)
	case flat > 0 && within != nil:
		return s.because("there are settings in \"settings\" and beside it")
	case flat == 0 && within == nil && !save:
		return s.because("no setting is given, and nothing to save")
	case within == nil:
		within = settingsOf(p)
	}
	return s.device.Set(within, save, s.why[:0])
}

// aboutCommand reports whether a member says something about the command.
func aboutCommand(r *json.Reader) bool { return r.Is("t") || r.Is("id") || r.Is("save") }

// settingsOf makes an object of those members of p that are settings. It is made
// in p: what is written never gets ahead of what is read.
func settingsOf(p []byte) []byte {
	r := json.Read(p)
	out := append(p[:0], '{')
	for r.Next() {
		if aboutCommand(&r) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), r.Key()...), '"', ':')
		out = append(out, r.Raw()...)
	}
	return append(out, '}')
}

// reboot restarts the camera when there has been time to read the answer.
func (s *Server) reboot(now int64) {
	if s.rebootAt == 0 {
		s.rebootAt = now + rebootTime
	}
}

// obey carries out a command that came by WebSocket: the object that would be the
// body of the request, with "t" and possibly "id".
func (s *Server) obey(c *conn, p []byte, now int64) {
	r := json.Read(p)
	id, hasID, badID := int64(0), false, false
	var kind []byte
	for r.Next() {
		switch {
		case r.Is("t"):
			kind, _ = r.String(nil)
		case r.Is("id"):
			id, hasID = r.Int(0, 1<<53)
			badID = !hasID
		}
	}
	var why []byte
	switch {
	case !r.OK():
		why = s.because(`this is not a JSON object, like {"t":"status"}`)
	case badID:
		why = s.because("id is not a whole number")
	case text.Equal(kind, "set"):
		why = s.set(p)
	case text.Equal(kind, "led"):
		why = s.led(p)
	case text.Equal(kind, "status"):
		c.socket.statusAt = now
	case text.Equal(kind, "reboot"):
		s.reboot(now)
	default:
		why = s.because("t is none of set, led, status, reboot")
	}
	s.acknowledge(c, id, hasID, why)
}
