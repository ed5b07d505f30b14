package update

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/image"
	"camrelay/internal/halnet"
)

// The small camera's flash: records, state, two slots.
const (
	stateOffset = 2 * flash.Sector
	slotsOffset = 4 * flash.Sector
	smallImage  = 2 * flash.Sector
)

var (
	private = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ring    = []image.Key{image.NewKey([32]byte(private.Public().(ed25519.PublicKey)))}
)

type stdVerifier struct{}

func (stdVerifier) Verify(public *[32]byte, message []byte, signature *[64]byte) bool {
	return ed25519.Verify(public[:], message, signature[:])
}

// artefact is an image, and what it does when it runs.
type artefact struct {
	name   string
	bytes  []byte
	header image.Header
	mute   bool // never proves itself
}

func newArtefact(name string, build uint32, size int, change func(*image.Header)) *artefact {
	rnd := rand.New(rand.NewPCG(uint64(build), 0))
	a := &artefact{name: name, bytes: make([]byte, size)}
	for i := range a.bytes {
		a.bytes[i] = byte(rnd.Uint32())
	}
	h := image.Header{Length: uint32(size), Build: build, Sum: sha256.Sum256(a.bytes[image.HeaderSize:]), Key: ring[0].ID}
	h.Board, _ = image.NewText("vcam")
	h.Chip, _ = image.NewText("host")
	h.Version, _ = image.NewText(fmt.Sprintf("1.0.%d", build))
	if change != nil {
		change(&h)
	}
	image.Encode(&h, a.bytes)
	image.SetSignature(a.bytes, (*[64]byte)(ed25519.Sign(private, image.Message(a.bytes))))
	_ = image.Decode(a.bytes, &a.header)
	return a
}

func (a *artefact) path() string { return fmt.Sprintf("/ota/images/%x.img", sha256.Sum256(a.bytes)) }

// message is what a camera was heard saying.
type message struct {
	T, Job, Boot, Phase, Code, At, Slot, Version, Sha256, Mode, State, Chip string
	Seq, Took, Offset, Attempt, Build, To, Heap, Other, Floor               int
	Restored                                                                *bool
	raw                                                                     string
}

// Ways of the camera to speak.
type channel int

const (
	byMQTT channel = iota
	byStream
)

// faultKind is what happens at the chosen call.
type faultKind int

const (
	noFault    faultKind = iota
	failsOnce            // only that call misbehaves
	failsLater           // and all like it, until the camera restarts
	fails                // and all like it, restarts or not
)

// world is a camera with all that is around it.
type world struct {
	t        testing.TB
	clock    *haltest.Clock
	random   *haltest.Random
	net      *haltest.Network
	chip     *norsim.Flash
	layout   boot.Map
	note     [hal.NoteSize]byte
	known    []*artefact
	relay    relay
	real     *halnet.Network // nil: net
	realHost string
	realPort uint16
	channel  channel
	heard    []message

	// The camera since its start.
	u        *Updater
	trial    Trial
	log      boot.Log
	cause    hal.Cause
	running  *artefact
	slot     boot.Slot
	reset    bool
	dark     bool // the power was cut
	stream   bool
	server   bool
	camera   bool
	memory   hal.Memory
	inClean  hal.Memory // in update-only mode
	restores int
	starts   int

	kind    faultKind
	at      int // the call that misbehaves, from 1; 0: none
	calls   int
	victim  string
	muted   bool // faults are switched off
	healthy bool // for good
	trace   []string
}

func newWorld(t testing.TB, size int, known ...*artefact) *world {
	w := &world{t: t, clock: haltest.NewClock(), random: haltest.NewRandom(1), known: known,
		chip:   norsim.New(slotsOffset + 2*size),
		layout: boot.Map{Records: 0, Slots: [2]uint32{slotsOffset, slotsOffset + uint32(size)}, SlotSize: uint32(size)},
		memory: hal.Memory{Free: 100_000, Largest: 50_000}, inClean: hal.Memory{Free: 120_000, Largest: 90_000}}
	copy(w.chip.Bytes()[slotsOffset:], known[0].bytes)
	w.net = haltest.NewNetwork()
	w.relay = relay{t: t, images: map[string]*artefact{}, asked: map[string]int{}}
	for _, a := range known {
		w.relay.images[a.path()] = a
	}
	w.cause = hal.PowerOn
	return w
}

var errNoImage = errors.New("no complete image was started")

