// Package update is the update of a camera by itself: from the relay's order to
// the restart with the new image, and from its first start to the proof that it
// works. The order of the steps, what is said of each and how long it may take
// is in docs/protocol.md, section 7.
//
// Nothing is erased before the new image's header has been checked; nothing new
// is started before all of it has been read back; and until then every way out
// leads to the old image with all that it does, by going back or by a restart.
package update

import (
	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/fetch"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/slot"
	"camrelay/firmware/core/text"
)

const (
	millisecond = 1_000_000
	second      = 1000 * millisecond
)

// Device is what an update needs of the camera around it. Nothing here waits:
// what takes time is begun, and asked about afterwards.
type Device interface {
	// CloseStream ends the WebSocket to the relay with code 4001, sensibly after
	// what Report has taken. No new one is begun before Restore.
	CloseStream()
	// StreamClosed reports whether that connection is over, as in hal.Closed.
	StreamClosed() bool
	// ForceStream aborts what is left of it.
	ForceStream()
	// StopServer ends the camera's own server: it accepts nobody, and its
	// connections are closed.
	StopServer()
	ServerStopped() bool
	// CameraOff stops sensor and DMA, and lets go of what they need.
	CameraOff()
	CameraIsOff() bool
	// Restore makes camera, server and stream run again. It may be called twice.
	Restore()
	// Restored reports whether they run; that the relay is there is not asked for.
	Restored() bool

	// Report takes one message to the relay, by MQTT or else by the WebSocket. It
	// must not keep the slice.
	Report(ack []byte) Delivery
	// Reported says that all that was taken has arrived, as far as one can know.
	Reported() bool

	// Reboot ends connections in order and restarts the chip, within a second.
	Reboot()
}

// Delivery is what became of a report.
type Delivery uint8

// What can become of a report.
const (
	NoChannel Delivery = iota // nothing is connected
	Full                      // later
	Taken
)

// Mode is what a camera does since its start.
type Mode uint8

// The modes.
const (
	Normal     Mode = iota
	OnTrial         // the image has to prove itself: see Trial
	UpdateOnly      // an update goes on; camera, server and stream are not to be started
)

// String is the state as the hello has it.
func (m Mode) String() string { return [...]string{"confirmed", "trial", "update"}[min(m, UpdateOnly)] }

// Config is what an Updater stands on.
type Config struct {
	Network  hal.Network
	Random   hal.Random
	System   hal.System
	Device   Device
	Flash    flash.Device
	Map      boot.Map
	Log      *boot.Log      // open
	Store    *config.Store  // of the state; open
	Values   *config.Values // of the state; Updater.Boot fills it
	Hash     image.Hash
	Verifier image.Verifier
	Ring     []image.Key   // who may sign images; none: no updates
	Running  *image.Header // of the image that runs

	Host        string // of the relay
	Port        uint16
	Camera, Key []byte
}

// Updater does one update at a time. It is made once and kept: Init, Boot, and
// then Step.
type Updater struct {
	network  hal.Network
	random   hal.Random
	system   hal.System
	device   Device
	chip     flash.Device
	layout   boot.Map
	log      *boot.Log
	hash     image.Hash
	verifier image.Verifier
	ring     []image.Key
	running  *image.Header
	key      []byte
	slot     boot.Slot
	mode     Mode
	start    [4]byte // of boot: a random number
	other    uint32  // build in the other slot
	target   image.Target
	host     [80]byte // host:port
	hostLen  int
	path     [80]byte // where reports go
	pathLen  int
	state    state

	step     step
	moved    bool // the step has got on
	now      int64
	since    int64 // when the step began
	until    int64 // when it must be over
	deadline int64 // when the camera restarts, whatever it does
	order    order
	incoming order
	attempt  uint8
	before   hal.Memory
	cause    code
	clean    bool // the restart that is due goes to update-only mode
	twice    bool // Restore has been called twice

	client   fetch.Client
	fetching bool  // the client loads, and does not report
	due      int64 // when it may begin
	hold     int64 // until then reports go first
	tries    uint8
	mark     uint32 // offset from which 64 KiB more make tries 0 again
	told     uint32 // offset of the last ack, and its time
	toldAt   int64
	skip     uint32 // bytes of the answer that are here already
	got      uint32
	etag     [fetch.MaxETag]byte
	etagLen  int
	next     image.Header
	head     [image.UsedSize]byte
	writer   slot.Writer
	buf      [image.HeaderSize]byte

	reports
}

