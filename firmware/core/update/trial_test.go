package update

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
)

// tried is a camera that has started a new image for the first time.
func tried(t *testing.T, change func(*artefact)) (w *world, next *artefact) {
	t.Helper()
	old, next := pair()
	if change != nil {
		change(next)
	}
	w = started(t, small, old, next)
	w.command(orderFor(next, "job-1", ""))
	w.live(time.Minute)
	w.heard = nil
	w.cause = hal.Software
	must(t, w.start())
	if w.u.Mode() != OnTrial || w.running != next {
		t.Fatalf("%v", w.u.Mode())
	}
	return w, next
}

func TestTrialNeedsAll(t *testing.T) {
	all := []Proof{Linked, BrokerReady, StreamOpen, FrameSent, PingAnswered}
	for _, missing := range append(all, 0) {
		w, _ := tried(t, nil)
		for range 119 * 20 {
			w.relay.serve(w)
			w.u.Step(w.clock.Now())
			w.trial.Step(w.clock.Now(), proven&^missing)
			w.clock.Advance(50 * time.Millisecond)
		}
		if (missing == 0) == w.trial.Active() || w.reset {
			t.Errorf("without %d: active %v", missing, w.trial.Active())
		}
		if missing == Linked && w.trial.MayStream() {
			t.Error("the stream may begin without a link")
		}
		w.clock.Advance(2 * time.Second)
		w.trial.Step(w.clock.Now(), 0)
		if w.reset != (missing != 0) {
			t.Errorf("without %d: reset %v", missing, w.reset)
		}
	}
}

func TestTrialRejectsOrders(t *testing.T) {
	w, next := tried(t, nil)
	w.command(orderFor(next, "job-2", ""))
	w.u.Step(w.clock.Now())
	w.command(`{"t":"ota","cmd":"status"}`)
	w.u.Step(w.clock.Now())
	if w.phases(0) != "rejected:on_trial booted" || w.heard[1].State != "trial" || w.heard[1].Other != 10 || w.heard[1].Job != "job-1" {
		t.Errorf("%s %s", w.phases(0), w.heard[1].raw)
	}
}

func TestTrialTimeout(t *testing.T) {
	w, _ := tried(t, func(a *artefact) { a.mute = true })
	must(t, w.settle())
	if w.starts != 5 || w.running.name != "old" || w.phases(0) != "rolled_back:trial_timeout" {
		t.Errorf("%d starts, %s runs: %s", w.starts, w.running.name, w.phases(0))
	}
	w.heard = nil // said once
	must(t, w.start())
	if must(t, w.settle()); len(w.heard) != 0 {
		t.Error(w.phases(0))
	}
	w.command(`{"t":"ota","cmd":"status"}`)
	if w.live(time.Minute); w.phases(0) != "rolled_back:trial_timeout" {
		t.Error(w.phases(0))
	}
}

func TestTrialEnds(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		w, _ := tried(t, nil)
		w.trial.Refuse()
		if !w.reset {
			t.Error("no restart")
		}
		must(t, w.start())
		if must(t, w.settle()); w.phases(0) != "rolled_back:trial_refused" || w.running.name != "old" {
			t.Error(w.phases(0))
		}
	})
	t.Run("crashes", func(t *testing.T) {
		w, _ := tried(t, nil)
		w.cause = hal.Panic
		for range 3 {
			must(t, w.start())
		}
		if must(t, w.settle()); w.phases(0) != "rolled_back:trial_reset" || w.running.name != "old" {
			t.Error(w.phases(0))
		}
	})
	t.Run("damaged", func(t *testing.T) {
		old, next := pair()
		w := started(t, small, old, next)
		w.command(orderFor(next, "job-1", ""))
		w.live(time.Minute)
		w.heard = nil
		w.chip.Bytes()[w.layout.Slots[1]+image.HeaderSize]++
		must(t, w.start())
		if must(t, w.settle()); w.phases(0) != "rolled_back:not_started" || w.running != old {
			t.Error(w.phases(0))
		}
	})
	t.Run("confirmed but not kept", func(t *testing.T) {
		w, next := tried(t, nil)
		must(t, w.log.Confirm(w.slot)) // and the power goes
		must(t, w.start())
		if must(t, w.settle()); w.phases(0) != "confirmed" || w.running != next || w.u.state.floor() != 9 {
			t.Error(w.phases(0))
		}
	})
	t.Run("activation lost", func(t *testing.T) {
		w, next := tried(t, nil)
		w.chip.Erase(0) // the records
		w.chip.Erase(4096)
		must(t, w.start())
		if w.running.name != "old" || w.u.other != next.header.Build {
			t.Errorf("%s runs, %d in the other slot", w.running.name, w.u.other)
		}
		if must(t, w.settle()); w.phases(0) != "failed:restarted" {
			t.Error(w.phases(0))
		}
	})
}

// What cannot load from the relay does not stay, whatever else it can.
func TestTrialNeedsToLoad(t *testing.T) {
	for name, change := range map[string]func(handle http.HandlerFunc) http.HandlerFunc{
		"missing": func(http.HandlerFunc) http.HandlerFunc { return http.NotFound },
		"wrong content": func(handle http.HandlerFunc) http.HandlerFunc {
			return func(rw http.ResponseWriter, q *http.Request) {
				rw.Header().Set("Content-Range", map[bool]string{true: "bytes 0-511/1024", false: "bytes 512-1023/1024"}[q.Header.Get("Range") == "bytes=0-511"])
				rw.Header().Set("ETag", `"`+strings.Repeat("0", 64)+`"`)
				rw.WriteHeader(206)
				rw.Write(probe[:512])
			}
		},
		"no tag": func(handle http.HandlerFunc) http.HandlerFunc {
			return func(rw http.ResponseWriter, q *http.Request) { rw.Write(probe) }
		},
		"other size": func(handle http.HandlerFunc) http.HandlerFunc {
			return func(rw http.ResponseWriter, q *http.Request) { rw.Write(probe[:1000]) }
		},
	} {
		w, _ := tried(t, nil)
		w.relay.handler = change(w.relay.handle(w))
		w.live(time.Hour)
		if !w.reset || w.stream {
			t.Errorf("%s: reset %v", name, w.reset)
		}
		w.relay.handler = nil
		must(t, w.start()) // the second trial is better
		if must(t, w.settle()); w.phases(0) != "confirmed" {
			t.Errorf("%s: %s", name, w.phases(0))
		}
	}
	w, next := tried(t, nil) // breaks, and a proxy without ranges, are overcome
	handle, n := w.relay.handle(w), 0
	w.relay.handler = func(rw http.ResponseWriter, q *http.Request) {
		if n++; n < 3 {
			rw.WriteHeader(503)
			return
		}
		q.Header.Del("Range")
		handle(rw, q)
	}
	if must(t, w.settle()); w.running != next || w.phases(0) != "confirmed" {
		t.Error(w.phases(0))
	}
}
