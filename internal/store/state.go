package store

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"camrelay/internal/auth"
	"camrelay/internal/wire"
)

const (
	// version is that of the file's form. It grows when an older relay could
	// not read it.
	version = 1
	// secretBytes is the length of the server secret.
	secretBytes = 32
	// maxTitle is the longest name of a camera or token, in bytes.
	maxTitle = 100
)

// state is the content of the file. One that is in force is never changed.
type state struct {
	Version int    `json:"version"`
	Secret  []byte `json:"secret"`
	// Tokens are in the order they were made.
	Tokens []auth.Token `json:"tokens"`
	// Cameras are sorted by id.
	Cameras []Camera `json:"cameras"`
	// Shares are the epochs of share links by camera.
	Shares map[string]string `json:"shares"`

	byHash, byID map[string]auth.Token
}

func newState() *state {
	st := &state{Version: version, Secret: make([]byte, secretBytes), Tokens: []auth.Token{}, Cameras: []Camera{}, Shares: map[string]string{}}
	_, _ = rand.Read(st.Secret) // never fails, see crypto/rand
	return st
}

func (st *state) clone() *state {
	c := &state{Version: st.Version, Secret: st.Secret, Tokens: slices.Clone(st.Tokens), Cameras: slices.Clone(st.Cameras), Shares: maps.Clone(st.Shares)}
	c.index()
	return c
}

// index rebuilds the lookups after a change of tokens.
func (st *state) index() {
	st.byHash, st.byID = map[string]auth.Token{}, map[string]auth.Token{}
	for _, t := range st.Tokens {
		st.byHash[t.Hash], st.byID[t.ID] = t, t
	}
}

func (st *state) hasAdmin() bool {
	return slices.ContainsFunc(st.Tokens, func(t auth.Token) bool { return t.Role == auth.RoleAdmin })
}

// camera is the index of a camera, or where it would be.
func (st *state) camera(id string) (int, bool) {
	return slices.BinarySearchFunc(st.Cameras, id, func(c Camera, id string) int { return strings.Compare(c.ID, id) })
}

func (st *state) addToken(name string, role auth.Role, now time.Time) (secret string, err error) {
	if len(st.Tokens) >= MaxTokens {
		return "", ErrTooMany
	}
	secret = auth.NewToken()
	t := auth.Token{ID: auth.NewID(), Name: name, Role: role, Hash: auth.Hash(secret), Created: now.UTC().Truncate(time.Second)}
	for st.byID[t.ID].ID != "" {
		t.ID = auth.NewID()
	}
	if err := checkToken(t); err != nil {
		return "", err
	}
	st.Tokens = append(st.Tokens, t)
	st.index()
	return secret, nil
}

func (st *state) encode() ([]byte, error) {
	text, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	return append(text, '\n'), nil
}

// decode reads a file's content and checks all of it: what is lost or changed
// in it must be noticed before it is used, let alone written back.
func decode(text []byte) (*state, error) {
	var head struct{ Version int }
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	if head.Version != version {
		return nil, fmt.Errorf("it has version %d, this relay reads version %d", head.Version, version)
	}
	st := new(state)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(st); err != nil {
		return nil, err
	}
	if st.Shares == nil {
		st.Shares = map[string]string{}
	}
	st.index()
	return st, st.check()
}

func (st *state) check() error {
	if len(st.Secret) < secretBytes {
		return errors.New("its secret is missing or cut short")
	}
	for _, t := range st.Tokens {
		if err := checkToken(t); err != nil {
			return err
		}
	}
	switch {
	case len(st.byID) != len(st.Tokens) || len(st.byHash) != len(st.Tokens):
		return errors.New("two tokens are the same")
	case !st.hasAdmin():
		return errors.New("it has no admin token")
	}
	for i, c := range st.Cameras {
		if err := c.check(); err != nil {
			return err
		}
		if i > 0 && st.Cameras[i-1].ID >= c.ID {
			return fmt.Errorf("camera %s is there twice or out of order", c.ID)
		}
	}
	for id, epoch := range st.Shares {
		if wire.CheckID(id) != nil || epoch == "" {
			return fmt.Errorf("the share epoch of camera %.40q cannot be", id)
		}
	}
	return nil
}

func checkToken(t auth.Token) error {
	switch {
	case t.ID == "" || !auth.IsHash(t.Hash):
		return fmt.Errorf("token %.20q has no id or hash", t.ID)
	case t.Role != auth.RoleViewer && t.Role != auth.RoleAdmin:
		return errors.New("a token's role must be viewer or admin")
	case t.Name == "" || !isTitle(t.Name):
		return fmt.Errorf("%.120q is not a token's name: write 1 to %d characters in one line", t.Name, maxTitle)
	}
	return nil
}

// check says what cannot be stored. What can be reached is for others to say.
func (c Camera) check() error {
	if err := wire.CheckID(c.ID); err != nil {
		return err
	}
	if err := wire.CheckGroups(c.Groups); err != nil {
		return fmt.Errorf("camera %s: %w", c.ID, err)
	}
	switch {
	case !isTitle(c.Name):
		return fmt.Errorf("camera %s: %.120q is not a name: write at most %d characters in one line", c.ID, c.Name, maxTitle)
	case c.Kind == "push" && !auth.IsHash(c.KeyHash):
		return fmt.Errorf("camera %s: its key's hash is missing", c.ID)
	case c.Kind == "pull" && c.URL == "":
		return fmt.Errorf("camera %s: its url is missing", c.ID)
	case c.Kind != "push" && c.Kind != "pull":
		return fmt.Errorf("camera %s: kind %.20q is neither push nor pull", c.ID, c.Kind)
	}
	return nil
}

// CheckTitle says what is wrong with a text as the name of a camera or token for
// people; an empty one is for the caller to judge.
func CheckTitle(s string) error {
	if !isTitle(s) {
		return fmt.Errorf("%.120q is not a name: write at most %d bytes in one line", s, maxTitle)
	}
	return nil
}

func isTitle(s string) bool { return len(s) <= maxTitle && !strings.ContainsFunc(s, unicode.IsControl) }
