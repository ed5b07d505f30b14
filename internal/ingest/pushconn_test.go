package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

// command reads the next command from the relay.
func (c *camera) command() map[string]any {
	c.t.Helper()
	var got map[string]any
	if err := json.Unmarshal(c.expect(opText), &got); err != nil {
		c.t.Fatal(err)
	}
	return got
}

func (c *camera) say(format string, args ...any) {
	c.t.Helper()
	c.send(fin|opText, fmt.Appendf(nil, format, args...))
}

func settings(t testing.TB, text string) wire.Settings {
	t.Helper()
	var s wire.Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPushTexts(t *testing.T) {
	b := newBench(t, stream.Options{})
	c := dial(t, listen(t, b, Options{}, false), "")
	c.say(`{"t":"hello","firmware":"1.4.2","board":"ai-thinker","settings":{"framesize":"VGA","quality":12}}`)
	c.say(`{"t":"stats","heap":61208,"rssi":-61}`)
	c.say(`{"t":"ack","id":7,"ok":true,"settings":{"quality":13}}`) // late
	got := b.await(t, "settings", func(c wire.Camera) bool { return c.Settings["quality"] == 13 })
	if got.Firmware != "1.4.2" || got.Board != "ai-thinker" || got.Stats == nil || *got.Stats.Heap != 61208 || got.Control {
		t.Errorf("got %+v", got)
	}
	if err := func() error { _, err := b.hub.Set(t.Context(), "me", false, wire.Settings{"quality": 5}); return err }(); !errors.Is(err, stream.ErrNoControl) {
		t.Errorf("a camera without the subprotocol is sent settings: %v", err)
	}
}

func TestPushCommands(t *testing.T) {
	b := newBench(t, stream.Options{})
	c := dial(t, listen(t, b, Options{}, false), wire.CameraProtocol)
	if got := c.command(); !reflect.DeepEqual(got, map[string]any{"t": "pace", "fps": 0.0, "still": 0.0}) {
		t.Errorf("first command %v", got)
	}
	type answer struct {
		settings wire.Settings
		err      error
	}
	set := func(s wire.Settings) <-chan answer {
		got := make(chan answer, 1)
		go func() {
			in, err := b.hub.Set(t.Context(), "me", false, s)
			got <- answer{in, err}
		}()
		return got
	}
	for _, tt := range []struct {
		ack, want string
		err       string
	}{
		{`"ok":true,"settings":{"framesize":"SVGA","quality":9}`, `{"framesize":"SVGA","quality":9}`, ""},
		{`"ok":true`, `{"framesize":"SVGA","quality":10}`, ""},
		{`"ok":false,"error":"framesize SVGA: not enough memory"`, "", "the camera refuses: framesize SVGA: not enough memory"},
	} {
		got := set(settings(t, `{"framesize":"SVGA","quality":10}`))
		command := c.command()
		if want := map[string]any{"framesize": "SVGA", "quality": 10.0}; command["t"] != "set" || !reflect.DeepEqual(command["settings"], want) {
			t.Fatalf("got %v", command)
		}
		c.say(`{"t":"ack","id":%v,%s}`, command["id"], tt.ack)
		a := <-got
		if tt.err != "" {
			var refused *RefusedError
			if !errors.As(a.err, &refused) || a.err.Error() != tt.err {
				t.Errorf("%s: %v", tt.ack, a.err)
			}
		} else if a.err != nil || !reflect.DeepEqual(a.settings, settings(t, tt.want)) {
			t.Errorf("%s: %v, %v", tt.ack, a.settings, a.err)
		}
	}
	for _, on := range []bool{true, false} {
		done := make(chan error, 1)
		go func() { done <- b.hub.Pause(t.Context(), on) }()
		command := c.command()
		if want := map[bool]string{true: "pause", false: "resume"}[on]; command["t"] != want {
			t.Errorf("got %v", command)
		}
		c.say(`{"t":"ack","id":%v,"ok":true}`, command["id"])
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got := set(wire.Settings{"quality": 5})
	c.command()
	c.conn.Close()
	if a := <-got; !errors.Is(a.err, stream.ErrOffline) {
		t.Errorf("connection lost while waiting: %v", a.err)
	}
}

func TestPushNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, stream.Options{})
		c, _ := pipePush(t, b, Options{}, wire.CameraProtocol)
		go c.expectDrop()
		synctest.Wait()
		start := time.Now()
		if _, err := b.hub.Set(t.Context(), "me", false, wire.Settings{"quality": 5}); !errors.Is(err, ErrNoAnswer) || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.hub.Set(ctx, "me", false, wire.Settings{"quality": 5}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		// as many as may wait, and one more
		var all sync.WaitGroup
		var mu sync.Mutex
		counts := make(map[error]int)
		for range maxCommands + 1 {
			all.Go(func() {
				_, err := b.hub.Set(t.Context(), "me", false, wire.Settings{"quality": 5})
				mu.Lock()
				defer mu.Unlock()
				counts[err]++
			})
		}
		all.Wait()
		if counts[ErrTooMany] != 1 || counts[ErrNoAnswer] != maxCommands {
			t.Errorf("got %v", counts)
		}
	})
}

// A camera hears of a new pace, and only of the newest if it is slow to read.
func TestPushPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, stream.Options{Still: 5 * time.Second, Linger: time.Second})
		leave := b.watch(t)
		c, _ := pipePush(t, b, Options{}, wire.CameraProtocol)
		if got := c.command(); got["still"] != 0.0 {
			t.Errorf("first %v", got)
		}
		leave()
		time.Sleep(2 * time.Second)
		b.Tick() // rests
		synctest.Wait()
		leave = b.watch(t)
		leave()
		time.Sleep(2 * time.Second)
		b.Tick()
		synctest.Wait()
		if got := c.command(); got["still"] != 5.0 {
			t.Errorf("then %v", got)
		}
		b.watch(t)
		for {
			got := c.command() // at most one of those before was on its way
			if got["still"] == 0.0 {
				break
			}
		}
	})
}

// A long list of settings does not go out in a frame that the camera cannot
// take, nor in two writes of which the second could look like a CLOSE frame.
func TestPushLongCommand(t *testing.T) {
	b := newBench(t, stream.Options{})
	c := dial(t, listen(t, b, Options{}, false), wire.CameraProtocol)
	c.command()
	all := make(wire.Settings)
	for _, name := range []string{"quality", "fps", "brightness", "contrast", "saturation", "special_effect", "awb", "awb_gain", "wb_mode",
		"aec", "aec2", "ae_level", "aec_value", "agc", "agc_gain", "gainceiling", "bpc", "wpc", "raw_gma", "lenc", "hmirror", "vflip", "dcw", "colorbar", "led_intensity"} {
		r, _ := wire.SettingNamed(name)
		all[name] = r.Max
	}
	all.SetFrameSize("240X240")
	done := make(chan error, 1)
	go func() { _, err := b.hub.Set(t.Context(), "me", false, all); done <- err }()
	payload := c.expect(opText)
	if len(payload) > wire.MaxCommand {
		t.Errorf("command of %d bytes", len(payload))
	}
	c.say(`{"t":"ack","id":1,"ok":true}`)
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.hub.Detach(stream.Update)
	c.expect(opClose)
	c.conn.Close()
	if reason := b.offline(t); !strings.Contains(reason, "update") {
		t.Errorf("reason %q", reason)
	}
}
