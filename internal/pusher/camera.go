package pusher

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"camrelay/internal/wire"
)

// camera is what outlives a connection.
type camera struct {
	Config
	log       *slog.Logger
	started   time.Time
	telemetry *telemetry

	mu       sync.Mutex // source and settings
	settings wire.Settings
	shot     []byte // last JPEG of the source, before it is stamped
	frames   uint32 // captured since start
}

// Run pushes frames until ctx ends, which is no error. It comes back whenever
// its connection is lost, as docs/protocol.md says; ErrStaysAway means that it
// is not to. A wrong configuration is an error at once.
func Run(ctx context.Context, cfg Config) error {
	if _, err := cfg.pushURL(); err != nil {
		return err
	}
	cfg, err := cfg.prepare()
	if err != nil {
		return err
	}
	cam := &camera{
		Config: cfg, log: cfg.Logger.With("camera", cfg.ID), started: time.Now(),
		telemetry: newTelemetry(cfg.Number), settings: cfg.Settings,
	}
	if err := cfg.Source.Set(applicable(cfg.Source.Settings(), cfg.Settings)); err != nil {
		return err
	}
	return cam.run(ctx)
}

func (c *camera) run(ctx context.Context) error {
	retry := newBackoff(c.Retry)
	for {
		began := time.Now()
		connected, err := c.connect(ctx)
		if ctx.Err() != nil {
			c.log.Info("camera stopped")
			return nil
		}
		var lived time.Duration
		if connected {
			lived = time.Since(began)
		}
		wait, final := retry.delay(err, lived)
		if final != nil {
			return final
		}
		c.log.Warn("no connection", "reason", err, "next_try", wait.Round(time.Millisecond))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// connect holds one connection, and tells whether there was one and how it
// ended.
func (c *camera) connect(ctx context.Context) (connected bool, err error) {
	l, err := dial(ctx, c.Config)
	if err != nil {
		return false, err
	}
	c.log.Info("connected", "relay", c.Relay, "commands", l.Subprotocol() == wire.CameraProtocol)
	return true, newSession(c, l).run(ctx)
}

// capture takes one frame and appends it to dst.
func (c *camera) capture(dst []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.Now()
	c.frames++
	var err error
	if c.shot, err = c.Source.Append(c.shot[:0], at, c.frames); err != nil {
		return dst, err
	}
	if c.ESPIDF {
		return append(dst, c.shot...), nil
	}
	return stamp(dst, c.shot, wire.Capture{Count: c.frames, Time: at.UnixMicro()}), nil
}

// set applies the settings this camera has and returns those.
func (c *camera) set(wanted wire.Settings) (applied wire.Settings, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	apply := applicable(c.settings, wanted)
	if len(apply) == 0 {
		return nil, errors.New("no setting that this camera has")
	}
	if err := apply.Check(); err != nil {
		return nil, err
	}
	if err := c.Source.Set(applicable(c.Source.Settings(), apply)); err != nil {
		return nil, err
	}
	c.settings = c.settings.Merge(apply)
	return apply, nil
}

func (c *camera) hello() wire.Hello {
	c.mu.Lock()
	defer c.mu.Unlock()
	return wire.Hello{Firmware: c.Firmware, Build: c.Build, Board: c.Board, Sensor: "OV2640", Settings: c.settings}
}

// fault returns a fault that is in force now.
func (c *camera) fault(kind string) (Fault, bool) {
	return c.Faults.at(kind, time.Since(c.started))
}

// strikes says whether a fault of a share of the frames hits this one.
func (c *camera) strikes(kind string) bool {
	f, ok := c.fault(kind)
	return ok && rand.Float64() < f.Share
}
