package ota

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/image"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/journal"
	"camrelay/internal/wire"
)

// fixture is a coordinator with a model of a camera, in a time of its own.
type fixture struct {
	t     testing.TB
	dir   string
	now   time.Time
	j     *journal.Journal
	c     *Coordinator
	robot robot

	states, results []string // published
	last            stateDocument
	shown           string
	opt             Options
	images          []catalog.Image

	drop, double int // the n-th message between relay and camera, either way
	messages     int
	delayed      []func()
}

func text32(s string) image.Text { t, _ := image.NewText(s); return t }

func newImage(version string, build uint32) catalog.Image {
	return catalog.Image{
		SHA256: fmt.Sprintf("%064x", build),
		Header: image.Header{Length: 400 << 10, Build: build, Version: text32(version), Board: text32("vcam"), Chip: text32("host")},
	}
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), drop: -1, double: -1}
	f.images = []catalog.Image{newImage("1.5.0", 1050), newImage("1.4.2", 1042), newImage("1.3.0", 1030)}
	f.robot = robot{f: f, build: 1042, boots: 1, up: true, confirmed: true}
	f.opt = Options{Images: f, Cameras: f, Publisher: f, Secret: []byte("secret"), Relay: "lab", Now: func() time.Time { return f.now }}
	f.start()
	f.robot.hello()
	return f
}

// start is the relay's start, with what its disk holds.
func (f *fixture) start() {
	var err error
	if f.j, err = journal.Open(f.dir); err != nil {
		f.t.Fatal(err)
	}
	f.opt.Journal = f.j
	if f.c, err = New(f.opt); err != nil {
		f.t.Fatal(err)
	}
	f.c.Start()
}

// restart is kill -9 and another start; the camera's sockets break.
func (f *fixture) restart() {
	f.j.Close()
	f.start()
	f.robot.reconnect()
}

// Images.

func (f *fixture) Match(board, chip string, w catalog.Criteria) (catalog.Image, error) {
	for _, i := range f.images {
		if fits(w, firmware(i)) {
			return i, nil
		}
	}
	return catalog.Image{}, fmt.Errorf("%w: %v", catalog.ErrUnknown, w)
}
func (f *fixture) Recheck(string) error { return nil }
func (f *fixture) Pin(sha string) (func(), error) {
	for _, i := range f.images {
		if i.SHA256 == sha {
			return func() {}, nil
		}
	}
	return nil, catalog.ErrNotFound
}

// Cameras.

func (f *fixture) Exists(camera string) bool { return camera == "door" }
func (f *fixture) Viewers(string) int        { return 0 }
func (f *fixture) Show(_, text string)       { f.shown = text }
func (f *fixture) CloseStream(string)        { f.robot.streamCut() }
func (f *fixture) Send(_ string, order []byte) {
	f.message(func() { f.robot.order(order) })
}

// Publisher.

func (f *fixture) State(_ string, document []byte) {
	var doc stateDocument
	if err := json.Unmarshal(document, &doc); err != nil {
		f.t.Errorf("%s: %v", document, err)
	}
	f.last = doc
	if s := joined(State(doc.State), doc.Step); len(f.states) == 0 || f.states[len(f.states)-1] != s {
		f.states = append(f.states, s)
	}
}
func (f *fixture) Event(string, string) {}
func (f *fixture) Result(_ string, document []byte) {
	var doc resultDocument
	if err := json.Unmarshal(document, &doc); err != nil {
		f.t.Errorf("%s: %v", document, err)
	}
	f.results = append(f.results, strings.TrimSuffix(doc.Result+" "+string(doc.Code), " "))
	f.c.Told("door", document)
}

// message carries something between relay and camera, later.
func (f *fixture) message(deliver func()) {
	n := f.messages
	f.messages++
	switch n {
	case f.drop:
		return
	case f.double:
		f.delayed = append(f.delayed, deliver)
	}
	f.delayed = append(f.delayed, deliver)
}

