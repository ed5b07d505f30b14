package auth

import (
	"net/http"
	"strings"
)

// Source is how a request carried a credential.
type Source string

// The sources in the order they are looked at: docs/protocol.md, section 0.
const (
	SourceBearer Source = "bearer"
	SourceBasic  Source = "basic"
	SourceHMAC   Source = "camhmac" // cameras only
	SourceCookie Source = "cookie"  // people only
	SourceQuery  Source = "query"
)

// Credential is what a request offers as proof of who it comes from.
type Credential struct {
	Source Source
	// User is the user name of Basic.
	User string
	// Secret is the key, the token, the cookie's value or the CamHMAC
	// parameters. Never log it.
	Secret string
}

// CameraCredential finds the key that a camera sent: Bearer, Basic, CamHMAC or
// ?key=.
func CameraCredential(r *http.Request) (Credential, bool) {
	if c, ok := fromHeader(r, true); ok {
		return c, true
	}
	return fromQuery(r, "key")
}

// PersonCredential finds the token or session of a person or program: Bearer,
// Basic, the cookie of that name, or ?token=.
func PersonCredential(r *http.Request, cookie string) (Credential, bool) {
	if c, ok := fromHeader(r, false); ok {
		return c, true
	}
	if c, err := r.Cookie(cookie); err == nil && c.Value != "" {
		return Credential{Source: SourceCookie, Secret: c.Value}, true
	}
	return fromQuery(r, "token")
}

// fromHeader reads Authorization (RFC 9110 section 11.6.2). Schemes that are
// not ours are passed over: they may be a proxy's.
func fromHeader(r *http.Request, camera bool) (Credential, bool) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return Credential{Source: SourceBearer, Secret: rest}, true
	case strings.EqualFold(scheme, "Basic"):
		user, password, _ := r.BasicAuth()
		return Credential{Source: SourceBasic, User: user, Secret: password}, true
	case camera && strings.EqualFold(scheme, "CamHMAC"):
		return Credential{Source: SourceHMAC, Secret: rest}, true
	}
	return Credential{}, false
}

func fromQuery(r *http.Request, name string) (Credential, bool) {
	secret := r.URL.Query().Get(name)
	return Credential{Source: SourceQuery, Secret: secret}, secret != ""
}
