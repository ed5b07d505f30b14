package auth

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how many entries of X-Forwarded-For are looked at.
const maxHops = 32

// Proxies are the networks whose forwarding headers are believed.
type Proxies []netip.Prefix

// ClientAddress is the address a request comes from: that of the connection,
// or, if it is a trusted proxy's, the rightmost one in X-Forwarded-For that is
// not. What stands left of it can be forged. The zero Addr: not known.
func (p Proxies) ClientAddress(r *http.Request) netip.Addr {
	addr := remoteAddress(r)
	if !p.trust(addr) {
		return addr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops[max(0, len(hops)-maxHops):]) {
		next, ok := parseHop(hop)
		if !ok {
			break // the proxy right of it is the last that is known
		}
		addr = next
		if !p.trust(addr) {
			break
		}
	}
	return addr
}

// Secure reports whether the client's side of the connection is encrypted: by
// the relay, or by a trusted proxy that says so in X-Forwarded-Proto.
func (p Proxies) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if !p.trust(remoteAddress(r)) {
		return false
	}
	// With several proxies the last one appended what it saw itself; the first
	// faces the client, and all of them are trusted.
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	proto = strings.TrimSpace(proto)
	return strings.EqualFold(proto, "https") || strings.EqualFold(proto, "wss")
}

func (p Proxies) trust(a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

func remoteAddress(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr().Unmap().WithZone("")
}

// parseHop reads an address with or without port: some proxies add it.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}, false
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone(""), true
}
