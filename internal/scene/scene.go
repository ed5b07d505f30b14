// Package scene paints a calm moving test picture, as a camera would see it,
// with a clock for people and a marker for programs, and encodes it as JPEG.
// ReadMarker finds the marker again in any picture of the picture, such as a
// screenshot of a browser, and so tells how old a painted frame is.
package scene

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"time"

	"camrelay/internal/wire"
)

// Scene paints the frames of one camera. It reuses its buffers and is not safe
// for concurrent use.
type Scene struct {
	name     string
	number   uint8
	settings wire.Settings

	look    look
	canvas  canvas
	still   *image.YCbCr // what does not move, painted once
	clock   *typeface
	caption *typeface
	encoded bytes.Buffer
	quality int // of image/jpeg
}

// New returns the scene of a camera: its name is written into the picture, its
// number travels in the marker. It starts with DefaultSettings.
func New(name string, number uint8) (*Scene, error) {
	s := &Scene{name: name, number: number, settings: wire.Settings{}}
	return s, s.Set(DefaultSettings())
}

// DefaultSettings are those of an OV2640 as CameraWebServer starts it, at VGA.
func DefaultSettings() wire.Settings {
	s := wire.Settings{
		"quality": 12, "brightness": 0, "contrast": 0, "saturation": 0, "special_effect": 0,
		"awb": 1, "awb_gain": 1, "wb_mode": 0, "aec": 1, "aec2": 0, "ae_level": 0, "aec_value": 204,
		"agc": 1, "agc_gain": 0, "gainceiling": 0, "bpc": 0, "wpc": 1, "raw_gma": 1, "lenc": 1,
		"hmirror": 0, "vflip": 0, "dcw": 1, "colorbar": 0, "led_intensity": 0,
	}
	s.SetFrameSize("VGA")
	return s
}

// Set changes settings from the next frame on; those it does not name stay.
// Framesize, quality, brightness, contrast, saturation, special_effect,
// wb_mode, ae_level, led_intensity, hmirror, vflip and colorbar show in the
// picture; the others have no effect. An error changes nothing.
func (s *Scene) Set(settings wire.Settings) error {
	if err := settings.Check(); err != nil {
		return err
	}
	width, height := s.canvas.w, s.canvas.h
	if size, ok := settings.FrameSize(); ok {
		width, height = size.Width, size.Height
	}
	merged := s.settings.Merge(settings)
	if err := s.prepare(merged, width, height); err != nil {
		return err
	}
	s.settings = merged
	return nil
}

// Resize gives the picture a size that no sensor has, until framesize is set.
func (s *Scene) Resize(width, height int) error {
	if width < minSide || height < minSide || width > maxSide || height > maxSide {
		return fmt.Errorf("resize scene: %dx%d: each side must be %d to %d pixels", width, height, minSide, maxSide)
	}
	return s.prepare(s.settings, width, height)
}

const minSide, maxSide = 48, 4096

// prepare paints what stays the same from frame to frame.
func (s *Scene) prepare(settings wire.Settings, width, height int) error {
	s.quality = JPEGQuality(settings["quality"])
	resized := s.canvas.w != width || s.canvas.h != height
	if resized {
		var err error
		if s.clock, err = newTypeface(float64(min(width/9, height/6)), clockRunes); err != nil {
			return err
		}
		if s.caption, err = newTypeface(max(8, float64(height)/20), captionRunes); err != nil {
			return err
		}
		s.canvas = newCanvas(width, height)
		s.still = newCanvas(width, height).img
	}
	if l := newLook(settings); resized || l != s.look {
		s.look = l
		s.canvas.look = &s.look
		paintBackground(canvas{img: s.still, w: width, h: height, look: &s.look})
	}
	return nil
}

// Image paints the scene at a moment. The result is valid until the next call.
func (s *Scene) Image(at time.Time, count uint32) *image.YCbCr {
	c := s.canvas
	copy(c.img.Y, s.still.Y)
	copy(c.img.Cb, s.still.Cb)
	copy(c.img.Cr, s.still.Cr)
	if !s.look.colorbar {
		s.paintMotion(c, at)
	}
	s.paintText(c, at, count)
	drawMarker(c, Marker{Time: at, Camera: s.number})
	return c.img
}

// Append paints the scene at a moment and appends it to dst as a JPEG.
func (s *Scene) Append(dst []byte, at time.Time, count uint32) ([]byte, error) {
	s.encoded.Reset()
	if err := jpeg.Encode(&s.encoded, s.Image(at, count), &jpeg.Options{Quality: s.quality}); err != nil {
		return dst, fmt.Errorf("encode scene: %w", err)
	}
	return append(dst, s.encoded.Bytes()...), nil
}

// paintMotion paints what moves: a sun on a slow orbit, a pendulum of two
// seconds, and a light that sweeps the bar at the bottom at a constant speed,
// in which a lost or late frame is seen as a jump.
func (s *Scene) paintMotion(c canvas, at time.Time) {
	w, h := float64(c.w), float64(c.h)
	phase := func(period time.Duration) float64 {
		return float64(at.UnixNano()%int64(period)) / float64(period)
	}
	turn := 2 * math.Pi * phase(24*time.Second)
	c.disc(w*(0.32+0.22*math.Cos(turn)), h*(0.32+0.12*math.Sin(turn)), h*0.075, sunColour)

	swing := 0.5 * math.Sin(2*math.Pi*phase(2*time.Second))
	px, py, length := w*0.78, h*0.12, h*0.36
	bx, by := px+length*math.Sin(swing), py+length*math.Cos(swing)
	c.line(px, py, bx, by, max(1, h/160), rodColour)
	c.disc(bx, by, h*0.05, bobColour)

	x := w * phase(2*time.Second)
	c.rect(x-w/80, h*barTop, x+w/80, h, whiteColour, 230)
}

// paintText writes clock, name and frame number over the picture, as a
// recorder does: they stay readable whatever the settings are.
func (s *Scene) paintText(c canvas, at time.Time, count uint32) {
	plain := canvas{img: c.img, w: c.w, h: c.h}
	clock := at.Format("15:04:05.000")
	width, height := s.clock.size(clock)
	left, top := (c.w-width)/2, c.h*58/100
	plain.rect(float64(left-height/4), float64(top), float64(left+width+height/4), float64(top+height), blackColour, 150)
	plain.text(s.clock, left, top, clock)

	number := fmt.Sprintf("#%d", count)
	width, height = s.caption.size(number)
	top = int(float64(c.h)*barTop) - height - c.h/100
	plain.rect(0, float64(top), float64(c.w), float64(top+height), blackColour, 110)
	plain.text(s.caption, c.w-width-c.w/40, top, number)
	plain.text(s.caption, c.w/40, top, s.name)
}