// pass lets time pass in steps of half a second, until the job has ended or for
// so long.
func (f *fixture) pass(d time.Duration) {
	for end := f.now.Add(d); f.now.Before(end); {
		f.step()
	}
}

func (f *fixture) step() {
	f.now = f.now.Add(500 * time.Millisecond)
	list := f.delayed
	f.delayed = nil
	for _, deliver := range list {
		deliver()
	}
	f.robot.step()
	f.c.Tick()
}

// settle goes on until the job has its result and the camera streams.
func (f *fixture) settle() {
	for range 3000 {
		f.step()
		if j, ok := f.c.Job("door"); ok && j.State.Final() && f.robot.streaming && len(f.delayed) == 0 {
			return
		}
	}
	j, _ := f.c.Job("door")
	f.t.Fatalf("no end: job %s:%s, camera %+v", j.State, j.Step, f.robot)
}

func (f *fixture) trigger(text string) (Job, error) {
	t, err := ParseTrigger([]byte(text))
	if err != nil {
		f.t.Fatal(err)
	}
	return f.c.Trigger("door", t, "test")
}

// robot is a model of a camera: it does what docs/protocol.md section 7 says.
type robot struct {
	f         *fixture
	build     uint32
	other     uint32 // whole image in the other slot
	confirmed bool
	boots     int
	seq       uint32
	up        bool
	streaming bool
	reset     string
	wait      int  // steps until the next thing happens
	bad       bool // the image being installed does not work
	trials    int

	job, last string // running; accepted last
	phase     string
	code      string
	offset    int64
	said      wire.UpdateAck // last ack
	stuck     string         // the phase at which it hangs
	died      string         // the phase at which it loses power
	dies      bool
}

func (r *robot) boot() string { return fmt.Sprintf("%08x", r.boots) }

func (r *robot) say(a wire.UpdateAck) {
	r.seq++
	a.Boot, a.Seq, a.Build, a.Job = r.boot(), r.seq, r.build, r.last
	r.said = a
	r.f.message(func() { r.f.c.Ack("door", a) })
}

func (r *robot) hello() {
	state := wire.StateConfirmed
	if !r.confirmed {
		state = wire.StateTrial
	}
	versions := map[uint32]string{1042: "1.4.2", 1050: "1.5.0", 1030: "1.3.0"}
	h := wire.Hello{Firmware: versions[r.build], Build: r.build, Board: "vcam", Chip: "host", Boot: r.boot(), State: state, Reset: r.reset, Job: r.last, Other: r.other}
	if !r.streaming {
		r.f.c.StreamOpened("door", "relay:8080")
	}
	r.f.c.Hello("door", h) // with the connection: it is not lost without it
	r.streaming = true
	r.f.c.Streams("door")
}

func (r *robot) reconnect() {
	if r.streaming {
		r.streaming = false
		r.hello()
	}
}

func (r *robot) streamCut() {
	if r.streaming {
		r.streaming = false
		r.f.c.StreamClosed("door")
	}
}

func (r *robot) order(order []byte) {
	if !r.up {
		return
	}
	var u wire.Update
	if err := json.Unmarshal(order, &u); err != nil {
		r.f.t.Error(err)
	}
	switch u.Cmd {
	case wire.UpdateStart:
		switch {
		case u.Job == r.last: // known
			again := r.said
			r.f.message(func() { r.f.c.Ack("door", again) })
		case r.job != "":
		default:
			r.job, r.last, r.offset = u.Job, u.Job, 0
			r.phase, r.wait = wire.PhaseAccepted, 1
		}
	case wire.UpdateAbort:
		if r.job != "" && u.Job == r.job && r.phase != wire.PhaseActivated && r.phase != wire.PhaseRebooting {
			r.fail("aborted")
		}
	case wire.UpdateStatus:
		again := r.said
		r.f.message(func() { r.f.c.Ack("door", again) })
	}
}

