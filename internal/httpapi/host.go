package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"camrelay/internal/config"
)

// localHost reports whether a lab may be called by the request's Host. A lab
// asks for no token, so a page anywhere could have its own name point to this
// machine (DNS rebinding) and would then be of the lab's own origin. Names that
// no stranger can own are fine: addresses, names without a dot, those of RFC
// 6762, 6761 and 8375 for local use, and the one in public_url.
func localHost(r *http.Request, cfg *config.Config) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".local", ".localhost", ".test", ".home.arpa", ".internal", ".lan"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	u := cfg.PublicURL.Parse()
	return u != nil && strings.EqualFold(u.Hostname(), host)
}
