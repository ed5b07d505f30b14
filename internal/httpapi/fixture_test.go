package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/egress"
	"camrelay/internal/ingest"
	"camrelay/internal/ota"
	"camrelay/internal/ota/bridge"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/imageserver"
	"camrelay/internal/ota/imagetest"
	"camrelay/internal/ota/journal"
	"camrelay/internal/ota/rollout"
	"camrelay/internal/roster"
	"camrelay/internal/store"
	"camrelay/internal/stream"
	"camrelay/internal/testkit"
	"camrelay/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move on.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }
func picture() []byte                 { return pictureOnce() }

var pictureOnce = sync.OnceValue(func() []byte { return testkit.JPEG(160, 120, 6000) })

// relay is all of a relay but its process, on a real port.
type relay struct {
	*API
	t      testing.TB
	base   string // http://127.0.0.1:port
	admin  string // token
	clock  *clock
	log    *testkit.Output
	client *http.Client
	spec   *spec

	signer imagetest.Signer
	orders chan string // to cameras
}

// Send implements ota.Cameras.
func (r *relay) Send(camera string, order []byte) { r.orders <- camera + " " + string(order) }

// CloseStream implements ota.Cameras.
func (r *relay) CloseStream(string) {}

// Show implements ota.Cameras.
func (r *relay) Show(string, string) {}

// Viewers implements ota.Cameras.
func (r *relay) Viewers(string) int { return 0 }

// Exists implements ota.Cameras.
func (r *relay) Exists(camera string) bool {
	_, ok := r.Roster.Get(camera)
	return ok
}

// Cameras implements rollout.Fleet.
func (r *relay) Cameras() []rollout.Camera {
	var list []rollout.Camera
	for _, id := range r.Roster.IDs() {
		spec, _ := r.Roster.Get(id)
		list = append(list, rollout.Camera{ID: id, Groups: spec.Groups})
	}
	return list
}

// Look implements rollout.Fleet.
func (r *relay) Look(camera string) (rollout.Sight, bool) {
	return rollout.Sight{Streaming: true, FPS: 10}, r.Exists(camera)
}

// newRelay starts a relay; change may change its configuration.
func newRelay(t testing.TB, change func(*config.Config)) *relay {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Name = t.TempDir(), "lab"
	cfg.Metrics.Allow = nil
	cfg.Rest.Still = 0
	if change != nil {
		change(cfg)
	}
	r := &relay{t: t, clock: new(clock), log: new(testkit.Output), spec: loadSpec(t), signer: imagetest.NewSigner(1), orders: make(chan string, 100)}
	logger := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	st, admin, err := store.Open(cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	r.admin = admin
	ctx, stop := context.WithCancel(context.Background())
	reg := stream.NewRegistry(stream.Options{})
	out := egress.NewServer(reg, egress.Options{Relay: cfg.Name, Logger: logger})
	var tasks sync.WaitGroup
	tasks.Go(func() { out.Run(ctx) })
	tasks.Go(func() { reg.Run(ctx) })
	cameras := roster.New(ctx, reg, st, cfg, logger)
	images, err := catalog.Open(filepath.Join(cfg.Data, "images"), r.signer.Ring(), catalog.Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	journals, err := journal.Open(filepath.Join(cfg.Data, "updates"))
	if err != nil {
		t.Fatal(err)
	}
	updates, err := ota.New(ota.Options{
		Images: images, Cameras: r, Publisher: bridge.Silent{}, Journal: journals, Secret: st.Secret(), Relay: cfg.Name, Logger: logger,
		Finished: func(j ota.Job) { r.Rollouts.Finished(j) },
	})
	if err != nil {
		t.Fatal(err)
	}
	planned, err := journal.Open(filepath.Join(cfg.Data, "rollouts"))
	if err != nil {
		t.Fatal(err)
	}
	rollouts, err := rollout.New(rollout.Options{Updates: updates, Images: images, Fleet: r, Publisher: bridge.Silent{}, Journal: planned, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	in := ingest.NewServer(reg.Pool(), ingest.Options{Logger: logger, Updates: updates})
	imageServer := imageserver.New(images, imageserver.Options{Logger: logger})
	r.API, err = New(Parts{
		Registry: reg, Roster: cameras, Ingest: in, Egress: out, Store: st,
		OTA: updates, Rollouts: rollouts, Catalog: images, ImageServer: imageServer,
		Auth:  auth.NewAuthenticator(st, st.Secret(), auth.Proxies(cfg.TrustedProxies), r.clock.now),
		Pages: web.Files(), Metrics: prometheus.NewRegistry(), Version: "1.2.3", Logger: logger,
	}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.SetReady(true)
	server := httptest.NewUnstartedServer(r.API)
	server.Config.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelError)
	server.Start()
	r.base = server.URL
	r.client = &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		out.Shutdown(ctx)
		reg.Close()
		server.Close()
		stop()
		tasks.Wait()
		cameras.Wait()
		st.Close()
		imageServer.Close()
		journals.Close()
		planned.Close()
		if strings.Contains(r.log.String(), "panic") {
			t.Errorf("something panicked:\n%s", r.log)
		}
	})
	return r
}

// request is what a test sends.
type request struct {
	method, path string
	body         any // a string as it is, else JSON
	header       map[string]string
}

// as adds a token.
func (q request) as(token string) request { return q.with("Authorization", "Bearer "+token) }

func (q request) with(name, value string) request {
	header := map[string]string{name: value}
	for n, v := range q.header {
		header[n] = v
	}
	header[name] = value
	q.header = header
	return q
}

func get(path string) request { return request{method: http.MethodGet, path: path} }
func post(path string, body any) request {
	return request{method: http.MethodPost, path: path, body: body}
}
func patch(path string, body any) request {
	return request{method: http.MethodPatch, path: path, body: body}
}
func del(path string) request { return request{method: http.MethodDelete, path: path} }

// answer is what came back, read to its end but for streams.
type answer struct {
	*http.Response
	body []byte
}

// errorText is the sentence of {"error":"…"}.
func (a answer) errorText() string {
	var e struct{ Error string }
	json.Unmarshal(a.body, &e)
	return e.Error
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("answer %d %q: %v", a.StatusCode, a.body, err)
	}
}

// do sends a request and holds the answer to openapi.yaml.
func (r *relay) do(q request) answer {
	r.t.Helper()
	req := r.build(q)
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", q.method, q.path, err)
	}
	defer res.Body.Close()
	a := answer{Response: res}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "multipart/") {
		if a.body, err = io.ReadAll(res.Body); err != nil {
			r.t.Fatalf("%s %s: %v", q.method, q.path, err)
		}
	}
	if err := r.spec.check(req, a); err != nil {
		r.t.Errorf("%s %s: answer %d is not as openapi.yaml says: %v", q.method, q.path, res.StatusCode, err)
	}
	return a
}

