package wsclient

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// constant is an extreme of a random source.
type constant uint32

func (c constant) Uint32() uint32 { return uint32(c) }

// fails lets n attempts fail and returns the pauses, of which all that is random
// is at its highest.
func (r *rig) bounds(n int, fail func(r *rig)) []time.Duration {
	r.t.Helper()
	var bounds []time.Duration
	for range n {
		before := r.client.backoff
		r.client.cfg.backoff(&before)
		bound := time.Duration(before.Bound())
		fail(r)
		r.step()
		pause := r.pauses[len(r.pauses)-1]
		if pause < 0 || pause > bound {
			r.t.Errorf("pause %v, bound %v", pause, bound)
		}
		bounds = append(bounds, bound)
	}
	return bounds
}

func refused(r *rig) { r.call().Fail(hal.ErrRefused) }

// The pauses double up to a minute, and each is random below that: with the seed
// always the same ones.
func TestPauses(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.client.Start()
	bounds := r.bounds(10, refused)
	if got := fmt.Sprint(bounds); got != "[500ms 1s 2s 4s 8s 16s 32s 1m0s 1m0s 1m0s]" {
		t.Errorf("bounds %s", got)
	}
	again := newRig(t, config("ws://relay/"))
	again.client.Start()
	again.bounds(10, refused)
	if !slices.Equal(r.pauses, again.pauses) {
		t.Errorf("%v, then %v", r.pauses, again.pauses)
	}
	other := newRig(t, config("ws://relay/"))
	other.client.random = haltest.NewRandom(2)
	other.client.Start()
	other.bounds(10, refused)
	if slices.Equal(r.pauses, other.pauses) {
		t.Error("two cameras come back at the same times")
	}
}

// The client waits as long as it says, and counts its attempts.
func TestPauseIsWaited(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.client.Start()
	for i := range 6 {
		r.call().Fail(hal.ErrRefused)
		r.step()
		pause := r.pauses[i]
		r.clock.Advance(pause - 1)
		r.step()
		if r.client.State() != Waiting {
			t.Fatalf("%v before its time", r.client.State())
		}
		r.on = func(e *Event) {
			if e.Kind == EventConnecting && (e.Delay != int64(pause) || e.Attempt != uint32(i+2)) {
				t.Errorf("attempt %d after %v; it said %v", e.Attempt, time.Duration(e.Delay), pause)
			}
		}
		r.clock.Advance(1)
		r.step()
		if r.client.State() != Connecting {
			t.Fatalf("%v when it was time", r.client.State())
		}
	}
	r.on = nil
	r.call().Fail(hal.ErrRefused)
	r.step()
	r.client.Retry()
	r.step()
	if r.client.State() != Connecting {
		t.Error("Retry does not end the pause")
	}
}

// Only a connection that held for a minute makes the next pause a first one.
func TestStableConnection(t *testing.T) {
	for held, want := range map[time.Duration]time.Duration{
		59 * time.Second: 16 * time.Second,
		60 * time.Second: 500 * time.Millisecond,
	} {
		r := newRig(t, config("ws://relay/"))
		r.client.Start()
		r.bounds(5, refused)
		r.accept()
		if err := r.client.SetPing(0, 0); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(held)
		r.far.Abort()
		r.client.random = &words{number: int64(want)}
		r.step()
		if got := r.pauses[len(r.pauses)-1]; got != want {
			t.Errorf("after %v: pause %v, want %v", held, got, want)
		}
	}
}

