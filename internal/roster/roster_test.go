package roster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/egress"
	"camrelay/internal/ingest"
	"camrelay/internal/store"
	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const aKey = "a key of sixteen"

// push declares a camera that pushes.
func push(id string) config.Camera {
	return config.Camera{ID: id, Name: id, Kind: config.KindPush, KeySHA256: config.NewSecret(auth.Hash(aKey)), Still: 5 * time.Second}
}

// pull declares one that is pulled.
func pull(id, url string) config.Camera {
	return config.Camera{ID: id, Name: id, Kind: config.KindPull, URL: config.URL(url)}
}

func settings(cameras ...config.Camera) *config.Config {
	cfg := config.Default()
	cfg.Rest.Still = 0
	cfg.Pull.BackoffMin, cfg.Pull.BackoffMax = 50*time.Millisecond, 100*time.Millisecond
	cfg.Cameras = cameras
	return cfg
}

// fixture is a roster with all around it, and a server for its cameras and
// their viewers that asks for no keys.
type fixture struct {
	*Roster
	t     *testing.T
	base  string // ws://127.0.0.1:port
	data  string
	out   *egress.Server
	store *store.Store
	log   *bytes.Buffer
	end   func()
}

type anybody struct{}

func (anybody) CanView(string) bool { return true }
func (anybody) CanControl() bool    { return true }
func (anybody) Name() string        { return "a test" }
func (anybody) Role() string        { return "admin" }

func start(t *testing.T, cfg *config.Config) *fixture {
	t.Helper()
	data := t.TempDir()
	st, _, err := store.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, cfg, st, data)
}

func startWith(t *testing.T, cfg *config.Config, st *store.Store, data string) *fixture {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	log := new(bytes.Buffer)
	logger := slog.New(slog.NewTextHandler(&lockedWriter{w: log}, nil))
	reg := stream.NewRegistry(stream.Options{})
	in := ingest.NewServer(reg.Pool(), ingest.Options{Logger: slog.New(slog.DiscardHandler)})
	out := egress.NewServer(reg, egress.Options{})
	var tasks sync.WaitGroup
	tasks.Go(func() { out.Run(ctx) })
	tasks.Go(func() { reg.Run(ctx) })
	f := &fixture{Roster: New(ctx, reg, st, cfg, logger), t: t, data: data, out: out, store: st, log: log}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		hub, err := f.Meet(id)
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusNotFound)
		case what == "push":
			in.ServePush(w, r, hub)
		default:
			out.ServePlain(w, r, hub, anybody{})
		}
	}))
	f.base = "ws" + strings.TrimPrefix(server.URL, "http")
	f.end = sync.OnceFunc(func() {
		out.Shutdown(context.Background())
		reg.Close()
		server.Close()
		stop()
		tasks.Wait()
		f.Wait()
		st.Close()
	})
	t.Cleanup(f.end)
	return f
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// connect connects a camera and waits until its hub knows it.
func (f *fixture) connect(id string, protocols ...string) *testkit.Camera {
	f.t.Helper()
	before := f.reg.Get(id).Connections()
	c := testkit.DialCamera(f.t, f.base+"/push/"+id, "", protocols...)
	testkit.Eventually(f.t, 5*time.Second, func() bool { return f.reg.Get(id).Connections() > before }, "%s is connected", id)
	return c
}

func (f *fixture) view(id string) *testkit.Camera { // the same socket, seen from the other side
	f.t.Helper()
	return testkit.DialCamera(f.t, f.base+"/view/"+id, "")
}

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

// mjpegCamera is a camera with a stream of its own that counts its readers.
type mjpegCamera struct {
	*httptest.Server
	open, came func() int
}

