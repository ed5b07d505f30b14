package auth

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// AnyOrigin in a list of origins allows all.
const AnyOrigin = "*"

// ParseOrigin checks and normalizes an origin (RFC 6454 section 6.2), like
// "https://home.example:8123" or "*": lower case, no default port.
func ParseOrigin(s string) (string, error) {
	if s == AnyOrigin {
		return s, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" || u.Opaque != "" {
		return "", fmt.Errorf("%.60q is not an origin; write scheme, host and port, like https://home.example:8123, or * for all", s)
	}
	scheme := strings.ToLower(u.Scheme)
	return scheme + "://" + normalHost(u.Host, scheme), nil
}

// normalHost is a host in lower case without the scheme's default port.
func normalHost(host, scheme string) string {
	host = strings.ToLower(host)
	if h, port, err := net.SplitHostPort(host); err == nil && (port == defaultPort(scheme) || port == "") {
		host = h
		if strings.Contains(h, ":") {
			host = "[" + h + "]"
		}
	}
	return host
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}

// Origins decides which web pages may use the relay.
type Origins struct {
	any    bool
	listed map[string]bool
}

// NewOrigins takes the origins allowed besides the relay's own; empty texts
// are passed over.
func NewOrigins(allowed ...string) (Origins, error) {
	o := Origins{listed: map[string]bool{}}
	for _, s := range allowed {
		if s == "" {
			continue
		}
		origin, err := ParseOrigin(s)
		if err != nil {
			return Origins{}, err
		}
		o.any = o.any || origin == AnyOrigin
		o.listed[origin] = true
	}
	return o, nil
}

// Allowed reports whether the request's Origin may be served; secure says that
// the request came over TLS. A request without Origin is no page's and is
// allowed. A page is the relay's own if its host and port are those of the
// request and it did not come by http when the request comes by https: behind
// a proxy that ends TLS and is not trusted, https pages send plain requests.
func (o Origins) Allowed(r *http.Request, secure bool) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	if o.any {
		return true
	}
	origin, err := ParseOrigin(values[0]) // refuses "null"
	if err != nil || origin == AnyOrigin {
		return false
	}
	if o.listed[origin] {
		return true
	}
	scheme, host, _ := strings.Cut(origin, "://")
	if scheme != "https" && (scheme != "http" || secure) {
		return false
	}
	return host == normalHost(r.Host, scheme)
}
