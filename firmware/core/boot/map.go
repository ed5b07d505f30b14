// Package boot keeps track of which of two images a camera starts, and decides
// it: an append-only record in flash, trial starts that are counted, and a way
// back. The selector calls Selector.Select at every start; the running image
// reads and writes the Log.
//
// Whatever the power does, at every moment some complete image is started: the
// record that holds is never in the sector that is erased, an image is recorded
// only when it is complete, and the slot of the running image is never written.
package boot

// Places in the 4 MiB flash of an ESP32-CAM. Slots begin at 64 KiB pages of its
// cache.
const (
	ChipSize       = 4 << 20
	SelectorOffset = 0x001000 // the ROM starts what is here
	SelectorSize   = 0x007000
	FactoryOffset  = 0x008000 // written once: identity of the camera
	RecordsOffset  = 0x009000 // 2 sectors: Log
	SettingsOffset = 0x00b000 // 2 sectors: what people set
	StateOffset    = 0x00d000 // 2 sectors: what the firmware remembers, like the security floor
	NotesOffset    = 0x00f000 // 1 sector: crash notes
	SlotAOffset    = 0x010000
	SlotBOffset    = 0x1f0000
	SlotSize       = 0x1e0000 // 1920 KiB
	SpareOffset    = 0x3d0000 // to the end
)

// Slot is a place for an image.
type Slot uint8

// The slots. NoSlot is none.
const (
	A      Slot = 0
	B      Slot = 1
	NoSlot Slot = 0xff
)

// Other is the slot that s is not.
func (s Slot) Other() Slot { return s ^ 1 }

func (s Slot) String() string {
	switch s {
	case A:
		return "A"
	case B:
		return "B"
	}
	return "none"
}

// Map says where things are on a chip.
type Map struct {
	Records  uint32 // 2 sectors
	Slots    [2]uint32
	SlotSize uint32
}

// ESP32CAM is the map of an ESP32-CAM.
func ESP32CAM() Map {
	return Map{Records: RecordsOffset, Slots: [2]uint32{SlotAOffset, SlotBOffset}, SlotSize: SlotSize}
}
