package mqtt

import (
	"bytes"
	"slices"
	"sync"
)

// maxEvents is how many messages that are not retained wait for the broker.
const maxEvents = 256

// outgoing is a message on its way to the broker.
type outgoing struct {
	topic   string
	payload []byte
	qos     byte
	retain  bool
	version uint64 // of a retained topic's content
}

// outbox is what the broker is to be told. Of a retained topic it knows the
// wanted content and whether the broker has it; so the newest alone is sent,
// and all can be sent again to a broker that lost them. Other messages wait in
// a queue, and only while the broker is there.
type outbox struct {
	mu      sync.Mutex
	wanted  map[string]outgoing // by topic
	stale   []string            // topics the broker does not have as wanted, each once, in order
	events  []outgoing
	online  bool
	closed  bool
	version uint64
	wake    chan struct{} // one token: there is something to send
}

func newOutbox() *outbox {
	return &outbox{wanted: map[string]outgoing{}, wake: make(chan struct{}, 1)}
}

// put takes a message. The payload is copied.
func (o *outbox) put(topic string, payload []byte, qos byte, retain bool) error {
	m := outgoing{topic: topic, payload: bytes.Clone(payload), qos: qos, retain: retain}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return ErrClosed
	case retain:
		o.version++
		m.version = o.version
		o.wanted[topic] = m
		o.spoil(topic)
	case !o.online:
		return ErrOffline
	case len(o.events) >= maxEvents:
		return ErrBusy
	default:
		o.events = append(o.events, m)
	}
	o.nudge()
	return nil
}

// next takes up to n messages out.
func (o *outbox) next(n int) []outgoing {
	o.mu.Lock()
	defer o.mu.Unlock()
	var batch []outgoing
	topics := min(n, len(o.stale))
	for _, topic := range o.stale[:topics] {
		batch = append(batch, o.wanted[topic])
	}
	o.stale = slices.Delete(o.stale, 0, topics)
	events := min(n-topics, len(o.events))
	batch = append(batch, o.events[:events]...)
	o.events = slices.Delete(o.events, 0, events)
	return batch
}

// confirm says that the broker has a message.
func (o *outbox) confirm(m outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m.retain && len(m.payload) == 0 && o.wanted[m.topic].version == m.version {
		delete(o.wanted, m.topic) // it is cleared for good
	}
}

// fail gives messages back that the broker may not have, in their order.
func (o *outbox) fail(batch []outgoing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var again []outgoing
	for _, m := range batch {
		switch {
		case m.retain:
			o.spoil(m.topic)
		case m.qos > 0:
			again = append(again, m)
		}
	}
	o.events = append(again, o.events...)
	o.nudge()
}

// connected notes that a broker is there, of which it is not known what it has.
func (o *outbox) connected() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.online = true
	waits := map[string]bool{}
	for _, topic := range o.stale {
		waits[topic] = true
	}
	var others []string
	for topic := range o.wanted {
		if !waits[topic] {
			others = append(others, topic)
		}
	}
	slices.Sort(others)
	o.stale = append(o.stale, others...)
	o.nudge()
}

// disconnected notes that the broker is away.
func (o *outbox) disconnected() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.online = false
}

// close takes no more messages.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}

func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.stale)+len(o.events) == 0
}

// spoil puts a topic at the end of those to be sent. Called with mu held.
func (o *outbox) spoil(topic string) {
	if !slices.Contains(o.stale, topic) {
		o.stale = append(o.stale, topic)
	}
}

func (o *outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
