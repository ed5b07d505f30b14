package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"camrelay/internal/wire"
)

// order sends a command as the relay encodes it.
func (p *relay) order(c wire.Command) {
	p.r.t.Helper()
	text, err := c.Encode()
	p.r.must(err)
	p.say(string(text))
}

func settings(t *testing.T, text string) wire.Settings {
	t.Helper()
	var s wire.Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSet(t *testing.T) {
	const none = "no setting that this camera has"
	tests := []struct{ give, want, err string }{
		{`{"quality":10}`, `{"quality":10}`, ""},
		{`{"framesize":"SVGA","quality":10,"hmirror":1}`, `{"framesize":"SVGA","quality":10,"hmirror":1}`, ""},
		{`{"fps":5}`, `{"fps":5}`, ""},
		{`{"led_intensity":255}`, `{"led_intensity":255}`, ""},
		{`{"brightness":-2,"ae_level":2}`, `{"brightness":-2,"ae_level":2}`, ""},
		{`{"quality":20,"sharpness":3,"denoise":{"x":1}}`, `{"quality":20}`, ""}, // what it has not is left out
		{`{"sharpness":3}`, "", none},
		{`{}`, "", none},
		{`{"quality":64}`, "", "quality: "},
		{`{"quality":3}`, "", "quality: "},
		{`{"quality":"10"}`, "", "quality: "},
		{`{"quality":1e1}`, "", "quality: "},
		{`{"framesize":"QXGA"}`, "", "framesize: "},
		{`{"framesize":10}`, "", "framesize: "},
		{`{"fps":61}`, "", "fps: "},
		{`{"led_intensity":256}`, "", "led_intensity: "},
		{`{"quality":30,"contrast":9}`, "", "contrast: "}, // nothing is changed then
		{`{"contrast":9,"quality":30}`, "", "contrast: "},
	}
	for _, tt := range tests {
		r, relay := started(t, usual())
		before := relay.hello().Settings
		relay.say(fmt.Sprintf(`{"t":"set","id":7,"settings":%s}`, tt.give))
		ack := relay.ack(7)
		if ack.OK != (tt.err == "") || !strings.HasPrefix(ack.Error, tt.err) || len(ack.Error) == len(tt.err) && strings.HasSuffix(tt.err, ": ") {
			t.Errorf("%s: %+v", tt.give, ack)
		}
		want := maps.Clone(before)
		if ack.OK {
			changed := settings(t, tt.want)
			if !reflect.DeepEqual(ack.Settings, changed) {
				t.Errorf("%s: the ack says %v", tt.give, ack.Settings)
			}
			want = before.Merge(changed)
		} else if ack.Settings != nil {
			t.Errorf("%s: %+v", tt.give, ack)
		}
		r.until(2*time.Second, "the sensor has it", r.e.sensor.InForce)
		if p, ok := r.sensor.State(); !ok || p.Quality != want["quality"] || p.Mirror != (want["hmirror"] == 1) || p.Brightness != want["brightness"] {
			t.Errorf("%s: the sensor gives %+v", tt.give, p)
		}
		r.must(r.sensor.Err())
		r.e.out.hello = true
		relay.texts = nil
		if got := relay.hello().Settings; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: in force is %v, not %v", tt.give, got, want)
		}
	}
}

