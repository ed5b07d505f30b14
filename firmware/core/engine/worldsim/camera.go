package worldsim

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/engine"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/hal"
	"camrelay/internal/vcam"
)

// behaviour is what the running image does wrong, if anything.
type behaviour vcam.Behaviour

func (b behaviour) linked() bool    { return b != behaviour(vcam.NoWiFi) }
func (b behaviour) downloads() bool { return b != behaviour(vcam.NoUpdate) }

// camera is the device.
type camera struct {
	*World
	chip
	flash     *norsim.Flash
	eye       *eye
	engine    *engine.Engine // nil: it has no power, or is starting
	behaviour behaviour
	running   *firmware
	began     int64
	powered   bool
	life      int           // number of the start, so that what was planned in an earlier one is forgotten
	flashed   time.Duration // of the step that goes on
	trial     bool
	leak      uint32
	busy      bool
	stepping  func()
}

// Times of a camera.
const (
	bootTime = 1500 * time.Millisecond
	watchdog = 30 * time.Second
	hangTime = 10 * time.Second
)

func newCamera(w *World) (*camera, error) {
	c := &camera{World: w, flash: norsim.New(boot.ChipSize)}
	w.camera, c.stepping = c, c.stepOnce
	var err error
	if c.eye, err = newEye(w); err != nil {
		return nil, err
	}
	if err := c.eye.restart(); err != nil {
		return nil, err
	}
	return c, c.provision()
}

// provision is done at a bench: an image into slot A, and settings.
func (c *camera) provision() error {
	content := c.images.list[0].content
	var store config.Store
	var set config.Values
	err := errors.Join(
		flash.Program(c.flash, boot.SlotAOffset, content),
		store.Open(c.flash, boot.SettingsOffset),
		set.Set(config.Relay, fmt.Appendf(nil, "ws://%s:%d", relayHost, relayPort)),
		set.Set(config.Camera, []byte(cameraID)),
		set.Set(config.Key, []byte(cameraKey)),
	)
	if c.desk.mqtt {
		err = errors.Join(err, set.Set(config.MQTT, []byte("mqtt://"+brokerHost)))
	}
	if err == nil {
		err = store.Save(set.Bytes())
	}
	return err
}

// runs reports whether the program runs.
func (c *camera) runs() bool { return c.engine != nil }

// powerOn begins a life.
func (c *camera) powerOn() {
	c.powered = true
	c.flash.PowerOn()
	c.crash, c.cause = 0, hal.PowerOn
	for i := range c.memo {
		c.memo[i] = byte(c.rnd.Uint32())
	}
	c.plan()
}

// powerOff pulls the plug for a while.
func (c *camera) powerOff(d time.Duration) {
	if !c.powered {
		return
	}
	c.PowerCuts++
	c.note("the power is off for %v", d)
	c.flash.PowerOn() // so that one can look at it
	c.halt()
	c.powered = false
	c.disturbed(d + 100*time.Second)
	c.after(d, c.powerOn)
}

// halt ends the program where it is.
func (c *camera) halt() {
	c.life++
	c.engine = nil
	c.learn()
	c.net.restart()
}

// reset restarts the chip.
func (c *camera) reset(why hal.Cause) {
	c.Resets++
	c.note("the camera resets: %v", why)
	c.halt()
	c.cause = why
	c.plan()
}

// plan starts the camera after the time that takes.
func (c *camera) plan() {
	c.life++
	life := c.life
	c.after(bootTime, func() {
		if life == c.life {
			c.guard(c.boot)
		}
	})
}

// guard runs a part of the camera's program, which may end by a panic, or when
// the power goes while it writes.
func (c *camera) guard(part func()) {
	defer func() {
		switch r := recover(); r {
		case nil:
		case norsim.ErrPower:
			c.powerOff(c.between(0, 20*time.Second))
		case deliberate:
			c.reset(hal.Panic)
		default:
			c.fail(alive, "the firmware panics: %v\n%s", r, debug.Stack())
		}
	}()
	part()
}

// deliberate is the panic of a firmware that does nothing else.
const deliberate = "this firmware does"

// boot is what the selector does, and the start of the program.
func (c *camera) boot() {
	c.Starts++
	var selector boot.Selector
	if err := selector.Open(power{c}, boot.ESP32CAM(), sha256.New()); err != nil {
		c.fail(bootable, "read boot record: %v", err)
		return
	}
	choice, ok := selector.Select(c.crash)
	if !ok {
		c.fail(bootable, "no image can be started: %v, %v", selector.Found(boot.A), selector.Found(boot.B))
		return
	}
	if c.running = c.booted(choice, selector.Header()); c.running == nil {
		return
	}
	c.behaviour = behaviour(c.running.behaviour)
	c.note("build %d (%s) starts in slot %v, trial %d, after %v", c.running.Build, c.behaviour, choice.Slot, choice.Attempt, c.cause)
	c.crash++
	c.trial = choice.Trial
	if c.leak = 0; c.cause != hal.Software && c.chance(4) {
		c.leak = 40_000
	}
	c.slot, c.resets, c.fed, c.began = choice.Slot, false, c.now, c.now
	if c.behaviour == behaviour(vcam.Panics) {
		panic(deliberate)
	}
	if err := c.eye.restart(); err != nil {
		panic(err)
	}
	board := hal.Board{Clock: c, Random: c, Network: c.net, Camera: c.eye, Flash: power{c}, System: c, LED: lamp{}}
	e := engine.New(board, engine.Config{Map: boot.ESP32CAM(), Ring: c.images.ring, Queue: &c.eye.queue})
	if err := e.Start(); err != nil {
		panic(err)
	}
	c.engine = e
}

// step is a step of the program. It reports whether there was anything to do.
func (c *camera) step() bool {
	c.busy = false
	if c.engine == nil {
		return false
	}
	if c.now-c.fed > int64(watchdog) {
		if c.behaviour != behaviour(vcam.Hangs) {
			c.fail(alive, "the watchdog was not fed")
		}
		c.reset(hal.Watchdog)
		return false
	}
	if c.behaviour == behaviour(vcam.Hangs) && c.now-c.began > int64(hangTime) {
		return false
	}
	c.guard(c.stepping)
	return c.busy
}

func (c *camera) stepOnce() {
	c.busy = c.engine.Step()
	c.World.now += int64(c.flashed)
	c.flashed = 0
	if c.resets {
		c.reset(hal.Software)
	}
}
