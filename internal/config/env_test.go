package config

import (
	"reflect"
	"strings"
	"testing"
)

// sample is a text for each key that differs from its default.
func sample(t *testing.T, key string) string {
	t.Helper()
	samples := map[string]string{
		"listen": ":9", "data": "/d", "lab": "1", "name": "n", "public_url": "http://p", "origins": "http://a,https://b",
		"trusted_proxies": "10.0.0.1, ::1", "log.level": "warn", "log.format": "json", "tls.cert": "c", "tls.key": "k",
		"tls.acme.domains": "a.example,b.example", "tls.acme.email": "a@b", "tls.acme.directory": "https://ca",
		"mqtt.listen": "", "mqtt.url": "mqtt://m", "mqtt.username": "u", "mqtt.password": "p", "mqtt.ca": "ca", "mqtt.cert": "c",
		"mqtt.key": "k", "mqtt.topic": "t", "limits.max_frame": "2MiB", "limits.max_fps": "30", "limits.sockets": "500",
		"limits.sockets_per_address": "10", "limits.viewers_per_camera": "9", "limits.cameras": "8", "limits.request_body": "2KiB",
		"ota.parallel": "3", "ota.per_day": "9", "ota.rate": "1MiB", "ota.images": "7", "ota.bytes": "8MiB", "ota.window.spare_viewers": "true",
		"metrics.allow": "", "cameras": "[{id: a, url: http://c}]",
	}
	if s, ok := samples[key]; ok {
		return s
	}
	return "7s"
}

// Every key can be set by its variable and by a flag, with the same result.
func TestEveryKeyHasItsVariable(t *testing.T) {
	names := map[string]string{}
	for _, key := range Keys() {
		if other, ok := names[EnvName(key)]; ok {
			t.Errorf("%s sets both %s and %s", EnvName(key), key, other)
		}
		names[EnvName(key)] = key

		byEnv, byFlag := newReader(nil), newReader(nil)
		byEnv.environ([]string{EnvName(key) + "=" + sample(t, key)})
		byFlag.flag(key + "=" + sample(t, key))
		for _, r := range []*reader{byEnv, byFlag} {
			if err := r.join(); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		if !reflect.DeepEqual(byEnv.cfg, byFlag.cfg) {
			t.Errorf("%s: the variable and the flag differ", key)
		}
		// Changing one key changes that key.
		d := Diff(Default(), byEnv.cfg)
		if changed := append(append(d.Live, d.Restart...), d.Added...); len(changed) != 1 || key != "cameras" && changed[0] != key {
			t.Errorf("%s=%s changed %v", EnvName(key), sample(t, key), changed)
		}
	}
}

func TestPrecedence(t *testing.T) {
	r := newReader(nil)
	r.file("f", []byte("limits: {max_fps: 10, sockets: 100, cameras: 10}\norigins: [http://a, http://b]"))
	r.environ([]string{"CAMRELAY_LIMITS_MAX_FPS=20", "CAMRELAY_LIMITS_SOCKETS_PER_ADDRESS=20", "CAMRELAY_LIMITS_CAMERAS=20", "CAMRELAY_ORIGINS=http://c"})
	r.flag("limits.cameras=30")
	c, err := r.finish()
	if err != nil {
		t.Fatal(err)
	}
	if c.Limits.Sockets != 100 || c.Limits.MaxFPS != 20 || c.Limits.Cameras != 30 || !reflect.DeepEqual(c.Origins, []string{"http://c"}) {
		t.Errorf("got %+v %v", c.Limits, c.Origins)
	}
}

func TestOverridesOfLists(t *testing.T) {
	r := newReader([]string{"K=0123456789abcdef"})
	r.flag(`cameras=[{id: a, key: "env:K"}]`)
	r.flag("metrics.allow=[10.0.0.0/8]")
	r.flag("trusted_proxies=10.0.0.0/8,nonsense")
	_, err := r.finish()
	want := `--set: trusted_proxies: "nonsense" is not a network; write an address or a range, like 192.168.1.0/24 or ::1`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if len(r.cfg.Cameras) != 1 || len(r.cfg.Metrics.Allow) != 1 {
		t.Errorf("got %+v", r.cfg)
	}
}

func TestUnknownVariables(t *testing.T) {
	c, err := Sources{Environ: []string{
		"CAMRELAY_LISTN=x", "CAMRELAY_FOO=x", "CAMRELAY_CONFIG=x", "PATH=x", "OTHER_LISTEN=x",
		"CAMRELAY_PORT=tcp://10.0.0.1:8080", "CAMRELAY_PORT_8080_TCP=x", "CAMRELAY_SERVICE_HOST=x",
	}}.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := "environment variable CAMRELAY_FOO sets no key\nenvironment variable CAMRELAY_LISTN sets no key; did you mean CAMRELAY_LISTEN?"
	if got := strings.Join(c.Warnings, "\n"); got != want {
		t.Errorf("warnings:\n%s\nwant:\n%s", got, want)
	}
}
