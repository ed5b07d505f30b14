package update

import (
	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/text"
)

// Phase is how far an update has come, as docs/protocol.md names it.
type Phase uint8

// The phases, in their order.
const (
	Accepted Phase = iota + 1
	Rejected
	StreamClosed
	ServerStopped
	Ready
	HeaderOK
	Downloading
	Verified
	Activated
	Rebooting
	Failed
	Confirmed
	RolledBack
	Booted
	phases
)

func (p Phase) String() string {
	return [...]string{"", "accepted", "rejected", "stream_closed", "server_stopped", "ready", "header_ok", "downloading", "verified",
		"activated", "rebooting", "failed", "confirmed", "rolled_back", "booted", ""}[min(p, phases)]
}

// phaseOf is the phase with that name, 0 if there is none.
func phaseOf(name []byte) Phase {
	for p := Accepted; p < phases; p++ {
		if text.Equal(name, p.String()) {
			return p
		}
	}
	return 0
}

// code is a word for why something ended; http_ is followed by the status.
type code struct {
	word   string
	status uint16
}

func (c code) append(b []byte) []byte {
	b = append(b, c.word...)
	if c.status != 0 {
		b = text.AppendUint(b, uint64(c.status))
	}
	return b
}

// Codes that are not those of another package.
var (
	badRequest    = code{word: "bad_request"}
	busy          = code{word: "busy"}
	onTrial       = code{word: "on_trial"}
	wrongHost     = code{word: "wrong_host"}
	tooLarge      = code{word: "too_large"}
	notConfigured = code{word: "not_configured"}

	streamStuck    = code{word: "stream_stuck"}
	serverStuck    = code{word: "server_stuck"}
	cameraStuck    = code{word: "camera_stuck"}
	lowHeap        = code{word: "low_heap"}
	noAnswer       = code{word: "no_answer"}
	badAnswer      = code{word: "bad_answer"}
	sizeMismatch   = code{word: "size_mismatch"}
	stalled        = code{word: "stalled"}
	overBudget     = code{word: "budget"}
	aborted        = code{word: "aborted"}
	flashError     = code{word: "flash_error"}
	activateFailed = code{word: "activate_failed"}
	restoreFailed  = code{word: "restore_failed"}
	restarted      = code{word: "restarted"}
	trialTimeout   = code{word: "trial_timeout"}
	trialReset     = code{word: "trial_reset"}
	trialRefused   = code{word: "trial_refused"}
	notStarted     = code{word: "not_started"}
)

// ack is one message to the relay, before it is written.
type ack struct {
	job      [maxJob]byte
	seq      uint32
	phase    Phase
	at       Phase // of Failed
	code     code
	attempt  uint8
	slot     boot.Slot
	clean    bool
	restored bool
	took     uint32 // milliseconds
	offset   uint32
	memory   hal.Memory
}

// maxAck is how long a written ack may be, in bytes: a message of MQTT has so
// much room.
const maxAck = 480

// write writes an ack as JSON.
func (u *Updater) write(a *ack, buf []byte) []byte {
	w := json.Begin(buf[:0])
	w.Object()
	w.KeyString("t", "ota")
	if a.job[0] != 0 {
		w.KeyText("job", trim(a.job[:]))
	}
	u.writeStart(&w, a.seq)
	w.KeyString("phase", a.phase.String())
	w.KeyInt("build", int64(u.running.Build))
	var word [32]byte
	switch a.phase {
	case Accepted:
		w.KeyInt("attempt", int64(a.attempt))
	case StreamClosed, ServerStopped:
		w.KeyInt("took", int64(a.took))
	case Ready:
		w.KeyString("slot", a.slot.String())
		w.KeyInt("heap", int64(a.memory.Free))
		w.KeyInt("heap_largest", int64(a.memory.Largest))
		w.KeyInt("heap_before", int64(u.before.Free))
		w.KeyInt("heap_largest_before", int64(u.before.Largest))
	case HeaderOK:
		w.KeyText("version", trim(u.next.Version[:]))
		w.KeyInt("to", int64(u.next.Build))
	case Downloading:
		w.KeyInt("offset", int64(a.offset))
	case Verified:
		var digits [64]byte
		w.KeyText("sha256", text.AppendHex(digits[:0], u.next.Sum[:]))
	case Activated:
		w.KeyString("slot", a.slot.String())
	case Rebooting:
		if a.clean {
			w.KeyString("mode", "clean")
		}
		if a.code != (code{}) {
			w.KeyText("code", a.code.append(word[:0]))
		}
	case Failed:
		w.KeyString("at", a.at.String())
		w.KeyText("code", a.code.append(word[:0]))
		w.KeyBool("restored", a.restored)
	case Rejected, RolledBack:
		w.KeyText("code", a.code.append(word[:0]))
	case Booted:
		w.KeyText("firmware", trim(u.running.Version[:]))
		w.KeyText("board", trim(u.running.Board[:]))
		u.writeState(&w)
	}
	w.End()
	p, _ := w.Bytes() // it fits: TestAcksFit
	return p
}

// writeStart says which start of the camera a message is from, and which
// message of it.
func (u *Updater) writeStart(w *json.Writer, seq uint32) {
	var id [8]byte
	w.KeyText("boot", text.AppendHex(id[:0], u.start[:]))
	w.KeyInt("seq", int64(seq))
}

// Hello adds to the hello of a camera, whose object w is in, what one that can
// be updated says more: chip, slot, boot, state, reset, job, floor and other.
func (u *Updater) Hello(w *json.Writer) {
	var id [8]byte
	w.KeyText("boot", text.AppendHex(id[:0], u.start[:]))
	u.writeState(w)
	if u.state.job[0] != 0 {
		w.KeyText("job", trim(u.state.job[:]))
	}
}

func (u *Updater) writeState(w *json.Writer) {
	w.KeyText("chip", trim(u.running.Chip[:]))
	w.KeyString("slot", u.slot.String())
	w.KeyString("state", u.mode.String())
	w.KeyString("reset", u.system.Cause().String())
	w.KeyInt("floor", int64(u.floor()))
	if u.other != 0 {
		w.KeyInt("other", int64(u.other))
	}
}
