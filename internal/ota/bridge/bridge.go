// Package bridge joins the coordinator of updates and MQTT: triggers, what
// cameras say, and what the world is told.
package bridge

import (
	"encoding/json"
	"errors"
	"log/slog"
	"sync"

	"camrelay/internal/mqtt"
	"camrelay/internal/ota"
	"camrelay/internal/wire"
)

// maxResults is how many results wait for a broker that is away.
const maxResults = 256

// all is the name that stands for every camera.
const all = "all"

// Updates is what the bridge tells; an ota.Coordinator is one.
type Updates interface {
	Trigger(camera string, t ota.Trigger, source string) (ota.Job, error)
	Refuse(camera string, code ota.Code, detail string)
	Ack(camera string, a wire.UpdateAck)
	Presence(camera string, on bool)
}

// Bridge is made first, given to the coordinator as its ota.Publisher, and then
// connected to it by Listen.
type Bridge struct {
	bus    mqtt.Bus
	topics mqtt.Topics
	log    *slog.Logger

	// Told, if not nil, is called with each result of a camera's update that has
	// been handed to the broker. To be set before Listen.
	Told func(camera string, document []byte)

	mu      sync.Mutex
	waiting []message // results, the oldest first
	refused map[string]bool
}

type message struct {
	topic   string
	payload []byte
}

var _ ota.Publisher = (*Bridge)(nil)

// New returns a bridge to a bus.
func New(bus mqtt.Bus, topics mqtt.Topics, log *slog.Logger) *Bridge {
	return &Bridge{bus: bus, topics: topics, log: log, refused: map[string]bool{}}
}

// Listen subscribes. It holds for as long as the bus.
func (b *Bridge) Listen(updates Updates, rollouts Rollouts) error {
	return errors.Join(
		b.bus.Subscribe(b.topics.Trigger("+"), func(m mqtt.Message) {
			if camera := b.topics.Level(m.Topic, 1); camera == all {
				b.many(rollouts, "", m)
			} else {
				b.trigger(updates, camera, m)
			}
		}),
		b.bus.Subscribe(b.topics.GroupTrigger("+"), func(m mqtt.Message) { b.many(rollouts, b.topics.Level(m.Topic, 2), m) }),
		b.bus.Subscribe(b.topics.Ack("+"), func(m mqtt.Message) { b.ack(updates, m) }),
		b.bus.Subscribe(b.topics.Presence("+"), func(m mqtt.Message) {
			if camera := b.topics.Level(m.Topic, 1); wire.CheckID(camera) == nil {
				updates.Presence(camera, string(m.Payload) == "online")
			}
		}),
	)
}

// trigger takes a request for one camera. One that is retained would come again
// with every restart: it is refused, once, and cleared.
func (b *Bridge) trigger(updates Updates, camera string, m mqtt.Message) {
	if len(m.Payload) == 0 {
		return
	}
	if m.Retained {
		b.clear(m, func() { updates.Refuse(camera, ota.RetainedTrigger, "") })
		return
	}
	t, err := ota.ParseTrigger(m.Payload)
	if !errors.Is(err, ota.ErrEmpty) {
		b.give(updates, camera, t, err)
	}
}

func (b *Bridge) give(updates Updates, camera string, t ota.Trigger, err error) {
	if err != nil {
		updates.Refuse(camera, ota.BadRequest, err.Error())
		return
	}
	if _, err := updates.Trigger(camera, t, "mqtt"); err != nil { // it is published
		b.log.Info("trigger refused", "camera", camera, "reason", err)
	}
}

// clear refuses a retained trigger, once, and takes it off the broker.
func (b *Bridge) clear(m mqtt.Message, refuse func()) {
	key := m.Topic + " " + string(m.Payload)
	b.mu.Lock()
	again := b.refused[key]
	if len(b.refused) > maxResults {
		clear(b.refused)
	}
	b.refused[key] = true
	b.mu.Unlock()
	if !again {
		refuse()
	}
	if err := b.bus.Publish(m.Topic, nil, 1, true); err != nil {
		b.log.Warn("the retained trigger is not cleared", "topic", m.Topic, "reason", err)
	}
}

// ack takes what a camera says.
func (b *Bridge) ack(updates Updates, m mqtt.Message) {
	camera := b.topics.Level(m.Topic, 1)
	if m.Retained || wire.CheckID(camera) != nil || len(m.Payload) > wire.MaxText {
		return
	}
	var a wire.UpdateAck
	if err := json.Unmarshal(m.Payload, &a); err != nil {
		b.log.Warn("a camera's report is not understood", "camera", camera, "reason", err)
		return
	}
	updates.Ack(camera, a)
}

// Order gives a camera an order.
func (b *Bridge) Order(camera string, order []byte) {
	if err := b.bus.Publish(b.topics.Command(camera), order, 1, false); err != nil {
		b.log.Warn("the order is not sent by MQTT", "camera", camera, "reason", err)
	}
}

// State implements ota.Publisher. No document clears it.
func (b *Bridge) State(camera string, document []byte) {
	if err := b.bus.Publish(b.topics.UpdateState(camera), document, 1, true); err != nil {
		b.log.Warn("the state of an update is not published", "camera", camera, "reason", err)
	}
}

// Event implements ota.Publisher: who does not listen just now has missed it.
func (b *Bridge) Event(camera, line string) {
	_ = b.bus.Publish(b.topics.UpdateEvent(camera), []byte(line), 0, false)
}

// Result implements ota.Publisher. It waits for a broker that is away.
func (b *Bridge) Result(camera string, document []byte) {
	b.await(b.topics.UpdateResult(camera), document)
}

// await publishes something now, or when the broker is there.
func (b *Bridge) await(topic string, document []byte) {
	b.mu.Lock()
	b.waiting = append(b.waiting, message{topic, document})
	if lost := len(b.waiting) - maxResults; lost > 0 {
		b.log.Warn("results of updates are lost: the broker is away for too long", "count", lost)
		b.waiting = append(b.waiting[:0], b.waiting[lost:]...)
	}
	b.mu.Unlock()
	b.Flush()
}

// Flush tries to send what waits: to be called now and then.
func (b *Bridge) Flush() {
	b.mu.Lock()
	sent := b.flush()
	b.mu.Unlock()
	for _, m := range sent {
		if camera := b.topics.Level(m.topic, 1); b.Told != nil && m.topic == b.topics.UpdateResult(camera) {
			b.Told(camera, m.payload)
		}
	}
}

func (b *Bridge) flush() (sent []message) {
	for len(b.waiting) > 0 {
		m := b.waiting[0]
		if err := b.bus.Publish(m.topic, m.payload, 1, false); err != nil {
			break
		}
		b.waiting = b.waiting[1:]
		sent = append(sent, m)
	}
	return sent
}

// Silent is the ota.Publisher of a relay without MQTT.
type Silent struct{}

// State implements ota.Publisher.
func (Silent) State(string, []byte) {}

// Event implements ota.Publisher.
func (Silent) Event(string, string) {}

// Result implements ota.Publisher.
func (Silent) Result(string, []byte) {}
