package control

import (
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/text"
)

// sameOrigin reports whether a request comes from this server's own pages, or
// from no page at all. Browsers say so with every request that changes
// something and with every WebSocket.
func sameOrigin(r *http.Request, host []byte) bool {
	const scheme = "http://"
	origin, ok := r.Get("Origin")
	if !ok {
		return true
	}
	if len(origin) != len(scheme)+len(host) || !text.Equal(origin[:len(scheme)], scheme) {
		return false
	}
	for i, c := range host {
		if origin[len(scheme)+i] != c {
			return false
		}
	}
	return true
}

// ownHost reports whether a Host header is one of this camera's: an IP address
// or one of its names. A foreign name that leads here belongs to a page that
// wants a browser to take the camera for its own server (DNS rebinding).
func ownHost(host []byte, id string) bool {
	name := host
	for i := len(host) - 1; i >= 0 && host[i] != ']'; i-- {
		if host[i] == ':' {
			if _, ok := text.ParseUint(host[i+1:], 65535); !ok {
				return false
			}
			name = host[:i]
			break
		}
	}
	const local = ".local"
	bare := name
	if n := len(name) - len(local); n > 0 && text.EqualFold(name[n:], local) {
		bare = name[:n]
	}
	return id != "" && text.EqualFold(bare, id) || text.EqualFold(name, "localhost") || isIPv4(name) || isIPv6(name)
}

// isIPv4 reports whether p is four numbers.
func isIPv4(p []byte) bool {
	parts := 0
	for start, i := 0, 0; i <= len(p); i++ {
		if i < len(p) && p[i] != '.' {
			continue
		}
		if _, ok := text.ParseUint(p[start:i], 255); !ok || i-start > 3 {
			return false
		}
		parts++
		start = i + 1
	}
	return parts == 4
}

// isIPv6 reports whether p can be nothing but an IPv6 address in brackets.
func isIPv6(p []byte) bool {
	if len(p) < 4 || p[0] != '[' || p[len(p)-1] != ']' {
		return false
	}
	colons := 0
	for _, c := range p[1 : len(p)-1] {
		switch {
		case c == ':':
			colons++
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F', c == '.':
		default:
			return false
		}
	}
	return colons >= 2
}