// Init says what a new Updater stands on. It touches nothing.
func (u *Updater) Init(c *Config) {
	u.network, u.random, u.system, u.device = c.Network, c.Random, c.System, c.Device
	u.chip, u.layout, u.log = c.Flash, c.Map, c.Log
	u.hash, u.verifier, u.ring = c.Hash, c.Verifier, c.Ring
	u.running, u.key, u.slot = c.Running, c.Key, c.System.Slot()
	u.state.store, u.state.values = c.Store, c.Values
	u.target = image.Target{Board: c.Running.Board.String(), Chip: c.Running.Chip.String(), Slot: c.Map.SlotSize, Build: c.Running.Build}
	u.hostLen = len(text.AppendUint(append(append(u.host[:0], c.Host...), ':'), uint64(c.Port)))
	u.pathLen = len(append(append(append(u.path[:0], "/ota/cameras/"...), c.Camera...), "/report"...))
	u.client.Init(c.Network, c.Host, c.Port)
	id := c.Random.Uint32()
	u.start = [4]byte{byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
}

// Active reports whether an update is under way: the camera must not sleep,
// restart or change what it is configured for.
func (u *Updater) Active() bool { return u.step != resting }

// Mode is what the camera does since its start.
func (u *Updater) Mode() Mode { return u.mode }

// Command takes a message of the relay. Those that are no orders for an update
// it ignores.
func (u *Updater) Command(now int64, message []byte) {
	u.now = now
	o := &u.incoming
	c, ok := o.parse(message, u.host[:u.hostLen], u.scratch[:])
	switch {
	case c == start:
		u.accept(ok)
	case c == abort && ok && o.job == u.order.job && u.abortable():
		u.fail(aborted)
	case c == abort && ok, c == status:
		u.repeat()
	}
}

// accept looks at the incoming order, and begins.
func (u *Updater) accept(sound bool) {
	o := &u.incoming
	switch {
	case o.job[0] != 0 && o.job == u.state.job:
		u.repeat()
	case !sound:
		u.reject(badRequest)
	case u.mode == OnTrial:
		u.reject(onTrial)
	case u.step != resting:
		u.reject(busy)
	case o.otherHost:
		u.reject(wrongHost)
	case len(u.ring) == 0:
		u.reject(notConfigured)
	case o.size > u.layout.SlotSize:
		u.reject(tooLarge)
	default:
		u.begin()
	}
}

func (u *Updater) reject(c code) {
	u.report(ack{job: u.incoming.job, phase: Rejected, code: c})
}

// begin begins an update whose order makes sense.
func (u *Updater) begin() {
	u.order, u.attempt, u.clean, u.cause = u.incoming, 1, false, ""
	u.deadline = u.now + int64(u.order.budget)*second
	u.state.job = u.order.job
	if err := u.state.save(outcome{phase: Accepted, build: u.running.Build}); err != nil {
		u.cause = flashError
		u.reportFailed(Accepted, true)
		return
	}
	u.before = u.system.Memory()
	u.report(ack{phase: Accepted, attempt: u.attempt})
	u.enter(announcing, second)
}

// floor is the lowest build that may be installed.
func (u *Updater) floor() uint32 {
	floor := u.state.floor()
	if u.mode == OnTrial {
		return floor
	}
	return max(floor, u.running.Floor)
}
