package homeassistant

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/mqtt"
	"camrelay/internal/ota"
	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a mqtt.Bus that keeps what is retained and counts the rest.
type recorder struct {
	mu       sync.Mutex
	retained map[string]string
	passing  map[string]int
	last     map[string][]byte
	birth    func(mqtt.Message)
}

func (r *recorder) Publish(topic string, payload []byte, _ byte, retain bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !retain:
		r.passing[topic]++
		r.last[topic] = payload
	case len(payload) == 0:
		delete(r.retained, topic)
	default:
		r.retained[topic] = string(payload)
		r.passing[topic]++
	}
	return nil
}

func (r *recorder) Subscribe(filter string, handle func(mqtt.Message)) error {
	r.birth = handle
	return nil
}
func (r *recorder) Close() error { return nil }

// firmwares is one camera's firmware.
type firmwares struct {
	hello wire.Hello
	job   *ota.Job
}

func (f *firmwares) Info(string) (wire.Hello, bool) { return f.hello, f.hello.Build != 0 }
func (f *firmwares) Newest(string, string) string   { return "1.5.0" }
func (f *firmwares) Job(string) (ota.Job, bool) {
	if f.job == nil {
		return ota.Job{}, false
	}
	return *f.job, true
}

func hub(t *testing.T) (*stream.Registry, *stream.Hub) {
	reg := stream.NewRegistry(stream.Options{})
	t.Cleanup(reg.Close)
	h, err := reg.Add("door", "Front door", "push")
	if err != nil {
		t.Fatal(err)
	}
	return reg, h
}

func newDiscovery(bus mqtt.Bus, reg *stream.Registry, f *firmwares) *Discovery {
	return New(Options{
		Bus: bus, Topics: "camrelay", Registry: reg, Updates: f, Relay: "lab", Prefix: "homeassistant", Snapshot: 10 * time.Second,
		Log: slog.New(slog.DiscardHandler),
	})
}

func TestEntities(t *testing.T) {
	reg, _ := hub(t)
	bus := &recorder{retained: map[string]string{}, passing: map[string]int{}, last: map[string][]byte{}}
	f := &firmwares{}
	d := newDiscovery(bus, reg, f)
	now := time.Now()
	d.Tick(now)
	want := []string{
		"homeassistant/binary_sensor/camrelay_door/online/config", "homeassistant/camera/camrelay_door/picture/config",
		"homeassistant/sensor/camrelay_door/fps/config", "homeassistant/sensor/camrelay_door/heap/config", "homeassistant/sensor/camrelay_door/rssi/config",
		"homeassistant/sensor/camrelay_door/uptime/config", "homeassistant/sensor/camrelay_door/viewers/config",
	}
	if got := slices.Sorted(maps.Keys(bus.retained)); !slices.Equal(got, want) {
		t.Errorf("a camera that cannot be updated has\n%s", strings.Join(got, "\n"))
	}
	f.hello = wire.Hello{Firmware: "1.4.2", Build: 1042, Board: "ai-thinker", Chip: "esp32", Boot: "01020304"}
	d.Tick(now.Add(time.Second))
	const update = "homeassistant/update/camrelay_door/fw/config"
	var e map[string]any
	if err := json.Unmarshal([]byte(bus.retained[update]), &e); err != nil || e["command_topic"] != "camrelay/ota/door" || e["payload_install"] != "latest" ||
		e["retain"] != false || e["state_topic"] != "camrelay/ota/door/ha" || e["unique_id"] != "camrelay_door_fw" {
		t.Errorf("%s: %v", bus.retained[update], err)
	}
	for i := range 5 {
		d.Tick(now.Add(time.Duration(i+2) * time.Second))
	}
	if n := bus.passing[update]; n != 1 {
		t.Errorf("what has not changed was published %d times", n)
	}
	if n := bus.passing["camrelay/cam/door/stats"]; n != 1 {
		t.Errorf("stats were published %d times in 7 s", n)
	}
	reg.Remove("door")
	d.Tick(now.Add(10 * time.Second))
	if len(bus.retained) != 0 {
		t.Errorf("of a removed camera is left: %v", slices.Collect(maps.Keys(bus.retained)))
	}
}

