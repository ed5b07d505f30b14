package config

import (
	"reflect"
	"testing"
)

func TestDiff(t *testing.T) {
	const hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
	base := "cameras:\n- {id: a, key_sha256: " + hash + "}\n- {id: b, url: 'http://u:p@b'}\n- {id: c, key: env:K}\n- {id: d, url: 'http://d', still: 9s}\n"
	for _, tt := range []struct {
		name, text, env string
		want            Changes
	}{
		{"nothing", base, "", Changes{}},
		{"order alone", "cameras:\n- {id: d, url: 'http://d', still: 9s, kind: pull}\n- {id: c, key: env:K}\n- {id: b, password: p, username: u, url: 'http://b'}\n- {id: a, name: a, key_sha256: " + hash + "}\n", "", Changes{}},
		{"cameras", "cameras:\n- {id: e, url: 'http://e'}\n- {id: b, url: 'http://u:q@b'}\n- {id: c, key: env:K}\n- {id: d, url: 'http://d', still: 9s}\n", "",
			Changes{Added: []string{"e"}, Removed: []string{"a"}, Changed: []string{"b"}}},
		{"secret behind a reference", base, "K=another key of mine", Changes{Changed: []string{"c"}}},
		{"default of cameras", "rest: {still: 7s}\n" + base, "", Changes{Changed: []string{"a", "b", "c"}, Live: []string{"rest.still"}}},
		{"keys", "listen: :1\nlog: {level: debug, format: json}\ntls: {cert: a, key: b}\nmqtt: {url: mqtt://x}\nlimits: {max_frame: 2MiB}\n" + base, "",
			Changes{Live: []string{"limits.max_frame", "log.level"}, Restart: []string{"listen", "log.format", "mqtt.listen", "mqtt.url", "tls.cert", "tls.key"}}},
	} {
		env := tt.env
		if env == "" {
			env = "K=0123456789abcdef"
		}
		got := Diff(mustParse(t, base, "K=0123456789abcdef"), mustParse(t, tt.text, env))
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
		if got.IsZero() != reflect.DeepEqual(tt.want, Changes{}) {
			t.Errorf("%s: IsZero is %v", tt.name, got.IsZero())
		}
	}
}
