package store

import (
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Camera is a camera added at run time.
type Camera struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Kind is "push" or "pull".
	Kind string `json:"kind"`
	// KeyHash is auth.Hash of the key of a push camera.
	KeyHash string `json:"key_hash,omitempty"`
	// URL, Username, Password and ControlURL are those of a pull camera.
	URL        string    `json:"url,omitempty"`
	Username   string    `json:"username,omitempty"`
	Password   string    `json:"password,omitempty"`
	ControlURL string    `json:"control_url,omitempty"`
	Groups     []string  `json:"groups,omitempty"` // that rollouts name; never changed in place
	Created    time.Time `json:"created"`
}

// String is the id; it keeps the password from being printed.
func (c Camera) String() string { return c.ID }

// LogValue is the id; it keeps the password from being logged.
func (c Camera) LogValue() slog.Value { return slog.StringValue(c.ID) }

// Cameras lists the cameras by id.
func (s *Store) Cameras() []Camera { return slices.Clone(s.state.Load().Cameras) }

// Camera finds a camera.
func (s *Store) Camera(id string) (Camera, bool) {
	st := s.state.Load()
	i, ok := st.camera(id)
	if !ok {
		return Camera{}, false
	}
	return st.Cameras[i], true
}

// AddCamera adds a camera and sets Created; ErrExists if its id is taken.
func (s *Store) AddCamera(c Camera) error {
	return s.update(func(st *state) error {
		i, ok := st.camera(c.ID)
		if ok {
			return fmt.Errorf("camera %s: %w", c.ID, ErrExists)
		}
		c.Created = s.now().UTC().Truncate(time.Second)
		delete(st.Shares, c.ID) // links to an earlier camera of this id
		st.Cameras = slices.Insert(st.Cameras, i, c)
		return c.check()
	})
}

// UpdateCamera changes a camera by a function, which must leave ID alone and
// whose error is returned; ErrNotFound if there is none.
func (s *Store) UpdateCamera(id string, change func(*Camera) error) error {
	return s.update(func(st *state) error {
		i, ok := st.camera(id)
		if !ok {
			return fmt.Errorf("camera %s: %w", id, ErrNotFound)
		}
		c := &st.Cameras[i]
		if err := change(c); err != nil {
			return err
		}
		if c.ID != id {
			return fmt.Errorf("camera %s: its id cannot change", id)
		}
		return c.check()
	})
}

// RemoveCamera removes a camera and voids its share links; ErrNotFound if
// there is none.
func (s *Store) RemoveCamera(id string) error {
	return s.update(func(st *state) error {
		i, ok := st.camera(id)
		if !ok {
			return fmt.Errorf("camera %s: %w", id, ErrNotFound)
		}
		delete(st.Shares, id)
		st.Cameras = slices.Delete(st.Cameras, i, i+1)
		return nil
	})
}
