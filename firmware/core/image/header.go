// Package image is the format of a firmware image: one file that is both what a
// camera downloads and what stands in a slot of its flash. It begins with a
// signed header of one flash sector, which says what the image is for, what its
// body must hash to, and how the boot selector loads it; docs/firmware.md has
// the table. Whoever has the header can decide about the image before anything
// is erased.
//
// A camera calls Verify (is it signed by a key I know), Decode (does it make
// sense), Target.Check (is it for me), and then checks the body with a Body.
package image

import (
	"camrelay/firmware/core/crc"
	"camrelay/firmware/core/le"
)

// What the format fixes, in bytes. MaxLength is more than any slot.
const (
	Magic       = "CAMS"
	Format      = 1
	HeaderSize  = 4096
	SignedSize  = 512 // the signature is over so many bytes from the start
	UsedSize    = 576 // signed part and signature; the rest of the header is 0xff
	MaxLength   = 4 << 20
	MaxSegments = 8
	MaxNextKeys = 4
)

const magicWord = 0x534d4143 // Magic

// Offsets in the header.
const (
	offFormat    = 0x004
	offHeader    = 0x006
	offLength    = 0x008
	offLayout    = 0x00c
	offBuild     = 0x010
	offFloor     = 0x014
	offBase      = 0x018
	offReserved1 = 0x01c
	offMade      = 0x020
	offEntry     = 0x028
	offPatch     = 0x02c
	offMaps      = 0x030
	offBoard     = 0x040
	offChip      = 0x060
	offVersion   = 0x080
	offSegments  = 0x0a0
	offSum       = 0x120
	offNextKeys  = 0x140
	offReserved2 = 0x160
	offKey       = 0x1f4
	offCRC       = 0x1fc
	offSignature = SignedSize
)

// Layout is how the body is to be understood.
type Layout uint32

// The layouts of format 1.
const (
	Raw   Layout = 0 // one piece of data, for virtual cameras
	ESP32 Layout = 1 // load segments, then mapped data and code, each at a 64 KiB page
)

// Header is a decoded header. Offsets are from the start of the image, which is
// the start of the slot too.
type Header struct {
	Length  uint32 // of the whole image, header included; a multiple of 4
	Layout  Layout
	Build   uint32 // grows with every release; what is compared
	Floor   uint32 // once this image is confirmed, the camera takes no build below; 0: no change
	Base    uint32 // lowest build it may be installed over; 0: any
	Made    uint64 // seconds since 1970 UTC; 0: not said
	Board   Text   // [a-z0-9][a-z0-9._-]*
	Chip    Text   // like Board
	Version Text   // for people; like Board, and A to Z, + and ~ too
	Sum     [32]byte
	Key     KeyID              // whose signature it bears; zero: unsigned
	Next    [MaxNextKeys]KeyID // keys that this image takes updates from; none: not said
	Load    Load
}

// Load is what the boot selector needs of an image with Layout ESP32; it is
// zero in others.
type Load struct {
	Entry      uint32 // address to jump to
	Patch      uint32 // address of the word that holds the flash offset of the mapped data
	Data, Code Mapped
	Segments   [MaxSegments]Segment // the unused ones are zero and come last
}

// Mapped is a part of the body that is mapped by the cache, not loaded.
type Mapped struct{ Offset, Length uint32 }

// Segment is a part of the body that is copied to memory.
type Segment struct{ Address, Offset, Length, CRC uint32 }

// BodySize is the length of the body, which is what follows the header.
func (h *Header) BodySize() uint32 { return h.Length - HeaderSize }

// Decode reads a header and checks everything that can be known from it alone;
// p may be longer. The error is a Reason, the first that applies. It does not
// check the signature.
func Decode(p []byte, h *Header) error { return Scan(p, h).Err() }

// Scan is Decode with all the reasons instead of the first. What is damaged or
// unknown as a whole has one reason only, and h is then left alone.
func Scan(p []byte, h *Header) Reasons {
	if r := envelope(p); r != 0 {
		return 1 << r
	}
	get := func(off int) uint32 { return le.U32(p[off:]) }
	*h = Header{
		Length: get(offLength), Layout: Layout(get(offLayout)), Build: get(offBuild), Floor: get(offFloor), Base: get(offBase),
		Made: le.U64(p[offMade:]), Board: Text(p[offBoard:]), Chip: Text(p[offChip:]), Version: Text(p[offVersion:]),
		Sum: [32]byte(p[offSum:]), Key: KeyID(p[offKey:]),
		Load: Load{Entry: get(offEntry), Patch: get(offPatch), Data: Mapped{get(offMaps), get(offMaps + 4)}, Code: Mapped{get(offMaps + 8), get(offMaps + 12)}},
	}
	for i := range h.Load.Segments {
		at := offSegments + 16*i
		h.Load.Segments[i] = Segment{get(at), get(at + 4), get(at + 8), get(at + 12)}
	}
	for i := range h.Next {
		h.Next[i] = KeyID(p[offNextKeys+8*i:])
	}
	found := h.Check()
	found.when(le.U16(p[offHeader:]) != HeaderSize || !all(p[offReserved1:offMade], 0) ||
		!all(p[offReserved2:offKey], 0) || !all(p[UsedSize:HeaderSize], 0xff), BadHeader)
	return found
}

// envelope checks what comes before the meaning of the fields.
func envelope(p []byte) Reason {
	switch {
	case len(p) < HeaderSize:
		return Short
	case le.U32(p) != magicWord:
		return BadMagic
	case le.U16(p[offFormat:]) != Format:
		return BadFormat
	case crc.Update(0, p[:offCRC]) != le.U32(p[offCRC:]):
		return BadCRC
	}
	return 0
}

// Encode writes the header to the first HeaderSize bytes of p, without a
// signature: see SetSignature. It does not check the header.
func Encode(h *Header, p []byte) {
	p = p[:HeaderSize]
	clear(p[:UsedSize])
	for i := range p[UsedSize:] {
		p[UsedSize+i] = 0xff
	}
	put := func(off int, v uint32) { le.Put32(p[off:], v) }
	copy(p, Magic)
	le.Put16(p[offFormat:], Format)
	le.Put16(p[offHeader:], HeaderSize)
	put(offLength, h.Length)
	put(offLayout, uint32(h.Layout))
	put(offBuild, h.Build)
	put(offFloor, h.Floor)
	put(offBase, h.Base)
	le.Put64(p[offMade:], h.Made)
	put(offEntry, h.Load.Entry)
	put(offPatch, h.Load.Patch)
	put(offMaps, h.Load.Data.Offset)
	put(offMaps+4, h.Load.Data.Length)
	put(offMaps+8, h.Load.Code.Offset)
	put(offMaps+12, h.Load.Code.Length)
	copy(p[offBoard:], h.Board[:])
	copy(p[offChip:], h.Chip[:])
	copy(p[offVersion:], h.Version[:])
	for i, s := range h.Load.Segments {
		at := offSegments + 16*i
		put(at, s.Address)
		put(at+4, s.Offset)
		put(at+8, s.Length)
		put(at+12, s.CRC)
	}
	copy(p[offSum:], h.Sum[:])
	for i := range h.Next {
		copy(p[offNextKeys+8*i:], h.Next[i][:])
	}
	copy(p[offKey:], h.Key[:])
	put(offCRC, crc.Update(0, p[:offCRC]))
}

func all(p []byte, value byte) bool {
	for _, b := range p {
		if b != value {
			return false
		}
	}
	return true
}