func (r *relay) build(q request) *http.Request {
	r.t.Helper()
	var body io.Reader
	isJSON := false
	switch b := q.body.(type) {
	case nil:
	case io.Reader:
		body = b
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			r.t.Fatal(err)
		}
		body, isJSON = bytes.NewReader(text), true
	}
	req, err := http.NewRequestWithContext(r.t.Context(), q.method, r.base+q.path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if isJSON {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return req
}

// want is do with the status that must come.
func (r *relay) want(status int, q request) answer {
	r.t.Helper()
	a := r.do(q)
	if a.StatusCode != status {
		r.t.Fatalf("%s %s: status %d, want %d: %.300s", q.method, q.path, a.StatusCode, status, a.body)
	}
	return a
}

type object map[string]any

// addCamera adds a camera that pushes and returns its key.
func (r *relay) addCamera(id string) (key string) {
	r.t.Helper()
	var made struct{ Key string }
	r.want(http.StatusCreated, post("/api/v1/cameras", object{"id": id}).as(r.admin)).into(r.t, &made)
	return made.Key
}

// addLive is addCamera with a first picture.
func (r *relay) addLive(id string) (key string) {
	r.t.Helper()
	key = r.addCamera(id)
	r.want(http.StatusNoContent, post("/push/"+id, picture()).with("Authorization", "Bearer "+key))
	return key
}

// addToken makes a token.
func (r *relay) addToken(role string) (id, token string) {
	r.t.Helper()
	var made struct{ ID, Token string }
	r.want(http.StatusCreated, post("/api/v1/tokens", object{"name": "a " + role, "role": role}).as(r.admin)).into(r.t, &made)
	return made.ID, made.Token
}

// share makes a share link and returns its token.
func (r *relay) share(camera string, hours float64) (token string) {
	r.t.Helper()
	var made struct{ URL string }
	r.want(http.StatusCreated, post("/api/v1/cameras/"+camera+"/shares", object{"hours": hours}).as(r.admin)).into(r.t, &made)
	_, token, ok := strings.Cut(made.URL, "?token=")
	if !ok || !strings.HasPrefix(made.URL, r.base+"/cameras/"+camera+"?") {
		r.t.Fatalf("share link %q", made.URL)
	}
	return token
}

// signIn returns the Cookie header of a session.
func (r *relay) signIn(token string) string {
	r.t.Helper()
	a := r.want(http.StatusOK, post("/api/v1/session", object{"token": token}))
	cookies := a.Cookies()
	if len(cookies) != 1 {
		r.t.Fatalf("signing in set %d cookies", len(cookies))
	}
	return cookies[0].Name + "=" + cookies[0].Value
}
