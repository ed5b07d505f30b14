package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/wsclient"
)

// ask sends a request to the camera's own server and returns the answer.
func (r *rig) ask(method, path, body string) (status int, answer string) {
	r.t.Helper()
	s, err := r.net.Connect(81)
	r.must(err)
	s.Write(fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: 192.168.1.7\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", method, path, testKey, len(body), body))
	var all string
	r.until(2*time.Second, "an answer", func() bool {
		all += string(s.ReadAll())
		_, text, whole := strings.Cut(all, "\r\n\r\n")
		answer = text
		return whole && s.State() > 2
	})
	s.Close()
	_, err = fmt.Sscanf(all, "HTTP/1.1 %d", &status)
	r.must(err)
	return status, answer
}

func TestServer(t *testing.T) {
	r, relay := started(t, withMQTT(withServer(usual())))
	relay.hello()
	status, text := r.ask("GET", "/status", "")
	var got struct {
		ID, Version, Slot, State, Reset, Relay, MQTT string
		Build, LED                                   int
		Settings                                     map[string]any
	}
	r.must(json.Unmarshal([]byte(text), &got))
	if status != 200 || got.ID != "door" || got.Version != "1.4.2" || got.Build != 1042 || got.Slot != "A" || got.State != "confirmed" || got.Reset != "power" ||
		got.Relay != "open" || got.MQTT != "connecting" || got.Settings["framesize"] != "VGA" {
		t.Errorf("%d %s", status, text)
	}
	if strings.Contains(text, testKey) {
		t.Errorf("the key is in %s", text)
	}
	if status, text = r.ask("PUT", "/settings", `{"quality":22,"save":true}`); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	relay.texts = nil
	if q := relay.hello().Settings["quality"]; q != 22 { // the relay is told
		t.Error(q)
	}
	if status, text = r.ask("PUT", "/settings", `{"quality":99}`); status != 400 || !strings.Contains(text, "quality") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ = r.ask("POST", "/led", `{"flash":7,"red":true}`); status != 200 || r.led.flash != 7 {
		t.Errorf("%d, %d", status, r.led.flash)
	}
	if r.run(10 * time.Millisecond); !r.led.red {
		t.Error("the red LED is off")
	}
	if status, _ = r.ask("POST", "/reboot", ""); status != 200 {
		t.Error(status)
	}
	took := r.until(3*time.Second, "a restart", func() bool { return r.sys.resets > 0 })
	if !r.sys.stayed {
		t.Error("it counts as a crash")
	}
	if relay.read(); r.e.control.Open() != 0 || r.e.client.State() == wsclient.Open || relay.code != 1001 {
		t.Errorf("after %v there are %d clients, and the relay is %v", took, r.e.control.Open(), r.e.client.State())
	}
}

// A camera that is told to have no server listens nowhere; one whose port is
// taken works without.
func TestNoServer(t *testing.T) {
	r, relay := started(t, usual())
	relay.hello()
	for _, port := range []uint16{80, 81, 65535} {
		if _, err := r.net.Connect(port); err == nil {
			t.Errorf("it listens on %d", port)
		}
	}
	r = newRig(t, withServer(usual()))
	_, err := r.net.Listen(81)
	r.must(err)
	r.must(r.e.Start())
	r.connect().fresh(5)
}

// While an update goes on nobody restarts the camera.
func TestNoRebootDuringAnUpdate(t *testing.T) {
	r, relay := started(t, withServer(usual()))
	relay.hello()
	relay.say(startOrder("job-1", "relay.example:8080", ""))
	relay.phase(time.Second, "accepted")
	controlled{r.e}.Reboot()
	if r.e.rebootAt != 0 {
		t.Error("it restarts")
	}
}

// A sensor that does not answer is told, and the rest of the camera works.
func TestSensorFault(t *testing.T) {
	r := newRig(t, withServer(usual()))
	r.sensor.Unplug(true)
	r.must(r.e.Start())
	relay := r.connect()
	relay.hello()
	r.run(5 * time.Second)
	if _, text := r.ask("GET", "/status", ""); !strings.Contains(text, `"sensor_fault":"`) {
		t.Error(text)
	}
	r.sensor.Unplug(false)
	r.until(15*time.Second, "frames", func() bool { relay.read(); return len(relay.frames) > 3 })
}

// clients are the ways in which people hold a server open.
func (r *rig) clients() map[string]*haltest.Stream {
	r.t.Helper()
	all := map[string]*haltest.Stream{}
	for name, text := range map[string]string{
		"idle": "", "half a request": "GET /status HTT",
		"a WebSocket that never answers": "GET /ws?t=" + testKey + " HTTP/1.1\r\nHost: 192.168.1.7\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
		"a reader that never reads":      "GET /status HTTP/1.1\r\nHost: 192.168.1.7\r\nAuthorization: Bearer " + testKey + "\r\n\r\n",
	} {
		s, err := r.net.Connect(81)
		r.must(err)
		s.Write([]byte(text))
		all[name] = s
	}
	return all
}
