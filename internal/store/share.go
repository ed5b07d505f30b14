package store

import (
	"slices"

	"camrelay/internal/auth"
	"camrelay/internal/wire"
)

// ShareEpoch is the epoch that a camera's share links are signed with; false
// if it has none, and so no valid links.
func (s *Store) ShareEpoch(camera string) (string, bool) {
	epoch, ok := s.state.Load().Shares[camera]
	return epoch, ok
}

// EnsureShareEpoch is ShareEpoch that makes one if there is none.
func (s *Store) EnsureShareEpoch(camera string) (epoch string, err error) {
	if epoch, ok := s.ShareEpoch(camera); ok {
		return epoch, nil
	}
	err = s.update(func(st *state) error {
		if err := wire.CheckID(camera); err != nil {
			return err
		}
		if epoch = st.Shares[camera]; epoch != "" { // made since
			return errNoChange
		}
		epoch = auth.NewEpoch()
		st.Shares[camera] = epoch
		return nil
	})
	if err != nil {
		return "", err
	}
	return epoch, nil
}

// RevokeShares voids all share links of a camera.
func (s *Store) RevokeShares(camera string) error {
	return s.update(func(st *state) error {
		if _, ok := st.Shares[camera]; !ok {
			return errNoChange
		}
		delete(st.Shares, camera)
		return nil
	})
}

// RetainShares voids the share links of all cameras but these: those that left
// the configuration file while the relay did not run.
func (s *Store) RetainShares(cameras []string) error {
	return s.update(func(st *state) error {
		before := len(st.Shares)
		for id := range st.Shares {
			if !slices.Contains(cameras, id) {
				delete(st.Shares, id)
			}
		}
		if len(st.Shares) == before {
			return errNoChange
		}
		return nil
	})
}
