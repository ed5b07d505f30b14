package ota

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/journal"
	"camrelay/internal/wire"
)

// Images is what the coordinator needs of the catalog.
type Images interface {
	Match(board, chip string, w catalog.Criteria) (catalog.Image, error)
	Recheck(sha string) error
	Pin(sha string) (release func(), err error)
}

// Cameras is what the coordinator needs of the relay's cameras. The methods
// return at once.
type Cameras interface {
	// Send gives a camera an order by every way there is, MQTT and its
	// WebSocket.
	Send(camera string, order []byte)
	// CloseStream ends a camera's connection with code 4001.
	CloseStream(camera string)
	// Show tells viewers what is going on instead of pictures; "" ends it.
	Show(camera, text string)
	// Viewers is how many people watch now.
	Viewers(camera string) int
	// Exists reports whether there is such a camera.
	Exists(camera string) bool
}

// Publisher tells the world. Its methods return at once, keep the order within a
// topic, and take care of what cannot be delivered now.
type Publisher interface {
	State(camera string, document []byte)  // the newest replaces what has not been delivered
	Event(camera string, line string)      // for who listens just now
	Result(camera string, document []byte) // each one arrives
}

// Options of a Coordinator. Images, Cameras, Publisher, Journal and Secret
// are needed; zero values of the others mean the defaults.
type Options struct {
	Images    Images
	Cameras   Cameras
	Publisher Publisher
	Journal   *journal.Journal
	Host      string // host:port that cameras reach the relay at; empty: what each calls it
	Secret    []byte // tokens are derived from it

	Relay      string // its name
	Parallel   int    // jobs at a time; default 4
	MinHeap    uint32 // bytes a camera must have free; default 40,000
	MinLargest uint32 // in one piece; default 16,384
	Budget     time.Duration
	PerDay     int           // jobs a camera may have in 24 h without force; default 6
	Between    time.Duration // from the end of a job to the next without force; default 5 min
	Timing     Timing
	Window     Window
	Now        func() time.Time // default time.Now
	Logger     *slog.Logger     // default none
	Finished   func(Job)        // told of every job's end, in order per camera; may be nil
}

func (o *Options) setDefaults() {
	o.Timing.setDefaults()
	o.Parallel = cmp.Or(o.Parallel, 4)
	o.MinHeap = cmp.Or(o.MinHeap, 40_000)
	o.MinLargest = cmp.Or(o.MinLargest, 16_384)
	o.Budget = cmp.Or(o.Budget, 8*time.Minute)
	o.PerDay = cmp.Or(o.PerDay, 6)
	o.Between = cmp.Or(o.Between, 5*time.Minute)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Finished == nil {
		o.Finished = func(Job) {}
	}
}

// Coordinator runs the updates of all cameras. It is safe for concurrent use. It
// starts no goroutines: Tick, or Run, which calls it, lets time pass.
type Coordinator struct {
	opt Options

	mu      sync.Mutex
	desks   map[string]*desk
	running int // jobs that have left the queue
}

// New reads the journals and goes on with the jobs in them. A journal that is
// damaged is set aside, and its camera's state said to be unknown.
func New(opt Options) (*Coordinator, error) {
	opt.setDefaults()
	c := &Coordinator{opt: opt, desks: map[string]*desk{}}
	names, err := opt.Journal.Names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if wire.CheckID(name) != nil {
			continue
		}
		d := newDesk(c, name)
		if err := d.load(); err != nil {
			opt.Logger.Error("the camera's updates are forgotten", "camera", name, "reason", err)
		}
		c.desks[name] = d
	}
	return c, nil
}

// Start goes on with what was running: to be called when Publisher and Cameras
// work.
func (c *Coordinator) Start() {
	for _, d := range c.all() {
		d.do(d.resume)
	}
}

// Run lets time pass until ctx ends.
func (c *Coordinator) Run(ctx context.Context) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.Tick()
		}
	}
}

