package roster

import (
	"cmp"
	"errors"
	"fmt"

	"camrelay/internal/config"
	"camrelay/internal/store"
	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// Add makes a camera that a person described and keeps it. A pushing camera's
// key is returned, this once.
func (r *Roster) Add(spec Spec) (key string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.check(&spec); err != nil {
		return "", err
	}
	if spec.Kind == config.KindPush {
		key, spec.KeyHash = newKey()
	}
	if err := r.serve(spec); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBad, err)
	}
	err = r.store.AddCamera(store.Camera{
		ID: spec.ID, Name: spec.Name, Kind: spec.Kind, KeyHash: spec.KeyHash,
		URL: spec.URL, Username: spec.Username, Password: spec.Password, ControlURL: spec.ControlURL,
	})
	if err != nil {
		r.drop(spec.ID)
		return "", err
	}
	return key, nil
}

// maxName bounds a camera's name, in bytes.
const maxName = 64

// check says what is wrong with a camera to be added and fills in what was left
// out. Called with mu held.
func (r *Roster) check(spec *Spec) error {
	if err := wire.CheckID(spec.ID); err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	spec.Name = cmp.Or(spec.Name, spec.ID)
	spec.Still = r.cfg.Rest.Still
	switch {
	case r.entries[spec.ID] != nil:
		return fmt.Errorf("%w: %s", ErrExists, spec.ID)
	case len(r.entries) >= r.cfg.Limits.Cameras:
		return ErrFull
	case len(spec.Name) > maxName:
		return fmt.Errorf("%w: its name is longer than %d bytes", ErrBad, maxName)
	}
	switch spec.Kind {
	case config.KindPush, "":
		spec.Kind = config.KindPush
		spec.URL, spec.Username, spec.Password, spec.ControlURL = "", "", "", ""
		return nil
	case config.KindPull:
		return nil // its URL is looked at when the puller is made
	default:
		return fmt.Errorf("%w: kind %.20q: push and pull are allowed", ErrBad, spec.Kind)
	}
}

// added finds a camera that a person may change. Called with mu held.
func (r *Roster) added(id string) (*entry, error) {
	e := r.entries[id]
	if e == nil {
		return nil, fmt.Errorf("%w: %.40q", ErrUnknown, id)
	}
	if e.spec.Declared {
		return nil, fmt.Errorf("%w: %s", ErrDeclared, id)
	}
	return e, nil
}

// Rename gives a camera another name for people.
func (r *Roster) Rename(id, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.added(id)
	if err != nil {
		return err
	}
	name = cmp.Or(name, id)
	if len(name) > maxName {
		return fmt.Errorf("%w: the name is longer than %d bytes", ErrBad, maxName)
	}
	if err := r.update(id, func(c *store.Camera) { c.Name = name }); err != nil {
		return err
	}
	e.spec.Name = name
	e.hub.Rename(name)
	return nil
}

// update changes a stored camera; one that only a lab knows is not stored.
func (r *Roster) update(id string, change func(*store.Camera)) error {
	err := r.store.UpdateCamera(id, func(c *store.Camera) error {
		change(c)
		return nil
	})
	if r.cfg.Lab && errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Remove forgets a camera.
func (r *Roster) Remove(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.added(id); err != nil {
		return err
	}
	if err := r.store.RemoveCamera(id); err != nil && !(r.cfg.Lab && errors.Is(err, store.ErrNotFound)) {
		return err
	}
	r.drop(id)
	return nil
}

// NewKey replaces a camera's key; a connection made with the old one ends.
func (r *Roster) NewKey(id string) (key string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.added(id)
	if err != nil {
		return "", err
	}
	if e.spec.Kind != config.KindPush {
		return "", fmt.Errorf("%w: %s", ErrPulled, id)
	}
	key, hash := newKey()
	if err := r.update(id, func(c *store.Camera) { c.KeyHash = hash }); err != nil {
		return "", err
	}
	e.spec.KeyHash = hash
	e.hub.Detach(stream.Forbidden)
	return key, nil
}
