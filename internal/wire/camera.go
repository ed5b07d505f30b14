package wire

import (
	"encoding/json"
	"fmt"
)

// Kinds of texts between a camera and the relay (docs/protocol.md section 1).
const (
	KindHello  = "hello"
	KindStats  = "stats"
	KindAck    = "ack"
	KindSet    = "set"
	KindPace   = "pace"
	KindPause  = "pause"
	KindResume = "resume"
)

// Hello is what a camera says about itself when it connects.
type Hello struct {
	Firmware string   `json:"firmware,omitempty"`
	Build    uint32   `json:"build,omitempty"`
	Board    string   `json:"board,omitempty"`
	Sensor   string   `json:"sensor,omitempty"`
	Settings Settings `json:"settings,omitempty"`

	// Of a camera that can be updated.
	Chip  string `json:"chip,omitempty"`
	Slot  string `json:"slot,omitempty"`  // A or B
	Boot  string `json:"boot,omitempty"`  // random, made at each start
	State string `json:"state,omitempty"` // confirmed, trial or update
	Reset string `json:"reset,omitempty"` // why it started
	Job   string `json:"job,omitempty"`   // the last it accepted
	Other uint32 `json:"other,omitempty"` // build in the other slot
	Floor uint32 `json:"floor,omitempty"` // lowest build it takes
}

// Stats is a camera's telemetry. A nil field was not reported.
type Stats struct {
	Uptime      *float64 `json:"uptime,omitempty"`       // seconds
	Heap        *int64   `json:"heap,omitempty"`         // bytes free
	HeapLargest *int64   `json:"heap_largest,omitempty"` // largest free block, bytes
	RSSI        *int     `json:"rssi,omitempty"`         // dBm
	FPS         *float64 `json:"fps,omitempty"`          // frames a second sent
	Sent        *uint64  `json:"sent,omitempty"`         // frames since start
	Dropped     *uint64  `json:"dropped,omitempty"`      // frames captured but not sent
	Aborted     *uint64  `json:"aborted,omitempty"`      // frames given up half-way
	Temperature *float64 `json:"temperature,omitempty"`  // °C
}

// Ack answers the command with the same ID.
type Ack struct {
	ID       uint32   `json:"id"`
	OK       bool     `json:"ok"`
	Error    string   `json:"error,omitempty"`
	Settings Settings `json:"settings,omitempty"`
}

// CameraText is a text from a camera: exactly one of the pointers is set, none
// for a kind this version does not know.
type CameraText struct {
	Hello  *Hello
	Stats  *Stats
	Ack    *Ack
	Update *UpdateAck
}

// ParseCameraText reads a text from a camera. Unknown kinds and keys are
// ignored; what is not a JSON object with "t" is an error.
func ParseCameraText(b []byte) (CameraText, error) {
	var text CameraText
	kind, err := Kind(b)
	if err != nil {
		return text, err
	}
	var into any
	switch kind {
	case KindHello:
		text.Hello = new(Hello)
		into = text.Hello
	case KindStats:
		text.Stats = new(Stats)
		into = text.Stats
	case KindAck:
		text.Ack = new(Ack)
		into = text.Ack
	case KindOTA:
		text.Update = new(UpdateAck)
		into = text.Update
	default:
		return text, nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return CameraText{}, fmt.Errorf("parse %s: %w", kind, err)
	}
	return text, nil
}

// Kind reads the "t" of a JSON text.
func Kind(b []byte) (string, error) {
	if len(b) > MaxText {
		return "", fmt.Errorf("parse text: %d bytes, at most %d are allowed", len(b), MaxText)
	}
	var head struct {
		T string `json:"t"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return "", fmt.Errorf("parse text: %w", err)
	}
	if head.T == "" {
		return "", fmt.Errorf(`parse text: no "t" says what kind it is`)
	}
	return head.T, nil
}

// Command goes down to a camera.
type Command struct {
	T        string   `json:"t"`
	ID       uint32   `json:"id,omitempty"` // 0: no ack wanted
	Settings Settings `json:"settings,omitempty"`
	*Pace
}

// Pace says how many frames are wanted.
type Pace struct {
	FPS   float64 `json:"fps"`   // at most so many a second; 0: no limit
	Still float64 `json:"still"` // > 0: nobody watches, one frame every so many seconds
}

// Resting reports whether the camera is asked for stills only.
func (p Pace) Resting() bool { return p.Still > 0 }

// Encode renders the command; an error means that it is longer than a camera
// can take.
func (c Command) Encode() ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", c.T, err)
	}
	if len(b) > MaxCommand {
		return nil, fmt.Errorf("encode %s: %d bytes, a camera takes %d: send fewer settings at once", c.T, len(b), MaxCommand)
	}
	return b, nil
}

// ParseCommand reads a command as a camera does.
func ParseCommand(b []byte) (Command, error) {
	var c Command
	if _, err := Kind(b); err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("parse command: %w", err)
	}
	return c, nil
}
