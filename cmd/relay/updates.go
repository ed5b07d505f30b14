package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"camrelay/internal/config"
	"camrelay/internal/homeassistant"
	"camrelay/internal/mqtt"
	"camrelay/internal/ota"
	"camrelay/internal/ota/bridge"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/imageserver"
	"camrelay/internal/ota/journal"
	"camrelay/internal/ota/rollout"
	"camrelay/internal/signing"
	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// updates are the relay's parts that give cameras new firmware.
type updates struct {
	catalog     *catalog.Catalog
	images      *imageserver.Server
	journal     *journal.Journal
	coordinator *ota.Coordinator
	rollouts    *rollout.Manager
	planned     *journal.Journal // of rollouts
	bridge      *bridge.Bridge   // nil without MQTT
}

// openUpdates makes the parts but for what needs MQTT and cameras.
func openUpdates(r *relay) (*updates, error) {
	o := r.cfg.OTA
	ring, err := signing.LoadPublic(o.Keys)
	if err != nil {
		return nil, fmt.Errorf("ota.keys: %w", err)
	}
	u := new(updates)
	if u.catalog, err = catalog.Open(filepath.Join(r.cfg.Data, "images"), ring, catalog.Options{
		MaxImages: o.Images, MaxBytes: int64(o.Bytes), Logger: r.log,
	}); err != nil {
		return nil, err
	}
	rate := int64(o.Rate)
	if rate == 0 {
		rate = -1 // no limit
	}
	u.images = imageserver.New(u.catalog, imageserver.Options{TotalRate: rate, MaxDownloads: o.Parallel + 2, Logger: r.log})
	if u.journal, err = journal.Open(filepath.Join(r.cfg.Data, "updates")); err != nil {
		return nil, err
	}
	u.planned, err = journal.Open(filepath.Join(r.cfg.Data, "rollouts"))
	return u, err
}

// startUpdates makes the coordinator and goes on with its jobs.
func (r *relay) startUpdates(ctx context.Context) (err error) {
	u, o := r.updates, r.cfg.OTA
	window, err := ota.ParseWindow(o.Window.From, o.Window.To, o.Window.Zone)
	if err != nil {
		return fmt.Errorf("ota.window: %w", err)
	}
	window.SpareViewers = o.Window.SpareViewers
	var publisher interface {
		ota.Publisher
		rollout.Publisher
	} = bridge.Silent{}
	if r.bus != nil {
		u.bridge = bridge.New(r.bus.Bus, mqtt.Topics(r.cfg.MQTT.Topic), r.log)
		publisher = u.bridge
	}
	if u.coordinator, err = ota.New(ota.Options{
		Images: u.catalog, Cameras: updatedCameras{r}, Publisher: publisher, Journal: u.journal, Secret: r.store.Secret(),
		Host: o.Host, Relay: r.cfg.Name, Parallel: o.Parallel, PerDay: o.PerDay, Between: o.Between, Window: window, Logger: r.log,
		Finished: func(j ota.Job) { u.rollouts.Finished(j) },
	}); err != nil {
		return err
	}
	if u.rollouts, err = rollout.New(rollout.Options{
		Updates: u.coordinator, Images: u.catalog, Fleet: fleet{r}, Publisher: publisher, Journal: u.planned,
		Window: window, Between: o.Between, Logger: r.log,
	}); err != nil {
		return err
	}
	r.registry.Observe(forgetful{u.coordinator})
	r.ingest.SetOptions(r.ingestOptions(r.cfg))
	if u.bridge != nil {
		u.bridge.Told = u.coordinator.Told
	}
	u.coordinator.Start()
	u.rollouts.Start()
	if u.bridge != nil {
		if err := u.bridge.Listen(u.coordinator, u.rollouts); err != nil {
			return err
		}
		r.tasks.Go(func() { u.flush(ctx) })
	}
	if m := r.cfg.MQTT; r.bus != nil && m.Discovery != "" {
		d := homeassistant.New(homeassistant.Options{
			Bus: r.bus.Bus, Topics: mqtt.Topics(m.Topic), Registry: r.registry, Updates: firmwares{u}, Relay: r.cfg.Name,
			Prefix: m.Discovery, Snapshot: m.Snapshot, Log: r.log,
		})
		r.tasks.Go(func() { d.Run(ctx) })
	}
	r.tasks.Go(func() { u.coordinator.Run(ctx) })
	r.tasks.Go(func() { u.rollouts.Run(ctx) })
	r.tasks.Go(func() {
		if err := u.catalog.Check(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("not all images could be checked", "err", err)
		}
	})
	return nil
}

