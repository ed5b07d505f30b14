// Package pusher is a camera of another make: it pushes a painted scene, or JPEG
// files, as esp_websocket_client and small programs do (docs/protocol.md section
// 1), and can be told to do so badly.
package pusher

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"time"

	"camrelay/internal/scene"
	"camrelay/internal/wire"
)

const (
	// DefaultFragment is the payload of a fragment that fills one TCP segment
	// of 1,460 bytes together with its header of 8.
	DefaultFragment = 1452
	// Whole sends each message in one fragment.
	Whole = -1

	espFragment = 1024
	maxFPS      = 60
	defaultFPS  = 15
)

// Config is one virtual camera. Relay, ID and Key are needed.
type Config struct {
	Relay  string // address of the relay: ws://, wss://, http:// or https://
	ID     string
	Key    string
	TLS    *tls.Config // for wss:// and https://; nil: the system's roots
	Number uint8       // in the scene's marker

	Settings wire.Settings // to start with; those left out are the defaults: VGA, quality 12, fps 15
	Fragment int           // payload bytes of a fragment; 0: DefaultFragment; Whole
	Source   Source        // nil: a painted scene
	ESPIDF   bool          // behave like esp_websocket_client
	Faults   Faults

	Firmware string // as said in hello; "" is "vcam"
	Build    uint32
	Board    string // "" is "vcam"

	Retry  Retry
	Timing Timing
	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // the clock in the picture; nil: time.Now
}

// Timing are the periods of a connection. Zero fields take the default.
type Timing struct {
	Stats     time.Duration // between stats, default 2 s
	Ping      time.Duration // between own pings, default 10 s
	Pong      time.Duration // until a ping must be answered, default 20 s; 120 s in ESP-IDF mode
	Handshake time.Duration // for connecting, default 8 s
	Write     time.Duration // for one fragment, default 10 s
}

func (t Timing) withDefaults(espIDF bool) Timing {
	pong := 20 * time.Second
	if espIDF {
		pong = 2 * time.Minute
	}
	for _, field := range []struct {
		d     *time.Duration
		value time.Duration
	}{
		{&t.Stats, 2 * time.Second}, {&t.Ping, 10 * time.Second}, {&t.Pong, pong},
		{&t.Handshake, 8 * time.Second}, {&t.Write, 10 * time.Second},
	} {
		if *field.d == 0 {
			*field.d = field.value
		}
	}
	return t
}

// prepare checks the configuration and fills in the defaults.
func (c Config) prepare() (Config, error) {
	if err := wire.CheckID(c.ID); err != nil {
		return c, err
	}
	if c.Key == "" {
		return c, fmt.Errorf("camera %s has no key: the relay gave one when the camera was added", c.ID)
	}
	if strings.ContainsFunc(c.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return c, fmt.Errorf("key of camera %s: only visible ASCII characters can be in a key", c.ID)
	}
	if c.Fragment < Whole {
		return c, fmt.Errorf("fragment of %d bytes: use at least 1, or %d for whole messages", c.Fragment, Whole)
	}
	if c.Fragment == 0 {
		c.Fragment = DefaultFragment
	}
	if c.ESPIDF {
		c.Fragment = espFragment
		if c.Retry.Fixed == 0 {
			c.Retry.Fixed = 10 * time.Second
		}
	}
	if c.Source == nil {
		s, err := scene.New(c.ID, c.Number)
		if err != nil {
			return c, err
		}
		c.Source = painted{s}
	}
	settings := c.Source.Settings().Merge(wire.Settings{"fps": defaultFPS}).Merge(c.Settings)
	if err := settings.Check(); err != nil {
		return c, err
	}
	c.Settings = settings
	c.Timing = c.Timing.withDefaults(c.ESPIDF)
	if c.Firmware == "" {
		c.Firmware = "vcam"
	}
	if c.Board == "" {
		c.Board = "vcam"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// pushURL is where the camera connects to.
func (c Config) pushURL() (string, error) {
	u, err := url.Parse(c.Relay)
	if err != nil {
		return "", fmt.Errorf("relay address: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("relay address %q: begin it with ws://, wss://, http:// or https://", c.Relay)
	}
	if u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", errors.New("relay address: use SCHEME://HOST:PORT, and nothing secret in it")
	}
	return u.JoinPath("ws", "push", c.ID).String(), nil
}

// Check says what is wrong with the configuration, if anything, without
// connecting.
func (c Config) Check() error {
	if _, err := c.pushURL(); err != nil {
		return err
	}
	_, err := c.prepare()
	return err
}

// applicable is wanted without the settings that a camera which has these has
// not.
func applicable(have, wanted wire.Settings) wire.Settings {
	apply := maps.Clone(wanted)
	maps.DeleteFunc(apply, func(name string, _ int) bool { _, ok := have[name]; return !ok })
	return apply
}
