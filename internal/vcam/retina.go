package vcam

import (
	"context"
	"image"
	"sync"
	"time"

	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/ov2640/ovsim"
	"camrelay/internal/pusher"
	"camrelay/internal/scene"
	"camrelay/internal/wire"
)

// retina is the sensor and what it sees: its registers say which picture there
// is to be, and the picture comes into the capture queue as from a real one, at
// the sensor's rate.
type retina struct {
	*ovsim.Sensor
	clock hal.Clock
	queue *capture.Queue
	scene *scene.Scene
	files *pusher.Replay // instead of the scene, if not nil
	now   func() time.Time
	wake  chan struct{} // something is in the queue

	mu    sync.Mutex // held while something is written to the queue
	drawn ovsim.Picture
	shot  []byte
	count uint32
}

// Receive implements hal.Camera: once it has returned nothing is written.
func (r *retina) Receive(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Sensor.Receive(on)
}

// pieces is in how many parts a picture comes.
const pieces = 4

// run gives pictures until ctx ends.
func (r *retina) run(ctx context.Context) {
	const dark = 50 * time.Millisecond // between looks at a sensor that is off
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := func(d time.Duration) bool {
		timer.Reset(d)
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		}
	}
	due := time.Now()
	for {
		interval, part := dark, 0
		if p, ok := r.State(); ok && r.Receiving() {
			interval = time.Duration(float64(time.Second) / p.FPS)
			for part = range pieces {
				if !r.read(p, part) {
					break
				}
				if part < pieces-1 && !wait(interval/(2*pieces)) {
					return
				}
			}
		}
		if due = due.Add(interval); time.Until(due) < 0 {
			due = time.Now() // after a pause, or on a busy machine
		}
		if !wait(time.Until(due)) {
			return
		}
	}
}

// read lets a part of a picture come. It reports whether more is to come.
func (r *retina) read(p ovsim.Picture, part int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.Receiving() {
		return false
	}
	if part == 0 {
		r.queue.EndOfFrame(r.clock.Now(), nil)
		if !r.queue.Taking() {
			return false
		}
		r.expose(p)
	}
	size := (len(r.shot) + pieces - 1) / pieces
	r.queue.Write(r.shot[min(part*size, len(r.shot)):min((part+1)*size, len(r.shot))])
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return true
}

// expose paints the picture, as the registers have it.
func (r *retina) expose(p ovsim.Picture) {
	r.count++
	r.shot = r.shot[:0]
	if r.files != nil {
		r.shot, _ = r.files.Append(r.shot, r.now(), r.count)
		return
	}
	if r.drawn != p {
		r.drawn = p
		r.draw(p)
	}
	if shot, err := r.scene.Append(r.shot, r.now(), r.count); err == nil {
		r.shot = shot
	}
}

// draw sets the scene up for the sensor's registers. What the scene cannot show
// leaves it as it was.
func (r *retina) draw(p ovsim.Picture) {
	flag := func(on bool) int {
		if on {
			return 1
		}
		return 0
	}
	_ = r.scene.Set(wire.Settings{
		"quality": min(max(p.Quality, 4), 63), "brightness": p.Brightness, "contrast": p.Contrast, "saturation": p.Saturation,
		"ae_level": p.AELevel, "special_effect": p.Effect, "wb_mode": p.Light,
		"hmirror": flag(p.Mirror), "vflip": flag(p.Flip), "colorbar": flag(p.ColorBar),
	})
	if b := (image.Point{p.Width, p.Height}); b.X > 0 && b.Y > 0 {
		_ = r.scene.Resize(p.Width, p.Height)
	}
}
