package ingest

import (
	"net/http"
	"strings"
	"sync"

	"github.com/icholy/digest"
)

// authTransport logs in at one host: Digest (RFC 7616) if the camera offers it,
// else Basic (RFC 7617). It sends no password before it was asked for one, as
// Basic would show it to a camera that knows better, and none to any other
// host, wherever a redirect leads.
type authTransport struct {
	base               *http.Transport
	username, password string
	host               string // without port: cameras serve on several
	secure             bool   // only over TLS

	mu        sync.Mutex
	challenge *digest.Challenge
	count     int // uses of the challenge
	basic     bool
}

// RoundTrip implements http.RoundTripper for requests without a body.
func (t *authTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	mine := strings.EqualFold(req.URL.Hostname(), t.host) && (!t.secure || req.URL.Scheme == "https")
	if !mine || t.username == "" && t.password == "" {
		return t.base.RoundTrip(req)
	}
	first, err := t.authorize(req)
	if err != nil {
		return nil, err
	}
	res, err := t.base.RoundTrip(first)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	sentBasic := strings.HasPrefix(first.Header.Get("Authorization"), "Basic ")
	if !t.learn(res.Header) || sentBasic && t.usesBasic() {
		return res, nil // there is nothing else to try
	}
	_ = res.Body.Close() // unread: the connection is not kept
	second, err := t.authorize(req)
	if err != nil {
		return nil, err
	}
	return t.base.RoundTrip(second)
}

// learn takes what a 401 asks for, and reports whether it can be given.
func (t *authTransport) learn(h http.Header) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.challenge, t.count, t.basic = nil, 0, false
	if c, err := digest.FindChallenge(h); err == nil && digest.CanDigest(c) {
		t.challenge = c
		return true
	}
	for _, v := range h.Values("WWW-Authenticate") {
		if scheme, _, _ := strings.Cut(strings.TrimSpace(v), " "); strings.EqualFold(scheme, "Basic") {
			t.basic = true
		}
	}
	return t.basic
}

func (t *authTransport) usesBasic() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.basic
}

// authorize returns a copy of req with what the camera asked for last.
func (t *authTransport) authorize(req *http.Request) (*http.Request, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	req = req.Clone(req.Context())
	switch {
	case t.challenge != nil:
		t.count++
		cred, err := digest.Digest(t.challenge, digest.Options{
			Method: req.Method, URI: req.URL.RequestURI(), Count: t.count, Username: t.username, Password: t.password,
		})
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", cred.String())
	case t.basic:
		req.SetBasicAuth(t.username, t.password)
	}
	return req, nil
}
