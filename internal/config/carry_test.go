package config

import (
	"reflect"
	"testing"
)

// TestCarry: what waits for the next start stays as it is, all else is new.
func TestCarry(t *testing.T) {
	inForce, err := Parse("old.yaml", []byte("lab: true\nlisten: \":1\"\ntrusted_proxies: [10.0.0.0/8]\nlimits: {max_fps: 11, idle: 5s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse("new.yaml", []byte("listen: \":2\"\nlimits: {max_fps: 22, idle: 9s}\ncameras: [{id: yard, url: \"http://192.0.2.1/\"}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Diff(inForce, cfg)
	cfg.Carry(inForce)
	if !cfg.Lab || cfg.Listen != ":1" || len(cfg.TrustedProxies) != 1 || cfg.Limits.Idle != inForce.Limits.Idle {
		t.Errorf("keys that wait changed: %+v", cfg)
	}
	if cfg.Limits.MaxFPS != 22 || len(cfg.Cameras) != 1 {
		t.Errorf("keys that do not wait did not change: %+v", cfg)
	}
	got := Diff(inForce, cfg)
	if len(got.Restart) != 0 || !reflect.DeepEqual(got.Live, want.Live) || !reflect.DeepEqual(got.Added, want.Added) {
		t.Errorf("the difference is %+v, before it was %+v", got, want)
	}
}
