// Package roster is the list of the cameras there are: those declared in the
// configuration, those that people added, and in a lab those that came by
// themselves. It gives each a hub, knows its key, and runs the pullers of those
// that are pulled.
package roster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/ingest"
	"camrelay/internal/store"
	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// Errors that callers tell apart; all are wrapped with the camera's id.
var (
	ErrUnknown  = errors.New("there is no such camera")
	ErrExists   = errors.New("there is a camera with this id already")
	ErrDeclared = errors.New("the configuration file declares this camera: change it there")
	ErrFull     = errors.New("there are as many cameras as limits.cameras allows")
	ErrPulled   = errors.New("a pulled camera has no key")
	ErrBad      = errors.New("not a usable camera")
)

// Spec is all that has to be known of a camera.
type Spec struct {
	ID, Name, Kind     string
	KeyHash            string // of a pushing camera; empty in a lab: any key
	URL                string // of a pulled camera
	Username, Password string
	ControlURL         string
	Still              time.Duration // between the frames of a resting camera
	Settings           wire.Settings // sent whenever it connects
	Groups             []string      // that rollouts name; never changed in place
	Declared           bool          // in the configuration file

	void context.Context // ends when KeyHash is no longer that of the camera
}

// Void ends when the camera has another key, or was removed.
func (s Spec) Void() context.Context {
	return cmp.Or(s.void, context.Background())
}

// samePull reports whether both are pulled in the same way.
func (s Spec) samePull(t Spec) bool {
	return s.Kind == t.Kind && s.URL == t.URL && s.Username == t.Username && s.Password == t.Password && s.ControlURL == t.ControlURL
}

// entry is a camera that is being served.
type entry struct {
	spec     Spec
	hub      *stream.Hub
	revoke   context.CancelFunc // ends spec.void
	stop     func()             // ends its puller and waits; nil for a pushing camera
	greeting *greeting
}

// rekey says that the camera has another key from now on.
func (e *entry) rekey() {
	if e.revoke != nil {
		e.revoke()
	}
	e.spec.void, e.revoke = context.WithCancel(context.Background())
}

// Roster is safe for concurrent use.
type Roster struct {
	reg   *stream.Registry
	store *store.Store
	log   *slog.Logger
	ctx   context.Context // ends the pullers

	mu      sync.Mutex
	cfg     *config.Config
	entries map[string]*entry
	tasks   sync.WaitGroup // grows with mu held and ctx not ended

	greetings sync.Map // of *greeting by *stream.Hub, for those with settings
}

// New returns a roster with the cameras of the configuration and the store.
// They are served until ctx ends; Wait then waits for that.
func New(ctx context.Context, reg *stream.Registry, st *store.Store, cfg *config.Config, log *slog.Logger) *Roster {
	r := &Roster{reg: reg, store: st, log: log, ctx: ctx, cfg: cfg, entries: make(map[string]*entry)}
	context.AfterFunc(ctx, reg.Observe(r))
	r.Apply(cfg)
	return r
}

// Wait waits until nothing of the roster runs any more, after its context has
// ended.
func (r *Roster) Wait() {
	<-r.ctx.Done()
	r.mu.Lock() // whoever holds it may just have begun something
	r.mu.Unlock()
	r.tasks.Wait()
}

// Apply makes the configuration's cameras the declared ones. Cameras that have
// not changed go on as if nothing had happened.
func (r *Roster) Apply(cfg *config.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.cfg
	r.cfg = cfg
	want := make(map[string]Spec)
	for _, c := range r.store.Cameras() {
		want[c.ID] = r.stored(c)
	}
	for _, c := range cfg.Cameras {
		if _, ok := want[c.ID]; ok {
			r.log.Warn("the configuration file declares a camera that was added before: the file wins", "camera", c.ID)
		}
		want[c.ID] = declared(c)
	}
	for id, e := range r.entries {
		switch _, ok := want[id]; {
		case ok:
		case cfg.Lab && !e.spec.Declared: // it came by itself
			spec := e.spec
			spec.Still = cfg.Rest.Still
			want[id] = spec
		default:
			r.drop(id)
		}
		if e.stop != nil && !samePulling(before, cfg) {
			e.stop()
			e.stop = nil // serve begins anew
		}
	}
	for _, id := range slices.Sorted(mapKeys(want)) {
		if err := r.serve(want[id]); err != nil {
			r.log.Error("camera cannot be served", "camera", id, "err", err)
		}
	}
}

