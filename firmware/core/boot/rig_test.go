package boot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/slot"
)

// Sizes of the small camera: the record, and two slots of 16 KiB.
const (
	rigImage = 16 << 10
	rigSize  = 2*flash.Sector + 2*rigImage
)

var rigMap = Map{Records: 0, Slots: [2]uint32{2 * flash.Sector, 2*flash.Sector + rigImage}, SlotSize: rigImage}

const recordsInSector = flash.Sector / RecordSize

// artefact is an image in a test.
type artefact struct {
	name   string
	bytes  []byte
	header image.Header
	bad    bool // crashes before it confirms itself
}

func newArtefact(t testing.TB, name string, build uint32) *artefact {
	t.Helper()
	rnd := rand.New(rand.NewPCG(uint64(build), 0))
	a := &artefact{name: name, bytes: make([]byte, rigImage)}
	for i := range a.bytes {
		a.bytes[i] = byte(rnd.Uint32())
	}
	a.header = image.Header{Length: rigImage, Build: build, Sum: sha256.Sum256(a.bytes[image.HeaderSize:]), Key: image.KeyID{1}}
	a.header.Board, _ = image.NewText("vcam")
	a.header.Chip, _ = image.NewText("host")
	a.header.Version, _ = image.NewText(name)
	image.Encode(&a.header, a.bytes)
	image.SetSignature(a.bytes, (*[64]byte)(a.bytes[image.HeaderSize:]))
	if err := image.Decode(a.bytes, &a.header); err != nil {
		t.Fatal(err)
	}
	return a
}

// rig is a small camera: a chip, its selector, and what its images do.
type rig struct {
	chip     *norsim.Flash
	known    []*artefact
	selector Selector
	log      Log
	writer   slot.Writer
	hash     image.Hash

	// What the camera has been promised, or done, since reset.
	activating, activated, confirmed bool
	starts                           map[*artefact]int
	wrong                            wrong
}

// wrong is a mistake planted into the update.
type wrong int

const (
	nothingWrong wrong = iota
	activateBeforeVerify
	trustBeforeVerify
	eraseRecordBeforeAppend
	writeOverRunning
	endlessTrials
	confirmByRewriting
)

func newRig(known ...*artefact) *rig {
	return &rig{chip: norsim.New(rigSize), known: known, hash: sha256.New(), starts: map[*artefact]int{}}
}

// forget begins a new scenario.
func (g *rig) forget() {
	g.activating, g.activated, g.confirmed = false, false, false
	clear(g.starts)
}

var errNoImage = errors.New("no image was started")

// start starts the camera. The image that it starts must be complete; looking
// at the chip itself says so, not the code that is under test.
func (g *rig) start() (*artefact, Slot, error) {
	if err := g.selector.Open(g.chip, rigMap, g.hash); err != nil {
		return nil, NoSlot, err
	}
	c, ok := g.selector.Select(0)
	if err := g.chip.Read(0, nil); err != nil { // the selector goes on without a chip; the camera does not
		return nil, NoSlot, err
	}
	if !ok {
		return nil, NoSlot, errNoImage
	}
	content := g.chip.Bytes()[c.Base:][:rigImage]
	for _, a := range g.known {
		if bytes.Equal(content[image.HeaderSize:], a.bytes[image.HeaderSize:]) && bytes.Equal(content[:image.SignedSize], a.bytes[:image.SignedSize]) {
			g.starts[a]++
			return a, c.Slot, g.log.Open(g.chip, rigMap.Records)
		}
	}
	return nil, c.Slot, fmt.Errorf("slot %v was started, which holds no complete image", c.Slot)
}

// live is what an image does after its start.
func (g *rig) live(a *artefact, running Slot) error {
	if a.bad {
		return nil // until the watchdog bites
	}
	if !g.log.OnTrial(running) {
		return g.log.Settle(running, &a.header)
	}
	if g.wrong == confirmByRewriting {
		r, _ := g.log.Newest()
		if err := g.chip.Erase(g.log.at / flash.Sector * flash.Sector); err != nil {
			return err
		}
		g.log.has = false
		r.Confirmed = true
		if err := g.log.append(&r); err != nil {
			return err
		}
	} else if err := g.log.Confirm(running); err != nil {
		return err
	}
	g.confirmed = true
	return nil
}

// update is what the image does that gets a new one.
func (g *rig) update(a *artefact, running Slot, next *artefact) error {
	if err := g.log.Settle(running, &a.header); err != nil {
		return err
	}
	to := running.Other()
	if g.wrong == writeOverRunning {
		to = running
	}
	if err := g.writer.Begin(g.chip, rigMap.Slots[to], rigMap.SlotSize, next.bytes, g.hash); err != nil {
		return err
	}
	for done := false; !done; {
		var err error
		if done, err = g.writer.Erase(); err != nil {
			return err
		}
	}
	switch g.wrong {
	case activateBeforeVerify:
		if err := g.activate(a, running, next, to); err != nil {
			return err
		}
	case trustBeforeVerify:
		g.activating = true
		if err := flash.Program(g.chip, rigMap.Slots[to], next.bytes[:image.UsedSize]); err != nil {
			return err
		}
		if err := g.log.append(&Record{Slot: to, Tries: Tries, Fallback: running, Length: rigImage, Sum: [12]byte(next.header.Sum[:]), Confirmed: true}); err != nil {
			return err
		}
	}
	if _, err := g.writer.Write(next.bytes[image.HeaderSize:]); err != nil {
		return err
	}
	for done := false; !done; {
		var err error
		if done, err = g.writer.Check(); err != nil {
			return err
		}
	}
	if err := g.writer.Commit(); err != nil {
		return err
	}
	switch g.wrong {
	case activateBeforeVerify, trustBeforeVerify:
		return nil
	case eraseRecordBeforeAppend:
		if err := g.chip.Erase(g.log.at / flash.Sector * flash.Sector); err != nil {
			return err
		}
	}
	return g.activate(a, running, next, to)
}

func (g *rig) activate(a *artefact, running Slot, next *artefact, to Slot) error {
	g.activating = true
	var err error
	switch g.wrong {
	case endlessTrials:
		err = g.log.append(&Record{Slot: to, Tries: 32, Fallback: running, Length: rigImage, Sum: [12]byte(next.header.Sum[:])})
	case writeOverRunning:
		err = g.log.append(&Record{Slot: to, Tries: Tries, Fallback: NoSlot, Length: rigImage, Sum: [12]byte(next.header.Sum[:])})
	default:
		err = g.log.Activate(to, &next.header, running, &a.header)
	}
	g.activated = g.activated || err == nil
	return err
}

// place writes an image into a slot as a cable would.
func (g *rig) place(a *artefact, s Slot) { copy(g.chip.Bytes()[rigMap.Slots[s]:], a.bytes) }

// appendUntil fills the log with records of the running image until its newest
// is the last but left in its sector.
func (g *rig) appendUntil(t testing.TB, a *artefact, running Slot, left int) {
	t.Helper()
	if err := g.log.Open(g.chip, rigMap.Records); err != nil {
		t.Fatal(err)
	}
	for !g.log.has || (int(g.log.at)/RecordSize+1+left)%recordsInSector != 0 {
		if err := g.log.append(&Record{Slot: running, Tries: Tries, Fallback: NoSlot, Length: rigImage, Sum: [12]byte(a.header.Sum[:]), Confirmed: true}); err != nil {
			t.Fatal(err)
		}
	}
}
