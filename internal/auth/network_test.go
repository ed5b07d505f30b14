package auth

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"
)

func TestOrigins(t *testing.T) {
	o, err := NewOrigins("https://home.example:8123", "HTTP://Other.Example/", "", "https://std.example:443")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		origin, host string
		secure, want bool
	}{
		{"", "relay:8080", false, true},
		{"http://relay:8080", "relay:8080", false, true},
		{"http://RELAY:8080", "relay:8080", false, true},
		{"http://relay", "relay:80", false, true},
		{"http://relay:80", "relay", false, true},
		{"https://relay", "relay", true, true},
		{"https://relay", "relay:443", true, true},
		{"http://[::1]:8080", "[::1]:8080", false, true},
		{"http://[::1]", "[::1]:80", false, true},
		{"https://relay", "relay", false, true}, // behind a proxy that ends TLS
		{"http://relay", "relay", true, false},  // a page that was not encrypted
		{"http://relay:443", "relay", true, false},
		{"http://relay", "relay:8080", false, false},
		{"http://relay:8081", "relay:8080", false, false},
		{"http://evil", "relay:8080", false, false},
		{"http://relay.evil:8080", "relay:8080", false, false},
		{"null", "relay:8080", false, false},
		{"null", "null", false, false},
		{"*", "relay:8080", false, false},
		{"file://", "", false, false},
		{"ftp://relay:8080", "relay:8080", false, false},
		{"http://u@relay:8080", "relay:8080", false, false},
		{"http://relay:8080/x", "relay:8080", false, false},
		{"https://home.example:8123", "relay", true, true},
		{"https://home.example", "relay", true, false},
		{"http://home.example:8123", "relay", true, false},
		{"http://other.example", "relay", true, true},
		{"https://std.example", "relay", true, true},
	} {
		r := request("/", "Host: "+tt.host)
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		if got := o.Allowed(r, tt.secure); got != tt.want {
			t.Errorf("origin %q, host %q, secure %v: %v", tt.origin, tt.host, tt.secure, got)
		}
	}
	if o.Allowed(request("/", "Host: a", "Origin: http://a", "Origin: http://evil"), false) {
		t.Error("two origins were taken")
	}
	if o.Allowed(request("/", "Host: a", "Origin: "), false) {
		t.Error("an empty Origin was taken")
	}
	all, err := NewOrigins(AnyOrigin)
	if err != nil || !all.Allowed(request("/", "Origin: http://evil"), true) {
		t.Errorf("* does not allow all: %v", err)
	}
	if _, err := NewOrigins("home.example"); err == nil {
		t.Error("an origin without scheme was taken")
	}
	if (Origins{}).Allowed(request("/", "Origin: http://evil"), false) {
		t.Error("the zero value allows other origins")
	}
}

func TestClientAddress(t *testing.T) {
	p := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct{ name, remote, forwarded, want string }{
		{"direct", "192.0.2.1:9", "", "192.0.2.1"},
		{"direct, forged", "192.0.2.1:9", "198.51.100.1", "192.0.2.1"},
		{"proxy without header", "10.0.0.1:9", "", "10.0.0.1"},
		{"proxy", "10.0.0.1:9", "198.51.100.1", "198.51.100.1"},
		{"forged left of the truth", "10.0.0.1:9", "1.1.1.1, 198.51.100.1", "198.51.100.1"},
		{"two proxies", "10.0.0.1:9", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"two lines", "10.0.0.1:9", "198.51.100.1\n10.0.0.2", "198.51.100.1"},
		{"proxies all the way", "10.0.0.1:9", "10.0.0.3,10.0.0.2", "10.0.0.3"},
		{"nonsense", "10.0.0.1:9", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"},
		{"empty entries", "10.0.0.1:9", ",", "10.0.0.1"},
		{"with ports", "10.0.0.1:9", "198.51.100.1:5, [fd00::2]:6", "198.51.100.1"},
		{"brackets", "10.0.0.1:9", "[2001:db8::1]", "2001:db8::1"},
		{"mapped", "[::ffff:10.0.0.1]:9", "::ffff:198.51.100.1", "198.51.100.1"},
		{"zone", "[fd00::1%eth0]:9", "fe80::1%x", "fe80::1"},
		{"very many", "10.0.0.1:9", "198.51.100.1" + strings.Repeat(", 10.0.0.2", 100), "10.0.0.2"},
		{"unix socket", "@", "198.51.100.1", "invalid IP"},
	} {
		r := request("/")
		r.RemoteAddr = tt.remote
		for line := range strings.SplitSeq(tt.forwarded, "\n") {
			r.Header.Add("X-Forwarded-For", line)
		}
		if got := p.ClientAddress(r).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestSecure(t *testing.T) {
	p := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tt := range []struct {
		remote, proto string
		tls, want     bool
	}{
		{"192.0.2.1:9", "", true, true},
		{"192.0.2.1:9", "https", false, false},
		{"10.0.0.1:9", "https", false, true},
		{"10.0.0.1:9", "HTTPS, http", false, true},
		{"10.0.0.1:9", "http", false, false},
		{"10.0.0.1:9", "", false, false},
	} {
		r := request("/", "X-Forwarded-Proto: "+tt.proto)
		r.RemoteAddr = tt.remote
		if tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := p.Secure(r); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestAddressKey(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := AddressKey(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
	_ = AddressKey(netip.Addr{}) // not known: no panic
}

func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1:9", "1.2.3.4, [::1]:5, x")
	p := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		r := request("/")
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", forwarded)
		if a := p.ClientAddress(r); a.Is4In6() || a.Zone() != "" {
			t.Fatalf("%q, %q: %v has two forms", remote, forwarded, a)
		}
	})
}
