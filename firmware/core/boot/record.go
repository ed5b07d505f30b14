package boot

import (
	"math/bits"

	"camrelay/firmware/core/crc"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/le"
)

// RecordSize is what a record takes, in bytes.
const RecordSize = 64

// Tries is how often a new image is started before it must have confirmed
// itself.
const Tries = 3

// Offsets in a record. What comes before the marks is written once, under the
// CRC; the marks are words of ones in which bits are cleared later.
const (
	offSeq         = 0x04
	offSlot        = 0x08
	offTries       = 0x09
	offFallback    = 0x0a
	offReserved    = 0x0b
	offLength      = 0x0c
	offSum         = 0x10
	offFallbackSum = 0x1c
	offCRC         = 0x24
	offAttempts    = 0x28
	offConfirmed   = 0x2c
	offRejected    = 0x30
)

const recordMagic = 0x54424d43 // CMBT

// markBits of a mark's 32 bits must be clear for it to hold, so that a torn
// write of one is either nothing yet or all that is needed.
const markBits = 16

// Record is one entry of the log: which image is to be started, and how it went.
type Record struct {
	Seq         uint32
	Slot        Slot
	Tries       uint8
	Fallback    Slot     // where the image is that wrote the record; NoSlot: nothing to fall back to
	Length      uint32   // of the image
	Sum         [12]byte // first bytes of its body's SHA-256
	FallbackSum [8]byte

	Attempts  uint8 // trials begun
	Confirmed bool
	Rejected  bool
}

// State is what a record says about its image.
type State uint8

// The states of a record's image.
const (
	Pending   State = iota + 1 // trials are left
	Exhausted                  // none are left and it has not confirmed itself
	Confirmed
	Rejected
)

func (s State) String() string {
	switch s {
	case Pending:
		return "pending"
	case Exhausted:
		return "exhausted"
	case Confirmed:
		return "confirmed"
	case Rejected:
		return "rejected"
	}
	return "unknown"
}

// State returns what the marks add up to: rejected before confirmed before the
// count of trials.
func (r *Record) State() State {
	switch {
	case r.Rejected:
		return Rejected
	case r.Confirmed:
		return Confirmed
	case r.Attempts < r.Tries:
		return Pending
	}
	return Exhausted
}

// Names reports whether the record is about the image with this header.
func (r *Record) Names(h *image.Header) bool {
	return r.Length == h.Length && r.Sum == [12]byte(h.Sum[:])
}

// namesFallback reports whether h is the image that wrote the record.
func (r *Record) namesFallback(h *image.Header) bool { return r.FallbackSum == [8]byte(h.Sum[:]) }

// encode writes the record with its CRC and its marks; confirmed may be one of
// them.
func (r *Record) encode(p *[RecordSize]byte) {
	for i := range p {
		p[i] = 0xff
	}
	le.Put32(p[:], recordMagic)
	le.Put32(p[offSeq:], r.Seq)
	p[offSlot], p[offTries], p[offFallback], p[offReserved] = byte(r.Slot), r.Tries, byte(r.Fallback), 0
	le.Put32(p[offLength:], r.Length)
	copy(p[offSum:], r.Sum[:])
	copy(p[offFallbackSum:], r.FallbackSum[:])
	le.Put32(p[offCRC:], crc.Update(0, p[:offCRC]))
	if r.Confirmed {
		le.Put32(p[offConfirmed:], 0)
	}
}

// decode reads a record and reports whether there is one.
func (r *Record) decode(p []byte) bool {
	get := func(off int) uint32 { return le.U32(p[off:]) }
	if get(0) != recordMagic || crc.Update(0, p[:offCRC]) != get(offCRC) {
		return false
	}
	*r = Record{
		Seq: get(offSeq), Slot: Slot(p[offSlot]), Tries: p[offTries], Fallback: Slot(p[offFallback]), Length: get(offLength),
		Sum: [12]byte(p[offSum:]), FallbackSum: [8]byte(p[offFallbackSum:]),
		Attempts:  uint8(bits.OnesCount32(^get(offAttempts))),
		Confirmed: bits.OnesCount32(^get(offConfirmed)) >= markBits,
		Rejected:  bits.OnesCount32(^get(offRejected)) >= markBits,
	}
	return r.Seq != ^uint32(0) && r.Slot <= B && (r.Fallback == r.Slot.Other() || r.Fallback == NoSlot) && r.Tries > 0 && r.Tries <= 32 && p[offReserved] == 0
}
