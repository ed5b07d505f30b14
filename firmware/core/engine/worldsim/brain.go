package worldsim

import (
	"bytes"
	"encoding/json"
	"time"

	"camrelay/internal/vcam"
	"camrelay/internal/wire"
)

// Brain decides about updates instead of the world's own desk, which then only
// looks whether what the camera says is true. It is part of the relay: while
// that is away nothing is heard of it. Nothing here waits.
type Brain interface {
	Opened(host string) // a stream connection begins, and ends
	Closed()
	Streams() // its first frame has come
	Hello(h wire.Hello)
	Ack(a wire.UpdateAck)
	Presence(on bool)                  // of the camera at the broker
	Served(token string, offset int64) // of an image, to who has the token
	Grants(token string) bool
	Answer(job string) []byte // to a report; nil: go on
	Killed()                  // the relay ends in the middle of what it does
	Started()
	Look() // time passes
}

// lookAround is how often a brain is called.
const lookAround = 500 * time.Millisecond

// Attach gives a world of Config.NoJob a brain, before it runs.
func (w *World) Attach(b Brain) {
	w.brain = b
	w.think()
}

func (w *World) think() {
	if w.thinks() {
		w.brain.Look()
	}
	w.after(lookAround, w.think)
}

// thinks reports whether there is a brain now.
func (w *World) thinks() bool { return w.brain != nil && w.relay.state == listening }

// Order gives the camera an order by every way there is.
func (w *World) Order(text []byte) {
	var u wire.Update
	if err := json.Unmarshal(text, &u); err != nil {
		panic(err)
	}
	d := w.desk
	if f := w.images.at(u.Image); u.Cmd == wire.UpdateStart && d.jobs[u.Job] == nil && f != nil {
		d.job = &job{order: u, firmware: f, issued: w.now}
		d.jobs[u.Job] = d.job
	}
	w.note("order %s %s", u.Cmd, u.Job)
	if d.mqtt {
		w.broker.publish(text)
	}
	if s := w.relay.socket; s != nil {
		s.send(1, text)
	}
}

// CloseStream ends the camera's connection for an update.
func (w *World) CloseStream() {
	if s := w.relay.socket; s != nil {
		s.goAway(wire.CloseUpdate)
	}
}

// Release makes an image; spoilt is one that no camera takes.
func (w *World) Release(b vcam.Behaviour, size int, spoilt bool) (content []byte, err error) {
	f, err := w.images.release(b, size)
	if err != nil {
		return nil, err
	}
	if spoilt {
		w.images.spoil(f, 1)
		f.path = pathOf(f.content) // what it is in the relay's catalog
	}
	return f.content, nil
}

// Proved reports whether an image with this header has ever confirmed itself.
func (w *World) Proved(content []byte) bool {
	w.camera.learn()
	for _, f := range w.images.list {
		if bytes.Equal(f.content, content) {
			return w.proved[f.Sum]
		}
	}
	return false
}

// Rand is a number below n, of this world.
func (w *World) Rand(n int) int { return w.rnd.IntN(n) }

// Mention keeps a line of what happens, for the report of a violation.
func (w *World) Mention(format string, args ...any) { w.note(format, args...) }

// Fail ends the world.
func (w *World) Fail(format string, args ...any) { w.fail(concluded, format, args...) }

// Age is how long ago the last frame came.
func (w *World) Age() time.Duration { return time.Duration(w.now - w.lastFrame) }

// at is the image of a path.
func (m *images) at(path string) *firmware {
	for _, f := range m.list {
		if f.path == path {
			return f
		}
	}
	return nil
}