// start starts the camera, as after a reset or with the power.
func (w *world) start() error {
	w.reset, w.dark, w.stream, w.server, w.camera = false, false, true, true, true
	if chip := w.victim == "Read" || w.victim == "Program" || w.victim == "Erase"; w.kind == failsLater || w.kind == fails && chip {
		w.kind = noFault // a camera whose chip is dead does not start
	}
	w.starts++
	w.muted = true
	defer func() { w.muted = w.healthy }()
	var s boot.Selector
	if err := s.Open(chipOf{w}, w.layout, sha256.New()); err != nil && !w.dark {
		return err
	}
	c, ok := s.Select(0)
	if w.dark {
		return nil
	}
	if !ok {
		return errNoImage
	}
	w.running = nil
	for _, a := range w.known {
		got := w.chip.Bytes()[c.Base:][:len(a.bytes)]
		if bytes.Equal(got[image.HeaderSize:], a.bytes[image.HeaderSize:]) && bytes.Equal(got[:image.SignedSize], a.bytes[:image.SignedSize]) {
			w.running = a
		}
	}
	if w.running == nil {
		return errNoImage
	}
	w.slot = c.Slot
	if err := w.log.Open(chipOf{w}, w.layout.Records); err != nil {
		return ignorePower(err)
	}
	store := new(config.Store)
	if err := store.Open(chipOf{w}, stateOffset); err != nil {
		return ignorePower(err)
	}
	w.net.SetUp(false) // what was open is gone
	w.net.SetUp(true)
	for w.net.Next() != nil {
	}
	w.relay.conns = nil
	w.u = new(Updater)
	w.u.Init(&Config{Network: netOf{w}, Random: w.random, System: system{w}, Device: device{w}, Flash: chipOf{w}, Map: w.layout, Log: &w.log,
		Store: store, Values: new(config.Values), Hash: sha256.New(), Verifier: stdVerifier{}, Ring: ring, Running: &w.running.header,
		Host: "relay", Port: 8080, Camera: []byte("door"), Key: []byte("crk_key")})
	w.muted = w.healthy
	mode := w.u.Boot(w.clock.Now())
	w.trial.Begin(w.clock.Now(), w.u)
	if mode == UpdateOnly {
		w.stream, w.server, w.camera = false, false, false
	}
	if mode == OnTrial {
		w.stream = false
	}
	return nil
}

func ignorePower(err error) error {
	if errors.Is(err, norsim.ErrPower) {
		return nil
	}
	return err
}

// live lets time pass until the camera has nothing to do, is reset, or loses
// power.
func (w *world) live(limit time.Duration) {
	end := w.clock.Now() + int64(limit)
	quiet := 0
	for w.clock.Now() < end && !w.reset && !w.dark {
		w.relay.serve(w)
		moved := w.u.Step(w.clock.Now())
		if w.trial.Active() {
			shown := Linked | BrokerReady
			if w.trial.MayStream() && !w.running.mute {
				w.stream = true
				shown |= StreamOpen | FrameSent | PingAnswered
			}
			w.trial.Step(w.clock.Now(), shown)
		} else if w.u.step == resting && (w.u.waiting == 0 || w.victim == "Report") && w.u.client.Idle() {
			if quiet++; quiet > 3 {
				return
			}
		}
		if moved {
			w.clock.Advance(time.Millisecond)
		} else {
			w.clock.Advance(50 * time.Millisecond)
		}
	}
}

// settle lets the camera live, start after start, until nothing changes.
func (w *world) settle() error {
	for range 8 {
		w.live(2 * time.Hour)
		if w.dark {
			return nil
		}
		if !w.reset {
			return nil
		}
		w.cause = hal.Software
		if err := w.start(); err != nil {
			return err
		}
		if w.dark {
			return nil
		}
	}
	return errors.New("eight restarts, and still no end")
}

func orderFor(a *artefact, job string, more string) string {
	return fmt.Sprintf(`{"t":"ota","cmd":"start","job":%q,"image":%q,"size":%d,"host":"relay:8080","token":"tok"%s}`, job, a.path(), len(a.bytes), more)
}

func (w *world) command(s string) { w.u.Command(w.clock.Now(), []byte(s)) }

func (w *world) phases(from int) string {
	var s []string
	for _, m := range w.heard[from:] {
		p := m.Phase
		if m.Code != "" {
			p += ":" + m.Code
		}
		s = append(s, p)
	}
	return strings.Join(s, " ")
}

