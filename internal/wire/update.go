package wire

import (
	"encoding/json"
	"fmt"
)

// KindOTA is the kind of texts about updates, both ways (docs/protocol.md
// section 7).
const KindOTA = "ota"

// Orders of an Update.
const (
	UpdateStart  = "start"
	UpdateAbort  = "abort"
	UpdateStatus = "status"
)

// Modes of an Update.
const (
	UpdateInline = "inline"
	UpdateClean  = "clean" // restart first, start neither camera nor server
)

// Update is an order to a camera about its firmware.
type Update struct {
	Cmd        string `json:"cmd"`
	Job        string `json:"job,omitempty"`
	Image      string `json:"image,omitempty"` // path on the relay
	Size       uint32 `json:"size,omitempty"`  // bytes, header included
	Host       string `json:"host,omitempty"`  // of the relay, with its port
	Token      string `json:"token,omitempty"`
	Mode       string `json:"mode,omitempty"`
	MinHeap    uint32 `json:"min_heap,omitempty"`    // bytes
	MinLargest uint32 `json:"min_largest,omitempty"` // bytes
	Budget     uint32 `json:"budget,omitempty"`      // seconds
}

// Encode renders the order; an error means that it is longer than a camera can
// take.
func (u Update) Encode() ([]byte, error) {
	b, err := json.Marshal(struct {
		T string `json:"t"`
		Update
	}{KindOTA, u})
	if err != nil {
		return nil, fmt.Errorf("encode update: %w", err)
	}
	if len(b) > MaxCommand {
		return nil, fmt.Errorf("order of %d bytes: a camera takes %d", len(b), MaxCommand)
	}
	return b, nil
}

// Phases of an UpdateAck, in the order in which they come.
const (
	PhaseAccepted      = "accepted"
	PhaseRejected      = "rejected"
	PhaseStreamClosed  = "stream_closed"
	PhaseServerStopped = "server_stopped"
	PhaseReady         = "ready"
	PhaseHeaderOK      = "header_ok"
	PhaseDownloading   = "downloading"
	PhaseVerified      = "verified"
	PhaseActivated     = "activated"
	PhaseRebooting     = "rebooting"
	PhaseFailed        = "failed"
	PhaseBooted        = "booted" // a hello, by MQTT
	PhaseConfirmed     = "confirmed"
	PhaseRolledBack    = "rolled_back"
)

// States of the running firmware in a Hello.
const (
	StateConfirmed = "confirmed"
	StateTrial     = "trial"
	StateUpdate    = "update" // update-only mode
)

// UpdateAck is what a camera says about an update. Which fields are set depends
// on the phase.
type UpdateAck struct {
	Job   string `json:"job"`
	Boot  string `json:"boot"`
	Seq   uint32 `json:"seq"`
	Phase string `json:"phase"`
	Build uint32 `json:"build"`

	Attempt           int    `json:"attempt,omitempty"`
	Took              int    `json:"took,omitempty"` // milliseconds
	Slot              string `json:"slot,omitempty"`
	Heap              int64  `json:"heap,omitempty"` // bytes
	HeapLargest       int64  `json:"heap_largest,omitempty"`
	HeapBefore        int64  `json:"heap_before,omitempty"`
	HeapLargestBefore int64  `json:"heap_largest_before,omitempty"`
	Version           string `json:"version,omitempty"`
	To                uint32 `json:"to,omitempty"` // build
	Offset            int64  `json:"offset,omitempty"`
	SHA256            string `json:"sha256,omitempty"`
	Mode              string `json:"mode,omitempty"`
	At                string `json:"at,omitempty"` // the phase that was not reached
	Code              string `json:"code,omitempty"`
	Restored          bool   `json:"restored,omitempty"`

	// With PhaseBooted, as in a Hello.
	Firmware string `json:"firmware,omitempty"`
	Board    string `json:"board,omitempty"`
	Chip     string `json:"chip,omitempty"`
	State    string `json:"state,omitempty"`
	Reset    string `json:"reset,omitempty"`
	Other    uint32 `json:"other,omitempty"`
	Floor    uint32 `json:"floor,omitempty"`
}

// Hello is what an ack with PhaseBooted says.
func (a UpdateAck) Hello() Hello {
	return Hello{
		Firmware: a.Firmware, Build: a.Build, Board: a.Board, Chip: a.Chip, Slot: a.Slot, Boot: a.Boot,
		State: a.State, Reset: a.Reset, Job: a.Job, Other: a.Other, Floor: a.Floor,
	}
}