func (r *robot) fail(code string) {
	at := r.phase
	r.job, r.phase = "", ""
	r.say(wire.UpdateAck{Phase: wire.PhaseFailed, At: at, Code: code, Restored: true})
	if !r.streaming {
		r.hello()
	}
}

// restart is what the selector and the image's start do.
func (r *robot) restart(why string) {
	r.streamCut()
	activated := r.phase == wire.PhaseRebooting || r.phase == wire.PhaseActivated
	r.job, r.phase, r.reset, r.up, r.seq = "", "", why, false, 0
	r.boots++
	r.wait = 8
	if activated {
		r.build, r.other, r.confirmed, r.trials = r.other, r.build, false, 1
	} else if !r.confirmed { // a trial is spent
		if r.trials++; r.trials > 3 {
			r.build, r.other, r.confirmed = r.other, r.build, true
			r.code = "trial_reset"
		}
	}
}

// next are the phases in their order.
var next = map[string]string{
	wire.PhaseAccepted: wire.PhaseStreamClosed, wire.PhaseStreamClosed: wire.PhaseServerStopped, wire.PhaseServerStopped: wire.PhaseReady,
	wire.PhaseReady: wire.PhaseHeaderOK, wire.PhaseHeaderOK: wire.PhaseDownloading, wire.PhaseDownloading: wire.PhaseVerified,
	wire.PhaseVerified: wire.PhaseActivated, wire.PhaseActivated: wire.PhaseRebooting,
}

func (r *robot) step() {
	if r.wait > 0 {
		r.wait--
		return
	}
	switch {
	case !r.up:
		r.up = true
		if r.bad && !r.confirmed {
			r.restart("panic")
			return
		}
		r.hello()
		if r.code != "" {
			r.say(wire.UpdateAck{Phase: wire.PhaseRolledBack, Code: r.code})
			r.code = ""
		}
		r.wait = 6
	case !r.confirmed:
		r.confirmed = true
		r.say(wire.UpdateAck{Phase: wire.PhaseConfirmed})
	case r.job == "":
	case r.phase == r.died && !r.dies:
		r.dies = true
		r.restart("power")
	case r.phase == r.stuck:
		if r.wait = 1; r.stuckFor() {
			r.restart("watchdog")
		}
	default:
		r.advance()
	}
}

var stuckSteps int

// stuckFor counts to the camera's own limit of eight minutes.
func (r *robot) stuckFor() bool {
	stuckSteps++
	if stuckSteps < 480 {
		return false
	}
	stuckSteps = 0
	r.stuck = "-"
	return true
}

func (r *robot) advance() {
	const size = 400 << 10
	switch r.phase {
	case wire.PhaseDownloading:
		if r.offset < size {
			r.offset += 32 << 10
			r.f.c.Served("door", r.job, min(r.offset, size))
			return
		}
		r.other = 1050
	case wire.PhaseRebooting:
		r.restart("software")
		return
	}
	a := wire.UpdateAck{Phase: r.phase, Heap: 148_000, HeapLargest: 110_000}
	if r.phase == wire.PhaseDownloading {
		a.Phase = wire.PhaseVerified
		r.phase = wire.PhaseVerified
	}
	r.say(a)
	r.phase = next[r.phase]
	switch r.phase {
	case wire.PhaseStreamClosed:
		r.streamCut()
	case wire.PhaseDownloading:
		r.say(wire.UpdateAck{Phase: wire.PhaseDownloading})
	}
}

func wantResults(t testing.TB, f *fixture, want ...string) {
	t.Helper()
	if got := strings.Join(f.results, ", "); got != strings.Join(want, ", ") {
		t.Errorf("results: %s; want %s\nstates: %s", got, strings.Join(want, ", "), strings.Join(f.states, " "))
	}
}

func refusal(err error) Code {
	var e *RefusedError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