// Commands as the relay encodes them.
func TestCommandsOfTheRelay(t *testing.T) {
	r, relay := started(t, usual())
	relay.order(wire.Command{T: wire.KindSet, ID: 1, Settings: wire.Settings{"framesize": 9, "quality": 30}})
	if ack := relay.ack(1); !ack.OK || ack.Settings["quality"] != 30 || ack.Settings["framesize"] != 9 {
		t.Errorf("%+v", ack)
	}
	relay.fresh(1)
	relay.order(wire.Command{T: wire.KindPause, ID: 2})
	if ack := relay.ack(2); !ack.OK {
		t.Errorf("%+v", ack)
	}
	relay.read()
	n := len(relay.frames)
	r.run(3 * time.Second)
	if relay.read(); len(relay.frames) > n+1 {
		t.Errorf("%d frames in a pause", len(relay.frames)-n)
	}
	relay.order(wire.Command{T: wire.KindResume, ID: 3})
	relay.ack(3)
	relay.fresh(20)

	rate := func(pace wire.Pace, d time.Duration) int {
		relay.order(wire.Command{T: wire.KindPace, Pace: &pace})
		r.run(200 * time.Millisecond)
		relay.read()
		n := len(relay.frames)
		r.run(d)
		relay.read()
		return len(relay.frames) - n
	}
	for _, tt := range []struct {
		pace      wire.Pace
		low, high int
	}{
		{wire.Pace{FPS: 6}, 59, 61},
		{wire.Pace{FPS: 0.5}, 4, 6},
		{wire.Pace{Still: 5}, 1, 3},
		{wire.Pace{FPS: 100}, 148, 152}, // the camera's own limit holds
		{wire.Pace{}, 148, 152},
	} {
		if n := rate(tt.pace, 10*time.Second); n < tt.low || n > tt.high {
			t.Errorf("%+v: %d frames in 10 s", tt.pace, n)
		}
	}
	// What is no pace changes none.
	rate(wire.Pace{FPS: 1}, 0)
	for _, bad := range []string{`{"t":"pace"}`, `{"t":"pace","fps":"9","still":0}`, `{"t":"pace","fps":-1,"still":0}`, `{"t":"pace","fps":9}`, `{"t":"pace","fps":1e3,"still":0}`} {
		relay.say(bad)
	}
	relay.say(`{"t":"pace","id":4}`)
	if ack := relay.ack(4); ack.OK || ack.Error == "" {
		t.Errorf("%+v", ack)
	}
	relay.read()
	n = len(relay.frames)
	r.run(5 * time.Second)
	if relay.read(); len(relay.frames) > n+6 {
		t.Errorf("%d frames in 5 s at one a second", len(relay.frames)-n)
	}
}

// A pause and a pace hold for one connection.
func TestPauseEndsWithTheConnection(t *testing.T) {
	r, relay := started(t, usual())
	relay.fresh(1)
	relay.say(`{"t":"pause","id":1}`)
	relay.ack(1)
	relay.s.Abort()
	relay = r.connect()
	relay.fresh(5)
}

func TestCommandsNobodyKnows(t *testing.T) {
	_, relay := started(t, usual())
	for _, tt := range []struct{ text, want string }{
		{`{"t":"dance","id":1}`, "command not known"},
		{`{"id":1}`, "command not known"},
		{`{"t":7,"id":1}`, "command not known"},
		{`{"t":"set","id":1}`, "no setting that this camera has"},
		{`{"t":"set","id":1,"settings":3}`, "no setting that this camera has"},
		{`{"t":"a kind that is longer than any other","id":1}`, "command not known"},
	} {
		relay.say(tt.text)
		if ack := relay.ack(1); ack.OK || ack.Error != tt.want {
			t.Errorf("%s: %+v", tt.text, ack)
		}
	}
	// These have no answer, and end nothing.
	for _, text := range []string{``, `[]`, `{`, `{"t":"pause"`, `{"t":"set","settings":{"quality":99}}`, `{"t":"dance"}`, `{"t":"dance","id":-1}`, `{"t":"ota"}`} {
		relay.say(text)
	}
	relay.say(`{"t":"resume","id":2}`)
	if ack := relay.ack(2); !ack.OK {
		t.Errorf("%+v", ack)
	}
}

// Binary messages to a camera mean nothing.
func TestBinaryIsNoCommand(t *testing.T) {
	r, relay := started(t, usual())
	relay.send(2, []byte(`{"t":"pause","id":1}`))
	r.run(time.Second)
	relay.fresh(5)
}

// Who sends more than there is room for answers hears nothing of the last ones,
// and everything goes on.
func TestFloodOfCommands(t *testing.T) {
	r, relay := started(t, usual())
	relay.hello()
	for id := range 200 {
		relay.say(fmt.Sprintf(`{"t":"set","id":%d,"settings":{"quality":%d}}`, id+1, 10+id%20))
	}
	r.run(time.Second)
	relay.say(`{"t":"resume","id":1000}`)
	relay.ack(1000)
	relay.fresh(5)
}
