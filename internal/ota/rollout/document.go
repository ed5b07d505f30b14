package rollout

import (
	"encoding/json"
	"time"

	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
)

// Document says what a rollout is to do. It is journalled as it is; its keys are
// those that people write.
type Document struct {
	// ID names the rollout: 1 to 24 of a-z 0-9 . and -. Default: the version
	// with a number.
	ID string `json:"id,omitempty"`
	// To is the firmware. Default: the newest for each board, as of the start.
	To     Firmware `json:"to"`
	Select Select   `json:"select"`
	// Canary are the cameras that come first, as a wave of their own.
	Canary []string `json:"canary,omitempty"`
	// Waves say how far the rollout goes before it waits. Default: one camera,
	// 10, 50 and 100 percent.
	Waves []Wave `json:"waves"`
	// Soak is how long an updated camera is watched, in seconds, 0 to 86400.
	// Default 600.
	Soak int `json:"soak_s"`
	// MaxParallel is how many cameras are updated at a time, 1 to 100. Default 2.
	MaxParallel int    `json:"max_parallel"`
	StopIf      StopIf `json:"stop_if"`
	// Window is when updates may begin; nil: always.
	Window *Window `json:"window,omitempty"`
	// DeferIfViewers leaves a camera alone while somebody watches it.
	DeferIfViewers bool `json:"defer_if_viewers"`
	// Deadline is when the last update may begin. Default: in a day; at most 30
	// days.
	Deadline time.Time `json:"deadline,omitzero"`
	// Retry is how often a camera whose update failed is tried again, 0 to 5.
	// Default 1. One that went back to its old firmware is not.
	Retry  int    `json:"retry_per_camera"`
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
}

// Select are the cameras of a rollout: those of the groups and those named, all
// if there are neither; of these, those with the board that are not excluded.
type Select struct {
	Groups  []string `json:"groups,omitempty"`
	Cameras []string `json:"cameras,omitempty"`
	Board   string   `json:"board,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// Wave says how many cameras have been updated when it is through, those of the
// waves before included: a number, or a share of the cameras, rounded up.
type Wave struct {
	Count   int `json:"count,omitempty"`
	Percent int `json:"percent,omitempty"`
}

// StopIf is when the rollout stops by itself: when more than FailedPercent of
// the updates have failed, of at least MinExecuted. A failure in the canary wave
// always stops it.
type StopIf struct {
	FailedPercent int `json:"failed_percent"` // 0 to 100; default 10
	MinExecuted   int `json:"min_executed"`   // default 5
}

// Window is a part of the day.
type Window struct {
	From string `json:"from"` // like 01:00
	To   string `json:"to"`
	Zone string `json:"tz,omitempty"` // default UTC
}

func (w *Window) parse() (ota.Window, error) {
	if w == nil {
		return ota.Window{}, nil
	}
	return ota.ParseWindow(w.From, w.To, w.Zone)
}

// Firmware is what is wanted. In JSON it is a version, "latest", or an object.
type Firmware catalog.Criteria

func (f Firmware) String() string { return catalog.Criteria(f).String() }

// MarshalJSON implements json.Marshaler.
func (f Firmware) MarshalJSON() ([]byte, error) {
	switch {
	case f == Firmware{}:
		return json.Marshal(catalog.Latest)
	case f == Firmware{Version: f.Version}:
		return json.Marshal(f.Version)
	}
	return json.Marshal(firmwareJSON{f.Version, f.Build, f.SHA256})
}

type firmwareJSON struct {
	Version string `json:"version,omitempty"`
	Build   uint32 `json:"build,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
}

// defaults is the policy of a rollout that is asked for with a word.
func defaults() Document {
	return Document{Soak: 600, MaxParallel: 2, StopIf: StopIf{FailedPercent: 10, MinExecuted: 5}, Retry: 1}
}

func defaultWaves() []Wave { return []Wave{{Count: 1}, {Percent: 10}, {Percent: 50}, {Percent: 100}} }

const (
	defaultTime = 24 * time.Hour // until the deadline
	maxTime     = 30 * 24 * time.Hour
)
