// Package otatest runs the coordinator of updates with a camera's real firmware
// in one world of simulated time, package worldsim, in which everything goes
// wrong: both decide for themselves, and what they made of it must agree.
package otatest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"camrelay/firmware/core/engine/worldsim"
	"camrelay/firmware/core/image"
	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/journal"
	"camrelay/internal/vcam"
	"camrelay/internal/wire"
)

// Config is one run.
type Config struct {
	Seed uint64
	Jobs int
	Dir  string // of the journal
	Calm bool   // nothing goes wrong but the images
	Log  func(line string)
}

// Counts are what has happened in a run.
type Counts struct {
	worldsim.Counts
	Ends      map[string]int // jobs by result and code
	Refused   map[ota.Code]int
	Corrected int // late results
	Simulated time.Duration
}

// camera is the one camera's id in worldsim.
const camera = "door"

// longest is how long a job may be on its way, the time in which its relay is
// away left out: an hour in the queue, and what ota.Timing adds up to, twice.
const longest = 2 * time.Hour

// Run runs updates one after another. The error says what did not hold, and
// what happened before.
func Run(c Config) (Counts, error) {
	w, err := worldsim.New(worldsim.Config{Seed: c.Seed, Calm: c.Calm, NoJob: true, Log: c.Log})
	if err != nil {
		return Counts{}, err
	}
	r := &relay{World: w, conf: c, results: map[string][]result{}, releases: map[string]*release{}}
	r.Ends, r.Refused = map[string]int{}, map[ota.Code]int{}
	r.open()
	w.Attach(r)
	r.next = r.clock().Add(time.Minute)
	const slice = 10 * time.Minute
	for r.done < c.Jobs {
		if err := w.Run(slice); err != nil {
			return r.Counts(), err
		}
		if r.Simulated += slice; r.Simulated > time.Duration(c.Jobs+10)*longest {
			return r.Counts(), errors.New("the jobs do not come to an end")
		}
	}
	r.next = r.clock().Add(never)
	if err := w.Run(20 * time.Minute); err != nil {
		return r.Counts(), err
	}
	err = r.settled()
	return r.Counts(), err
}

// never is later than the end of a run.
const never = 1000 * time.Hour

// relay is what is around the coordinator in a real relay; it is the world's
// brain.
type relay struct {
	*worldsim.World
	conf    Config
	journal *journal.Journal
	updates *ota.Coordinator // nil: the relay is away

	releases map[string]*release // by SHA-256
	newest   *release
	results  map[string][]result // by job
	shown    string
	pins     int

	job    string    // that is on its way; "": none
	since  time.Time // of the job, without the time in which the relay was away
	left   time.Time // when the relay ended
	next   time.Time // when the next job is due
	tricks int
	done   int

	Ends      map[string]int
	Refused   map[ota.Code]int
	Corrected int
	Simulated time.Duration
}

type release struct {
	catalog.Image
	content   []byte
	behaviour vcam.Behaviour
	spoilt    bool
}

type result struct {
	Job, Result string
	Code        ota.Code
	Late        bool
}

var _ worldsim.Brain = (*relay)(nil)

// Counts are those so far.
func (r *relay) Counts() Counts {
	return Counts{r.World.Counts, r.Ends, r.Refused, r.Corrected, r.Simulated}
}

func (r *relay) clock() time.Time { return time.UnixMicro(r.Unix()).UTC() }

// open is the relay's start.
func (r *relay) open() {
	var err error
	if r.journal, err = journal.Open(r.conf.Dir); err != nil {
		panic(err)
	}
	r.pins = 0
	if r.updates, err = ota.New(ota.Options{
		Images: r, Cameras: r, Publisher: r, Journal: r.journal, Secret: []byte("secret"), Relay: "sim", Parallel: 1,
		Budget: 5 * time.Minute, Now: r.clock,
	}); err != nil {
		panic(err)
	}
	r.updates.Start()
}

// Killed implements worldsim.Brain.
func (r *relay) Killed() {
	if err := r.journal.Close(); err != nil {
		r.Fail("the journal: %v", err)
	}
	r.updates, r.shown, r.left = nil, "", r.clock()
}

