package rollout

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"camrelay/internal/ota"
	"camrelay/internal/ota/agenda"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/wire"
)

// Updates is what a rollout needs of the updates of single cameras; an
// ota.Coordinator is one. Jobs and Info do not call back.
type Updates interface {
	Trigger(camera string, t ota.Trigger, source string) (ota.Job, error)
	Jobs(camera string) []ota.Job
	Info(camera string) (h wire.Hello, ok bool)
}

// Images finds the image for a board; a catalog.Catalog does.
type Images interface {
	Match(board, chip string, w catalog.Criteria) (catalog.Image, error)
}

// Camera is one that can be updated.
type Camera struct {
	ID     string
	Groups []string
}

// Sight is how a camera streams.
type Sight struct {
	Streaming bool    // pictures come, be it few
	Resting   bool    // few, because nobody watches
	FPS       float64 // frames a second
	Wanted    float64 // the most frames a second it was asked for; 0: no limit
	RSSI      int     // dBm; 0: not known
	Viewers   int
}

// Fleet is all cameras. Its methods return at once and do not call back.
type Fleet interface {
	// Cameras lists those that may be updated.
	Cameras() []Camera
	// Look says how one streams; ok is false if there is no such camera.
	Look(camera string) (s Sight, ok bool)
}

// Publisher tells the world, as ota.Publisher does.
type Publisher interface {
	RolloutState(id string, document []byte) // retained; nil clears it
	RolloutResult(id string, document []byte)
	// RolloutAnswer says what became of a request; group is empty for all.
	RolloutAnswer(group string, document []byte)
}

// Journal keeps what must not be forgotten; a journal.Journal does.
type Journal interface {
	Names() ([]string, error)
	Read(name string) ([][]byte, error)
	Append(name string, line []byte) error
	Replace(name string, lines [][]byte) error
	Remove(name string) error
	Size(name string) int64
}

// Options of a Manager. Updates, Images, Fleet, Publisher and Journal are
// needed; zero values of the others mean the defaults.
type Options struct {
	Updates   Updates
	Images    Images
	Fleet     Fleet
	Publisher Publisher
	Journal   Journal // of rollouts alone
	// Window is when single cameras may be updated: rollouts keep to it too.
	Window  ota.Window
	Between time.Duration // from a failed update to the next of a camera; default 5 min
	Now     func() time.Time
	Logger  *slog.Logger // default none
}

// Manager runs all rollouts. It is safe for concurrent use. It starts no
// goroutines: Tick, or Run, which calls it, lets time pass.
type Manager struct {
	opt Options

	agenda  agenda.Agenda
	list    []*rollout // the oldest first
	started time.Time
}

// New reads the journals. A journal that is damaged is set aside: its rollout
// does not go on.
func New(opt Options) (*Manager, error) {
	opt.Between = cmp.Or(opt.Between, 5*time.Minute)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{opt: opt}
	return m, m.load()
}

// Start goes on with what was running: to be called after the coordinator's
// Start.
func (m *Manager) Start() {
	m.do(func() {
		m.started = m.opt.Now()
		for _, r := range m.list {
			if r.Cleared {
				continue
			}
			r.news = true
			for _, t := range r.targets {
				if t.State == Updating {
					m.resume(r, t)
				}
			}
		}
	})
	m.Tick()
}

// Run lets time pass until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			m.Tick()
		}
	}
}

// Tick looks at what is due.
func (m *Manager) Tick() {
	m.do(func() {
		for _, r := range m.list {
			m.tick(r)
		}
		m.forget()
	})
}

// Finished takes the end of a job, as ota.Options.Finished tells it.
func (m *Manager) Finished(j ota.Job) {
	if j.Rollout == "" {
		return
	}
	m.do(func() {
		if r := m.find(j.Rollout); r != nil {
			if t := r.target(j.Camera); t != nil && j.Trigger == r.trigger(t) {
				m.ended(r, t, j)
				m.tick(r)
			}
		}
	})
}

// Pause begins no more updates; those under way end.
func (m *Manager) Pause(id string) (View, error) { return m.change(id, ota.Pause) }

// Resume goes on after Pause.
func (m *Manager) Resume(id string) (View, error) { return m.change(id, ota.Resume) }

// Cancel ends a rollout, and the updates under way that can still go back.
func (m *Manager) Cancel(id string) (View, error) { return m.change(id, ota.Cancel) }

func (m *Manager) change(id string, a ota.Action) (v View, err error) {
	m.do(func() {
		r := m.find(id)
		if r == nil {
			err = refuse(NotFound, "there is no rollout %.40q", id)
			return
		}
		if err = m.apply(r, a); err == nil {
			v = m.view(r, true)
		}
	})
	return v, err
}

// apply does what a person asks of a rollout. What is so already is no mistake.
func (m *Manager) apply(r *rollout, a ota.Action) error {
	switch {
	case r.State.Final():
		return refuse(Over, "rollout %s is over: it is %s. Begin a new one", r.ID, r.State)
	case a == ota.Cancel && r.State != Cancelling:
		r.Why = "cancelled"
		r.enter(Cancelling)
	case a == ota.Cancel, a == ota.Pause && r.State == Paused, a == ota.Resume && r.State == Running:
	case r.State != Running && r.State != Paused:
		return refuse(Over, "rollout %s is %s and cannot be changed any more, but cancelled", r.ID, r.State)
	case a == ota.Pause:
		r.enter(Paused)
	case a == ota.Resume:
		r.enter(Running)
		if !m.commit(r) { // after a restart it would be paused again
			r.enter(Paused)
			return refuse(ota.DiskFull, "the relay cannot write its journal: %v. Rollout %s stays paused", r.broken, r.ID)
		}
	}
	m.opt.Logger.Info("rollout changed", "rollout", r.ID, "action", a, "state", r.State)
	m.tick(r)
	return nil
}

func (m *Manager) find(id string) *rollout {
	i := slices.IndexFunc(m.list, func(r *rollout) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return m.list[i]
}

// do decides something, and does what follows from it.
func (m *Manager) do(decide func()) {
	m.agenda.Do(func() {
		decide()
		for _, r := range m.list {
			m.settle(r)
		}
	})
}

// then has something done after what is decided already.
func (m *Manager) then(act func()) { m.agenda.Then(act) }

// Codes of refusals, beside those of package ota.
const (
	NotFound  ota.Code = "unknown_rollout"
	Over      ota.Code = "over"
	NoCameras ota.Code = "no_cameras"
	TooMany   ota.Code = "too_many"
)

func refuse(c ota.Code, format string, args ...any) error {
	return &ota.RefusedError{Code: c, Text: fmt.Sprintf(format, args...)}
}