func TestReconnectRules(t *testing.T) {
	status := func(line string, more ...string) func(r *rig) {
		return func(r *rig) {
			r.request()
			head := "HTTP/1.1 " + line + "\r\n"
			for _, m := range more {
				head += m + "\r\n"
			}
			io.WriteString(writer{r.far}, head+"\r\n")
		}
	}
	code := func(code uint16) func(r *rig) {
		return func(r *rig) { r.accept(); r.closes(code, "") }
	}
	const any = -2 * time.Second // random, below the first bound
	for _, c := range []struct {
		name   string
		end    func(r *rig)
		change func(c *Config)
		want   time.Duration
		state  State
	}{
		{"refused", refused, nil, any, Waiting},
		{"unknown name", func(r *rig) { r.call().Fail(hal.ErrName) }, nil, any, Waiting},
		{"lost", func(r *rig) { r.accept(); r.far.Abort() }, nil, any, Waiting},
		{"401", status("401 Unauthorized"), nil, 5 * time.Minute, Waiting},
		{"403", status("403 Forbidden"), nil, 5 * time.Minute, Waiting},
		{"404", status("404 Not Found"), nil, any, Waiting},
		{"500", status("500 Internal Server Error", "Retry-After: 100"), nil, any, Waiting},
		{"429", status("429 Too Many Requests"), nil, any, Waiting},
		{"429, 100 s", status("429 Too Many Requests", "Retry-After: 100"), nil, 100 * time.Second, Waiting},
		{"503, 7 s", status("503 Service Unavailable", "Retry-After: 7"), nil, 7 * time.Second, Waiting},
		{"503, a day", status("503 Service Unavailable", "Retry-After: 86400"), nil, 10 * time.Minute, Waiting},
		{"503, for ever", status("503 Service Unavailable", "Retry-After: 99999999999999999999"), nil, any, Waiting},
		{"503, now", status("503 Service Unavailable", "Retry-After: 0"), nil, any, Waiting},
		{"503, a date", status("503 Service Unavailable", "Retry-After: Fri, 20 Nov 2026 07:28:00 GMT"), nil, any, Waiting},
		{"1000", code(1000), nil, any, Waiting},
		{"1001", code(1001), nil, 2 * any, Waiting},
		{"1012", code(1012), nil, 2 * any, Waiting},
		{"1013", code(1013), nil, 2 * any, Waiting},
		{"4001", code(4001), nil, -1, Away},
		{"4002", code(4002), nil, 30 * time.Second, Waiting},
		{"4003", code(4003), nil, 5 * time.Minute, Waiting},
		{"refused, no reconnect", refused, func(c *Config) { c.Reconnect = false }, -1, Stopped},
		{"4001, no reconnect", code(4001), func(c *Config) { c.Reconnect = false }, -1, Stopped},
		{"1000, stay closed", code(1000), func(c *Config) { c.ReconnectOnClose = false }, -1, Stopped},
		{"lost, stay closed", func(r *rig) { r.accept(); r.far.Abort() }, func(c *Config) { c.ReconnectOnClose = false }, any, Waiting},
		{"fixed pause", refused, func(c *Config) { c.Base, c.Cap = int64(time.Second), 0 }, any, Waiting},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config("ws://relay/")
			if c.change != nil {
				c.change(&cfg)
			}
			pause := func(random hal.Random) time.Duration {
				r := newRig(t, cfg)
				r.client.Start()
				state := Stopped
				r.on = func(e *Event) {
					switch e.Kind {
					case EventError: // the next random number is the pause
						r.client.random = random
					case EventDisconnected:
						state, r.client.random = r.client.State(), haltest.NewRandom(2)
					}
				}
				c.end(r)
				r.step()
				if state != c.state {
					t.Errorf("%v, want %v", state, c.state)
				}
				return r.pauses[0]
			}
			bound := cfg.Base
			if c.want == 2*any {
				bound = int64(2 * time.Second)
			}
			low, high := pause(constant(0)), pause(&words{number: bound})
			switch c.want {
			case any:
				if low != 0 || high != time.Duration(cfg.Base) {
					t.Errorf("from %v to %v, want 0 to %v", low, high, time.Duration(cfg.Base))
				}
			case 2 * any:
				if low != 0 || high != 2*time.Second {
					t.Errorf("from %v to %v, want 0 to 2 s", low, high)
				}
			default:
				if low != c.want || high != c.want {
					t.Errorf("%v, %v, want %v", low, high, c.want)
				}
			}
		})
	}
}

// words gives a number of 64 bits in two words.
type words struct {
	number int64
	second bool
}

func (w *words) Uint32() uint32 {
	if w.second = !w.second; w.second {
		return uint32(w.number >> 32)
	}
	return uint32(w.number)
}

// Told to stay away, it stays until it is told otherwise.
func TestAway(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.open()
	r.closes(4001, "an update begins")
	r.expect("start", "connecting 1", "open", "error closed <nil> 0 4001", `closed 4001 "an update begins" true <nil>`, "disconnected")
	r.pass(time.Hour)
	r.expect()
	r.client.Start()
	r.accept()
	r.expect("start", "connecting 1", "open")
}

// A Start that was not needed is forgotten: it ends no later stay.
func TestStartWhileClosing(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.open()
	r.far.Write(closeFrame(1012, ""))
	r.step()
	if r.client.State() != Closing {
		t.Fatalf("%v", r.client.State())
	}
	r.client.Start()
	r.far.Close()
	r.accept()
	r.closes(4001, "")
	r.pass(time.Minute)
	if r.client.State() != Away {
		t.Errorf("%v", r.client.State())
	}
}

// Base and cap can be changed at any time.
func TestSetBackoff(t *testing.T) {
	r := newRig(t, config("ws://relay/"))
	r.client.Start()
	r.bounds(3, refused)
	if err := r.client.SetBackoff(int64(3*time.Second), int64(3*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.bounds(3, refused)); got != "[3s 3s 3s]" {
		t.Errorf("bounds %s", got)
	}
}
