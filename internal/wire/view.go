package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Kinds of texts of camrelay.view.v1 (docs/protocol.md section 4); "set" is
// shared with cameras.
const (
	KindWatch   = "watch"
	KindClock   = "clock"
	KindWelcome = "welcome"
	KindCameras = "cameras"
	KindCamera  = "camera"
	KindGone    = "gone"
)

// FrameHeader precedes the JPEG in a binary message to a viewer.
type FrameHeader struct {
	Flags         uint16
	Stream        uint32
	Seq           uint32
	Width, Height uint16
	Received      int64 // µs since 1970 UTC, relay's clock
	Captured      int64 // the same, 0 if unknown
}

const (
	// FrameHeaderLen is the length of a FrameHeader, in bytes.
	FrameHeaderLen = 32
	frameVersion   = 1
	// FlagStill marks a frame sent while the camera rests.
	FlagStill = 1
)

// Append writes the header.
func (h FrameHeader) Append(dst []byte) []byte {
	dst = append(dst, frameVersion, FrameHeaderLen)
	dst = binary.BigEndian.AppendUint16(dst, h.Flags)
	dst = binary.BigEndian.AppendUint32(dst, h.Stream)
	dst = binary.BigEndian.AppendUint32(dst, h.Seq)
	dst = binary.BigEndian.AppendUint16(dst, h.Width)
	dst = binary.BigEndian.AppendUint16(dst, h.Height)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Received))
	return binary.BigEndian.AppendUint64(dst, uint64(h.Captured))
}

// ParseFrame splits a binary message into its header and the JPEG.
func ParseFrame(b []byte) (FrameHeader, []byte, error) {
	if len(b) < FrameHeaderLen || b[0] != frameVersion || int(b[1]) < FrameHeaderLen || int(b[1]) > len(b) {
		return FrameHeader{}, nil, errors.New("parse frame: not a frame of version 1")
	}
	return FrameHeader{
		Flags:    binary.BigEndian.Uint16(b[2:]),
		Stream:   binary.BigEndian.Uint32(b[4:]),
		Seq:      binary.BigEndian.Uint32(b[8:]),
		Width:    binary.BigEndian.Uint16(b[12:]),
		Height:   binary.BigEndian.Uint16(b[14:]),
		Received: int64(binary.BigEndian.Uint64(b[16:])),
		Captured: int64(binary.BigEndian.Uint64(b[24:])),
	}, b[b[1]:], nil
}

// FrameAck says that a viewer has painted a frame, and so is done with all
// earlier ones of that stream.
type FrameAck struct {
	Stream, Seq uint32
	Hold        time.Duration // from its arrival to painting, at most 65 s, in ms
}

// FrameAckLen is the length of one acknowledgement, in bytes.
const FrameAckLen = 12

// Append writes the acknowledgement.
func (a FrameAck) Append(dst []byte) []byte {
	dst = append(dst, 1, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(min(max(a.Hold.Milliseconds(), 0), 1<<16-1)))
	dst = binary.BigEndian.AppendUint32(dst, a.Stream)
	return binary.BigEndian.AppendUint32(dst, a.Seq)
}

// NextFrameAck reads one acknowledgement and returns what follows it.
func NextFrameAck(b []byte) (ack FrameAck, rest []byte, err error) {
	if len(b) < FrameAckLen || b[0] != 1 {
		return FrameAck{}, nil, fmt.Errorf("parse acknowledgement: %d bytes that are none", len(b))
	}
	return FrameAck{
		Stream: binary.BigEndian.Uint32(b[4:]),
		Seq:    binary.BigEndian.Uint32(b[8:]),
		Hold:   time.Duration(binary.BigEndian.Uint16(b[2:])) * time.Millisecond,
	}, b[FrameAckLen:], nil
}

// Watch is the whole list of cameras a viewer wants frames of.
type Watch struct {
	Cameras []Watched `json:"cameras"`
}

// Watched is one camera a viewer wants frames of.
type Watched struct {
	ID     string  `json:"id"`
	MaxFPS float64 `json:"max_fps,omitempty"` // 0: no limit
}

// Clock asks for the relay's time, or answers with it.
type Clock struct {
	T      string  `json:"t"`
	Client float64 `json:"client"`          // the asker's own time, given back untouched
	Relay  int64   `json:"relay,omitempty"` // µs since 1970 UTC
}

// ViewSet changes a camera's settings; the same kind answers.
type ViewSet struct {
	T        string   `json:"t"`
	ID       uint32   `json:"id"`
	Camera   string   `json:"camera,omitempty"`
	Settings Settings `json:"settings,omitempty"`
	Take     bool     `json:"take,omitempty"`
	OK       *bool    `json:"ok,omitempty"`
	Error    string   `json:"error,omitempty"`
	Busy     bool     `json:"busy,omitempty"`
}

// ViewText is a text from a viewer: exactly one of the pointers is set, none
// for a kind this version does not know.
type ViewText struct {
	Watch *Watch
	Clock *Clock
	Set   *ViewSet
}

// MaxWatch is how many cameras one socket may watch.
const MaxWatch = 256

// MaxViewText is the longest text from a viewer, in bytes: a watch of MaxWatch
// cameras with the longest ids.
const MaxViewText = 64 + MaxWatch*(MaxID+40)

// ParseViewText reads a text from a viewer. Unknown kinds and keys are ignored.
func ParseViewText(b []byte) (ViewText, error) {
	var text ViewText
	if len(b) > MaxViewText {
		return text, fmt.Errorf("parse text: %d bytes, at most %d are allowed", len(b), MaxViewText)
	}
	var head struct {
		T string `json:"t"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return text, fmt.Errorf("parse text: %w", err)
	}
	var into any
	switch head.T {
	case KindWatch:
		text.Watch = new(Watch)
		into = text.Watch
	case KindClock:
		text.Clock = new(Clock)
		into = text.Clock
	case KindSet:
		text.Set = new(ViewSet)
		into = text.Set
	default:
		return text, nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return ViewText{}, fmt.Errorf("parse %s: %w", head.T, err)
	}
	if text.Watch != nil && len(text.Watch.Cameras) > MaxWatch {
		return ViewText{}, fmt.Errorf("parse watch: %d cameras, at most %d are allowed on one socket", len(text.Watch.Cameras), MaxWatch)
	}
	return text, nil
}

// Camera is all a viewer or an API client is told about a camera.
type Camera struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Stream    uint32   `json:"stream"`
	Kind      string   `json:"kind"`
	State     string   `json:"state"`
	Since     int64    `json:"since"` // µs since 1970 UTC
	Reason    string   `json:"reason"`
	LastFrame int64    `json:"last_frame"` // µs since 1970 UTC, 0: never
	Width     int      `json:"width"`
	Height    int      `json:"height"`
	FPS       float64  `json:"fps"`
	Rate      int64    `json:"rate"` // bytes a second
	Viewers   int      `json:"viewers"`
	Dropped   uint64   `json:"dropped"`
	Firmware  string   `json:"firmware,omitempty"`
	Board     string   `json:"board,omitempty"`
	Control   bool     `json:"control"`
	Settings  Settings `json:"settings,omitempty"`
	Stats     *Stats   `json:"stats,omitempty"`
}
