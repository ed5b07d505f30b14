package roster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/store"
)

func TestDeclaredAndAdded(t *testing.T) {
	gate := push("gate")
	gate.Name = "Gate"
	f := start(t, settings(gate, pull("yard", "http://127.0.0.1:1/")))
	key, err := f.Add(Spec{ID: "door", Name: "Tür"})
	if err != nil || !auth.Matches(key, mustGet(t, f, "door").KeyHash) {
		t.Fatalf("key %q, %v", key, err)
	}
	if got := f.IDs(); !slices.Equal(got, []string{"door", "gate", "yard"}) {
		t.Errorf("cameras are %q", got)
	}
	if s := mustGet(t, f, "gate"); !s.Declared || !auth.Matches(aKey, s.KeyHash) || f.reg.Get("gate").Camera().Name != "Gate" {
		t.Errorf("declared camera is %+v", s)
	}
	for name, change := range map[string]func() error{
		"rename": func() error { return f.Rename("gate", "x") },
		"remove": func() error { return f.Remove("gate") },
		"rekey":  func() error { _, err := f.NewKey("gate"); return err },
	} {
		if err := change(); !errors.Is(err, ErrDeclared) {
			t.Errorf("%s a declared camera: %v", name, err)
		}
	}
	if err := f.Remove("none"); !errors.Is(err, ErrUnknown) {
		t.Errorf("removing an unknown camera: %v", err)
	}
	if _, err := f.Meet("none"); !errors.Is(err, ErrUnknown) {
		t.Errorf("meeting an unknown camera: %v", err)
	}

	f.end() // what was added is there after a restart; what was declared need not be
	st, first, err := store.Open(f.data)
	if err != nil || first != "" {
		t.Fatal(first, err)
	}
	again := startWith(t, settings(), st, f.data)
	if got := again.IDs(); !slices.Equal(got, []string{"door"}) {
		t.Errorf("cameras after a restart are %q", got)
	}
	if s := mustGet(t, again, "door"); !auth.Matches(key, s.KeyHash) || again.reg.Get("door").Camera().Name != "Tür" {
		t.Errorf("added camera after a restart is %+v", s)
	}
}

func mustGet(t *testing.T, f *fixture, id string) Spec {
	t.Helper()
	s, ok := f.Get(id)
	if !ok {
		t.Fatalf("there is no camera %s", id)
	}
	return s
}

// TestFailedAddLeavesNothing: neither a hub, nor a puller, nor an entry.
func TestFailedAddLeavesNothing(t *testing.T) {
	cfg := settings(push("gate"))
	cfg.Limits.Cameras = 2
	f := start(t, cfg)
	for _, spec := range []Spec{
		{ID: "NO"}, {ID: "gate"}, {ID: "a", Kind: "x"}, {ID: "a", Kind: "pull"}, {ID: "a", URL: "gopher://x"}, {ID: "a", Name: "\n"},
		{ID: "a", URL: "http://x", ControlURL: "nonsense"}, {ID: "a", Kind: "push", URL: "http://x"},
	} {
		if _, err := f.Add(spec); err == nil {
			t.Errorf("%+v was added", spec)
		}
	}
	f.store.Close() // the disk fails
	for _, spec := range []Spec{{ID: "a"}, {ID: "a", URL: "http://127.0.0.1:1/"}} {
		if _, err := f.Add(spec); !errors.Is(err, store.ErrClosed) {
			t.Errorf("adding to a closed store: %v", err)
		}
	}
	if got := f.IDs(); !slices.Equal(got, []string{"gate"}) || f.reg.Get("a") != nil || len(f.store.Cameras()) != 0 {
		t.Errorf("cameras are %q, kept are %v", got, f.store.Cameras())
	}
}

func TestFull(t *testing.T) {
	cfg := settings(push("gate"))
	cfg.Limits.Cameras = 2
	f := start(t, cfg)
	if _, err := f.Add(Spec{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Add(Spec{ID: "b"}); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	// A smaller limit in a new configuration cuts nobody off.
	cfg = settings(push("gate"))
	cfg.Limits.Cameras = 1
	f.Apply(cfg)
	if got := f.IDs(); len(got) != 2 {
		t.Errorf("cameras are %q", got)
	}
}

// TestKeptButNotServed: a camera that could not be served can be deleted.
func TestKeptButNotServed(t *testing.T) {
	data := t.TempDir()
	st, _, err := store.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if err := st.AddCamera(store.Camera{ID: id, Name: id, Kind: "push", KeyHash: auth.Hash("x")}); err != nil {
			t.Fatal(err)
		}
	}
	cfg := settings()
	cfg.Limits.Cameras = 1
	f := startWith(t, cfg, st, data)
	if got := f.IDs(); !slices.Equal(got, []string{"a"}) || !strings.Contains(f.log.String(), "camera=b") {
		t.Fatalf("cameras are %q, the log says %s", got, f.log)
	}
	f.Apply(settings()) // there is room now
	if got := f.IDs(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("cameras are %q", got)
	}
	f.Apply(cfg)
	if err := f.Remove("b"); err != nil {
		t.Errorf("removing: %v", err)
	}
	if len(st.Cameras()) != 1 {
		t.Errorf("kept are %v", st.Cameras())
	}
}

func TestLab(t *testing.T) {
	cfg := settings(push("gate"))
	cfg.Lab, cfg.Limits.Cameras = true, 2
	f := start(t, cfg)
	hub, err := f.Meet("door")
	if err != nil || hub.ID() != "door" {
		t.Fatal(err)
	}
	for id, want := range map[string]error{"NO": ErrBad, "all": ErrBad, "": ErrBad, "yard": ErrFull} {
		if _, err := f.Meet(id); !errors.Is(err, want) {
			t.Errorf("meeting %q: %v", id, err)
		}
	}
	camera := f.connect("door")
	next := *cfg
	next.Rest.StaleAfter = time.Minute
	f.Apply(&next) // one that came by itself stays
	if _, err := camera.Read(300 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("camera of a lab after a reload: %v", err)
	}
	if err := f.Rename("door", "Door"); err != nil {
		t.Error(err)
	}
	if _, err := f.NewKey("door"); err != nil {
		t.Error(err)
	}
	if err := f.Remove("door"); err != nil {
		t.Error(err)
	}
	if len(f.store.Cameras()) != 0 {
		t.Errorf("kept are %v", f.store.Cameras())
	}
}

// TestManyAtOnce does everything at a time; the race detector watches.
func TestManyAtOnce(t *testing.T) {
	cfg := settings(push("gate"))
	cfg.Lab = true
	f := start(t, cfg)
	var tasks sync.WaitGroup
	for i := range 4 {
		id := fmt.Sprintf("cam-%d", i%2)
		tasks.Go(func() {
			for n := range 20 {
				f.Add(Spec{ID: id})
				f.Rename(id, fmt.Sprint(n))
				f.NewKey(id)
				f.Meet(fmt.Sprintf("lab-%d", n%3))
				f.Get(id)
				f.IDs()
				f.Remove(id)
			}
		})
	}
	tasks.Go(func() {
		for n := range 20 {
			door := push("gate")
			door.Settings = config.Settings{"quality": 10 + n}
			next := settings(door, pull("yard", "http://127.0.0.1:1/"))
			next.Lab = true
			f.Apply(next)
		}
	})
	tasks.Wait()
	for _, c := range f.store.Cameras() {
		if !slices.Contains(f.IDs(), c.ID) {
			t.Errorf("%s is kept and not served", c.ID)
		}
	}
}
