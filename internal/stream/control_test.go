package stream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"camrelay/internal/wire"
)

func TestSet(t *testing.T) {
	b := newBench(t, Options{})
	ctx := context.Background()
	set := func(by string, force bool, s wire.Settings) error {
		_, err := b.hub.Set(ctx, by, force, s)
		return err
	}
	if err := set("ann", false, wire.Settings{"quality": 99}); err == nil || !strings.Contains(err.Error(), "4 to 63") {
		t.Errorf("a bad value: %v", err)
	}
	if err := set("ann", false, wire.Settings{"quality": 10}); !errors.Is(err, ErrOffline) {
		t.Errorf("no camera: %v", err)
	}
	b.attach()
	if err := set("ann", false, wire.Settings{"quality": 10}); !errors.Is(err, ErrNoControl) {
		t.Errorf("a camera without control: %v", err)
	}
	if err := b.hub.Pause(ctx, true); !errors.Is(err, ErrNoControl) {
		t.Errorf("pause: %v", err)
	}
	b.cam.control = true
	b.feed.Hello(wire.Hello{Settings: wire.Settings{"contrast": 1, "quality": 12}})
	if err := set("ann", false, wire.Settings{"quality": 10}); err != nil {
		t.Fatal(err)
	}
	if s := b.hub.Camera().Settings; s["quality"] != 10 || s["contrast"] != 1 {
		t.Errorf("in force: %v", s)
	}
	b.clock.Add(2500 * time.Millisecond)
	var busy *BusyError
	if err := set("bob", false, wire.Settings{"quality": 20}); !errors.As(err, &busy) || err.Error() != "door is controlled by ann for another 8 s" {
		t.Errorf("bob while ann controls: %v", err)
	}
	if s := b.hub.Camera().Settings; s["quality"] != 10 {
		t.Errorf("a refused change was made: %v", s)
	}
	if err := set("bob", true, wire.Settings{"quality": 20}); err != nil {
		t.Errorf("bob takes over: %v", err)
	}
	if err := set("ann", false, wire.Settings{"quality": 10}); !errors.As(err, &busy) || busy.By != "bob" {
		t.Errorf("ann while bob controls: %v", err)
	}
	b.clock.Add(leaseTime)
	b.cam.onSet = func(wire.Settings) (wire.Settings, error) { return wire.Settings{"quality": 13}, nil }
	if got, err := b.hub.Set(ctx, "ann", false, wire.Settings{"quality": 10}); err != nil || got["quality"] != 13 {
		t.Errorf("after the lease: %v, %v", got, err)
	}
	if s := b.hub.Camera().Settings; s["quality"] != 13 {
		t.Errorf("what the camera says counts: %v", s)
	}
	refused := errors.New("not enough memory")
	b.cam.onSet = func(wire.Settings) (wire.Settings, error) { return nil, refused }
	if err := set("ann", false, wire.Settings{"quality": 10}); !errors.Is(err, refused) {
		t.Errorf("refused: %v", err)
	}
	if err := b.hub.Pause(ctx, true); err != nil || len(b.cam.paused) != 1 || !b.cam.paused[0] {
		t.Errorf("pause: %v, %v", err, b.cam.paused)
	}
	if !b.hub.Camera().Control {
		t.Error("the camera can be controlled")
	}
}

// TestSetByNobody: what the configuration sets keeps no person away.
func TestSetByNobody(t *testing.T) {
	b := newBench(t, Options{})
	b.cam.control = true
	b.attach()
	for _, by := range []string{"", "ann", "", "ann"} {
		if _, err := b.hub.Set(t.Context(), by, false, wire.Settings{"quality": 10}); err != nil {
			t.Errorf("set by %q: %v", by, err)
		}
	}
}

// TestAttachAfterTheEnd: a camera that comes while the relay stops is told that,
// and not that it is unwanted.
func TestAttachAfterTheEnd(t *testing.T) {
	for why, end := range map[Reason]func(*Registry){
		Shutdown:  (*Registry).Close,
		Forbidden: func(r *Registry) { r.Remove("door") },
	} {
		b := newBench(t, Options{})
		end(b.reg)
		if b.hub.Attach(b.cam, true) != nil {
			t.Error("attached to a hub that has ended")
		}
		if got := b.cam.reasons(); len(got) != 1 || got[0] != why {
			t.Errorf("the camera was told %v, want %v", got, why)
		}
	}
}