// Started implements worldsim.Brain.
func (r *relay) Started() {
	away := r.clock().Sub(r.left)
	r.since = r.since.Add(away)
	r.open()
	if j, ok := r.updates.Job(camera); r.job != "" && (!ok || j.ID != r.job) {
		r.Fail("after a restart the relay has forgotten job %s", r.job)
	}
}

// Of worldsim.Brain.

func (r *relay) Opened(host string)         { r.updates.StreamOpened(camera, host) }
func (r *relay) Closed()                    { r.updates.StreamClosed(camera) }
func (r *relay) Streams()                   { r.updates.Streams(camera) }
func (r *relay) Hello(h wire.Hello)         { r.updates.Hello(camera, h) }
func (r *relay) Ack(a wire.UpdateAck)       { r.updates.Ack(camera, a) }
func (r *relay) Presence(on bool)           { r.updates.Presence(camera, on) }
func (r *relay) Grants(token string) bool   { _, ok := r.updates.Grant(token); return ok }
func (r *relay) Answer(order string) []byte { return r.updates.Answer(camera, order) }
func (r *relay) Served(token string, offset int64) {
	if g, ok := r.updates.Grant(token); ok {
		r.updates.Served(camera, g.Order, offset)
	}
}

// Look implements worldsim.Brain: time passes, and people ask for something.
func (r *relay) Look() {
	r.updates.Tick()
	j, ok := r.updates.Job(camera)
	switch {
	case r.job == "" && r.clock().After(r.next):
		r.ask()
	case r.job == "":
	case !ok || j.ID != r.job:
		r.Fail("job %s is not there any more", r.job)
	case j.State.Final():
		r.over(j)
	case r.clock().Sub(r.since) > longest:
		r.Fail("job %s is still %s:%s after %v", j.ID, j.State, j.Step, longest)
	case r.tricks > 0 && !j.Begun.IsZero() && r.Rand(20) == 0:
		r.tricks--
		r.meddle(j)
	}
}

// ask asks for an update, mostly to a new image.
func (r *relay) ask() {
	t := ota.Trigger{Action: ota.Install, Force: true}
	if r.newest == nil || r.Rand(10) > 0 {
		r.publish()
	}
	switch r.Rand(12) {
	case 0:
		t.Action = ota.DryRun
	case 1:
		t.Want.Version = "9.9.9"
	}
	job, err := r.updates.Trigger(camera, t, "test")
	var refused *ota.RefusedError
	if errors.As(err, &refused) {
		r.Refused[refused.Code]++
		r.next = r.clock().Add(30 * time.Second)
		return
	}
	r.Mention("job %s to %s", job.ID, job.To.Version)
	r.job, r.since = job.ID, r.clock()
	r.tricks = r.Rand(3)
}

// meddle is what people do while an update runs.
func (r *relay) meddle(j ota.Job) {
	switch r.Rand(6) {
	case 0:
		r.Mention("job %s is cancelled", j.ID)
		_, _ = r.updates.Trigger(camera, ota.Trigger{Action: ota.Cancel}, "test")
	case 1: // once more
		if again, err := r.updates.Trigger(camera, ota.Trigger{Action: ota.Install, Want: catalog.Criteria{SHA256: j.To.SHA256}}, "test"); err == nil {
			r.Fail("the same update is accepted twice: %s", again.ID)
		}
	case 2:
		_, _ = r.updates.Trigger(camera, ota.Trigger{Action: ota.Status}, "test")
	}
}

// publish makes a release: good ones, and others.
func (r *relay) publish() {
	kinds := vcam.Behaviours()
	kind := kinds[r.Rand(2*len(kinds))%len(kinds)]
	if r.Rand(2) == 0 || kind == vcam.Hangs { // that one confirms itself: worldsim's own runs have it
		kind = vcam.Good
	}
	spoilt := r.Rand(12) == 0
	content, err := r.Release(kind, 20<<10+r.Rand(100<<10), spoilt)
	if err != nil {
		panic(err)
	}
	var h image.Header
	if err := image.Decode(content, &h); err != nil {
		panic(err)
	}
	sum := sha256.Sum256(content)
	r.newest = &release{catalog.Image{SHA256: hex.EncodeToString(sum[:]), Header: h}, content, kind, spoilt}
	r.releases[r.newest.SHA256] = r.newest
}

