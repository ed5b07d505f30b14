package wsclient

import (
	"bytes"
	"strings"
	"testing"

	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/ws"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		url  string
		want string // host, port, Host header, target
		err  error
	}{
		{"ws://relay", "relay 80 relay /", nil},
		{"WS://relay.example:8080/ws/push/door", "relay.example 8080 relay.example:8080 /ws/push/door", nil},
		{"ws://192.168.1.10:80/x?key=a&b=c", "192.168.1.10 80 192.168.1.10 /x?key=a&b=c", nil},
		{"ws://relay?token=x:y/z@", "relay 80 relay /?token=x:y/z@", nil},
		{"ws://[fe80::1]:65535/", "fe80::1 65535 [fe80::1]:65535 /", nil},
		{"ws://[::1]", "::1 80 [::1] /", nil},
		{"wss://relay/", "", ErrTLS},
		{"https://relay/", "", ErrTLS},
		{"http://relay/", "", ErrURL},
		{"relay:8080", "", ErrURL},
		{"ws:/relay", "", ErrURL},
		{"ws://", "", ErrURL},
		{"ws:///path", "", ErrURL},
		{"ws://:80/", "", ErrURL},
		{"ws://user:pass@relay/", "", ErrUserinfo},
		{"ws://relay:0/", "", ErrURL},
		{"ws://relay:/", "", ErrURL},
		{"ws://relay:65536/", "", ErrURL},
		{"ws://relay:000080/", "", ErrURL},
		{"ws://relay:8a/", "", ErrURL},
		{"ws://relay:80:80/", "", ErrURL},
		{"ws://::1/", "", ErrURL},
		{"ws://[relay]/", "", ErrURL},
		{"ws://re lay/", "", ErrURL},
		{"ws://relay/a b", "", ErrURL},
		{"ws://relay/a\r\nX: y", "", ErrURL},
		{"ws://relay/#x", "", ErrURL},
		{"ws://relay/ä", "", ErrURL},
		{"ws://" + strings.Repeat("a", 254), "", ErrURL},
	} {
		a, err := parseURL(c.url)
		if err != c.err {
			t.Errorf("%q: %v, want %v", c.url, err, c.err)
		}
		if err != nil || c.err != nil {
			continue
		}
		got := a.host + " " + itoa(int(a.port)) + " " + string(a.appendHost(nil)) + " " + string(append(a.appendPath(nil), a.query...))
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.url, got, c.want)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func FuzzURL(f *testing.F) {
	f.Add("ws://relay.example:8080/ws/push/door?x=y")
	f.Add("ws://[::1]:1")
	f.Fuzz(func(t *testing.T, u string) {
		a, err := parseURL(u)
		if err != nil {
			return
		}
		// What is accepted cannot break the request apart.
		for _, c := range a.appendHost(append(a.appendPath(nil), a.query...)) {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("%q has byte %d in the request", u, c)
			}
		}
		back := "ws://" + string(a.appendHost(nil)) + string(append(a.appendPath(nil), a.query...))
		if b, err := parseURL(back); err != nil || b.host != a.host || b.port != a.port || b.query != a.query {
			t.Fatalf("%q: %+v, and %q: %+v, %v", u, a, back, b, err)
		}
	})
}

