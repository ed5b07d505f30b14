// Package homeassistant tells Home Assistant about the cameras, by MQTT
// discovery (home-assistant.io/integrations/mqtt): for each a picture, an update
// entity, and sensors.
package homeassistant

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"camrelay/internal/mqtt"
	"camrelay/internal/ota"
	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// Updates is what is known of the cameras' firmware.
type Updates interface {
	Info(camera string) (wire.Hello, bool)
	Job(camera string) (ota.Job, bool)
	// Newest is the version of the newest image for a camera; empty if there is
	// none.
	Newest(board, chip string) string
}

// Options of a Discovery; all are needed.
type Options struct {
	Bus      mqtt.Bus
	Topics   mqtt.Topics
	Registry *stream.Registry
	Updates  Updates
	Relay    string        // its name in topics
	Prefix   string        // of discovery topics
	Snapshot time.Duration // between pictures; 0: none are published
	Log      *slog.Logger
}

// statsEvery is the time between sensors' values.
const statsEvery = 30 * time.Second

// Discovery keeps Home Assistant informed. Its methods are for one goroutine.
type Discovery struct {
	opt       Options
	said      map[string][]byte // retained, by topic
	cameras   map[string]bool
	stats     time.Time // when last published
	snapshots time.Time
	frames    map[string]uint64 // the last frame of each camera that was published
}

// New returns a Discovery that has said nothing yet.
func New(opt Options) *Discovery {
	return &Discovery{opt: opt, said: map[string][]byte{}, cameras: map[string]bool{}, frames: map[string]uint64{}}
}

// Run tells what changes until ctx ends. When Home Assistant starts it is told
// everything again.
func (d *Discovery) Run(ctx context.Context) {
	born := make(chan struct{}, 1)
	if err := d.opt.Bus.Subscribe(d.opt.Prefix+"/status", func(m mqtt.Message) {
		if string(m.Payload) == "online" && !m.Retained {
			select {
			case born <- struct{}{}:
			default:
			}
		}
	}); err != nil {
		d.opt.Log.Warn("Home Assistant's start will not be noticed", "err", err)
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-born:
			clear(d.said)
		case now := <-ticker.C:
			d.Tick(now)
		}
	}
}

// Tick publishes what has changed.
func (d *Discovery) Tick(now time.Time) {
	present := map[string]bool{}
	stats := now.Sub(d.stats) >= statsEvery
	snapshots := d.opt.Snapshot > 0 && now.Sub(d.snapshots) >= d.opt.Snapshot
	for _, h := range d.opt.Registry.All() {
		present[h.ID()] = true
		d.tell(h.Camera())
		if stats {
			d.tellStats(h.Camera())
		}
		if snapshots {
			d.tellPicture(h)
		}
	}
	if stats {
		d.stats = now
	}
	if snapshots {
		d.snapshots = now
	}
	for id := range d.cameras {
		if !present[id] {
			d.forget(id)
		}
	}
	d.cameras = present
}

// tell publishes the entities of a camera, and the state of its firmware.
func (d *Discovery) tell(c wire.Camera) {
	hello, known := d.opt.Updates.Info(c.ID)
	for topic, entity := range d.entities(c, known && hello.Boot != "") {
		d.retain(topic, entity)
	}
	if known && hello.Boot != "" {
		d.retain(d.updateTopic(c.ID), d.update(c.ID, hello))
	}
}

// retain publishes a document if it is not the last one of its topic.
func (d *Discovery) retain(topic string, document any) {
	text, err := json.Marshal(document)
	if err != nil || bytes.Equal(text, d.said[topic]) {
		return
	}
	if err := d.opt.Bus.Publish(topic, text, 1, true); err != nil {
		d.opt.Log.Warn("Home Assistant is not told", "topic", topic, "err", err)
		return
	}
	d.said[topic] = text
}

// forget takes a camera's entities away.
func (d *Discovery) forget(id string) {
	topics := []string{d.updateTopic(id)}
	for topic := range d.entities(wire.Camera{ID: id}, true) {
		topics = append(topics, topic)
	}
	for _, topic := range topics {
		if d.said[topic] == nil {
			continue
		}
		if err := d.opt.Bus.Publish(topic, nil, 1, true); err != nil {
			d.opt.Log.Warn("Home Assistant is not told", "topic", topic, "err", err)
		}
		delete(d.said, topic)
	}
	delete(d.frames, id)
}

// tellStats publishes the sensors' values; who does not listen has missed them.
func (d *Discovery) tellStats(c wire.Camera) {
	values := map[string]any{"fps": c.FPS, "viewers": c.Viewers, "state": c.State}
	if s := c.Stats; s != nil {
		for name, v := range map[string]any{"heap": s.Heap, "rssi": s.RSSI, "uptime": s.Uptime, "temperature": s.Temperature} {
			values[name] = v
		}
	}
	text, err := json.Marshal(values)
	if err == nil {
		_ = d.opt.Bus.Publish(d.statsTopic(c.ID), text, 0, false)
	}
}

// tellPicture publishes the newest frame, if it is a new one.
func (d *Discovery) tellPicture(h *stream.Hub) {
	f := h.Newest()
	if f == nil {
		return
	}
	defer f.Release()
	if d.frames[h.ID()] == uint64(f.Seq)+1 {
		return
	}
	d.frames[h.ID()] = uint64(f.Seq) + 1
	_ = d.opt.Bus.Publish(d.pictureTopic(h.ID()), bytes.Clone(f.JPEG()), 0, false)
}