// firmwares is what is known of the cameras' firmware.
type firmwares struct{ *updates }

// Info implements homeassistant.Updates.
func (f firmwares) Info(camera string) (wire.Hello, bool) { return f.coordinator.Info(camera) }

// Job implements homeassistant.Updates.
func (f firmwares) Job(camera string) (ota.Job, bool) { return f.coordinator.Job(camera) }

// Newest implements homeassistant.Updates.
func (f firmwares) Newest(board, chip string) string {
	i, err := f.catalog.Match(board, chip, catalog.Criteria{})
	if err != nil {
		return ""
	}
	return i.Version()
}

// flush sends what waited for the broker.
func (u *updates) flush(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			u.bridge.Flush()
		}
	}
}

func (u *updates) close() error {
	if u == nil {
		return nil
	}
	if u.images != nil {
		u.images.Close()
	}
	var errs []error
	for _, j := range []*journal.Journal{u.journal, u.planned} {
		if j != nil {
			errs = append(errs, j.Close())
		}
	}
	return errors.Join(errs...)
}

// updatedCameras are the relay's cameras to the coordinator.
type updatedCameras struct{ *relay }

var _ ota.Cameras = updatedCameras{}

// Send implements ota.Cameras: by both ways, since the camera knows an order
// that comes twice.
func (u updatedCameras) Send(camera string, order []byte) {
	if u.updates.bridge != nil {
		u.updates.bridge.Order(camera, order)
	}
	u.ingest.Order(camera, order)
}

// CloseStream implements ota.Cameras.
func (u updatedCameras) CloseStream(camera string) {
	if hub := u.registry.Get(camera); hub != nil {
		hub.Detach(stream.Update)
	}
}

// Show implements ota.Cameras.
func (u updatedCameras) Show(camera, text string) {
	if hub := u.registry.Get(camera); hub != nil {
		hub.SetUpdating(text)
	}
}

// Viewers implements ota.Cameras.
func (u updatedCameras) Viewers(camera string) int {
	if hub := u.registry.Get(camera); hub != nil {
		return hub.Viewers()
	}
	return 0
}

// Exists implements ota.Cameras.
func (u updatedCameras) Exists(camera string) bool {
	_, ok := u.roster.Get(camera)
	return ok
}

// fleet is the relay's cameras to rollouts.
type fleet struct{ *relay }

var _ rollout.Fleet = fleet{}

// Cameras implements rollout.Fleet: a camera that is pulled has no firmware of
// ours.
func (f fleet) Cameras() []rollout.Camera {
	var list []rollout.Camera
	for _, id := range f.roster.IDs() {
		if spec, ok := f.roster.Get(id); ok && spec.Kind == config.KindPush {
			list = append(list, rollout.Camera{ID: id, Groups: spec.Groups})
		}
	}
	return list
}

// Look implements rollout.Fleet.
func (f fleet) Look(camera string) (rollout.Sight, bool) {
	hub := f.registry.Get(camera)
	if hub == nil {
		return rollout.Sight{}, false
	}
	state, _ := hub.State()
	c, pace := hub.Camera(), hub.Pace()
	s := rollout.Sight{
		Streaming: state == stream.Online || state == stream.Resting,
		Resting:   pace.Resting(), FPS: c.FPS, Wanted: pace.FPS, Viewers: c.Viewers,
	}
	if c.Stats != nil && c.Stats.RSSI != nil {
		s.RSSI = *c.Stats.RSSI
	}
	return s, true
}

// forgetful tells the coordinator of cameras that were removed.
type forgetful struct{ updates *ota.Coordinator }

// Changed implements stream.Observer.
func (forgetful) Changed(*stream.Hub) {}

// Removed implements stream.Observer.
func (f forgetful) Removed(h *stream.Hub) { f.updates.Forget(h.ID()) }
