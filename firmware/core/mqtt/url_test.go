package mqtt

import (
	"net/url"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, test := range []struct {
		url  string
		want Address
		err  error
	}{
		{"mqtt://broker", Address{Host: "broker", Port: 1883}, nil},
		{"mqtt://broker/", Address{Host: "broker", Port: 1883}, nil},
		{"mqtt://192.168.1.10:1884", Address{Host: "192.168.1.10", Port: 1884}, nil},
		{"mqtt://door:crk_abc@relay.lan", Address{"relay.lan", 1883, "door", "crk_abc"}, nil},
		{"mqtt://door@relay.lan:1", Address{"relay.lan", 1, "door", ""}, nil},
		{"mqtt://:secret@relay", Address{"relay", 1883, "", "secret"}, nil},
		{"mqtt://a%40b:p%3a%2F%25@relay", Address{"relay", 1883, "a@b", "p:/%"}, nil},
		{"mqtt://a:b:c@d@relay", Address{"relay", 1883, "a", "b:c@d"}, nil},
		{"mqtt://[::1]:1884", Address{Host: "::1", Port: 1884}, nil},
		{"mqtt://[fe80::1%eth0]", Address{Host: "fe80::1%eth0", Port: 1883}, nil},
		{"mqtt://relay:65535", Address{Host: "relay", Port: 65535}, nil},
		{"mqtts://relay", Address{}, ErrTLS},
		{"mqtts://", Address{}, ErrTLS},
		{"", Address{}, ErrURL},
		{"relay:1883", Address{}, ErrURL},
		{"ws://relay", Address{}, ErrURL},
		{"mqtt:relay", Address{}, ErrURL},
		{"mqtt://", Address{}, ErrURL},
		{"mqtt:///", Address{}, ErrURL},
		{"mqtt://relay:", Address{}, ErrURL},
		{"mqtt://:1883", Address{}, ErrURL},
		{"mqtt://relay:0", Address{}, ErrURL},
		{"mqtt://relay:65536", Address{}, ErrURL},
		{"mqtt://relay:184467440737095516161", Address{}, ErrURL},
		{"mqtt://relay:mqtt", Address{}, ErrURL},
		{"mqtt://relay/topic", Address{}, ErrURL},
		{"mqtt://relay?x", Address{}, ErrURL},
		{"mqtt://re lay", Address{}, ErrURL},
		{"mqtt://relay\r\n", Address{}, ErrURL},
		{"mqtt://::1", Address{}, ErrURL},
		{"mqtt://[::1", Address{}, ErrURL},
		{"mqtt://[::1]x", Address{}, ErrURL},
		{"mqtt://[]", Address{}, ErrURL},
		{"mqtt://user:%zz@relay", Address{}, ErrURL},
		{"mqtt://user:%4@relay", Address{}, ErrURL},
		{"mqtt://user@", Address{}, ErrURL},
		{"mqtt://a/b@relay", Address{}, ErrURL},
		{"mqtt://" + strings.Repeat("h", 254), Address{}, ErrURL},
	} {
		if got, err := ParseURL(test.url); got != test.want || err != test.err {
			t.Errorf("%q: %+v, %v; want %+v, %v", test.url, got, err, test.want, test.err)
		}
	}
}

// FuzzParseURL: what is made by net/url is read as it was meant.
func FuzzParseURL(f *testing.F) {
	f.Add("mqtt://a:b@c:1", "user", "p@ss:/%")
	f.Fuzz(func(t *testing.T, any, user, password string) {
		if a, err := ParseURL(any); err == nil && (a.Host == "" || a.Port == 0 || strings.ContainsAny(a.Host, " /@\r\n")) {
			t.Errorf("%q gives %+v", any, a)
		}
		u := url.URL{Scheme: "mqtt", User: url.UserPassword(user, password), Host: "relay:1884"}
		if got, err := ParseURL(u.String()); err != nil || got != (Address{"relay", 1884, user, password}) {
			t.Errorf("%q gives %+v, %v", u.String(), got, err)
		}
	})
}