// samePulling reports whether pullers made with one configuration are as those
// made with the other.
func samePulling(a, b *config.Config) bool {
	return a.Pull == b.Pull && a.Limits.MaxFrame == b.Limits.MaxFrame && a.Limits.MaxFPS == b.Limits.MaxFPS
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func declared(c config.Camera) Spec {
	return Spec{
		ID: c.ID, Name: c.Name, Kind: c.Kind, KeyHash: c.KeySHA256.Reveal(),
		URL: string(c.URL), Username: c.Username, Password: c.Password.Reveal(), ControlURL: string(c.ControlURL),
		Still: c.Still, Settings: wire.Settings(c.Settings), Groups: c.Groups, Declared: true,
	}
}

func (r *Roster) stored(c store.Camera) Spec {
	return Spec{
		ID: c.ID, Name: c.Name, Kind: c.Kind, KeyHash: c.KeyHash,
		URL: c.URL, Username: c.Username, Password: c.Password, ControlURL: c.ControlURL,
		Still: r.cfg.Rest.Still, Groups: c.Groups,
	}
}

// serve begins to serve a camera, or changes what is different. Called with mu
// held.
func (r *Roster) serve(spec Spec) error {
	e, known := r.entries[spec.ID], true
	if e != nil && e.spec.Kind != spec.Kind { // a different camera under the same name
		r.drop(spec.ID)
		e = nil
	}
	if e == nil {
		known = false
		if len(r.entries) >= r.cfg.Limits.Cameras {
			return fmt.Errorf("%s: %w", spec.ID, ErrFull)
		}
		hub, err := r.reg.Add(spec.ID, spec.Name, spec.Kind)
		if err != nil {
			return err
		}
		e = &entry{hub: hub}
		r.entries[spec.ID] = e
	}
	old := e.spec
	e.spec = spec
	e.spec.void = old.void
	e.hub.Rest(r.cfg.Rest.Linger, spec.Still, r.cfg.Rest.StaleAfter)
	if known && old.Name != spec.Name {
		e.hub.Rename(cmp.Or(spec.Name, spec.ID))
	}
	if !known || old.KeyHash != spec.KeyHash {
		e.rekey()
		e.hub.Detach(stream.Forbidden)
	}
	r.greet(e)
	if spec.Kind != config.KindPull || old.samePull(spec) && e.stop != nil {
		return nil
	}
	err := r.pull(e)
	if err != nil && !known {
		r.drop(spec.ID)
	}
	return err
}

// pull runs a camera's puller in place of the one before. Called with mu held.
func (r *Roster) pull(e *entry) error {
	puller, err := ingest.NewPuller(r.pullConfig(e.spec), r.reg.Pool(), e.hub)
	if err != nil {
		return err
	}
	if e.stop != nil {
		e.stop()
	}
	if err := r.ctx.Err(); err != nil {
		return fmt.Errorf("the relay stops: %w", err)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	r.tasks.Go(func() {
		defer close(done)
		puller.Run(ctx)
	})
	e.stop = func() {
		cancel()
		<-done
	}
	return nil
}

func (r *Roster) pullConfig(spec Spec) ingest.PullConfig {
	p := r.cfg.Pull
	return ingest.PullConfig{
		URL: spec.URL, Username: spec.Username, Password: spec.Password, ControlURL: spec.ControlURL,
		ConnectTimeout: p.ConnectTimeout, HeaderTimeout: p.HeaderTimeout, IdleTimeout: p.IdleTimeout,
		BackoffMin: p.BackoffMin, BackoffMax: p.BackoffMax,
		MaxFrame: int(r.cfg.Limits.MaxFrame), MaxFPS: r.cfg.Limits.MaxFPS,
		Logger: r.log.With("camera", spec.ID),
	}
}

// drop ends serving a camera. Called with mu held.
func (r *Roster) drop(id string) {
	e := r.entries[id]
	delete(r.entries, id)
	r.greetings.Delete(e.hub)
	e.revoke()
	if e.stop != nil {
		e.stop()
	}
	r.reg.Remove(id)
}

// Get returns what is known of a camera, and whether it is one.
func (r *Roster) Get(id string) (Spec, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	if e == nil {
		return Spec{}, false
	}
	return e.spec, true
}

// ByKey finds the camera that has a key.
func (r *Roster) ByKey(key string) (id string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, e := range r.entries {
		if auth.Matches(key, e.spec.KeyHash) {
			id, ok = name, true
		}
	}
	return id, ok
}

// IDs lists all cameras.
func (r *Roster) IDs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(mapKeys(r.entries))
}

// Meet finds the hub of a camera that connects. In a lab an unknown one becomes
// known, until the relay stops.
func (r *Roster) Meet(id string) (*stream.Hub, error) {
	if hub := r.reg.Get(id); hub != nil {
		return hub, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.cfg.Lab {
		return nil, fmt.Errorf("%w: %.40q", ErrUnknown, id)
	}
	if r.entries[id] == nil {
		if err := wire.CheckID(id); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBad, err)
		}
		if err := r.serve(Spec{ID: id, Name: id, Kind: config.KindPush, Still: r.cfg.Rest.Still}); err != nil {
			return nil, err
		}
	}
	return r.reg.Get(id), nil
}

// newKey makes a camera's key and its hash.
func newKey() (key, hash string) {
	key = auth.NewKey()
	return key, auth.Hash(key)
}
