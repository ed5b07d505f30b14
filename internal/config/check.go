package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// check reports an error about a key unless that key already has one.
func (p *problems) check(key string, err error) {
	if err != nil && !p.reported(key) {
		p.add(key, err)
	}
}

// addAt reports an error about a key that is not there at the place of another.
func (p *problems) addAt(place, key string, err error) {
	if !p.reported(key) {
		at := p.places[place]
		p.errs = append(p.errs, &Error{Where: at.where, Key: key, Problem: err.Error(), line: at.line})
	}
}

// setOf is the first of two keys that was set, to point at.
func (p *problems) setOf(a, b string) string {
	if p.isSet(a) {
		return a
	}
	return b
}

func (p *problems) reported(key string) bool {
	return slices.ContainsFunc(p.errs, func(e *Error) bool { return e.Key == key })
}

func (p *problems) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		p.check(key, problem(value, "is not allowed; write %s", strings.Join(allowed, " or ")))
	}
}

func (p *problems) scheme(key string, u URL, allowed ...string) {
	if u != "" && !slices.Contains(allowed, u.scheme()) {
		p.check(key, problem(u.scheme(), "is not a scheme for this; the URL must begin with %s://", strings.Join(allowed, ":// or ")))
	}
}

func (p *problems) pair(keyA, a, keyB, b string) {
	if a != "" && b == "" {
		p.addAt(keyA, keyB, fmt.Errorf("is missing: it belongs to %s", keyA))
	}
	if b != "" && a == "" {
		p.addAt(keyB, keyA, fmt.Errorf("is missing: it belongs to %s", keyB))
	}
}

func between[T cmp.Ordered](p *problems, key string, value, low, high T) {
	if value < low || value > high {
		p.check(key, fmt.Errorf("%v is out of range; write %v to %v", value, low, high))
	}
}

func checkStill(d time.Duration) error {
	if d != 0 && (d < time.Second || d > time.Hour) {
		return fmt.Errorf("%v is out of range; write 1s to 1h, or 0 for a camera that never rests", d)
	}
	return nil
}

func checkName(name string) error {
	bad := func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	if name == "" || len(name) > maxName || name[0] == '-' || strings.ContainsFunc(name, bad) {
		return problem(name, "is not a name; write 1 to %d of a-z, 0-9 and, not first, -", maxName)
	}
	return nil
}

func checkListen(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err == nil && host != "" && !isHostName(host) {
		_, err = netip.ParseAddr(host)
	}
	if err != nil {
		return problem(addr, `is not an address to listen on; write ":8080" for all, "127.0.0.1:8080" or "[::1]:8080"`)
	}
	return nil
}

// isHostName follows RFC 1123 section 2.1, and allows "_".
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return false
		}
	}
	return true
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
