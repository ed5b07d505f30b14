package roster

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	log   *testkit.Output
	end   func()
}

type anybody struct{}

func (anybody) CanView(string) bool { return true }
func (anybody) CanControl() bool    { return true }
func (anybody) Name() string        { return "a test" }
func (anybody) Role() string        { return "admin" }
func (anybody) Valid() bool         { return true }

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
	log := new(testkit.Output)
	logger := slog.New(slog.NewTextHandler(log, nil))
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