func (w *world) hear(p []byte, way string) {
	m := message{raw: string(p)}
	if err := json.Unmarshal(p, &m); err != nil || m.T != "ota" || m.Phase == "" || len(m.Boot) != 8 || m.Seq == 0 || m.Build == 0 || len(p) > 700 {
		w.t.Errorf("by %s: %v: %s", way, err, p)
	}
	w.heard = append(w.heard, m)
}

// misbehaves counts a call, and says whether it is to go wrong.
func (w *world) misbehaves(what string) bool {
	if w.muted {
		return false
	}
	w.calls++
	if w.trace != nil {
		w.trace = append(w.trace, what)
	}
	if w.kind == noFault {
		return false
	}
	if w.calls == w.at {
		w.victim = what
		return true
	}
	return w.kind != failsOnce && what == w.victim
}

type device struct{ *world }

func (d device) CloseStream() {
	if !d.misbehaves("CloseStream") {
		d.stream = false
	}
}
func (d device) StreamClosed() bool { return !d.misbehaves("StreamClosed") && !d.stream }
func (d device) ForceStream() {
	if !d.misbehaves("ForceStream") {
		d.stream = false
	}
}
func (d device) StopServer() {
	if !d.misbehaves("StopServer") {
		d.server = false
	}
}
func (d device) ServerStopped() bool { return !d.misbehaves("ServerStopped") && !d.server }
func (d device) CameraOff() {
	if !d.misbehaves("CameraOff") {
		d.camera = false
	}
}
func (d device) CameraIsOff() bool { return !d.misbehaves("CameraIsOff") && !d.camera }
func (d device) Restore() {
	d.restores++
	if !d.misbehaves("Restore") {
		d.stream, d.server, d.camera = true, true, true
	}
}
func (d device) Restored() bool { return !d.misbehaves("Restored") && d.stream && d.server && d.camera }
func (d device) Report(ack []byte) Delivery {
	switch {
	case d.channel == byStream && !d.stream:
		return NoChannel
	case d.misbehaves("Report"):
		return Full
	}
	d.hear(ack, "channel")
	return Taken
}
func (d device) Reported() bool { return !d.misbehaves("Reported") }
func (d device) Reboot() {
	if !d.misbehaves("Reboot") {
		d.reset = true
	}
}

type system struct{ *world }

func (s system) Feed()            {}
func (s system) Reset()           { s.reset = true }
func (s system) Cause() hal.Cause { return s.cause }
func (s system) Slot() boot.Slot  { return s.slot }
func (s system) Stayed()          {}
func (s system) Note() []byte     { return s.note[:] }
func (s system) Heap() hal.Memory { return s.memory }
func (s system) Memory() hal.Memory {
	switch {
	case s.misbehaves("Memory"):
		return hal.Memory{}
	case !s.camera && s.u.mode == UpdateOnly:
		return s.inClean
	}
	return s.memory
}

type netOf struct{ *world }

func (n netOf) Up() bool                            { return n.net.Up() }
func (n netOf) RSSI() int                           { return 0 }
func (n netOf) Poll() bool                          { return n.net.Poll() }
func (n netOf) Listen(uint16) (hal.Listener, error) { return nil, hal.ErrBusy }
func (n netOf) Dial(use hal.Use, host string, port uint16) (hal.Stream, error) {
	if n.stream {
		n.t.Errorf("a download is dialled while there is a stream")
	}
	if n.misbehaves("Dial") {
		return nil, hal.ErrRefused
	}
	if n.real != nil {
		return n.real.Dial(use, n.realHost, n.realPort)
	}
	return n.net.Dial(use, host, port)
}

type chipOf struct{ *world }

func (c chipOf) Size() uint32 { return c.chip.Size() }
func (c chipOf) seen(err error) error {
	c.dark = c.dark || errors.Is(err, norsim.ErrPower)
	return err
}
func (c chipOf) Read(off uint32, p []byte) error {
	if c.misbehaves("Read") {
		return flash.ErrDevice
	}
	return c.seen(c.chip.Read(off, p))
}
func (c chipOf) Program(off uint32, p []byte) error {
	if c.misbehaves("Program") {
		return flash.ErrDevice
	}
	return c.seen(c.chip.Program(off, p))
}
func (c chipOf) Erase(off uint32) error {
	if off >= c.layout.Slots[c.slot] && off < c.layout.Slots[c.slot]+c.layout.SlotSize {
		c.t.Errorf("the running image is erased at %#x", off)
	}
	if c.misbehaves("Erase") {
		return flash.ErrDevice
	}
	return c.seen(c.chip.Erase(off))
}