// over looks at how a job ended.
func (r *relay) over(j ota.Job) {
	to := r.releases[j.To.SHA256]
	proved := r.Proved(to.content)
	name := string(j.State)
	if j.Code != "" {
		name += " " + string(j.Code)
	}
	r.Ends[name]++
	told := r.results[j.ID]
	switch {
	case len(told) == 0 || told[0].Late:
		r.Fail("job %s ended %s without a result: %+v", j.ID, name, told)
	case j.State == ota.Succeeded && !proved:
		r.Fail("job %s is said to have succeeded: %s (%s) has not proved itself", j.ID, j.To.Version, to.behaviour)
	case j.State == ota.RolledBack && proved && to.behaviour == vcam.Good:
		r.Fail("job %s is said to have been rolled back: %s has proved itself", j.ID, j.To.Version)
	case r.conf.Calm && to.behaviour == vcam.Good && !to.spoilt && j.State != ota.Succeeded && j.State != ota.Cancelled && j.Code != ota.AlreadyThere:
		r.Fail("job %s ended %s, although nothing was wrong", j.ID, name)
	}
	if r.pins != 0 || r.shown != "" {
		r.Fail("job %s is over, and %d images are held, and viewers read %q", j.ID, r.pins, r.shown)
	}
	r.job = ""
	r.done++
	r.next = r.clock().Add(time.Duration(r.Rand(180)) * time.Second)
	if r.done >= r.conf.Jobs { // one that was on its way when enough had ended
		r.next = r.clock().Add(never)
	}
}

// settled looks at what is left in the end.
func (r *relay) settled() error {
	for job, told := range r.results {
		first := slices.IndexFunc(told, func(x result) bool { return !x.Late })
		n := 0
		for _, x := range told {
			if x.Late {
				r.Corrected++
			} else if x != told[first] {
				return fmt.Errorf("job %s has two results: %+v", job, told)
			}
			n++
		}
		if first != 0 || n-1 > 3 {
			return fmt.Errorf("results of job %s: %+v", job, told)
		}
	}
	if r.updates != nil && r.Age() > time.Minute && r.conf.Calm {
		return fmt.Errorf("the camera has sent nothing for %v", r.Age())
	}
	if r.updates == nil {
		return nil
	}
	return r.journal.Close()
}

// Of ota.Images.

func (r *relay) Match(board, chip string, w catalog.Criteria) (catalog.Image, error) {
	for _, i := range r.releases {
		if w.SHA256 != "" && i.SHA256 == w.SHA256 || w == (catalog.Criteria{}) && i == r.newest {
			return i.Image, nil
		}
	}
	return catalog.Image{}, fmt.Errorf("%w: %v", catalog.ErrUnknown, w)
}

func (r *relay) Recheck(string) error { return nil }

func (r *relay) Pin(sha string) (func(), error) {
	if r.releases[sha] == nil {
		return nil, catalog.ErrNotFound
	}
	r.pins++
	once := false
	return func() {
		if once {
			r.Fail("an image is let go of twice")
		}
		once = true
		r.pins--
	}, nil
}

// Of ota.Cameras.

func (r *relay) Send(_ string, order []byte) { r.Order(order) }
func (r *relay) CloseStream(string)          { r.World.CloseStream() }
func (r *relay) Show(_, text string)         { r.shown = text }
func (r *relay) Viewers(string) int          { return 0 }
func (r *relay) Exists(id string) bool       { return id == camera }

// Of ota.Publisher.

func (r *relay) State(string, []byte) {}

func (r *relay) Event(_, line string) { r.Mention("event: %s", line) }

func (r *relay) Result(_ string, document []byte) {
	var x result
	if err := json.Unmarshal(document, &x); err != nil {
		r.Fail("%v in %s", err, document)
	}
	if x.Job == "" {
		return // a trigger was refused
	}
	r.results[x.Job] = append(r.results[x.Job], x)
	if r.updates != nil {
		r.updates.Told(camera, document)
	}
}
