package vcam

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/engine"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/ov2640/ovsim"
	"camrelay/internal/halnet"
	"camrelay/internal/scene"
)

// ErrNothingBoots means that neither slot holds an image that can be started.
var ErrNothingBoots = errors.New("no image in the flash can be started")

// hangsAfter is when a firmware that hangs does so.
const hangsAfter = 10 * time.Second

// camera is one with power.
type camera struct {
	Config
	log    *slog.Logger
	chip   *norsim.Flash
	system *system
	scene  *scene.Scene
}

// Run is a camera with power, until ctx ends, which is as if the power was cut
// and is no error.
func Run(ctx context.Context, cfg Config) error {
	cfg, err := cfg.prepare()
	if err != nil {
		return err
	}
	c := &camera{Config: cfg, log: cfg.Logger.With("camera", cfg.ID), system: powerOn(cfg.Clock)}
	if c.scene, err = scene.New(cfg.ID, cfg.Number); err != nil {
		return err
	}
	unlock, err := lockFlash(cfg.Flash)
	if err != nil {
		return err
	}
	defer unlock()
	if c.chip, err = openFlash(cfg.Flash); err != nil {
		return err
	}
	defer c.chip.Close()
	values, err := cfg.values()
	if err != nil {
		return err
	}
	if err := provision(c.chip, layout(), cfg.Factory, values); err != nil {
		return fmt.Errorf("camera %s: %w", cfg.ID, err)
	}
	for ctx.Err() == nil {
		if err := c.boot(ctx); err != nil {
			return fmt.Errorf("camera %s: %w", cfg.ID, err)
		}
	}
	c.log.Info("camera stopped")
	return nil
}

func openFlash(path string) (*norsim.Flash, error) {
	if path == "" {
		return norsim.New(boot.ChipSize), nil
	}
	chip, err := norsim.Open(path, boot.ChipSize)
	if err != nil {
		return nil, fmt.Errorf("open flash: %w", err)
	}
	return chip, nil
}

// lockFlash keeps a second camera from using the same file.
func lockFlash(path string) (unlock func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open flash: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("flash %s is another camera's: end that one, or choose another directory", path)
	}
	return f.Close, nil
}

// boot is one start: the selector chooses an image, and it runs until the next
// reset.
func (c *camera) boot(ctx context.Context) error {
	var selector boot.Selector
	if err := selector.Open(c.chip, layout(), sha256.New()); err != nil {
		return fmt.Errorf("read boot record: %w", err)
	}
	choice, ok := selector.Select(c.system.crash)
	if !ok {
		return ErrNothingBoots
	}
	h := selector.Header()
	head := make([]byte, MinPayload)
	if err := c.chip.Read(choice.Base+image.HeaderSize, head); err != nil {
		return fmt.Errorf("read firmware: %w", err)
	}
	behaviour, err := ReadPayload(head)
	if err != nil {
		if err := selector.Broken(choice); err != nil {
			return err
		}
		return nil
	}
	c.log.Info("camera starts", "firmware", h.Version.String(), "build", h.Build, "slot", choice.Slot.String(), "trial", choice.Trial, "reset", c.system.cause.String())
	sleep(ctx, c.BootTime)
	c.system.cause = c.run(ctx, choice.Slot, behaviour)
	if ctx.Err() == nil {
		c.log.Warn("camera resets", "reason", c.system.cause.String())
	}
	return nil
}

// run is one run of a firmware. It returns why it ended.
func (c *camera) run(ctx context.Context, slot boot.Slot, behaviour Behaviour) (cause hal.Cause) {
	ctx, cancel := context.WithCancel(ctx)
	network := halnet.New(c.Net)
	var wg sync.WaitGroup
	defer func() {
		cancel()
		network.Close()
		wg.Wait()
		if r := recover(); r != nil {
			c.log.Error("the firmware panics", "reason", r)
			cause = hal.Panic
		}
	}()
	eye := c.newRetina(network)
	queue := new(capture.Queue)
	eye.queue = queue
	if err := queue.Init(make([]uint32, 16<<10)); err != nil {
		panic(err)
	}
	wg.Go(func() { eye.run(ctx) })
	c.system.start(slot, func() uint32 {
		used := uint32(streamUses)
		if eye.Receiving() {
			used += sensorUses
		}
		return used
	})
	board := hal.Board{
		Clock: c.Clock, Random: new(halnet.Random), Network: behaviour.network(network), Camera: eye, Flash: c.chip, System: c.system, LED: dark{},
	}
	e := engine.New(board, engine.Config{Map: layout(), Ring: c.Ring, Queue: queue})
	if behaviour == Panics {
		panic("this firmware does")
	}
	if err := e.Start(); err != nil {
		c.log.Error("the firmware cannot start", "reason", err)
		sleep(ctx, c.BootTime) // it has nothing to do but to try again
		return hal.Software
	}
	return c.loop(ctx, e, eye, network, behaviour)
}

func (c *camera) newRetina(network *halnet.Network) *retina {
	return &retina{Sensor: ovsim.New(c.Clock.Now), clock: c.Clock, scene: c.scene, files: c.Replay, now: c.Now, wake: make(chan struct{}, 1)}
}

// loop lets the firmware run. When it has nothing to do it sleeps until
// something comes, or a little while.
func (c *camera) loop(ctx context.Context, e *engine.Engine, eye *retina, network *halnet.Network, behaviour Behaviour) hal.Cause {
	const nap = 10 * time.Millisecond
	timer := time.NewTimer(nap)
	defer timer.Stop()
	began := c.Clock.Now()
	connected := false
	for {
		hangs := behaviour == Hangs && time.Duration(c.Clock.Now()-began) > hangsAfter
		progress := !hangs && e.Step()
		if is := e.Connected(); is != connected {
			connected = is
			c.log.Info(map[bool]string{true: "connected", false: "disconnected"}[is], "relay", c.Relay)
		}
		switch {
		case c.system.resets:
			return hal.Software
		case c.system.starved():
			return hal.Watchdog
		case ctx.Err() != nil:
			return hal.PowerOn
		case progress:
			continue
		}
		timer.Reset(nap)
		select {
		case <-ctx.Done():
		case <-network.Changed():
		case <-eye.wake:
		case <-timer.C:
		}
	}
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// network is what a behaviour leaves of it.
func (b Behaviour) network(n *halnet.Network) hal.Network {
	switch b {
	case NoWiFi:
		n.SetUp(false)
	case NoUpdate:
		return noDownload{n}
	}
	return n
}

// noDownload is the network of a firmware whose update does not work.
type noDownload struct{ *halnet.Network }

// Dial implements hal.Network.
func (n noDownload) Dial(use hal.Use, host string, port uint16) (hal.Stream, error) {
	if use == hal.Download {
		return nil, hal.ErrRefused
	}
	return n.Network.Dial(use, host, port)
}

// dark are LEDs that nobody sees.
type dark struct{}

func (dark) Flash(uint8) {}
func (dark) Red(bool)    {}