func newMJPEGCamera(t *testing.T) *mjpegCamera {
	var mu sync.Mutex
	open, came := 0, 0
	jpeg := testkit.JPEG(160, 120, 5000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		open, came = open+1, came+1
		mu.Unlock()
		defer func() {
			mu.Lock()
			open--
			mu.Unlock()
		}()
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=b")
		for r.Context().Err() == nil {
			fmt.Fprintf(w, "--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(jpeg), jpeg)
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}))
	t.Cleanup(s.Close)
	read := func(n *int) func() int {
		return func() int {
			mu.Lock()
			defer mu.Unlock()
			return *n
		}
	}
	return &mjpegCamera{s, read(&open), read(&came)}
}

func TestPullCameraChanges(t *testing.T) {
	one, two := newMJPEGCamera(t), newMJPEGCamera(t)
	f := start(t, settings(pull("yard", one.URL+"/stream")))
	viewer := f.view("yard")
	frames := func(n int) {
		t.Helper()
		for range n {
			if _, err := viewer.Read(5 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
	}
	frames(3)
	for range 10 { // nothing changed: the connection stays
		f.Apply(settings(pull("yard", one.URL+"/stream")))
	}
	frames(3)
	if one.came() != 1 {
		t.Errorf("%d connections after reloads without a change", one.came())
	}
	f.Apply(settings(pull("yard", two.URL+"/stream"))) // the viewer stays
	testkit.Eventually(t, 5*time.Second, func() bool { return one.open() == 0 && two.open() == 1 }, "the other camera is read")
	frames(3)
	slower := settings(pull("yard", two.URL+"/stream"))
	slower.Pull.IdleTimeout = 3 * time.Second // holds for pullers that run
	f.Apply(slower)
	testkit.Eventually(t, 5*time.Second, func() bool { return two.came() == 2 && two.open() == 1 }, "the camera is read anew")
	frames(3)
	f.Apply(settings())
	wantClose(t, viewer, wire.CloseNoCamera)
	testkit.Eventually(t, 5*time.Second, func() bool { return two.open() == 0 }, "nobody reads the camera")
}

// takeSettings acknowledges commands and counts those that set something.
func takeSettings(c *testkit.Camera, sets chan<- wire.Settings) {
	for {
		frame, err := c.Read(20 * time.Second)
		if err != nil {
			return
		}
		command, err := wire.ParseCommand(frame.Payload)
		if frame.Opcode != 1 || err != nil || command.T != wire.KindSet {
			continue
		}
		c.Text(fmt.Sprintf(`{"t":"ack","id":%d,"ok":true}`, command.ID))
		sets <- command.Settings
	}
}

// TestSettingsOncePerConnection: however often something about the camera
// changes.
func TestSettingsOncePerConnection(t *testing.T) {
	door := push("door")
	door.Settings = config.Settings{"quality": 20}
	f := start(t, settings(door))
	sets := make(chan wire.Settings, 100)
	want := func(quality int) {
		t.Helper()
		select {
		case s := <-sets:
			if s["quality"] != quality {
				t.Fatalf("camera was sent %v", s)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("camera was not sent its settings")
		}
	}
	hub := f.reg.Get("door")
	for range 3 {
		c := f.connect("door", wire.CameraProtocol)
		go takeSettings(c, sets)
		want(20)
		for i := range 50 {
			hub.Rename(fmt.Sprint(i))
		}
		c.Close()
		testkit.Eventually(t, 5*time.Second, func() bool { return hub.Camera().State == "offline" }, "camera has gone")
	}
	f.connect("door").Close() // one that takes no commands is sent none
	testkit.Eventually(t, 5*time.Second, func() bool { return hub.Camera().State == "offline" }, "camera has gone")

	c := f.connect("door", wire.CameraProtocol)
	go takeSettings(c, sets)
	want(20)
	f.Apply(settings(door)) // the same again
	door.Settings = config.Settings{"quality": 30}
	f.Apply(settings(door)) // others go out at once
	want(30)
	door.Settings = nil
	f.Apply(settings(door))
	hub.Rename("x")
	if len(sets) != 0 {
		t.Errorf("camera was also sent %v", <-sets)
	}
	c.Close()
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
