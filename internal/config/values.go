package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes, written "512KiB", "4MB" or "1048576".
type Size int64

// Units of Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

// sizeUnit is what a unit is worth, largest binary ones first.
type sizeUnit struct {
	name  string
	bytes Size
}

func sizeUnits() []sizeUnit {
	return []sizeUnit{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}}
}

// UnmarshalText reads a whole number with an optional unit.
func (s *Size) UnmarshalText(b []byte) error {
	text, unit := strings.TrimSpace(string(b)), Size(1)
	for _, u := range sizeUnits() {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return problem(string(b), "is not a size; write a number with a unit, like 512KiB or 4MB")
	}
	*s = Size(n) * unit
	return nil
}

// String is the size in the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits()[:3] {
		if s >= u.bytes && s%u.bytes == 0 {
			return fmt.Sprintf("%d%s", s/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%dB", int64(s))
}

// MarshalText is String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// parseDuration is time.ParseDuration with an error that helps.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, problem(text, "is not a duration; write a number with a unit, like 500ms, 10s or 1h30m")
	}
	return d, nil
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	}
	return false, false
}

// URL is an absolute URL with a host. In a loaded configuration it holds no
// password, but its query may.
type URL string

// UnmarshalText takes what can be parsed; empty is allowed and means none.
func (u *URL) UnmarshalText(b []byte) error {
	if len(b) > 0 {
		parsed, err := url.Parse(string(b))
		if err != nil {
			// The error would quote the URL, which may hold a password.
			var e *url.Error
			if errors.As(err, &e) {
				err = e.Err
			}
			return fmt.Errorf("this is not a URL: %w", err)
		}
		if parsed.Scheme == "" || parsed.Host == "" || parsed.Hostname() == "" {
			return errors.New("this is not a full URL; write it with scheme and host, like http://192.168.1.40:81/stream")
		}
	}
	*u = URL(b)
	return nil
}

// Parse is the URL taken apart; an empty one is an empty url.URL.
func (u URL) Parse() *url.URL {
	parsed, err := url.Parse(string(u))
	if err != nil {
		return new(url.URL) // UnmarshalText takes no such URL
	}
	return parsed
}

func (u URL) scheme() string { return u.Parse().Scheme }

// cutUser splits name and password off.
func (u URL) cutUser() (rest URL, name, password string) {
	parsed := u.Parse()
	if parsed.User == nil {
		return u, "", ""
	}
	name = parsed.User.Username()
	password, _ = parsed.User.Password()
	parsed.User = nil
	return URL(parsed.String()), name, password
}

// Networks are address ranges, written 10.0.0.0/8, fd00::/8 or as one address.
type Networks []netip.Prefix

// Contains reports whether the address is in one of the networks.
func (n Networks) Contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(n, func(p netip.Prefix) bool { return p.Contains(a) })
}

func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, problem(text, "is not a network; write an address or a range, like 192.168.1.0/24 or ::1")
	}
	if p != p.Masked() {
		return netip.Prefix{}, problem(text, "has bits set beyond its prefix; write %v, or %v for the one address", p.Masked(), p.Addr())
	}
	return p, nil
}
