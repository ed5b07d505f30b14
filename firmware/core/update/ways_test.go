package update

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
)

func TestCleanMode(t *testing.T) {
	old, next := pair()
	t.Run("low memory", func(t *testing.T) {
		for _, way := range []channel{byMQTT, byStream} {
			w := started(t, small, old, next)
			w.channel = way
			w.command(orderFor(next, "job-1", `,"min_heap":110000`))
			must(t, w.settle())
			got := strings.ReplaceAll(w.phases(0), " downloading", "")
			if got != "accepted stream_closed server_stopped ready rebooting:low_heap accepted ready header_ok verified activated rebooting confirmed" {
				t.Error(got)
			}
			for _, m := range w.heard {
				if m.Phase == "rebooting" && m.Code == "low_heap" && m.Mode != "clean" || m.Phase == "accepted" && m.Attempt != 1 && m.Boot == w.heard[0].Boot {
					t.Error(m.raw)
				}
			}
			if w.heard[5].Attempt != 2 || w.running != next {
				t.Error(w.heard[5].raw)
			}
		}
	})
	t.Run("low memory twice", func(t *testing.T) {
		w := started(t, small, old, next)
		w.command(orderFor(next, "job-1", `,"min_largest":100000`))
		must(t, w.settle())
		if got := w.phases(0); got != "accepted stream_closed server_stopped ready rebooting:low_heap accepted ready failed:low_heap failed:low_heap" {
			t.Error(got)
		}
		if w.running != old || w.u.Mode() != Normal || w.starts != 3 || *w.heard[7].Restored || !*w.heard[8].Restored {
			t.Errorf("%d starts: %s", w.starts, w.phases(0))
		}
	})
	t.Run("ordered", func(t *testing.T) {
		w := started(t, small, old, next)
		w.command(orderFor(next, "job-1", `,"mode":"clean"`))
		must(t, w.settle())
		if got := strings.ReplaceAll(w.phases(0), " downloading", ""); got != "accepted rebooting accepted ready header_ok verified activated rebooting confirmed" {
			t.Error(got)
		}
	})
	t.Run("power goes with the note", func(t *testing.T) {
		w := started(t, small, old, next)
		w.command(orderFor(next, "job-1", `,"mode":"clean"`))
		w.live(time.Minute)
		w.heard = nil
		for i := range w.note {
			w.note[i] = byte(i)
		}
		must(t, w.start())
		must(t, w.settle())
		if w.phases(0) != "failed:restarted" || w.running != old || w.u.Mode() != Normal {
			t.Error(w.phases(0))
		}
		w.heard = nil // said once
		must(t, w.start())
		if must(t, w.settle()); len(w.heard) != 0 {
			t.Error(w.phases(0))
		}
	})
	t.Run("the note is gone before the attempt", func(t *testing.T) {
		w := started(t, small, old, next)
		w.command(orderFor(next, "job-1", `,"mode":"clean"`))
		w.live(time.Minute)
		must(t, w.start())
		if w.u.Mode() != UpdateOnly || !bytes.Equal(w.note[:], make([]byte, len(w.note))) {
			t.Error("the note is still there")
		}
		w.cause = hal.Panic // a crash before anything is done
		must(t, w.start())
		if w.u.Mode() != Normal {
			t.Error("it is tried again")
		}
	})
	t.Run("no network", func(t *testing.T) {
		w := started(t, small, old, next)
		w.command(orderFor(next, "job-1", `,"mode":"clean","budget":60`))
		w.live(time.Minute)
		must(t, w.start())
		w.net.SetUp(false)
		began := w.clock.Now()
		w.live(time.Hour)
		if took := time.Duration(w.clock.Now() - began); !w.reset || took > 65*time.Second {
			t.Errorf("reset %v after %v", w.reset, took)
		}
		w.net.SetUp(true)
		must(t, w.start())
		if must(t, w.settle()); !strings.HasSuffix(w.phases(0), "failed:budget") {
			t.Error(w.phases(0))
		}
	})
}

// Each part of the camera can be stuck.
func TestStuck(t *testing.T) {
	const clean = " accepted ready header_ok downloading verified activated rebooting confirmed"
	for _, c := range []struct {
		victim, want string
		least        time.Duration
	}{
		{"CloseStream", "accepted stream_closed server_stopped ready header_ok downloading verified activated rebooting confirmed", 3 * time.Second},
		{"StreamClosed", "accepted rebooting:stream_stuck" + clean, 4 * time.Second},
		{"StopServer", "accepted stream_closed rebooting:server_stuck" + clean, 5 * time.Second},
		{"ServerStopped", "accepted stream_closed rebooting:server_stuck" + clean, 5 * time.Second},
		{"CameraOff", "accepted stream_closed server_stopped rebooting:camera_stuck" + clean, 2 * time.Second},
		{"CameraIsOff", "accepted stream_closed server_stopped rebooting:camera_stuck" + clean, 2 * time.Second},
		{"Reported", "accepted stream_closed server_stopped ready header_ok downloading verified activated rebooting confirmed", time.Second},
		{"Reboot", "accepted stream_closed server_stopped ready header_ok downloading verified activated rebooting confirmed", 2 * time.Second},
	} {
		for _, way := range []channel{byMQTT, byStream} {
			old, next := pair()
			w := started(t, small, old, next)
			w.channel, w.kind, w.victim = way, fails, c.victim
			began := w.clock.Now()
			w.command(orderFor(next, "job-1", ""))
			must(t, w.settle())
			got, want := w.phases(0), c.want
			if way == byStream {
				got, want = strings.ReplaceAll(got, " downloading", ""), strings.ReplaceAll(want, " downloading", "")
			}
			if way == byStream && c.victim == "StreamClosed" { // neither the stream nor its memory can be used
				want = strings.Replace(want, " rebooting:stream_stuck", "", 1)
			}
			if took := time.Duration(w.clock.Now() - began); got != want || took < c.least || took > c.least+15*time.Second || w.running != next {
				t.Errorf("%s, way %d: %v, %s", c.victim, way, took, got)
			}
		}
	}
	for _, victim := range []string{"Restored", "Restore"} {
		old, next := pair()
		w := started(t, small, old, next)
		w.kind, w.victim = fails, victim
		w.command(orderFor(next, "job-1", ""))
		for w.u.step != asking {
			w.relay.serve(w)
			w.u.Step(w.clock.Advance(time.Millisecond))
		}
		w.command(`{"t":"ota","cmd":"abort","job":"job-1"}`)
		began := w.clock.Now()
		w.live(time.Hour)
		if took := time.Duration(w.clock.Now() - began); !w.reset || took < 10*time.Second || took > 15*time.Second || w.restores != 2 {
			t.Errorf("%s: reset %v after %v, restored %d times", victim, w.reset, took, w.restores)
		}
		must(t, w.start())
		if must(t, w.settle()); !strings.HasSuffix(w.phases(0), "ready failed:restore_failed failed:aborted") || w.running != old {
			t.Errorf("%s: %s", victim, w.phases(0))
		}
	}
}