// Tick looks at what is due.
func (c *Coordinator) Tick() {
	for _, d := range c.all() {
		d.do(d.tick)
	}
}

// Trigger takes a request. It returns the job that it became, or that is running
// already, or the result by which it was refused.
func (c *Coordinator) Trigger(camera string, t Trigger, source string) (Job, error) {
	if wire.CheckID(camera) != nil || !c.opt.Cameras.Exists(camera) {
		return Job{}, c.refuse(camera, t, UnknownCamera, "")
	}
	var (
		job Job
		err error
	)
	d := c.desk(camera)
	d.do(func() { job, err = d.trigger(t, source) })
	return job, err
}

// Refuse publishes the result of a trigger that could not be read.
func (c *Coordinator) Refuse(camera string, code Code, detail string) {
	c.refuse(camera, Trigger{}, code, detail)
}

func (c *Coordinator) refuse(camera string, t Trigger, code Code, detail string) error {
	e := &RefusedError{Code: code, Text: sentence(code, camera, "", t.Want.String(), detail)}
	if wire.CheckID(camera) == nil { // else there is no topic for it
		c.opt.Publisher.Result(camera, resultOfRefusal(c.opt.Now(), camera, t, e))
	}
	return e
}

// Ack takes what a camera says about its update.
func (c *Coordinator) Ack(camera string, a wire.UpdateAck) {
	a.Code, a.At, a.Firmware, a.Board, a.Chip = clean(a.Code), clean(a.At), clean(a.Firmware), clean(a.Board), clean(a.Chip)
	if d := c.known(camera); d != nil {
		d.do(func() { d.ack(a) })
	}
}

// Hello takes what a camera says about itself when it connects.
func (c *Coordinator) Hello(camera string, h wire.Hello) {
	h.Firmware, h.Board, h.Chip, h.Slot, h.State, h.Reset = clean(h.Firmware), clean(h.Board), clean(h.Chip), clean(h.Slot), clean(h.State), clean(h.Reset)
	d := c.desk(camera)
	d.do(func() { d.hello(h) })
}

// Presence says whether a camera is connected to the MQTT broker.
func (c *Coordinator) Presence(camera string, on bool) {
	d := c.desk(camera)
	d.do(func() { d.mqtt = on })
}

// StreamOpened and StreamClosed say that a stream connection of a camera begins
// and ends. For a moment there may be two.
// host is what the camera calls the relay, with its port.
func (c *Coordinator) StreamOpened(camera, host string) {
	d := c.desk(camera)
	d.do(func() { d.connections++; d.host = host })
}

// StreamClosed says that a connection has ended: see StreamOpened.
func (c *Coordinator) StreamClosed(camera string) {
	d := c.desk(camera)
	d.do(func() {
		if d.connections--; d.connections == 0 {
			d.streamClosed()
		}
	})
}

// Streams says that a camera has delivered the first picture of a connection.
func (c *Coordinator) Streams(camera string) {
	if d := c.known(camera); d != nil {
		d.do(d.streams)
	}
}

// Served says that a camera has been sent the image's bytes up to offset.
func (c *Coordinator) Served(camera, job string, offset int64) {
	if d := c.known(camera); d != nil {
		d.do(func() { d.served(job, offset) })
	}
}

// Told says that a result has been handed to the broker. One that has not been
// is published again when the relay starts.
func (c *Coordinator) Told(camera string, result []byte) {
	var doc resultDocument
	if d := c.known(camera); d != nil && json.Unmarshal(result, &doc) == nil && doc.Job != "" {
		d.do(func() { d.told(doc.Job, doc.Late) })
	}
}

// Order is the order in force, for a camera that asks; nil if there is none.
func (c *Coordinator) Order(camera string) []byte {
	var order []byte
	if d := c.known(camera); d != nil {
		d.do(func() { order = d.order() })
	}
	return order
}

