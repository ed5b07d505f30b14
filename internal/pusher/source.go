package pusher

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"camrelay/internal/jpeg"
	"camrelay/internal/scene"
	"camrelay/internal/wire"
)

// Source gives a camera its frames. Its methods are called one at a time.
type Source interface {
	// Append appends one whole JPEG to dst.
	Append(dst []byte, at time.Time, count uint32) ([]byte, error)
	// Set changes settings; an error changes nothing.
	Set(wire.Settings) error
	// Settings are those the source has, as they start.
	Settings() wire.Settings
}

// painted is a scene as a source.
type painted struct{ *scene.Scene }

func (painted) Settings() wire.Settings { return scene.DefaultSettings() }

// Replay gives the JPEG files of a directory one after another, in the order
// of their names, again and again.
type Replay struct {
	frames [][]byte
	next   int
}

// NewReplay reads the .jpg and .jpeg files of a directory into memory.
func NewReplay(dir string) (*Replay, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	r := &Replay{}
	for _, entry := range entries {
		if ext := strings.ToLower(filepath.Ext(entry.Name())); ext != ".jpg" && ext != ".jpeg" {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		info, err := jpeg.Scan(b)
		if err != nil {
			return nil, fmt.Errorf("replay %s: %w", path, err)
		}
		r.frames = append(r.frames, slices.Clip(b[:info.Len]))
	}
	if len(r.frames) == 0 {
		return nil, fmt.Errorf("replay: %s has no .jpg or .jpeg file", dir)
	}
	return r, nil
}

// Append gives the next file; see Source.
func (r *Replay) Append(dst []byte, _ time.Time, _ uint32) ([]byte, error) {
	b := r.frames[r.next]
	r.next = (r.next + 1) % len(r.frames)
	return append(dst, b...), nil
}

// Set does nothing: files are as they are.
func (*Replay) Set(wire.Settings) error { return nil }

// Settings are none.
func (*Replay) Settings() wire.Settings { return wire.Settings{} }

// stamp copies a JPEG with its capture segment put first, in place of one that
// is there already.
func stamp(dst, jpeg []byte, c wire.Capture) []byte {
	const soi = 2
	rest := jpeg[soi:]
	if _, ok := wire.ParseCapture(jpeg); ok {
		rest = rest[wire.CaptureSegment:]
	}
	return append(c.Append(append(dst, jpeg[:soi]...)), rest...)
}
