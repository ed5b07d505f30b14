package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "1048576": MiB, "512KiB": 512 * KiB, "4MB": 4e6, "4 MB": 4e6, "1kB": 1000, "1KB": 1000, " 2GiB ": 2 * GiB, "3GB": 3e9, "7B": 7,
	} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q is %d, %v; want %d", text, s, err, want)
		}
		var back Size
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Errorf("%d is written %q and read %d, %v", s, s, back, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "1mib", "1M", "9223372036854775807KiB", "0x10", "1e3"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, s)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "hunter2hunter2hunter2"
	c := mustParse(t, "mqtt: {username: u, password: "+text+"}\ncameras:\n- {id: a, key: "+text+"}\n- {id: b, url: 'http://me:"+text+"@b'}")
	if c.MQTT.Password.Reveal() != text || c.Cameras[1].Password.Reveal() != text {
		t.Fatal("the secrets are lost")
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", c.MQTT.Password)
		fmt.Fprintf(&out, verb+"\n", &c.MQTT.Password)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "c", c, "s", c.MQTT.Password)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "c", c, "s", c.MQTT.Password)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	file, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	out.Write(file)
	for _, form := range []string{text, fmt.Sprintf("%x", text), c.Cameras[0].KeySHA256.Reveal()} {
		if i := strings.Index(out.String(), form); i >= 0 {
			t.Errorf("printed: …%s…", out.String()[max(0, i-80):i+10])
		}
	}
	if !strings.Contains(out.String(), masked) {
		t.Error("nothing says that there is a secret")
	}
	var shown struct{ MQTT struct{ Password string } }
	if err := yaml.Unmarshal(file, &shown); err != nil || shown.MQTT.Password != masked {
		t.Errorf("YAML shows %q, %v", shown.MQTT.Password, err)
	}
}

func TestPlainKeyWarns(t *testing.T) {
	c := mustParse(t, "cameras:\n- id: a\n  key: 0123456789abcdef\n- {id: b, key: env:K}", "K=0123456789abcdef")
	want := "relay.yaml:3: cameras[0].key is written in plain text; prefer key_sha256, file:PATH or env:NAME"
	if len(c.Warnings) != 1 || c.Warnings[0] != want {
		t.Errorf("warnings %q, want %q", c.Warnings, want)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"listn", "listen", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 2}} {
		if got := distance(tt.a, tt.b); got != tt.want || distance(tt.b, tt.a) != tt.want {
			t.Errorf("distance of %q and %q is %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
