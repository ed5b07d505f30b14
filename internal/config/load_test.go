package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"camrelay/internal/auth"
)

// parse is Parse with an environment of its own.
func parse(text string, environ ...string) (*Config, error) {
	r := newReader(environ)
	r.file("relay.yaml", []byte(text))
	return r.finish()
}

func mustParse(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	c, err := parse(text, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	c := mustParse(t, `
listen: 127.0.0.1:9000
name: 007
origins: https://home.example:8123
trusted_proxies: [10.0.0.0/8, 192.168.1.7]
log:
tls:
  acme:
    domains: [cams.example.org]
limits: {max_frame: 4MB, handshake: 1m30s}
rest:
  still: 0
cameras:
  - &cam
    id: door
    key_sha256: 2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B
    settings: {framesize: svga, vflip: true, brightness: -2}
    groups: [garden, front-2]
  - <<: *cam
    id: gate
    still: 10s
  - id: yard
    url: http://admin:p%40ss@192.168.1.40:81/stream
`)
	if c.Listen != "127.0.0.1:9000" || c.Name != "007" || c.Log != Default().Log {
		t.Errorf("got %q %q %v", c.Listen, c.Name, c.Log)
	}
	if want := []string{"https://home.example:8123"}; !reflect.DeepEqual(c.Origins, want) {
		t.Errorf("origins %v, want %v", c.Origins, want)
	}
	if !c.TrustedProxies.Contains(netip.MustParseAddr("::ffff:10.1.2.3")) || c.TrustedProxies.Contains(netip.MustParseAddr("192.168.1.8")) {
		t.Errorf("trusted_proxies %v", c.TrustedProxies)
	}
	if c.Limits.MaxFrame != 4e6 || c.Limits.Handshake != 90*time.Second || c.Limits.Idle != 15*time.Second {
		t.Errorf("limits %+v", c.Limits)
	}
	if c.TLS.Mode() != TLSACME {
		t.Errorf("tls mode %s", c.TLS.Mode())
	}
	door, gate, yard := c.Cameras[0], c.Cameras[1], c.Cameras[2]
	if door.Name != "door" || door.Kind != KindPush || door.Still != 0 || door.Settings["vflip"] != 1 || door.Settings["brightness"] != -2 {
		t.Errorf("door %+v", door)
	}
	if !reflect.DeepEqual(door.Groups, []string{"garden", "front-2"}) || len(yard.Groups) > 0 {
		t.Errorf("groups %v, %v", door.Groups, yard.Groups)
	}
	if gate.ID != "gate" || gate.KeySHA256 != door.KeySHA256 || gate.Still != 10*time.Second || !reflect.DeepEqual(gate.Settings, door.Settings) {
		t.Errorf("gate %+v", gate)
	}
	if yard.Kind != KindPull || yard.URL != "http://192.168.1.40:81/stream" || yard.Username != "admin" || yard.Password.Reveal() != "p@ss" {
		t.Errorf("yard %+v %q", yard, yard.Password.Reveal())
	}
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], "relay.yaml:9: tls.acme.domains needs port 443") {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "\ufeff", "\ufeff# nothing\n", "log:\nlimits:\n", "{}"} {
		if c := mustParse(t, text); !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q is not the default", text)
		}
	}
	if c := mustParse(t, "\ufefflisten: :1\r\nlab: on\r\n"); c.Listen != ":1" || !c.Lab {
		t.Errorf("byte order mark and CRLF: %+v", c)
	}
}

