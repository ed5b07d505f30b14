package roster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

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
	if _, ok := r.store.Camera(spec.ID); ok { // kept, but it could not be served
		return "", fmt.Errorf("%w: %s; delete it first", ErrExists, spec.ID)
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
		Groups: spec.Groups,
	})
	if err != nil {
		r.drop(spec.ID)
		return "", err
	}
	return key, nil
}

// Bounds of what a person can say about a pulled camera, in bytes.
const (
	maxURL   = 2048
	maxLogin = 256
)

// check says what is wrong with a camera to be added and fills in what was left
// out. Called with mu held.
func (r *Roster) check(spec *Spec) error {
	if err := wire.CheckID(spec.ID); err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	if err := store.CheckTitle(spec.Name); err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	if err := wire.CheckGroups(spec.Groups); err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	spec.Name = cmp.Or(spec.Name, spec.ID)
	spec.Still = r.cfg.Rest.Still
	if spec.Kind == "" {
		spec.Kind = config.KindPush
		if spec.URL != "" {
			spec.Kind = config.KindPull
		}
	}
	switch {
	case r.entries[spec.ID] != nil:
		return fmt.Errorf("%w: %s", ErrExists, spec.ID)
	case len(r.entries) >= r.cfg.Limits.Cameras:
		return ErrFull
	case spec.Kind != config.KindPush && spec.Kind != config.KindPull:
		return fmt.Errorf("%w: kind %.20q: push and pull are allowed", ErrBad, spec.Kind)
	case spec.Kind == config.KindPush && spec.URL+spec.Username+spec.Password+spec.ControlURL != "":
		return fmt.Errorf("%w: url, username, password and control_url are for kind pull", ErrBad)
	case spec.Kind == config.KindPull && spec.URL == "":
		return fmt.Errorf("%w: url is missing: a pulled camera needs the address of its MJPEG stream, like http://192.168.1.40:81/stream", ErrBad)
	case len(spec.URL) > maxURL || len(spec.ControlURL) > maxURL:
		return fmt.Errorf("%w: a URL is longer than %d bytes", ErrBad, maxURL)
	case len(spec.Username) > maxLogin || len(spec.Password) > maxLogin:
		return fmt.Errorf("%w: username or password is longer than %d bytes", ErrBad, maxLogin)
	}
	return nil // a URL is looked at when the puller is made
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
	if err := store.CheckTitle(name); err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	name = cmp.Or(name, id)
	if err := r.update(id, func(c *store.Camera) { c.Name = name }); err != nil {
		return err
	}
	e.spec.Name = name
	e.hub.Rename(name)
	return nil
}

// Regroup puts a camera into other groups.
func (r *Roster) Regroup(id string, groups []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.added(id)
	if err != nil {
		return err
	}
	if err := wire.CheckGroups(groups); err != nil {
		return fmt.Errorf("%w: %w", ErrBad, err)
	}
	groups = slices.Clone(groups)
	if err := r.update(id, func(c *store.Camera) { c.Groups = groups }); err != nil {
		return err
	}
	e.spec.Groups = groups
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
	_, kept := r.store.Camera(id)
	_, err := r.added(id)
	if served := !errors.Is(err, ErrUnknown); err != nil && (served || !kept) {
		return err
	}
	if kept {
		if err := r.store.RemoveCamera(id); err != nil {
			return err
		}
	}
	if r.entries[id] != nil {
		r.drop(id)
	}
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
	e.rekey()
	e.hub.Detach(stream.Forbidden)
	return key, nil
}