// Answer is the order that answers a report about a job; nil: go on.
func (c *Coordinator) Answer(camera, job string) []byte {
	var order []byte
	d := c.desk(camera)
	d.do(func() { order = d.answer(job) })
	return order
}

// Grant is what a token of an order allows.
type Grant struct {
	Camera string
	Order  string // as the camera calls the job
	SHA256 string // of the image
}

// Grant is that of a token; ok is false if no running job has it. It looks at
// every job, in a time that does not tell which is near.
func (c *Coordinator) Grant(token string) (g Grant, ok bool) {
	for _, d := range c.all() {
		d.do(func() {
			if j := d.job; j != nil && j.Sends > 0 && hmac.Equal([]byte(token), []byte(c.token(j.order()))) {
				g, ok = Grant{d.camera, j.order(), j.To.SHA256}, true
			}
		})
	}
	return g, ok
}

// Granted is what a camera may load by its own key; ok is false if it has no job.
func (c *Coordinator) Granted(camera string) (g Grant, ok bool) {
	if d := c.known(camera); d != nil {
		d.do(func() {
			if j := d.job; j != nil && j.Sends > 0 {
				g, ok = Grant{d.camera, j.order(), j.To.SHA256}, true
			}
		})
	}
	return g, ok
}

// Forget ends what there is of a camera that was removed.
func (c *Coordinator) Forget(camera string) {
	c.mu.Lock()
	d := c.desks[camera]
	delete(c.desks, camera)
	c.mu.Unlock()
	if d != nil {
		d.do(d.forget)
	}
}

// Job returns a camera's job, or its last one; ok is false if there never was
// one.
func (c *Coordinator) Job(camera string) (j Job, ok bool) {
	jobs := c.Jobs(camera)
	if len(jobs) == 0 {
		return Job{}, false
	}
	return jobs[0], true
}

// Jobs returns a camera's jobs, the newest first.
func (c *Coordinator) Jobs(camera string) []Job {
	var jobs []Job
	if d := c.known(camera); d != nil {
		d.do(func() { jobs = d.jobs() })
	}
	return jobs
}

// Info is what a camera last said it runs; ok is false if it has not yet.
func (c *Coordinator) Info(camera string) (h wire.Hello, ok bool) {
	if d := c.known(camera); d != nil {
		d.do(func() { h, ok = d.info, d.known })
	}
	return h, ok
}

func (c *Coordinator) desk(camera string) *desk {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.desks[camera]
	if d == nil {
		d = newDesk(c, camera)
		c.desks[camera] = d
	}
	return d
}

func (c *Coordinator) known(camera string) *desk {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.desks[camera]
}

// all returns the desks in the order of their cameras, so that the first in the
// queue does not depend on chance.
func (c *Coordinator) all() []*desk {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*desk, 0, len(c.desks))
	for _, d := range c.desks {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *desk) int { return cmp.Compare(a.camera, b.camera) })
	return list
}

// acquire takes a place among the running jobs.
func (c *Coordinator) acquire(always bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running >= c.opt.Parallel && !always {
		return false
	}
	c.running++
	return true
}

func (c *Coordinator) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
}

// token is the bearer token of an order. It is derived, so that a relay that
// restarts knows it again and it is written nowhere.
func (c *Coordinator) token(order string) string {
	mac := hmac.New(sha256.New, c.opt.Secret)
	fmt.Fprintf(mac, "ota token %s", order)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// clean makes what a camera says fit for logs and for people: it is short, and
// has nothing but visible ASCII.
func clean(s string) string {
	const most = 48
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), most)])
}

// newID is the id of a job: it sorts by time.
func newID(now time.Time) string {
	var random [4]byte
	rand.Read(random[:])
	return fmt.Sprintf("%010x%x", now.UnixMilli(), random)
}

// RefusedError is why a trigger did not become a job.
type RefusedError struct {
	Code Code
	Text string // for people
}

func (e *RefusedError) Error() string { return e.Text }
