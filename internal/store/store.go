// Package store keeps what the relay learns at run time in its data directory:
// tokens, cameras people added, share epochs and the secret that sessions are
// signed with. It is one JSON file, replaced as a whole with each change.
package store

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"camrelay/internal/auth"
)

// Errors that callers tell apart.
var (
	// ErrNotFound means there is no such camera or token.
	ErrNotFound = errors.New("not found")
	// ErrExists means the camera's id is taken.
	ErrExists = errors.New("exists already")
	// ErrLastAdmin means the change would leave nobody who may change things.
	ErrLastAdmin = errors.New("the last admin token cannot be deleted")
	// ErrTooMany means that MaxTokens is reached.
	ErrTooMany = fmt.Errorf("more than %d tokens", MaxTokens)
	// ErrClosed means the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// MaxTokens bounds the number of tokens.
const MaxTokens = 1000

// errNoChange ends an update that has nothing to write.
var errNoChange = errors.New("no change")

// Store is the state of one relay. It is safe for concurrent use; a change has
// reached the disk when its method returns without error, and has not happened
// when it returns one.
type Store struct {
	disk disk
	now  func() time.Time
	lock *os.File

	mu    sync.Mutex // serializes changes
	saved []byte     // the file's content
	state atomic.Pointer[state]
}

var _ auth.Directory = (*Store)(nil)

// Open reads the state in a directory, or makes both, the directory with mode
// 0700. The first start makes an admin token and returns its text, this once;
// else it is empty. Only one relay at a time can have a directory open.
func Open(dir string) (s *Store, firstToken string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, "", err
	}
	d := osDisk{dir}
	if err = d.tighten(); err == nil {
		s, firstToken, err = open(d, time.Now)
	}
	if err != nil {
		return nil, "", errors.Join(err, lock.Close())
	}
	s.lock = lock
	return s, firstToken, nil
}

// open is Open on any disk, without the lock.
func open(d disk, now func() time.Time) (*Store, string, error) {
	s := &Store{disk: d, now: now}
	text, err := load(d)
	if err != nil {
		return nil, "", err
	}
	if text == nil {
		return s.create()
	}
	st, err := decode(text)
	if err != nil {
		return nil, "", corrupt(d, err)
	}
	s.saved = text
	s.state.Store(st)
	return s, "", nil
}

// create writes the state of a first start.
func (s *Store) create() (*Store, string, error) {
	st := newState()
	secret, err := st.addToken("admin", auth.RoleAdmin, s.now())
	if err != nil {
		return nil, "", err
	}
	if err := s.save(st); err != nil {
		return nil, "", err
	}
	return s, secret, nil
}

// Close gives the directory free. Changes fail afterwards; reading goes on.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.disk == nil {
		return nil
	}
	s.disk = nil
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

// update applies a change to a copy of the state and writes it. When that
// fails, the state in force stays.
func (s *Store) update(change func(*state) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.disk == nil {
		return ErrClosed
	}
	next := s.state.Load().clone()
	if err := change(next); errors.Is(err, errNoChange) {
		return nil
	} else if err != nil {
		return err
	}
	return s.save(next)
}

// save writes a state, after a backup of the last one, and puts it in force.
func (s *Store) save(st *state) error {
	text, err := st.encode()
	if err != nil {
		return err
	}
	if s.saved != nil {
		if err := replace(s.disk, backupFile, s.saved); err != nil {
			return fmt.Errorf("write backup of state: %w", err)
		}
	}
	if err := replace(s.disk, stateFile, text); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	s.saved = text
	s.state.Store(st)
	return nil
}

// Secret is what sessions and share links are signed with: 32 random bytes,
// made at the first start.
func (s *Store) Secret() []byte { return slices.Clone(s.state.Load().Secret) }