// Home Assistant drops a state with a key it does not know.
func TestUpdateState(t *testing.T) {
	reg, _ := hub(t)
	bus := &recorder{retained: map[string]string{}, passing: map[string]int{}, last: map[string][]byte{}}
	f := &firmwares{hello: wire.Hello{Firmware: "1.4.2", Build: 1042, Boot: "01020304"}}
	d := newDiscovery(bus, reg, f)
	now := time.Now()
	state := func() (s firmware) {
		t.Helper()
		now = now.Add(time.Second)
		d.Tick(now)
		dec := json.NewDecoder(strings.NewReader(bus.retained["camrelay/ota/door/ha"]))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := state(); s.Installed != "1.4.2" || s.Latest != "1.5.0" || s.InProgress || s.Percentage != nil {
		t.Errorf("%+v", s)
	}
	f.job = &ota.Job{State: ota.Downloading, Begun: now, From: ota.Firmware{Version: "1.4.2"}, To: ota.Firmware{Version: "1.5.0", Size: 1000}, Offset: 370}
	if s := state(); !s.InProgress || s.Percentage == nil || *s.Percentage != 37 || s.Installed != "1.4.2" || s.Latest != "1.5.0" {
		t.Errorf("%+v", s)
	}
	f.hello.Firmware = "1.5.0" // on trial: not confirmed yet
	f.job.State = ota.Confirming
	if s := state(); s.Installed != "1.4.2" || !s.InProgress {
		t.Errorf("on trial: %+v", s)
	}
	f.job.State, f.job.Text = ota.Succeeded, strings.Repeat("ü", 300)
	if s := state(); s.Installed != "1.5.0" || s.InProgress || len([]rune(s.Summary)) != 255 {
		t.Errorf("%+v", s)
	}
}

// nowhere is a stream.Source that does nothing.
type nowhere struct{}

func (nowhere) Pace(wire.Pace) {}
func (nowhere) CanSet() bool   { return false }
func (nowhere) Set(context.Context, wire.Settings) (wire.Settings, error) {
	return nil, stream.ErrNoControl
}
func (nowhere) Pause(context.Context, bool) error { return stream.ErrNoControl }
func (nowhere) Detach(stream.Reason)              {}

// Real parts: the relay's broker and mosquitto_sub, a picture of 120 KB, and
// Home Assistant's birth.
func TestWithMosquitto(t *testing.T) {
	reg, h := hub(t)
	broker, err := mqtt.NewBroker(mqtt.BrokerOptions{Listen: "127.0.0.1:0", Topics: "camrelay", Lab: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	feed := h.Attach(nowhere{}, true)
	draft := reg.Pool().Draft(120_000)
	picture := testkit.JPEG(640, 480, 120_000)
	if err := draft.ReadAll(bytes.NewReader(picture), 1<<20); err != nil {
		t.Fatal(err)
	}
	feed.Publish(draft.Frame(len(picture), stream.Meta{Received: time.Now(), Width: 640, Height: 480}))
	d := newDiscovery(broker, reg, &firmwares{hello: wire.Hello{Firmware: "1.4.2", Build: 1042, Boot: "1"}})
	done := make(chan struct{})
	go func() { defer close(done); d.Run(t.Context()) }()
	t.Cleanup(func() { <-done })

	_, port, _ := strings.Cut(broker.Addr().String(), ":")
	cmd := exec.Command(testkit.Tool(t, "mosquitto_sub"), "-p", port, "-t", "homeassistant/#", "-t", "camrelay/cam/door/snapshot", "-F", "%t %l %r", "-W", "20")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	seen := map[string]int{}
	born := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		topic, rest, _ := strings.Cut(lines.Text(), " ")
		seen[topic]++
		if topic == "camrelay/cam/door/snapshot" && !strings.HasPrefix(rest, "120000 ") {
			t.Errorf("picture of %s", rest)
		}
		update := seen["homeassistant/update/camrelay_door/fw/config"]
		if update == 1 && !born {
			born = true
			if err := exec.Command(testkit.Tool(t, "mosquitto_pub"), "-p", port, "-t", "homeassistant/status", "-m", "online").Run(); err != nil {
				t.Fatal(err)
			}
		}
		if update >= 2 && seen["camrelay/cam/door/snapshot"] > 0 {
			return
		}
	}
	t.Errorf("seen: %v", seen)
}
