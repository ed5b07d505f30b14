package engine

import (
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/config"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/ov2640"
	"camrelay/internal/wire"
)

// settingNames are those of docs/protocol.md.
var settingNames = strings.Fields(`framesize quality fps brightness contrast saturation special_effect awb awb_gain wb_mode aec aec2 ae_level
	aec_value agc agc_gain gainceiling bpc wpc raw_gma lenc hmirror vflip dcw colorbar led_intensity`)

func TestHello(t *testing.T) {
	_, relay := started(t, usual())
	if want := "GET /ws/push/door HTTP/1.1\r\nHost: relay.example:8080\r\n"; !strings.HasPrefix(relay.request, want) {
		t.Errorf("%q", relay.request)
	}
	if header(relay.request, "Authorization") != "Bearer "+testKey || header(relay.request, "Sec-WebSocket-Protocol") != wire.CameraProtocol {
		t.Errorf("%q", relay.request)
	}
	h := relay.hello()
	settings := h.Settings
	h.Settings = nil
	if len(h.Boot) != 8 {
		t.Errorf("boot %q", h.Boot)
	}
	h.Boot = ""
	want := wire.Hello{Firmware: "1.4.2", Build: 1042, Board: "ai-thinker", Sensor: "OV2640", Chip: "esp32sim", Slot: "A", State: wire.StateConfirmed, Reset: "power"}
	if h.Firmware != want.Firmware || h.Build != want.Build || h.Board != want.Board || h.Sensor != want.Sensor || h.Chip != want.Chip ||
		h.Slot != want.Slot || h.State != want.State || h.Reset != want.Reset || h.Job != "" || h.Other != 0 || h.Floor != 0 {
		t.Errorf("%+v\nwant %+v", h, want)
	}
	if err := settings.Check(); err != nil {
		t.Error(err)
	}
	for _, name := range settingNames {
		if _, ok := settings[name]; !ok {
			t.Errorf("the hello has no %s", name)
		}
		if _, ok := wire.SettingNamed(name); !ok && name != wire.FrameSizeSetting {
			t.Errorf("the relay knows no %s", name)
		}
	}
	if size, ok := settings.FrameSize(); !ok || size.Name != "VGA" || settings["quality"] != 12 || settings["fps"] != 15 || len(settings) != len(settingNames) {
		t.Errorf("%v", settings)
	}
}

// longest is a camera of which everything is as long as it can be.
func longest(t *testing.T) *rig {
	text := strings.Repeat("w", 32)
	r := newRig(t, nil)
	r.install(newImage(t, text, text, text, 1<<32-1))
	values := withMQTT(usual())
	values[config.Camera], values[config.Key] = strings.Repeat("c", 32), strings.Repeat("k", 128)
	picture := ov2640.Defaults()
	for c := range ov2640.Controls {
		low, high := c.Range()
		if picture[c] = int16(high); low < -high || low == -high {
			picture[c] = int16(low)
		}
	}
	picture[ov2640.FrameSize] = int16(ov2640.S128X128)
	values[config.Picture] = string(picture.Append([]byte{60}))
	r.store(values)
	var state config.Values
	r.must(state.SetNumber(config.Floor, 1<<32-1))
	r.must(state.Set(config.Job, []byte(strings.Repeat("j", 32))))
	r.must(state.Set(config.Outcome, []byte("failed server_stopped http_65535")))
	var store config.Store
	r.must(store.Open(r.flash, 0xd000))
	r.must(store.Save(state.Bytes()))
	r.sys.cause = hal.BrownOut
	r.must(r.e.Start())
	return r
}

// The longest hello, stats and status fit where they are written.
func TestTextsFit(t *testing.T) {
	r := longest(t)
	r.e.setFlash(255)
	for name, write := range map[string]func() ([]byte, bool){"hello": r.e.helloText, "stats": r.e.statsText} {
		p, ok := write()
		if !ok {
			t.Errorf("the %s does not fit", name)
		}
		if _, err := wire.ParseCameraText(p); err != nil {
			t.Errorf("%s: %v\n%s", name, err, p)
		}
		t.Logf("the longest %s has %d of %d bytes", name, len(p), textSize)
	}
	w := json.Begin(make([]byte, 0, textSize))
	w.Object()
	w.KeyString("t", "status")
	controlled{r.e}.Status(&w, true)
	w.End()
	p, ok := w.Bytes()
	if !ok {
		t.Error("the status does not fit")
	}
	t.Logf("the longest status has %d of %d bytes", len(p), textSize)
	if strings.Contains(string(p), "kkk") {
		t.Errorf("the key is in %s", p)
	}
	// An acknowledgement of all settings at once is as long as a hello without
	// its beginning.
	for c := range ov2640.Controls {
		r.e.wanted.touched[c] = true
	}
	r.e.wanted.fpsSet, r.e.wanted.flash = true, 255
	r.e.stream.open = true
	r.e.answerSettings(1<<32 - 1)
	if r.e.out.count != 1 {
		t.Error("the longest acknowledgement does not fit")
	}
}

func TestStats(t *testing.T) {
	r, relay := started(t, usual())
	first := relay.stats()
	if *first.Heap != 61208 || *first.HeapLargest != 30604 || *first.RSSI != -61 || *first.Sent != 0 {
		t.Errorf("%d %d %d %d", *first.Heap, *first.HeapLargest, *first.RSSI, *first.Sent)
	}
	relay.fresh(60)
	began := r.clock.Now()
	relay.texts = nil
	relay.stats()
	last := relay.stats()
	if every := time.Duration(r.clock.Now() - began); every > 4*time.Second {
		t.Errorf("two stats in %v", every)
	}
	if *last.Sent < 60 || *last.Dropped > 1 || *last.Aborted != 0 || *last.FPS < 14 || *last.FPS > 16 {
		t.Errorf("sent %d dropped %d aborted %d fps %g", *last.Sent, *last.Dropped, *last.Aborted, *last.FPS)
	}
	if up := float64(r.clock.Now()-r.e.started) / 1e9; *last.Uptime < up-3 || *last.Uptime > up {
		t.Errorf("up for %g s, says %g", up, *last.Uptime)
	}
	r.sys.free, r.net.Strength = 0, 0
	if s := relay.stats(); s.HeapLargest != nil || s.RSSI != nil {
		t.Error("what is not known is said")
	}
}
