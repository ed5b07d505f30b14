package mqtt

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"camrelay/internal/auth"
	"camrelay/internal/wire"
)

// Authenticator knows who may log in at the broker.
type Authenticator interface {
	// TokenByHash finds a person's or program's token by auth.Hash of its text.
	TokenByHash(hash string) (auth.Token, bool)
	// KeyHash is auth.Hash of a camera's key; empty if there is no such camera
	// or it has no key.
	KeyHash(camera string) string
}

// Limiter slows down those who guess; auth.FailureLimiter is one.
type Limiter interface {
	// RetryAfter is how long key has to wait before another try; 0: not.
	RetryAfter(key string) time.Duration
	// Fail counts a wrong secret.
	Fail(key string)
}

var errWrong = errors.New("wrong user name or password: a camera logs in with its id and key, a person with a token as password")

var errMissing = errors.New("no user name and password: a camera logs in with its id and key, a person with a token as password")

// identity is who a connection belongs to. The zero identity may do nothing.
type identity struct {
	camera string    // a camera's id; else it is a person or program
	role   auth.Role // of a person or program
	name   string    // the token's name
	token  string    // the token's id
	hash   string    // of the secret; empty for an anonymous one
}

// key tells identities apart. It is no secret.
func (w identity) key() string {
	switch {
	case w.camera != "":
		return "camera:" + w.camera
	case w.hash == "":
		return "anonymous"
	}
	return "token:" + w.token
}

// String is for the log.
func (w identity) String() string {
	if w.camera == "" && w.hash != "" {
		return w.role.String() + " " + w.name
	}
	return strings.Replace(w.key(), ":", " ", 1)
}

// doorman lets clients in.
type doorman struct {
	auth    Authenticator
	limiter Limiter
	lab     bool // nobody needs a password, and a camera has whatever key it says
}

// login checks user name and password. Like elsewhere in the relay, a right
// token is served whatever else its address sent, but a key has to wait: it may
// be of the user's own making, and weak.
func (d doorman) login(user, password, remote string) (identity, error) {
	if password == "" {
		if d.lab {
			return identity{role: auth.RoleAdmin}, nil
		}
		return identity{}, errMissing
	}
	hash := auth.Hash(password)
	if t, ok := d.auth.TokenByHash(hash); ok {
		return identity{role: t.Role, name: t.Name, token: t.ID, hash: hash}, nil
	}
	if wire.CheckID(user) != nil {
		user = "" // no such camera; do not remember the text
	}
	attempt := addressKey(remote) + " " + user
	if wait := d.limiter.RetryAfter(attempt); wait > 0 {
		return identity{}, &auth.LimitedError{RetryAfter: wait}
	}
	if user != "" && (d.lab || auth.Matches(password, d.auth.KeyHash(user))) {
		return identity{camera: user, hash: hash}, nil
	}
	d.limiter.Fail(attempt)
	return identity{}, errWrong
}

// valid reports whether an identity still may be logged in, as what it is.
func (d doorman) valid(w identity) bool {
	switch {
	case w.camera != "":
		return d.lab || strings.EqualFold(d.auth.KeyHash(w.camera), w.hash)
	case w.hash == "":
		return d.lab
	}
	t, ok := d.auth.TokenByHash(w.hash)
	return ok && t.Role == w.role
}

// addressKey is the client's address as one party.
func addressKey(remote string) string {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	return auth.AddressKey(a.Addr())
}
