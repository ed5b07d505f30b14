package image

// Memory of the ESP32 that load segments may fill: the rest belongs to the ROM,
// the boot selector, or the frame buffer. Mapped parts begin at pages.
const (
	dataLow, dataHigh = 0x3ffb0000, 0x3ffe0000
	codeLow, codeHigh = 0x40080000, 0x40090000
	mapPage           = 64 << 10
)

const chipESP32 = "esp32"

// Check returns everything that is wrong with the fields.
func (h *Header) Check() Reasons {
	var found Reasons
	found.when(h.Length <= HeaderSize || h.Length > MaxLength || h.Length%4 != 0, BadLength)
	found.when(!h.Board.wellFormed("._-"), BadBoard)
	found.when(!h.Chip.wellFormed("._-"), BadChip)
	found.when(!h.Version.wellFormed("._-+~ABCDEFGHIJKLMNOPQRSTUVWXYZ"), BadVersion)
	found.when(h.Build == 0, BadBuild)
	found.when(h.Floor > h.Build, BadFloor)
	found.when(h.Base > 0 && h.Base >= h.Build, BadBase)
	switch {
	case h.Layout == Raw && !h.Chip.Is(chipESP32):
		found.when(h.Load != Load{}, BadLayout)
	case h.Layout == ESP32 && h.Chip.Is(chipESP32):
		found |= h.checkLoad()
	default:
		found.add(BadLayout)
	}
	return found
}

// checkLoad checks what the boot selector will do with the image.
func (h *Header) checkLoad() Reasons {
	var found Reasons
	l := &h.Load
	entered, patched := false, false
	end := uint32(HeaderSize) // of the segments so far, in the file
	for i := range l.Segments {
		s := &l.Segments[i]
		if !h.SegmentFits(i) {
			found.add(BadSegment)
			continue
		}
		if s.Length == 0 {
			continue
		}
		found.when(s.Offset < end, OverlapFile)
		end = max(end, s.Offset+s.Length)
		for j := range i {
			o := &l.Segments[j]
			found.when(h.SegmentFits(j) && s.Address < o.Address+o.Length && o.Address < s.Address+s.Length, OverlapRAM)
		}
		code := s.Address >= codeLow
		entered = entered || code && l.Entry >= s.Address && l.Entry-s.Address < s.Length
		patched = patched || !code && l.Patch >= s.Address && l.Patch-s.Address < s.Length
	}
	if !found.Has(BadSegment) { // else these only follow from it
		found.when(!entered, BadEntry)
		found.when(!patched || l.Patch%4 != 0, BadPatch)
	}
	found.when(!h.mappingFits(end), BadMapping)
	return found
}

// SegmentFits reports whether segment i is unused and only unused ones follow,
// or lies in the body and in memory that it may fill.
func (h *Header) SegmentFits(i int) bool {
	s := h.Load.Segments[i]
	if s == (Segment{}) {
		return true
	}
	if i > 0 && h.Load.Segments[i-1] == (Segment{}) || s.Length == 0 || (s.Address|s.Offset|s.Length)%4 != 0 {
		return false
	}
	return s.Offset >= HeaderSize && within(s.Offset, s.Length, h.Length) &&
		(s.Address >= dataLow && within(s.Address, s.Length, dataHigh) || s.Address >= codeLow && within(s.Address, s.Length, codeHigh))
}

// mappingFits checks the mapped parts. The start-up code of the image is told
// only where the data begins, and looks for the code at the page after it.
func (h *Header) mappingFits(segments uint32) bool {
	data, code := h.Load.Data, h.Load.Code
	return data.Length > 0 && data.Offset%mapPage == 0 && data.Offset >= segments && within(data.Offset, data.Length, h.Length) &&
		code.Length > 0 && code.Offset%mapPage == 0 && code.Offset-data.Offset == (data.Length+mapPage-1)/mapPage*mapPage &&
		within(code.Offset, code.Length, h.Length)
}

// within reports whether length from start ends at or before end; without
// overflow.
func within(start, length, end uint32) bool { return start <= end && length <= end-start }

// Target is what an image would be installed on.
type Target struct {
	Board, Chip string
	Slot        uint32 // bytes
	Build       uint32 // installed now; 0: unknown
	Floor       uint32 // lowest build that may be installed
}

// Check returns everything that keeps the image from being installed there.
func (t *Target) Check(h *Header) Reasons {
	var found Reasons
	found.when(!h.Board.Is(t.Board), OtherBoard)
	found.when(!h.Chip.Is(t.Chip), OtherChip)
	found.when(h.Length > t.Slot, TooLarge)
	found.when(h.Build == t.Build, SameBuild)
	found.when(h.Build < t.Build, OlderBuild)
	found.when(h.Build < t.Floor, BelowFloor)
	found.when(t.Build < h.Base, NeedsStep)
	return found
}
