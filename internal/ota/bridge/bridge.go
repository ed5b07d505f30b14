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
	bus     mqtt.Bus
	topics  mqtt.Topics
	log     *slog.Logger
	cameras func() []string

	mu      sync.Mutex
	waiting []message // results, the oldest first
	refused map[string]bool
}

type message struct {
	topic   string
	payload []byte
}

var _ ota.Publisher = (*Bridge)(nil)

// New returns a bridge to a bus; cameras lists all there are.
func New(bus mqtt.Bus, topics mqtt.Topics, cameras func() []string, log *slog.Logger) *Bridge {
	return &Bridge{bus: bus, topics: topics, cameras: cameras, log: log, refused: map[string]bool{}}
}

// Listen subscribes. It holds for as long as the bus.
func (b *Bridge) Listen(updates Updates) error {
	return errors.Join(
		b.bus.Subscribe(b.topics.Trigger("+"), func(m mqtt.Message) { b.trigger(updates, m) }),
		b.bus.Subscribe(b.topics.Ack("+"), func(m mqtt.Message) { b.ack(updates, m) }),
		b.bus.Subscribe(b.topics.Presence("+"), func(m mqtt.Message) {
			if camera := b.topics.Level(m.Topic, 1); wire.CheckID(camera) == nil {
				updates.Presence(camera, string(m.Payload) == "online")
			}
		}),
	)
}

// trigger takes a request. One that is retained would come again with every
// restart: it is refused, once, and cleared.
func (b *Bridge) trigger(updates Updates, m mqtt.Message) {
	camera := b.topics.Level(m.Topic, 1)
	if len(m.Payload) == 0 {
		return
	}
	if m.Retained {
		b.clear(updates, camera, m)
		return
	}
	t, err := ota.ParseTrigger(m.Payload)
	switch {
	case errors.Is(err, ota.ErrEmpty):
	case camera == all:
		for _, c := range b.cameras() {
			b.give(updates, c, t, err)
		}
	default:
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

// clear takes a retained trigger off the broker.
func (b *Bridge) clear(updates Updates, camera string, m mqtt.Message) {
	key := m.Topic + " " + string(m.Payload)
	b.mu.Lock()
	again := b.refused[key]
	if len(b.refused) > maxResults {
		clear(b.refused)
	}
	b.refused[key] = true
	b.mu.Unlock()
	if !again {
		updates.Refuse(camera, ota.RetainedTrigger, "")
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
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, message{b.topics.UpdateResult(camera), document})
	if lost := len(b.waiting) - maxResults; lost > 0 {
		b.log.Warn("results of updates are lost: the broker is away for too long", "count", lost)
		b.waiting = append(b.waiting[:0], b.waiting[lost:]...)
	}
	b.flush()
}

// Flush tries to send what waits: to be called now and then.
func (b *Bridge) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
}

func (b *Bridge) flush() {
	for len(b.waiting) > 0 {
		m := b.waiting[0]
		if err := b.bus.Publish(m.topic, m.payload, 1, false); err != nil {
			return
		}
		b.waiting = b.waiting[1:]
	}
}

// Silent is the ota.Publisher of a relay without MQTT.
type Silent struct{}

// State implements ota.Publisher.
func (Silent) State(string, []byte) {}

// Event implements ota.Publisher.
func (Silent) Event(string, string) {}

// Result implements ota.Publisher.
func (Silent) Result(string, []byte) {}