func TestDependentDefaults(t *testing.T) {
	for text, want := range map[string][2]string{
		"":                                      {":8080", ":1883"},
		"lab: true":                             {"127.0.0.1:8080", "127.0.0.1:1883"},
		"lab: true\nlisten: :80":                {":80", "127.0.0.1:1883"},
		"mqtt: {url: mqtt://b}":                 {":8080", ""},
		"lab: true\nmqtt: {url: mqtt://b}":      {"127.0.0.1:8080", ""},
		"mqtt: {listen: '', url: ''}":           {":8080", ""},
		"lab: true\nmqtt: {listen: ''}":         {"127.0.0.1:8080", ""},
		"mqtt: {listen: ':1', url: 'ws://b/m'}": {":8080", ""},
	} {
		if c := mustParse(t, text); c.Listen != want[0] || c.MQTT.Listen != want[1] {
			t.Errorf("%q: listen %q, mqtt.listen %q; want %q", text, c.Listen, c.MQTT.Listen, want)
		}
	}
	if c := mustParse(t, "limits: {sockets: 20}"); c.Limits.SocketsPerAddress != 20 {
		t.Errorf("sockets_per_address %d", c.Limits.SocketsPerAddress)
	}
	c := mustParse(t, "mqtt: {url: 'mqtts://me:pw@b:8883'}")
	if c.MQTT.URL != "mqtts://b:8883" || c.MQTT.Username != "me" || c.MQTT.Password.Reveal() != "pw" {
		t.Errorf("login in mqtt.url: %+v", c.MQTT)
	}
}

