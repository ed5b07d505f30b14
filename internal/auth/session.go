package auth

import (
	"net/http"
	"strings"
	"time"
)

// SessionLife is how long a login holds.
const SessionLife = 30 * 24 * time.Hour

// MaxShareLife is the longest a share link holds.
const MaxShareLife = 365 * 24 * time.Hour

const (
	cookieName = "camrelay"
	// secureCookieName has the prefix of RFC 6265bis section 4.1.3.2: browsers
	// take it over TLS alone, and from no other host of the domain.
	secureCookieName = "__Host-camrelay"
)

// CookieName is the name of the session cookie of requests that came over TLS,
// or not.
func CookieName(secure bool) string {
	if secure {
		return secureCookieName
	}
	return cookieName
}

// Sessions makes and reads session cookies. They are stateless: signed, with
// the token's id and an expiry, and void once the token is gone.
type Sessions struct{ signer signer }

// NewSessions takes the relay's secret, at least 32 random bytes.
func NewSessions(secret []byte) Sessions { return Sessions{newSigner(secret, "session v1")} }

// Issue is the cookie's value for a token.
func (s Sessions) Issue(tokenID string, expires time.Time) string {
	return s.signer.sign(tokenID+"."+formatExpiry(expires), "")
}

// Verify returns the token's id and the expiry of a value that Issue made. The
// caller checks the time and that the token still exists.
func (s Sessions) Verify(value string) (tokenID string, expires time.Time, ok bool) {
	body, ok := split(value)
	if !ok || !s.signer.verify(value, body, "") {
		return "", time.Time{}, false
	}
	tokenID, expiry, _ := strings.Cut(body, ".")
	expires, ok = parseExpiry(expiry)
	return tokenID, expires, ok
}

// SessionCookie wraps a value for Set-Cookie. SameSite=Strict keeps it out of
// all requests that other sites cause.
func SessionCookie(value string, expires, now time.Time, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: CookieName(secure), Value: value, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode,
		Expires: expires.UTC(), MaxAge: max(1, int(expires.Sub(now)/time.Second)),
	}
}

// EndCookie makes the browser forget the session.
func EndCookie(secure bool) *http.Cookie {
	return &http.Cookie{Name: CookieName(secure), Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode, MaxAge: -1}
}
