package store

import (
	"fmt"
	"slices"
	"strings"

	"camrelay/internal/auth"
)

// Tokens lists the tokens, the oldest first.
func (s *Store) Tokens() []auth.Token { return slices.Clone(s.state.Load().Tokens) }

// TokenByHash finds a token by auth.Hash of its text.
func (s *Store) TokenByHash(hash string) (auth.Token, bool) {
	t, ok := s.state.Load().byHash[hash]
	return t, ok
}

// TokenByID finds a token by its id.
func (s *Store) TokenByID(id string) (auth.Token, bool) {
	t, ok := s.state.Load().byID[id]
	return t, ok
}

// AddToken makes a token and returns its text, which is not kept.
func (s *Store) AddToken(name string, role auth.Role) (secret string, t auth.Token, err error) {
	err = s.update(func(st *state) error {
		if secret, err = st.addToken(strings.TrimSpace(name), role, s.now()); err != nil {
			return err
		}
		t = st.Tokens[len(st.Tokens)-1]
		return nil
	})
	if err != nil {
		return "", auth.Token{}, err
	}
	return secret, t, nil
}

// RemoveToken removes a token, which ends its sessions; ErrNotFound if there is
// none, ErrLastAdmin if it is the only one of an admin.
func (s *Store) RemoveToken(id string) error {
	return s.update(func(st *state) error {
		i := slices.IndexFunc(st.Tokens, func(t auth.Token) bool { return t.ID == id })
		if i < 0 {
			return fmt.Errorf("token %.20q: %w", id, ErrNotFound)
		}
		st.Tokens = slices.Delete(st.Tokens, i, i+1)
		st.index()
		if !st.hasAdmin() {
			return ErrLastAdmin
		}
		return nil
	})
}
