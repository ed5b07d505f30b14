package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/firmware/core/image"
	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/journal"
	"camrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a fleet of model cameras with a real coordinator and a manager, in a
// time of its own.
type world struct {
	t      testing.TB
	dir    string
	now    time.Time
	robots []*robot
	byID   map[string]*robot
	images []catalog.Image
	groups map[string][]string

	jobs *journal.Journal
	c    *ota.Coordinator
	m    *Manager
	opt  ota.Options

	states  map[string]stateDocument
	order   []string // of updates, as they began
	results []resultDocument
	answers []answerDocument
	cleared []string

	writes  int // of the manager's journal
	crashAt int // the write at which the relay is killed; 0: never
	after   bool
	broken  bool   // the manager's disk
	saved   string // what the disk held when the relay was killed
}

func newWorld(t testing.TB, cameras int) *world {
	w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), byID: map[string]*robot{}, groups: map[string][]string{}, states: map[string]stateDocument{}}
	w.images = []catalog.Image{imageOf("1.5.0", 1050), imageOf("1.4.2", 1042)}
	for i := range cameras {
		r := &robot{w: w, id: fmt.Sprintf("cam-%03d", i), build: 1042, confirmed: true, up: true, boots: 1, rssi: -30 - i%60, fps: 10}
		w.robots = append(w.robots, r)
		w.byID[r.id] = r
	}
	w.opt = ota.Options{Images: w, Cameras: w, Publisher: nowhere{}, Secret: []byte("secret"), Now: w.clock, Parallel: 100}
	w.start()
	for _, r := range w.robots {
		r.hello()
	}
	return w
}

func imageOf(version string, build uint32) catalog.Image {
	text := func(s string) image.Text { t, _ := image.NewText(s); return t }
	return catalog.Image{
		SHA256: fmt.Sprintf("%064x", build),
		Header: image.Header{Length: 400 << 10, Build: build, Version: text(version), Board: text("vcam"), Chip: text("host")},
	}
}

func (w *world) clock() time.Time { return w.now }

// start is the relay's start with what its disk holds.
func (w *world) start() {
	w.t.Helper()
	var err error
	if w.jobs, err = journal.Open(w.dir + "/updates"); err != nil {
		w.t.Fatal(err)
	}
	rollouts, err := journal.Open(w.dir + "/rollouts")
	if err != nil {
		w.t.Fatal(err)
	}
	w.opt.Journal, w.opt.Finished = w.jobs, func(j ota.Job) {
		if !w.dead() {
			w.m.Finished(j)
		}
	}
	if w.c, err = ota.New(w.opt); err != nil {
		w.t.Fatal(err)
	}
	w.m, err = New(Options{Updates: killable{w.c, w}, Images: w, Fleet: w, Publisher: w, Journal: &disk{rollouts, w}, Now: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	w.c.Start()
	w.m.Start()
}

func (w *world) dead() bool { return w.saved != "" }

// restart is kill -9 and another start; the cameras' sockets break.
func (w *world) restart() {
	if w.dead() {
		w.dir, w.saved = w.saved, ""
	}
	w.crashAt = 0
	w.now = w.now.Add(time.Second)
	w.start()
	for _, r := range w.robots {
		if r.streaming {
			r.streaming = false
			r.hello()
		}
	}
}

// kill keeps the disk as it is: what the relay does from now on is a dream.
func (w *world) kill() {
	w.saved = w.t.TempDir()
	if err := os.CopyFS(w.saved, os.DirFS(w.dir)); err != nil {
		w.t.Fatal(err)
	}
}

// killable loses what is asked for after the relay was killed.
type killable struct {
	*ota.Coordinator
	w *world
}

func (k killable) Trigger(camera string, t ota.Trigger, source string) (ota.Job, error) {
	if k.w.dead() {
		return ota.Job{}, errors.New("killed")
	}
	return k.Coordinator.Trigger(camera, t, source)
}

// disk is the manager's journal, which fails or is where the relay is killed.
type disk struct {
	*journal.Journal
	w *world
}

func (d *disk) Append(name string, line []byte) error {
	if d.w.broken || d.w.dead() {
		return errors.New("no space left on device")
	}
	d.w.writes++
	killed := d.w.writes == d.w.crashAt
	if killed && !d.w.after {
		d.w.kill()
		return errors.New("killed")
	}
	err := d.Journal.Append(name, line)
	if killed {
		d.w.kill()
	}
	return err
}

// Images.

func (w *world) Match(board, chip string, c catalog.Criteria) (catalog.Image, error) {
	if board != "vcam" {
		return catalog.Image{}, fmt.Errorf("%w for board %s", catalog.ErrNone, board)
	}
	for _, i := range w.images {
		if (c.Version == "" || c.Version == i.Version()) && (c.Build == 0 || c.Build == i.Build()) && strings.HasPrefix(i.SHA256, c.SHA256) {
			return i, nil
		}
	}
	return catalog.Image{}, fmt.Errorf("%w: %v", catalog.ErrUnknown, c)
}
func (w *world) Recheck(string) error           { return nil }
func (w *world) Pin(sha string) (func(), error) { return func() {}, nil }

// Cameras, to the coordinator and the manager.

func (w *world) Exists(id string) bool { return w.byID[id] != nil }
func (w *world) Viewers(id string) int { return w.byID[id].viewers }
func (w *world) Show(string, string)   {}
func (w *world) CloseStream(id string) { w.byID[id].cut() }
func (w *world) Send(id string, order []byte) {
	if r := w.byID[id]; r != nil && !w.dead() {
		r.mail = append(r.mail, order)
	}
}

func (w *world) Cameras() []Camera {
	var list []Camera
	for _, r := range w.robots {
		if w.byID[r.id] != nil {
			list = append(list, Camera{r.id, w.groups[r.id]})
		}
	}
	return list
}

func (w *world) Look(id string) (Sight, bool) {
	r := w.byID[id]
	if r == nil {
		return Sight{}, false
	}
	return Sight{Streaming: r.streaming, Resting: r.resting, FPS: r.fps, Wanted: r.wanted, RSSI: r.rssi, Viewers: r.viewers}, true
}

// Publisher.

func (w *world) RolloutState(id string, document []byte) {
	switch {
	case w.dead():
	case document == nil:
		w.cleared = append(w.cleared, id)
	default:
		var doc stateDocument
		if err := json.Unmarshal(document, &doc); err != nil || doc.Rev <= w.states[id].Rev {
			w.t.Errorf("%s after rev %d: %v", document, w.states[id].Rev, err)
		}
		w.states[id] = doc
	}
}

func (w *world) RolloutResult(_ string, document []byte) {
	var doc resultDocument
	if err := json.Unmarshal(document, &doc); err != nil {
		w.t.Error(err)
	}
	if !w.dead() {
		w.results = append(w.results, doc)
	}
}

func (w *world) RolloutAnswer(_ string, document []byte) {
	var doc answerDocument
	if err := json.Unmarshal(document, &doc); err != nil {
		w.t.Error(err)
	}
	w.answers = append(w.answers, doc)
}

// step lets half a second pass.
func (w *world) step() {
	w.now = w.now.Add(500 * time.Millisecond)
	for _, r := range w.robots {
		if w.dead() {
			return
		}
		r.step()
	}
	if !w.dead() {
		w.c.Tick()
	}
	if !w.dead() {
		w.m.Tick()
	}
}

func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end) && !w.dead(); {
		w.step()
	}
}

