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
	u.json = json.Begin(buf[:0])
	w := &u.json
	w.Object()
	w.KeyString("t", "ota")
	if a.job[0] != 0 {
		w.KeyText("job", trim(a.job[:]))
	}
	w.KeyText("boot", u.startID())
	w.KeyInt("seq", int64(a.seq))
	w.KeyString("phase", a.phase.String())
	w.KeyInt("build", int64(u.running.Build))
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
		w.KeyText("sha256", text.AppendHex(u.scratch[:0], u.next.Sum[:]))
	case Activated:
		w.KeyString("slot", a.slot.String())
	case Rebooting:
		if a.clean {
			w.KeyString("mode", "clean")
		}
		if a.code != "" {
			w.KeyString("code", string(a.code))
		}
	case Failed:
		w.KeyString("at", a.at.String())
		w.KeyString("code", string(a.code))
		w.KeyBool("restored", a.restored)
	case Rejected, RolledBack:
		w.KeyString("code", string(a.code))
	case Booted:
		w.KeyText("firmware", trim(u.running.Version[:]))
		w.KeyText("board", trim(u.running.Board[:]))
		u.writeState(w)
	}
	w.End()
	p, _ := w.Bytes() // it fits: TestAcksFit
	return p
}

// startID says which start of the camera a message is from.
func (u *Updater) startID() []byte { return text.AppendHex(u.scratch[:0], u.start[:]) }

// Hello adds to the hello of a camera, whose object w is in, what one that can
// be updated says more: chip, slot, boot, state, reset, job, floor and other.
func (u *Updater) Hello(w *json.Writer) {
	w.KeyText("boot", u.startID())
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
