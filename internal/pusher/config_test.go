package pusher

import (
	"strings"
	"testing"

	"camrelay/internal/wire"
)

func TestConfigCheck(t *testing.T) {
	good := Config{Relay: "ws://relay:8080", ID: "door", Key: "k"}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"id":       {func(c *Config) { c.ID = "Door" }, "Door"},
		"key":      {func(c *Config) { c.Key = "" }, "door"},
		"key line": {func(c *Config) { c.Key = "a\r\nb" }, "door"},
		"scheme":   {func(c *Config) { c.Relay = "relay:8080" }, "ws://"},
		"host":     {func(c *Config) { c.Relay = "ws://" }, "HOST"},
		"secret":   {func(c *Config) { c.Relay = "ws://relay?key=x" }, "secret"},
		"setting":  {func(c *Config) { c.Settings = wire.Settings{"quality": 1} }, "quality"},
		"fragment": {func(c *Config) { c.Fragment = -7 }, "-7"},
	} {
		cfg := good
		test.change(&cfg)
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, test.want)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for relay, want := range map[string]string{
		"ws://r:1": "ws://r:1/ws/push/door", "https://r/base/": "wss://r/base/ws/push/door", "http://[::1]:8080": "ws://[::1]:8080/ws/push/door",
	} {
		cfg := good
		cfg.Relay = relay
		if got, err := cfg.pushURL(); got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", relay, got, err, want)
		}
	}
}
