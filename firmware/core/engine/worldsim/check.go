package worldsim

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
	"camrelay/internal/vcam"
)

// Rule is what must hold at every moment.
type rule string

const (
	bootable  rule = "bootable"  // what starts is a whole image that somebody released, and proved itself or is on trial
	flowing   rule = "flowing"   // some time after the last disturbance there are frames, without a person
	concluded rule = "concluded" // each order that was accepted has one end, and it is true
	private   rule = "private"   // no secret is said
	quiet     rule = "quiet"     // connections are as many as before; during a download there is no other
	alive     rule = "alive"     // the program neither ends nor spins
	whole     rule = "whole"     // frames are as the sensor gave them, in order
	exclusive rule = "exclusive" // one connection for the relay and for downloads together
	honest    rule = "honest"    // what the camera says makes sense
)

// Violation is how a world ends in which something did not hold.
type Violation struct {
	Rule  string
	What  string
	Where string   // seed and time
	Log   []string // what happened last
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s: %s: %s\n  %s", v.Where, v.Rule, v.What, strings.Join(v.Log, "\n  "))
}

// logSize is how many lines are kept.
const logSize = 60

// Bounds.
const (
	recovery  = 110 * time.Second // from the end of a disturbance to frames
	frameGap  = 45 * time.Second  // between frames when all is well: pauses and stills
	spinTime  = 25 * time.Second  // of steps that all do something
	lookEvery = time.Second
)

// checks look after a world.
type checks struct {
	world      *World
	violation  *Violation
	log        []string
	goodBy     int64 // from then on there are to be frames, as far as the weather goes,
	updatedBy  int64 // and as far as updates go
	lastFrame  int64
	lastNumber uint64 // of the sensor's picture
	lookAt     int64
	idleAt     int64 // when the program last had nothing to do
	proved     map[[32]byte]bool
}

func (c *checks) begin(w *World) {
	c.world, c.idleAt, c.lastFrame = w, w.now, w.now
	c.proved = map[[32]byte]bool{w.images.list[0].Sum: true}
	c.disturbed(0)
}

// note keeps a line of what happens.
func (c *checks) note(format string, args ...any) {
	line := fmt.Sprintf("%13v  ", (time.Duration(c.world.now)-time.Hour).Truncate(time.Millisecond)) + fmt.Sprintf(format, args...)
	if c.world.conf.Log != nil {
		c.world.conf.Log(line)
	}
	if len(c.log) == logSize {
		copy(c.log, c.log[1:])
		c.log = c.log[:logSize-1]
	}
	c.log = append(c.log, line)
}

// fail ends the world.
func (c *checks) fail(r rule, format string, args ...any) {
	if c.violation == nil {
		c.violation = &Violation{Rule: string(r), What: fmt.Sprintf(format, args...), Where: c.world.String(), Log: c.log}
	}
}

// disturbed says that something is wrong for so long: it may take a while after
// that until everything is as it should be.
func (c *checks) disturbed(d time.Duration) {
	end := c.world.now + int64(d+recovery)
	c.goodBy = max(c.goodBy, end)
	if j := c.world.desk.job; j != nil {
		j.limit = max(j.limit, end+int64(afterwards))
	}
}

// updating says that an update may take so long.
func (c *checks) updating(d time.Duration) { c.updatedBy = c.world.now + int64(d+recovery) }

// due is when there are to be frames at the latest.
func (c *checks) due() int64 { return max(c.goodBy, c.updatedBy) }

// look is called after each step.
func (c *checks) look() {
	w := c.world
	if !w.camera.busy {
		c.idleAt = w.now
	} else if w.now-c.idleAt > int64(spinTime) {
		c.fail(alive, "the program has had something to do for %v without a break", spinTime)
	}
	if w.now < c.lookAt {
		return
	}
	c.lookAt = w.now + int64(lookEvery)
	if err := w.camera.eye.Err(); err != nil {
		c.fail(honest, "the sensor: %v", err)
	}
	w.camera.eye.Log()
	if w.camera.trial {
		c.learn()
	}
	if w.now <= c.due() {
		return
	}
	if w.Watched++; w.now-c.lastFrame > int64(frameGap) {
		c.fail(flowing, "no frame for %v, and no disturbance for %v", time.Duration(w.now-c.lastFrame).Truncate(time.Second), time.Duration(w.now-c.due())+recovery)
	}
	if w.people.here == 0 && w.now-w.people.left > int64(40*time.Second) {
		c.baseline()
	}
}

// baseline looks for connections that nobody needs.
func (c *checks) baseline() {
	var control, others int
	for _, conn := range c.world.net.conns {
		switch {
		case conn.near.state == hal.Closed:
		case conn.near.control:
			control++
		default:
			others++
		}
	}
	if control > 0 || others > 2 {
		c.fail(quiet, "%d connections to the camera and %d of it are open when nobody is there", control, others)
	}
}

// secret looks for what must not be said.
func (c *checks) secret(where string, p []byte) {
	if bytes.Contains(p, []byte(cameraKey)) || bytes.Contains(p, []byte("tok-")) {
		c.fail(private, "there is a secret in this %s: %s", where, p)
	}
}

// quiet looks, while an image is asked for over a connection, whether all that
// had to be stopped before is.
func (c *checks) quiet(download *end) {
	w := c.world
	if download.peer.state != hal.Open || !w.camera.runs() {
		return // it has given up meanwhile
	}
	if w.net.listener != nil {
		c.fail(quiet, "the camera's server accepts people while an image is loaded")
	}
	if w.camera.eye.Receiving() {
		c.fail(quiet, "the sensor runs while an image is loaded")
	}
	for _, conn := range w.net.conns {
		if conn.near.control && conn.near.state != hal.Closed {
			c.fail(quiet, "somebody is connected to the camera while an image is loaded")
		}
	}
}

// booted looks at what the selector has chosen, and says which image it is.
func (c *checks) booted(choice boot.Choice, h *image.Header) *firmware {
	w := c.world
	f := w.images.whose(h)
	if f == nil {
		c.fail(bootable, "slot %v holds an image that nobody released: build %d", choice.Slot, h.Build)
		return nil
	}
	body := w.camera.flash.Bytes()[choice.Base:][image.HeaderSize:h.Length]
	if sha256.Sum256(body) != h.Sum {
		c.fail(bootable, "the image in slot %v is not whole", choice.Slot)
	}
	c.learn()
	if !choice.Trial && !c.proved[h.Sum] {
		c.fail(bootable, "build %d (%s) starts in slot %v, and has never proved itself", h.Build, f.behaviour, choice.Slot)
	}
	if f.behaviour == vcam.Hangs {
		c.disturbed(60 * time.Second)
	}
	return f
}

// learn finds out which image has confirmed itself.
func (c *checks) learn() {
	var log boot.Log
	if log.Open(c.world.camera.flash, boot.RecordsOffset) != nil {
		return // it has no power now
	}
	r, ok := log.Newest()
	if !ok || r.State() != boot.Confirmed {
		return
	}
	for _, f := range c.world.images.list {
		if r.Names(&f.Header) && !c.proved[f.Sum] {
			c.proved[f.Sum] = true
			if !confirms(f.behaviour) {
				c.fail(bootable, "build %d (%s) has confirmed itself", f.Build, f.behaviour)
			}
		}
	}
}
