package roster

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// TestReloadKeepsConnections: a live camera and its viewer keep their sockets
// over 50 reloads that change everything else.
func TestReloadKeepsConnections(t *testing.T) {
	f := start(t, settings(push("door")))
	camera := f.connect("door")
	viewer := f.view("door")
	jpeg := testkit.JPEG(160, 120, 5000)
	var cameras sync.WaitGroup
	stop := make(chan struct{})
	cameras.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				if err := camera.Message(jpeg, 0); err != nil {
					t.Errorf("camera: %v", err)
					return
				}
			}
		}
	})
	for i := range 50 {
		door := push("door")
		door.Name = fmt.Sprintf("Door %d", i)
		door.Still = time.Duration(i%3) * time.Second
		cfg := settings(door, pull(fmt.Sprintf("yard-%d", i%3), "http://127.0.0.1:1/"), push(fmt.Sprintf("gate-%d", i%2)))
		cfg.Rest.StaleAfter = time.Duration(i+1) * time.Second
		f.Apply(cfg)
		if frame, err := viewer.Read(5 * time.Second); err != nil {
			t.Fatalf("viewer after %d reloads: %v", i+1, err)
		} else if len(frame.Payload) != len(jpeg) {
			t.Fatalf("viewer got %d bytes", len(frame.Payload))
		}
	}
	close(stop)
	cameras.Wait()
	hub := f.reg.Get("door")
	if hub.Connections() != 1 || hub.Camera().Name != "Door 49" || hub.Viewers() != 1 {
		t.Errorf("after all: %d connections, %+v", hub.Connections(), hub.Camera())
	}
	if got := f.IDs(); !slices.Equal(got, []string{"door", "gate-1", "yard-1"}) {
		t.Errorf("cameras are %q", got)
	}
}

func TestReloadWithOtherKeyEndsConnection(t *testing.T) {
	f := start(t, settings(push("door"), push("gate")))
	door, gate := f.connect("door"), f.connect("gate")
	void := mustGet(t, f, "door").Void()
	changed := push("door")
	changed.KeySHA256 = config.NewSecret(auth.Hash("another key of sixteen"))
	f.Apply(settings(changed, push("gate")))
	wantClose(t, door, wire.CloseForbidden)
	if void.Err() == nil {
		t.Error("the old key is not void")
	}
	if mustGet(t, f, "door").Void().Err() != nil {
		t.Error("the new key is void")
	}
	if _, err := gate.Read(300 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("a camera whose key is the same: %v", err)
	}
}

func TestRemovedCamera(t *testing.T) {
	f := start(t, settings(push("door"), push("gate")))
	if _, err := f.Add(Spec{ID: "yard"}); err != nil {
		t.Fatal(err)
	}
	door, viewer := f.connect("door"), f.view("door")
	yard, yardViewer := f.connect("yard"), f.view("yard")
	void := mustGet(t, f, "door").Void()
	f.Apply(settings(push("gate")))
	wantClose(t, door, wire.CloseForbidden)
	wantClose(t, viewer, wire.CloseNoCamera)
	if void.Err() == nil {
		t.Error("the key of a removed camera is not void")
	}
	if err := f.Remove("yard"); err != nil {
		t.Fatal(err)
	}
	wantClose(t, yard, wire.CloseForbidden)
	wantClose(t, yardViewer, wire.CloseNoCamera)
	if got := f.IDs(); !slices.Equal(got, []string{"gate"}) || len(f.store.Cameras()) != 0 {
		t.Errorf("cameras are %q, kept are %v", got, f.store.Cameras())
	}
}

func wantClose(t *testing.T, c *testkit.Camera, code int) {
	t.Helper()
	for {
		frame, err := c.Read(5 * time.Second)
		if err != nil {
			t.Fatalf("no CLOSE %d but %v", code, err)
		}
		if frame.Opcode == 8 {
			if got := int(frame.Payload[0])<<8 | int(frame.Payload[1]); got != code {
				t.Fatalf("CLOSE %d, want %d", got, code)
			}
			return
		}
	}
}

// TestFileWins over a camera that was added before, and gives it back.
func TestFileWins(t *testing.T) {
	f := start(t, settings())
	key, err := f.Add(Spec{ID: "door", Name: "added"})
	if err != nil {
		t.Fatal(err)
	}
	f.Apply(settings(push("door")))
	if s := mustGet(t, f, "door"); !s.Declared || auth.Matches(key, s.KeyHash) {
		t.Errorf("camera in the file is %+v", s)
	}
	f.Apply(settings(pull("door", "http://127.0.0.1:1/")))
	if k := f.reg.Get("door").Camera().Kind; k != "pull" {
		t.Errorf("camera is of kind %q", k)
	}
	f.Apply(settings())
	if s := mustGet(t, f, "door"); s.Declared || !auth.Matches(key, s.KeyHash) || s.Name != "added" {
		t.Errorf("camera that left the file is %+v", s)
	}
}