func TestParseErrors(t *testing.T) {
	const cam = "cameras:\n- id: a\n  key_sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n"
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "data: x\nlistn: y", `relay.yaml:2: unknown key "listn"; did you mean "listen"?`},
		{"unknown key, far", "zzzzzz: 1", `relay.yaml:1: unknown key "zzzzzz"`},
		{"key of another section", "max_frame: 1MiB", `relay.yaml:1: unknown key "max_frame"; did you mean "limits.max_frame"?`},
		{"nested", "tls:\n  acme:\n    domain: a.b", `relay.yaml:3: unknown key "tls.acme.domain"; did you mean "domains"?`},
		{"camera", cam + "  nam: x", `relay.yaml:4: unknown key "cameras[0].nam"; did you mean "name"?`},
		{"duplicate", "data: x\n\ndata: y", `relay.yaml:3: duplicate key "data", first in line 1; remove one`},
		{"no value", "listen:", `relay.yaml:1: listen: has no value; write one ("" for an empty text) or remove the line`},
		{"not a section", "log: debug", `relay.yaml:1: log: must be a section of keys: level, format`},
		{"not a scalar", "listen: [a]", `relay.yaml:1: listen: must be a single value`},
		{"not a list", "cameras: door", `relay.yaml:1: cameras: must be a list, each item in a line that begins with "- "`},
		{"list of lists", "cameras: [[a]]", `relay.yaml:1: cameras[0]: must be a section of keys: id, name, kind, key_sha256, key, url, username, password, control_url, still, groups, settings`},
		{"root list", "- a", `relay.yaml:1: must be a section of keys: listen, data, lab, name, public_url, origins, trusted_proxies, log, tls, mqtt, limits, rest, pull, ota, metrics, cameras`},
		{"complex key", "? [a]\n: b", `relay.yaml:1: a key must be a plain word`},
		{"tag", "listen: !!binary aGk=", `relay.yaml:1: listen: tag "!!binary" is not known; remove it`},
		{"duration", "rest: {linger: 30}", `relay.yaml:1: rest.linger: "30" is not a duration; write a number with a unit, like 500ms, 10s or 1h30m`},
		{"duration range", "rest: {linger: -1s}", `relay.yaml:1: rest.linger: -1s is out of range; write 0s to 24h0m0s`},
		{"size", "limits: {max_frame: 1 loaf}", `relay.yaml:1: limits.max_frame: "1 loaf" is not a size; write a number with a unit, like 512KiB or 4MB`},
		{"size range", "limits: {max_frame: 17MiB}", `relay.yaml:1: limits.max_frame: 17MiB is out of range; write 16KiB to 16MiB`},
		{"size overflow", "limits: {max_frame: 9999999999999999GB}", `relay.yaml:1: limits.max_frame: "9999999999999999GB" is not a size; write a number with a unit, like 512KiB or 4MB`},
		{"number", "limits: {max_fps: many}", `relay.yaml:1: limits.max_fps: "many" is not a whole number`},
		{"number range", "limits:\n  max_fps: 0", `relay.yaml:2: limits.max_fps: 0 is out of range; write 1 to 240`},
		{"bool", "lab: maybe", `relay.yaml:1: lab: "maybe" is neither true nor false`},
		{"network", "trusted_proxies: [10.0.0.0/33]", `relay.yaml:1: trusted_proxies[0]: "10.0.0.0/33" is not a network; write an address or a range, like 192.168.1.0/24 or ::1`},
		{"network bits", "metrics:\n  allow:\n  - ::1\n  - 10.0.0.1/8", `relay.yaml:4: metrics.allow[1]: "10.0.0.1/8" has bits set beyond its prefix; write 10.0.0.0/8, or 10.0.0.1 for the one address`},
		{"url", "public_url: cams.example", `relay.yaml:1: public_url: this is not a full URL; write it with scheme and host, like http://192.168.1.40:81/stream`},
		{"url scheme", "public_url: ftp://a", `relay.yaml:1: public_url: "ftp" is not a scheme for this; the URL must begin with http:// or https://`},
		{"url query", "public_url: http://a/?b", `relay.yaml:1: public_url: must be an address alone, without login, query or fragment`},
		{"url tells no password", "mqtt: {url: 'mqtt://me:hunter2@b:x'}", `relay.yaml:1: mqtt.url: this is not a URL: invalid port ":x" after host`},
		{"group", "cameras: [{id: a, key: 0123456789abcdef, groups: [Garden]}]", `relay.yaml:1: cameras[0].groups: group "Garden": 'G' is not allowed here: use a-z, 0-9 and, not first, -`},
		{"listen", "listen: 8080", `relay.yaml:1: listen: "8080" is not an address to listen on; write ":8080" for all, "127.0.0.1:8080" or "[::1]:8080"`},
		{"port", "listen: :65536", `relay.yaml:1: listen: ":65536" is not an address to listen on; write ":8080" for all, "127.0.0.1:8080" or "[::1]:8080"`},
		{"name", "name: Lab", `relay.yaml:1: name: "Lab" is not a name; write 1 to 32 of a-z, 0-9 and, not first, -`},
		{"origin", "origins: [home.example]", `relay.yaml:1: origins[0]: "home.example" is not an origin; write scheme, host and port, like https://home.example:8123, or * for all`},
		{"one of", "log: {level: loud}", `relay.yaml:1: log.level: "loud" is not allowed; write debug or info or warn or error`},
		{"pair", "tls: {cert: a}", `relay.yaml:1: tls.key: is missing: it belongs to tls.cert`},
		{"cert and acme", "tls:\n  cert: a\n  key: b\n  acme: {domains: a.b}", `relay.yaml:4: tls.acme.domains: and tls.cert are both given; choose one`},
		{"email", "tls: {acme: {email: me}}", `relay.yaml:1: tls.acme.email: "me" is not an e-mail address`},
		{"topic", "mqtt: {topic: a/#}", `relay.yaml:1: mqtt.topic: "a/#" cannot be a topic root; write 1 to 64 characters without spaces, "+", "#" or empty parts, like camrelay`},
		{"password alone", "mqtt: {password: x}", `relay.yaml:1: mqtt.username: is missing: MQTT 3.1.1 has no password without a user name`},
		{"pong", "limits: {ping_interval: 30s}", `relay.yaml:1: limits.pong_timeout: 30s is not longer than limits.ping_interval (30s): every connection would be dropped`},
		{"backoff", "pull:\n  backoff_min: 2m", `relay.yaml:2: pull.backoff_max: 1m0s is less than pull.backoff_min (2m0s)`},
		{"sockets", "limits: {sockets: 20, sockets_per_address: 21}", `relay.yaml:1: limits.sockets_per_address: 21 is out of range; write 1 to 20`},
		{"camera id", "cameras:\n- id: Door\n  key: env:K", `relay.yaml:2: cameras[0].id: camera id "Door": 'D' is not allowed here: use a-z, 0-9 and, not first, -`},
		{"camera twice", cam + "- id: a\n  key: env:K", `relay.yaml:4: cameras[1].id: "a" is also the id of cameras[0]`},
		{"camera without id", "cameras:\n- key: env:K", `relay.yaml:2: cameras[0].id: is missing; give the camera 1 to 32 of a-z, 0-9 and -`},
		{"camera without key", "cameras:\n- id: a", `relay.yaml:2: cameras[0].key_sha256: is missing: camera "a" pushes and needs a key (or give url for a camera that is read)`},
		{"short key", "cameras:\n- id: a\n  key: secret", `relay.yaml:3: cameras[0].key: is shorter than 16 characters`},
		{"two keys", cam + "  key: env:K", `relay.yaml:4: cameras[0].key: and key_sha256 are both given; remove one`},
		{"hash", "cameras:\n- id: a\n  key_sha256: abc", `relay.yaml:3: cameras[0].key_sha256: is not a SHA-256 in 64 hex digits; make one with: printf %s KEY | sha256sum`},
		{"push with url", "cameras:\n- id: a\n  kind: push\n  key: env:K\n  url: http://b", `relay.yaml:2: cameras[0].kind: is push: url, control_url, username and password are for kind pull`},
		{"pull without url", "cameras:\n- id: a\n  kind: pull", `relay.yaml:2: cameras[0].url: is missing: a pull camera needs the address of its MJPEG stream, like http://192.168.1.40:81/stream`},
		{"pull with key", cam + "  url: http://b", `relay.yaml:2: cameras[0].kind: is pull: a key is for kind push`},
		{"too many cameras", "limits: {cameras: 1}\n" + cam + "- id: b\n  key: env:K", `relay.yaml:2: cameras: 2 are more than limits.cameras (1)`},
		{"setting", cam + "  settings: {qualty: 1}", `relay.yaml:4: cameras[0].settings.qualty: "qualty" is not a setting; the names are in docs/protocol.md, section 1`},
		{"setting range", cam + "  settings: {quality: 64}", `relay.yaml:4: cameras[0].settings.quality: "64" is not allowed; write a number from 4 to 63`},
		{"logins differ", "cameras:\n- id: a\n  url: http://x:1@b\n  username: y", `relay.yaml:4: cameras[0].username: differs from the one in the URL; give name and password once`},
		{"no variable", "mqtt: {username: a, password: env:NOPE}", `relay.yaml:1: mqtt.password: environment variable "NOPE" is not set or empty`},
		{"no file", "mqtt: {username: a, password: file:/nowhere/x}", `relay.yaml:1: mqtt.password: read secret: stat /nowhere/x: no such file or directory`},
		{"device", "mqtt: {username: a, password: file:/dev/zero}", `relay.yaml:1: mqtt.password: read secret: /dev/zero is not a file of at most 65536 bytes`},
		{"masked", "mqtt: {username: a, password: '***'}", `relay.yaml:1: mqtt.password: *** is printed in place of a secret; write the secret itself, or file:PATH or env:NAME`},
		{"control character", "data: \"a\\nb\"", `relay.yaml:1: data: the text has a control character or is not UTF-8`},
		{"tab", "log:\n\tlevel: info", `relay.yaml:2: a tab indents this line; YAML needs spaces`},
		{"syntax", "log:\n  level: info\n format: json", `relay.yaml:2: this is not YAML: did not find expected key (the mistake may be a line before or after)`},
		{"binary", "\x00\x01", `relay.yaml: this is not YAML: control characters are not allowed`},
		{"two documents", "lab: true\n---\nlab: false", `relay.yaml:2: a second document begins; remove the "---" line`},
		{"unknown alias", "data: *x", `relay.yaml: this is not YAML: unknown anchor 'x' referenced`},
		{"alias in itself", "cameras: &x [*x]", `relay.yaml:1: cameras[0]: must be a section of keys: id, name, kind, key_sha256, key, url, username, password, control_url, still, groups, settings`},
		{"merge of itself", "log: &x\n  <<: *x", `relay.yaml:2: log: alias *x is inside its own anchor`},
		{"merge of text", "log:\n  <<: x", `relay.yaml:2: log: "<<" needs an alias of a section, like "<<: *defaults"`},
		{"large", strings.Repeat("#\n", maxFile), `relay.yaml: is larger than 1MiB: this is no configuration file`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parse(tt.text, "K=0123456789abcdef")
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %v", err, tt.want)
			}
			if c != nil {
				t.Error("a configuration came with the error")
			}
		})
	}
}