// until steps until something is so.
func (w *world) until(what string, is func() bool) {
	w.t.Helper()
	for range 100_000 {
		if is() || w.dead() {
			return
		}
		w.step()
	}
	w.t.Fatalf("%s: not after %s; %s", what, w.now, w.dump())
}

func (w *world) dump() string {
	text := ""
	for _, v := range w.m.List() {
		v, _ = w.m.Get(v.ID)
		text += fmt.Sprintf("%s %s wave %d waits %q %v\n", v.ID, v.State, v.Wave, v.Waits, v.Counts)
		for _, t := range v.Cameras {
			if t.State != Succeeded && t.State != Pending && t.State != NotStarted {
				text += fmt.Sprintf("  %+v\n", t)
			}
		}
	}
	return text
}

// begin parses a document and begins its rollout.
func (w *world) begin(text string) View {
	w.t.Helper()
	v, err := w.try(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) try(text string) (View, error) {
	w.t.Helper()
	r, err := Parse([]byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.m.Create(r.Document, "", "test", false)
}

func (w *world) get(id string) View {
	w.t.Helper()
	v, ok := w.m.Get(id)
	if !ok {
		w.t.Fatalf("no rollout %s", id)
	}
	return v
}

// over runs a rollout to its end.
func (w *world) over(id string) View {
	w.t.Helper()
	w.until("the end of "+id, func() bool { return w.get(id).State.Final() })
	return w.get(id)
}

// stream ends when every camera streams again.
func (w *world) streams() {
	w.t.Helper()
	w.until("all stream", func() bool {
		for _, r := range w.robots {
			if !r.streaming || !r.confirmed || r.job != "" {
				return false
			}
		}
		return true
	})
}

// nowhere is an ota.Publisher.
type nowhere struct{}

func (nowhere) State(string, []byte)  {}
func (nowhere) Event(string, string)  {}
func (nowhere) Result(string, []byte) {}

// robot is a model of a camera: it does what docs/protocol.md section 7 says.
type robot struct {
	w         *world
	id        string
	build     uint32
	confirmed bool
	boots     int
	seq       uint32
	up        bool
	streaming bool
	resting   bool
	fps       float64
	wanted    float64
	rssi      int
	viewers   int
	reset     string
	wait      int // steps until the next thing happens

	broken   string // what goes wrong with the new image
	mail     [][]byte
	job      string // running
	last     string // accepted last
	begun    []string
	said     wire.UpdateAck
	phase    string
	offset   int64
	rolled   string // to be said after the next start
	trialled int
}

const (
	size      = 400 << 10
	oldBuild  = 1042
	newBuild  = 1050
	trialTime = 240 // steps
)

// kinds are the ways in which an update goes wrong.
var kinds = []string{"failed", "rolled_back", "lost", "power", "unconfirmed"}

func (r *robot) boot() string { return fmt.Sprintf("%08x", r.boots) }

func (r *robot) say(a wire.UpdateAck) {
	r.seq++
	a.Boot, a.Seq, a.Build, a.Job = r.boot(), r.seq, r.build, r.last
	r.said = a
	r.w.c.Ack(r.id, a)
}

func (r *robot) hello() {
	state := wire.StateConfirmed
	if !r.confirmed {
		state = wire.StateTrial
	}
	version := map[uint32]string{oldBuild: "1.4.2", newBuild: "1.5.0"}[r.build]
	if !r.streaming {
		r.w.c.StreamOpened(r.id, "relay:8080")
	}
	r.w.c.Hello(r.id, wire.Hello{Firmware: version, Build: r.build, Board: "vcam", Chip: "host", Boot: r.boot(), State: state, Reset: r.reset, Job: r.last})
	r.streaming = true
	r.w.c.Streams(r.id)
}

func (r *robot) cut() {
	if r.streaming {
		r.streaming = false
		r.w.c.StreamClosed(r.id)
	}
}

func (r *robot) read(order []byte) {
	var u wire.Update
	if err := json.Unmarshal(order, &u); err != nil {
		r.w.t.Error(err)
	}
	switch {
	case u.Cmd == wire.UpdateStart && u.Job == r.last, u.Cmd == wire.UpdateStatus:
		r.w.c.Ack(r.id, r.said)
	case u.Cmd == wire.UpdateStart && r.job == "":
		r.job, r.last, r.offset, r.phase, r.wait = u.Job, u.Job, 0, wire.PhaseAccepted, 1
		r.begun = append(r.begun, u.Job)
		r.w.order = append(r.w.order, r.id)
	case u.Cmd == wire.UpdateAbort && u.Job == r.job && r.phase != wire.PhaseActivated && r.phase != wire.PhaseRebooting:
		r.fail("aborted")
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

func (r *robot) restart(why string, away int) {
	r.cut()
	r.job, r.phase, r.reset, r.up, r.seq, r.wait = "", "", why, false, 0, away
	r.boots++
}

// back is what the selector does with an image that did not prove itself.
func (r *robot) back(code string, away int) {
	r.build, r.confirmed, r.rolled = oldBuild, true, code
	r.restart("watchdog", away)
}

func (r *robot) step() {
	if r.up {
		mail := r.mail
		r.mail = nil
		for _, order := range mail {
			r.read(order)
		}
	}
	if r.wait > 0 {
		r.wait--
		return
	}
	switch {
	case !r.up:
		r.up = true
		r.hello()
		if r.rolled != "" {
			r.say(wire.UpdateAck{Phase: wire.PhaseRolledBack, Code: r.rolled})
			r.rolled = ""
		}
		r.wait = 4
	case !r.confirmed:
		r.prove()
	case r.job != "":
		r.advance()
	}
}

// prove is the trial of a new image.
func (r *robot) prove() {
	switch r.broken {
	case "rolled_back":
		if r.trialled++; r.trialled < 3 {
			r.restart("panic", 4)
			return
		}
		r.back("trial_reset", 6)
	case "unconfirmed":
		if r.trialled++; r.trialled > trialTime {
			r.back("trial_timeout", 6)
		}
	default:
		r.confirmed = true
		r.say(wire.UpdateAck{Phase: wire.PhaseConfirmed})
	}
}

var next = map[string]string{
	wire.PhaseAccepted: wire.PhaseStreamClosed, wire.PhaseStreamClosed: wire.PhaseServerStopped, wire.PhaseServerStopped: wire.PhaseReady,
	wire.PhaseReady: wire.PhaseHeaderOK, wire.PhaseHeaderOK: wire.PhaseDownloading, wire.PhaseVerified: wire.PhaseActivated, wire.PhaseActivated: wire.PhaseRebooting,
}

func (r *robot) advance() {
	switch r.phase {
	case wire.PhaseDownloading:
		if r.broken == "power" && r.offset > size/2 {
			r.restart("power", 10)
			return
		}
		if r.offset < size {
			r.offset = min(size, r.offset+64<<10)
			r.w.c.Served(r.id, r.job, r.offset)
			return
		}
		if r.broken == "failed" {
			r.fail("flash_error")
			return
		}
		r.phase = wire.PhaseVerified
	case wire.PhaseRebooting:
		r.build, r.confirmed, r.trialled = newBuild, false, 0
		if r.restart("software", 6); r.broken == "lost" {
			r.back("trial_reset", 2*60*90) // somebody power-cycles it after an hour and a half
		}
		return
	}
	r.say(wire.UpdateAck{Phase: r.phase})
	if r.phase = next[r.phase]; r.phase == wire.PhaseStreamClosed {
		r.cut()
	}
}
