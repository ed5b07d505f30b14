package ingest

import "sync"

// maxCommands bounds the commands that wait to be sent, or for their answer.
const maxCommands = 16

// outbox holds what is to be sent to a camera. It is bounded: of pongs and
// paces only the newest counts (RFC 6455 section 5.5.3 allows that for pongs).
// Nothing that fills it blocks.
type outbox struct {
	wake chan struct{} // has a buffer of one

	mu       sync.Mutex
	pong     []byte // payload; nil: none due
	pace     []byte
	commands [][]byte
	closing  []byte // payload of a CLOSE frame; nil: none due
	shut     bool   // a CLOSE was given: nothing may follow it
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// letter is what is due at one time.
type letter struct {
	pong, closing []byte
	texts         [][]byte
}

// put changes the box with fn, unless it was closed, and wakes the writer.
func (o *outbox) put(fn func() bool) bool {
	o.mu.Lock()
	ok := !o.shut && fn()
	o.mu.Unlock()
	if ok {
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
	return ok
}

func (o *outbox) putPong(payload string) {
	o.put(func() bool { o.pong = append([]byte{}, payload...); return true })
}

func (o *outbox) putPace(text []byte) {
	o.put(func() bool { o.pace = text; return true })
}

// putCommand reports whether there was room.
func (o *outbox) putCommand(text []byte) bool {
	return o.put(func() bool {
		if len(o.commands) == maxCommands {
			return false
		}
		o.commands = append(o.commands, text)
		return true
	})
}

// putClose makes a CLOSE frame the last thing that is sent.
func (o *outbox) putClose(payload []byte) {
	o.put(func() bool { o.closing, o.shut = payload, true; return true })
}

// take empties the box.
func (o *outbox) take() letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := letter{pong: o.pong, closing: o.closing, texts: o.commands}
	if o.pace != nil {
		l.texts = append(l.texts, o.pace)
	}
	o.pong, o.pace, o.commands, o.closing = nil, nil, nil, nil
	return l
}
