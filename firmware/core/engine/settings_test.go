package engine

import (
	"errors"
	"testing"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/ov2640"
	"camrelay/firmware/core/wsclient"
)

func TestMissingSettings(t *testing.T) {
	for _, tag := range []config.Tag{config.Relay, config.Camera, config.Key} {
		values := usual()
		delete(values, tag)
		r := newRig(t, values)
		if err := r.e.Start(); err != ErrNoSettings {
			t.Errorf("without %d: %v", tag, err)
		}
	}
	r := newRig(t, nil)
	if err := r.e.Start(); err != config.ErrEmpty {
		t.Error(err)
	}
}

func TestDamagedFlash(t *testing.T) {
	damage := func(r *rig, off uint32) { r.flash.Bytes()[off] ^= 0x10 }
	r := newRig(t, usual())
	damage(r, boot.SettingsOffset+40)
	if err := r.e.Start(); err != config.ErrEmpty {
		t.Error(err)
	}
	r = newRig(t, usual())
	damage(r, boot.SlotAOffset+20)
	if err := r.e.Start(); err != ErrNoImage {
		t.Error(err)
	}
	// Settings that were saved once more: what was there before still is.
	r = newRig(t, usual())
	r.must(r.e.Start())
	relay := r.connect()
	relay.hello()
	if why := (controlled{r.e}).Set([]byte(`{"quality":33}`), true, nil); why != nil {
		t.Fatalf("%s", why)
	}
	damage(r, boot.SettingsOffset+0x1000+40)
	r.restart(hal.Software)
	if q := r.connect().hello().Settings["quality"]; q != 12 {
		t.Error(q)
	}
	// Without a record and without state a camera works.
	r = newRig(t, usual())
	for _, off := range []uint32{boot.RecordsOffset, boot.StateOffset} {
		for i := range uint32(8192) {
			r.flash.Bytes()[off+i] = byte(i)
		}
	}
	r.must(r.e.Start())
	r.connect().hello()
}

func TestSettingsThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		tag   config.Tag
		value string
		want  error
	}{
		{config.Relay, "ws://relay.example:99999", wsclient.ErrURL},
		{config.Relay, "http:///x", wsclient.ErrURL},
	} {
		values := usual()
		values[tt.tag] = tt.value
		if err := newRig(t, values).e.Start(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.value, err)
		}
	}
}

func TestAddressOfTheRelay(t *testing.T) {
	for _, tt := range []struct {
		url, host string
		port      uint16
	}{
		{"ws://relay.example", "relay.example", 80},
		{"http://relay.example:8080/", "relay.example", 8080},
		{"ws://10.0.0.1:1", "10.0.0.1", 1},
	} {
		values := usual()
		values[config.Relay] = tt.url
		r := newRig(t, values)
		r.must(r.e.Start())
		if c := r.dialled(hal.Relay, time.Second); c.Host != tt.host || c.Port != tt.port {
			t.Errorf("%s: %s %d", tt.url, c.Host, c.Port)
		}
	}
}

func TestSchemes(t *testing.T) {
	for scheme, want := range map[string]string{"": "Bearer ", "bearer": "Bearer ", "basic": "Basic ZG9vcjpjcmtf", "hmac": "CamHMAC id=door,ts=1795166000,nonce="} {
		values := usual()
		if scheme != "" {
			values[config.Scheme] = scheme
		}
		_, relay := started(t, values)
		if got := header(relay.request, "Authorization"); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("%q: %q", scheme, got)
		}
	}
}

// What is saved is there after a restart, and what is not is not.
func TestSavedSettings(t *testing.T) {
	r, relay := started(t, usual())
	relay.hello()
	device := controlled{r.e}
	for _, step := range []struct {
		set  string
		save bool
	}{{`{"framesize":"SVGA","quality":20,"fps":7,"vflip":1,"ae_level":-2,"aec_value":1200}`, true}, {`{"quality":50}`, false}} {
		if why := device.Set([]byte(step.set), step.save, nil); why != nil {
			t.Fatalf("%s", why)
		}
	}
	r.run(time.Second)
	if s := relay.hello().Settings; s["quality"] != 50 || s["fps"] != 7 { // the relay is told
		t.Error(s)
	}
	r.restart(hal.PowerOn)
	s := r.connect().hello().Settings
	if size, _ := s.FrameSize(); size.Name != "SVGA" || s["quality"] != 20 || s["fps"] != 7 || s["vflip"] != 1 || s["ae_level"] != -2 || s["aec_value"] != 1200 {
		t.Error(s)
	}
	r.until(time.Second, "the sensor has them", r.e.sensor.InForce)
	if p, _ := r.sensor.State(); p.Width != 800 || p.Height != 600 || p.Quality != 20 || !p.Flip {
		t.Errorf("%+v", p)
	}
	if r.e.fps != 7 {
		t.Error(r.e.fps)
	}
}

// Changed settings are saved by themselves, half a minute after the last change,
// and before a restart that is meant.
func TestSettingsAreSavedByThemselves(t *testing.T) {
	r, relay := started(t, usual())
	relay.hello()
	set := func(text string) {
		if why := (controlled{r.e}).Set([]byte(text), false, nil); why != nil {
			t.Fatalf("%s", why)
		}
	}
	quality := func(cause hal.Cause) int {
		r.restart(cause)
		return r.connect().hello().Settings["quality"]
	}
	set(`{"quality":40}`)
	r.run(29 * time.Second)
	set(`{"quality":50}`)
	r.run(29 * time.Second)
	if got := quality(hal.PowerOn); got != 12 {
		t.Errorf("saved at once: %d", got)
	}
	set(`{"quality":50}`)
	r.run(31 * time.Second)
	if got := quality(hal.PowerOn); got != 50 {
		t.Errorf("not saved: %d", got)
	}
	set(`{"quality":33}`)
	r.e.reboot()
	if got := quality(hal.Software); got != 33 {
		t.Errorf("not saved before a restart: %d", got)
	}
}

// Stored settings of another firmware.
func TestForeignPicture(t *testing.T) {
	for name, stored := range map[string]string{
		"too short": "\x0f\x01", "unknown control": "\x0f\xf0\x01\x00", "out of range": "\x0f\x01\xff\x00", "rate too high": "\xff",
	} {
		values := usual()
		values[config.Picture] = stored
		r := newRig(t, values)
		r.must(r.e.Start())
		if r.e.picture != ov2640.Defaults() || r.e.fps != 15 && name != "rate too high" || r.e.fps > maxFPS {
			t.Errorf("%s: %v, %d", name, r.e.picture, r.e.fps)
		}
	}
}

// A flash that cannot be written is told, and the setting is in force.
func TestSettingsThatCannotBeSaved(t *testing.T) {
	r, _ := started(t, usual())
	r.flash.CutAfter(0, 1, 1)
	why := controlled{r.e}.Set([]byte(`{"quality":20}`), true, make([]byte, 0, 128))
	if len(why) == 0 {
		t.Fatal("it is said to be saved")
	}
	t.Logf("%s", why)
}
