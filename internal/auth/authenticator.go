package auth

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"camrelay/internal/wire"
)

// Errors of [Authenticator]; answer 401, and a [LimitedError] with 429.
var (
	// ErrMissing means the request carries no key or token.
	ErrMissing = errors.New("no key or token was sent")
	// ErrWrong means the key, token or session is not, or no longer, valid.
	ErrWrong = errors.New("the key, token or session is wrong or no longer valid")
)

// LimitedError means that too many wrong secrets came from an address.
type LimitedError struct{ RetryAfter time.Duration }

func (e *LimitedError) Error() string {
	return fmt.Sprintf("too many wrong keys or tokens from this address; wait %v", e.RetryAfter.Round(time.Second))
}

// Directory knows the tokens and share epochs there are.
type Directory interface {
	// TokenByHash finds a token by Hash of its text.
	TokenByHash(hash string) (Token, bool)
	// TokenByID finds a token by its id.
	TokenByID(id string) (Token, bool)
	// ShareEpoch is the camera's epoch; false if it was never shared.
	ShareEpoch(camera string) (string, bool)
}

// Authenticator tells who a request comes from.
type Authenticator struct {
	dir      Directory
	proxies  Proxies
	now      func() time.Time
	sessions Sessions
	shares   Shares
	hmac     *HMACVerifier
	people   *FailureLimiter
	cameras  *FailureLimiter
}

// NewAuthenticator takes the relay's secret, at least 32 random bytes, and the
// proxies whose forwarding headers are believed.
func NewAuthenticator(dir Directory, secret []byte, proxies Proxies, now func() time.Time) *Authenticator {
	return &Authenticator{
		dir: dir, proxies: proxies, now: now,
		sessions: NewSessions(secret), shares: NewShares(secret), hmac: NewHMACVerifier(now),
		people: NewFailureLimiter(now), cameras: NewFailureLimiter(now),
	}
}

// Person tells which person or program a request comes from. A right token is
// served even if its address sent too many wrong ones: tokens cannot be
// guessed, and one broken program must not lock out its neighbours behind NAT.
func (a *Authenticator) Person(r *http.Request) (Principal, error) {
	c, ok := PersonCredential(r, CookieName(a.proxies.Secure(r)))
	if !ok {
		return Principal{}, ErrMissing
	}
	if p, ok := a.principal(c); ok {
		return p, nil
	}
	if c.Source == SourceCookie || isShare(c.Secret) {
		return Principal{}, ErrWrong // it has ended: that is no guess
	}
	return Principal{}, a.fail(a.people, AddressKey(a.proxies.ClientAddress(r)))
}

// Login checks a token typed by a person and makes the session cookie. While
// the address is limited even a right token has to wait.
func (a *Authenticator) Login(r *http.Request, token string) (Principal, *http.Cookie, error) {
	address := AddressKey(a.proxies.ClientAddress(r))
	if wait := a.people.RetryAfter(address); wait > 0 {
		return Principal{}, nil, &LimitedError{wait}
	}
	p, ok := a.principal(Credential{Source: SourceBearer, Secret: token})
	if !ok {
		return Principal{}, nil, a.fail(a.people, address)
	}
	value := token // a share link's session is the share token itself
	if p.TokenID != "" {
		p.Expires = a.now().Add(SessionLife)
		value = a.sessions.Issue(p.TokenID, p.Expires)
	}
	return p, SessionCookie(value, p.Expires, a.now(), a.proxies.Secure(r)), nil
}

// Logout is the cookie that ends the session.
func (a *Authenticator) Logout(r *http.Request) *http.Cookie {
	return EndCookie(a.proxies.Secure(r))
}

// Valid reports whether a principal still holds: for long connections, to be
// asked when tokens or shares change, and when Expires has come.
func (a *Authenticator) Valid(p Principal) bool {
	if !p.Expires.IsZero() && !a.now().Before(p.Expires) {
		return false
	}
	if p.TokenID != "" {
		_, ok := a.dir.TokenByID(p.TokenID)
		return ok
	}
	if p.epoch != "" {
		today, ok := a.dir.ShareEpoch(p.Camera)
		return ok && today == p.epoch
	}
	return p.Role != RoleNone
}

// Share makes a share token for a camera with its present epoch.
func (a *Authenticator) Share(camera, epoch string, life time.Duration) (token string, expires time.Time, err error) {
	if life < time.Minute || life > MaxShareLife {
		return "", time.Time{}, fmt.Errorf("a share link cannot hold for %v: from a minute to a year is allowed", life)
	}
	expires = a.now().Add(life).Truncate(time.Second)
	return a.shares.Issue(camera, epoch, expires), expires, nil
}

// Camera checks that a request comes from the camera; keyHash is empty for a
// camera that is not known. One camera with a wrong key is limited by itself,
// so that others behind the same address go on.
func (a *Authenticator) Camera(r *http.Request, camera, keyHash string) error {
	c, ok := CameraCredential(r)
	if !ok {
		return ErrMissing
	}
	if wire.CheckID(camera) != nil {
		camera, keyHash = "", "" // no such camera; do not remember the text
	}
	key := AddressKey(a.proxies.ClientAddress(r)) + " " + camera
	if wait := a.cameras.RetryAfter(key); wait > 0 {
		return &LimitedError{wait}
	}
	switch {
	case c.Source == SourceHMAC:
		if err := a.hmac.Verify(r, c.Secret, camera, keyHash); err != nil {
			return fmt.Errorf("%w: %w", a.fail(a.cameras, key), err)
		}
		return nil
	case c.Source == SourceBasic && c.User != camera, !Matches(c.Secret, keyHash):
		return a.fail(a.cameras, key)
	}
	return nil
}

// ForgetCamera drops what is remembered of a camera that was removed.
func (a *Authenticator) ForgetCamera(camera string) { a.hmac.Forget(camera) }

// principal follows a credential to the person behind it.
func (a *Authenticator) principal(c Credential) (Principal, bool) {
	switch {
	case c.Secret == "" || len(c.Secret) > maxSecret:
		return Principal{}, false
	case isShare(c.Secret):
		p, ok := a.shares.Verify(c.Secret, a.dir.ShareEpoch)
		return p, ok && a.now().Before(p.Expires)
	case c.Source == SourceCookie:
		id, expires, ok := a.sessions.Verify(c.Secret)
		if !ok || !a.now().Before(expires) {
			return Principal{}, false
		}
		t, ok := a.dir.TokenByID(id)
		return Principal{Name: t.Name, Role: t.Role, TokenID: t.ID, Expires: expires}, ok
	}
	t, ok := a.dir.TokenByHash(Hash(c.Secret))
	return Principal{Name: t.Name, Role: t.Role, TokenID: t.ID}, ok
}

// fail counts a wrong secret and says what to answer.
func (a *Authenticator) fail(l *FailureLimiter, key string) error {
	if wait := l.RetryAfter(key); wait > 0 {
		return &LimitedError{wait}
	}
	l.Fail(key)
	return ErrWrong
}
