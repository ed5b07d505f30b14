package wsclient

import "camrelay/firmware/core/text"

// address is where a server is.
type address struct {
	host  string // IPv6 without brackets
	port  uint16
	path  string // without the query; empty: /
	query string // with its question mark
	six   bool   // the host is an IPv6 address
}

const maxHost = 253 // bytes of a name (RFC 1035)

// parseURL reads ws://host[:port][/path][?query].
func parseURL(u string) (address, error) {
	switch {
	case prefixFold(u, "wss://"), prefixFold(u, "https://"):
		return address{}, ErrTLS
	case !prefixFold(u, "ws://"):
		return address{}, ErrURL
	}
	rest := u[len("ws://"):]
	end := 0
	for end < len(rest) && rest[end] != '/' && rest[end] != '?' && rest[end] != '#' {
		end++
	}
	authority, target := rest[:end], rest[end:]
	if has(authority, '@') {
		return address{}, ErrUserinfo
	}
	host, number := splitPort(authority)
	port := uint64(0)
	if len(number) > 0 {
		var ok bool
		var digits [5]byte
		n := copy(digits[:], number[1:])
		if port, ok = text.ParseUint(digits[:n], 65535); !ok || n < len(number)-1 || port == 0 {
			return address{}, ErrURL
		}
	}
	return newAddress(host, uint16(port), target)
}

// splitPort cuts off ":port".
func splitPort(authority string) (host, port string) {
	for i := len(authority) - 1; i >= 0; i-- {
		switch authority[i] {
		case ':':
			return authority[:i], authority[i:]
		case ']':
			return authority, ""
		}
	}
	return authority, ""
}

// newAddress checks the parts of an address.
func newAddress(host string, port uint16, target string) (address, error) {
	a := address{host: host, port: port, path: target}
	if port == 0 {
		a.port = 80
	}
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		a.host, a.six = host[1:len(host)-1], true
	}
	if a.host == "" || len(a.host) > maxHost || !all(a.host, hostByte) || has(a.host, ':') != a.six {
		return a, ErrURL
	}
	for i := range len(target) {
		if target[i] == '?' {
			a.path, a.query = target[:i], target[i:]
			break
		}
	}
	if a.path != "" && a.path[0] != '/' || !all(target, visible) || has(target, '#') {
		return a, ErrURL
	}
	return a, nil
}

func hostByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '.' || c == '_' || c == ':'
}

func prefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && equalFold(s[:len(prefix)], prefix)
}

// appendHost appends the value of the Host header.
func (a *address) appendHost(b []byte) []byte {
	if a.six {
		b = append(b, '[')
	}
	b = append(b, a.host...)
	if a.six {
		b = append(b, ']')
	}
	if a.port != 80 {
		b = text.AppendUint(append(b, ':'), uint64(a.port))
	}
	return b
}

// appendPath appends the path without the query.
func (a *address) appendPath(b []byte) []byte {
	if a.path == "" {
		return append(b, '/')
	}
	return append(b, a.path...)
}
