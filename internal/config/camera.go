package config

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"camrelay/internal/wire"
)

// Kinds of cameras.
const (
	KindPush = "push" // the camera connects to the relay
	KindPull = "pull" // the relay reads the camera's MJPEG stream
)

// Camera is one camera declared in the file.
type Camera struct {
	// ID matches [a-z0-9][a-z0-9-]{0,31}; required.
	ID string `yaml:"id"`
	// Name is what people read. Default: the id.
	Name string `yaml:"name"`
	// Kind is push or pull. Default: pull if there is a URL, else push.
	Kind string `yaml:"kind"`
	// KeySHA256 is the SHA-256 of a push camera's key, 64 hex digits.
	KeySHA256 Secret `yaml:"key_sha256,omitempty"`
	// Key is the key itself, at least 16 characters. Loading hashes it into
	// KeySHA256 and empties it.
	Key Secret `yaml:"key,omitempty"`
	// URL is the MJPEG stream of a pull camera, http or https. A name and
	// password in it are moved into Username and Password by loading.
	URL URL `yaml:"url,omitempty"`
	// Username and Password are for URL and ControlURL, Basic or Digest.
	Username string `yaml:"username,omitempty"`
	Password Secret `yaml:"password,omitempty"`
	// ControlURL is the address of a pull camera's CameraWebServer, whose
	// /control and /status are used; empty: it cannot be controlled.
	ControlURL URL `yaml:"control_url,omitempty"`
	// Still is this camera's rest.still. Default: that of the relay.
	Still time.Duration `yaml:"still"`
	// Groups are those that rollouts name it by, each like an id, at most 16.
	Groups []string `yaml:"groups,omitempty"`
	// Settings are sent to the camera whenever it connects.
	Settings Settings `yaml:"settings,omitempty"`
}

// stillUnset tells a camera without its own still from one with 0.
const stillUnset = time.Duration(math.MinInt64)

func (c *Camera) setDefaults() { c.Still = stillUnset }

// complete fills in what follows from other keys.
func (c *Camera) complete(still time.Duration) {
	if c.Name == "" {
		c.Name = c.ID
	}
	if c.Kind == "" {
		c.Kind = KindPush
		if c.URL != "" {
			c.Kind = KindPull
		}
	}
	if c.Still == stillUnset {
		c.Still = still
	}
}

// Settings are picture settings by the names of docs/protocol.md, section 1.
type Settings wire.Settings

// set takes one setting as text: a number, true or false, or a size's name.
func (s Settings) set(name, text string) error {
	w := wire.Settings(s)
	if name == wire.FrameSizeSetting {
		if !w.SetFrameSize(strings.ToUpper(text)) {
			return problem(text, "is not a size; sizes are %s", strings.Join(sizeNames(), " "))
		}
		return nil
	}
	allowed, ok := wire.SettingNamed(name)
	if !ok {
		return problem(name, "is not a setting; the names are in docs/protocol.md, section 1")
	}
	n, err := strconv.Atoi(text)
	if b, isBool := parseBool(text); err != nil && isBool {
		n, err = 0, nil
		if b {
			n = 1
		}
	}
	if err != nil || n < allowed.Min || n > allowed.Max {
		return problem(text, "is not allowed; write a number from %d to %d", allowed.Min, allowed.Max)
	}
	w[name] = n
	return nil
}

// MarshalYAML writes the size as its name.
func (s Settings) MarshalYAML() (any, error) {
	out := make(map[string]any, len(s))
	for _, name := range slices.Sorted(maps.Keys(s)) {
		out[name] = s[name]
	}
	if size, ok := wire.Settings(s).FrameSize(); ok {
		out[wire.FrameSizeSetting] = size.Name
	}
	return out, nil
}

func sizeNames() []string {
	var names []string
	for _, s := range wire.FrameSizes() {
		names = append(names, s.Name)
	}
	return names
}