func TestRefusedConfigs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   error
	}{
		"nothing to dial":    {func(c *Config) { c.URL = "" }, ErrURL},
		"parts":              {func(c *Config) { c.URL, c.Host, c.Port, c.Path = "", "relay", 8080, "/ws?x" }, nil},
		"path without slash": {func(c *Config) { c.URL, c.Host, c.Path = "", "relay", "ws" }, ErrURL},
		"bearer":             {func(c *Config) { c.Auth = Auth{Scheme: Bearer, Secret: "crk_x"} }, nil},
		"empty token":        {func(c *Config) { c.Auth = Auth{Scheme: Bearer} }, ErrAuth},
		"token with newline": {func(c *Config) { c.Auth = Auth{Scheme: Bearer, Secret: "a\r\nX: y"} }, ErrAuth},
		"basic":              {func(c *Config) { c.Auth = Auth{Scheme: Basic, User: "door", Secret: "a b:c"} }, nil},
		"user with colon":    {func(c *Config) { c.Auth = Auth{Scheme: Basic, User: "do:or"} }, ErrAuth},
		"hmac":               {func(c *Config) { c.Auth = Auth{Scheme: CamHMAC, User: "door", Secret: "k"} }, nil},
		"hmac without id":    {func(c *Config) { c.Auth = Auth{Scheme: CamHMAC, Secret: "k"} }, ErrAuth},
		"hmac id with comma": {func(c *Config) { c.Auth = Auth{Scheme: CamHMAC, User: "a,b", Secret: "k"} }, ErrAuth},
		"scheme 9":           {func(c *Config) { c.Auth.Scheme = 9 }, ErrAuth},
		"header":             {func(c *Config) { c.Headers = []string{"X-Camera: door", "Empty:"} }, nil},
		"header with LF":     {func(c *Config) { c.Headers = []string{"X: a\nY: b"} }, ErrHeader},
		"header with CR":     {func(c *Config) { c.Headers = []string{"X: a\rY"} }, ErrHeader},
		"no header":          {func(c *Config) { c.Headers = []string{"X"} }, ErrHeader},
		"space in name":      {func(c *Config) { c.Headers = []string{"X : y"} }, ErrHeader},
		"empty header":       {func(c *Config) { c.Headers = []string{""} }, ErrHeader},
		"host":               {func(c *Config) { c.Headers = []string{"host: x"} }, ErrReserved},
		"key":                {func(c *Config) { c.Headers = []string{"Sec-Websocket-Key: x"} }, ErrReserved},
		"extensions":         {func(c *Config) { c.Headers = []string{"Sec-WebSocket-Extensions: permessage-deflate"} }, ErrReserved},
		"body":               {func(c *Config) { c.Headers = []string{"Transfer-Encoding: chunked"} }, ErrReserved},
		"protocol":           {func(c *Config) { c.Protocol = "camrelay.camera.v1" }, nil},
		"two protocols":      {func(c *Config) { c.Protocol = "a, b" }, ErrProtocolName},
		"agent with newline": {func(c *Config) { c.UserAgent = "a\nb" }, ErrHeader},
		"negative time":      {func(c *Config) { c.PingInterval = -1 }, ErrTimes},
		"no time to connect": {func(c *Config) { c.ConnectTimeout = 0 }, ErrTimes},
		"long":               {func(c *Config) { c.Headers = []string{"X: " + strings.Repeat("x", 1300)} }, ErrLong},
	} {
		cfg := config("ws://relay/")
		c.change(&cfg)
		if _, err := New(cfg, nil, nil, nil, nil); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// A refused change changes nothing.
	r := newRig(t, config("ws://relay/a"))
	if err := r.client.SetURL("wss://x/"); err != ErrTLS || r.client.Config().URL != "ws://relay/a" {
		t.Errorf("%v, %q", err, r.client.Config().URL)
	}
}

// The longest requests that are allowed fit where they are written.
func TestLongestRequests(t *testing.T) {
	clock := haltest.NewClock()
	for scheme := NoAuth; scheme <= CamHMAC; scheme++ {
		for _, where := range []string{"path", "header", "secret", "user", "host"} {
			if scheme == NoAuth && (where == "secret" || where == "user") {
				continue
			}
			longest := 0
			for n := 1; n < 1500; n++ {
				cfg := config("ws://relay:65535/")
				cfg.Auth = Auth{Scheme: scheme, User: "u", Secret: "s"}
				fill := strings.Repeat("x", n)
				switch where {
				case "path":
					cfg.URL += fill
				case "header":
					cfg.Headers = []string{"X: " + fill}
				case "secret":
					cfg.Auth.Secret = fill
				case "user":
					cfg.Auth.User = fill
				case "host":
					cfg.URL = "ws://" + fill + ":65535/"
				}
				c, err := New(cfg, nil, clock, haltest.NewRandom(1), nil)
				if err != nil {
					break
				}
				longest = n
				got := c.request()
				if &got[0] != &c.fragment[0] || len(got) > ws.FragmentSize || !bytes.HasSuffix(got, []byte("\r\n\r\n")) ||
					bytes.Count(got, []byte("\r\n\r\n")) != 1 {
					t.Fatalf("scheme %d, %s of %d bytes: a request of %d bytes", scheme, where, n, len(got))
				}
			}
			if longest < 200 && !(where == "host" && longest == 253) {
				t.Errorf("scheme %d: longest %s has %d bytes", scheme, where, longest)
			}
			t.Logf("scheme %d: longest %s has %d bytes", scheme, where, longest)
		}
	}
}