func TestAllErrorsTogether(t *testing.T) {
	_, err := Sources{Environ: []string{"CAMRELAY_LOG_LEVEL=loud"}, Set: []string{"limits.max_fps=0", "lab", "listn=x"}}.Load()
	want := `CAMRELAY_LOG_LEVEL: log.level: "loud" is not allowed; write debug or info or warn or error
--set: limits.max_fps: 0 is out of range; write 1 to 240
--set: "lab" has no "="; write --set limits.max_fps=30
--set: unknown key "listn"; did you mean "listen"?`
	got := strings.Split(err.Error(), "\n")
	for _, line := range strings.Split(want, "\n") {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("missing %s in\n%v", line, err)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d errors, want 4", len(got))
	}

	_, err = parse("listn: x\nlab: maybe\nlog: {level: loud}\ncameras:\n- id: A\n- idd: b\n")
	wantLines := []string{"relay.yaml:1:", "relay.yaml:2:", "relay.yaml:3:", "relay.yaml:5:", "relay.yaml:5:", "relay.yaml:6:", "relay.yaml:6:", "relay.yaml:6:"}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(wantLines) {
		t.Fatalf("got %d errors, want %d:\n%v", len(lines), len(wantLines), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, wantLines[i]) {
			t.Errorf("error %d is %q, want %s", i, line, wantLines[i])
		}
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.Where != "relay.yaml:1" {
		t.Errorf("no *Error in %v", err)
	}
}

// A file of a few hundred bytes that stands for 10^9 values must be refused
// after a bounded number of them.
func TestAliasBomb(t *testing.T) {
	text := "cameras:\n- &a {id: a, name: b}\n"
	for c := 'b'; c < 'n'; c++ {
		text += "- &" + string(c) + " {<<: [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+", ", 9), ", ") + "]}\n"
	}
	_, err := parse(text)
	if err == nil || !strings.Contains(err.Error(), "the file has more than 200000 values, its aliases written out") {
		t.Fatalf("got %.300v", err)
	}
	if len(err.Error()) > 10_000 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func TestManyErrors(t *testing.T) {
	_, err := parse(strings.Repeat("? [a]\n: b\n", 1000))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxErrors+1 || !strings.HasSuffix(lines[maxErrors], "this and what follows is not looked at: there are 100 mistakes before") {
		t.Errorf("%d lines, the last is %s", len(lines), lines[len(lines)-1])
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my.yaml")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(path, []byte("log: {level: debug}\ncameras:\n- {id: a, key: 'file:"+secret+"'}\n"), 0o600),
		os.WriteFile(secret, []byte("a key that is in a file\r\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CAMRELAY_REST_LINGER", "1m")
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Log.Level != "debug" || c.Rest.Linger != time.Minute || !auth.Matches("a key that is in a file", c.Cameras[0].KeySHA256.Reveal()) || !c.Cameras[0].Key.IsZero() {
		t.Errorf("got %+v", c)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings %q", c.Warnings)
	}
	if _, err := Load(path + "x"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path+"x") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Limits.MaxFPS, c.Name = -1, ""
	if err := c.Validate(); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v, want two errors", err)
	}
}

func TestSanitizeName(t *testing.T) {
	for host, want := range map[string]string{
		"": "relay", "Pi.local": "pi", "my_host": "my-host", "--": "relay", "ÄÖ": "relay", "été1": "t-1",
		strings.Repeat("a", 40): strings.Repeat("a", 32), strings.Repeat("a", 31) + "-b": strings.Repeat("a", 31),
	} {
		got := sanitizeName(host)
		if got != want {
			t.Errorf("%q gives %q, want %q", host, got, want)
		}
		if err := checkName(got); err != nil {
			t.Error(err)
		}
	}
}
