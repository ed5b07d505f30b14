package vcam

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"image/jpeg"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/halnet"
	"camrelay/internal/ota"
	"camrelay/internal/ota/imagetest"
	"camrelay/internal/scene"
	"camrelay/internal/testkit"
)

// program is the relay that the cameras of these tests are updated by.
var program string

// TestMain builds it once.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "vcam")
	if err != nil {
		fmt.Fprintln(os.Stderr, "vcam:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "relay")
	build := exec.Command("go", "build", "-o", program, "camrelay/cmd/relay")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "vcam: build the relay:", err)
		return 1
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "vcam: goroutines left behind:", err)
		return 1
	}
	return code
}

const (
	patience  = 40 * time.Second
	smallSize = 100 << 10 // of the tests' firmware, in bytes
)

var signer = imagetest.NewSigner(1)

// signed is the signed image of a virtual firmware.
func signed(t testing.TB, by imagetest.Signer, version string, build uint32, b Behaviour) []byte {
	t.Helper()
	return by.Seal(imagetest.Header(t, Board, version, build), Payload(b, smallSize))
}

// lab is a relay that asks for no keys.
type lab struct {
	t   testing.TB
	url string
	log testkit.Output
}

func startLab(t testing.TB, args ...string) *lab {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "release.pub.pem")
	der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(signer.Key.Public[:]))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	l := &lab{t: t, url: "http://" + addr}
	cmd := exec.Command(program, append([]string{
		"serve", "--lab", "--listen", addr, "--mqtt-listen", "", "--data", filepath.Join(dir, "data"), "--set", "ota.keys=" + key, "--set", "ota.between=0s",
	}, args...)...)
	cmd.Stdout, cmd.Stderr = &l.log, &l.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		http.DefaultClient.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the relay said:\n%s", tail(l.log.String(), 60))
		}
	})
	l.eventually(func() bool {
		res, err := http.Get(l.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, "the relay is ready")
	return l
}

func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(18000)))
		if err == nil {
			ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no free port found")
	return ""
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (l *lab) eventually(cond func() bool, what string, args ...any) {
	l.t.Helper()
	testkit.Eventually(l.t, patience, cond, what, args...)
}

// do makes a request and decodes the answer, if there is to be one.
func (l *lab) do(method, path string, body []byte, answer any) (status int, text string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	if method == "PATCH" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil {
			l.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	return res.StatusCode, string(b)
}

// release uploads an image.
func (l *lab) release(version string, build uint32, b Behaviour) {
	l.t.Helper()
	if status, text := l.do("POST", "/api/v1/ota/images", signed(l.t, signer, version, build, b), nil); status != http.StatusCreated {
		l.t.Fatalf("upload of %s: %d %s", version, status, text)
	}
}

// updates is what the relay knows of a camera's firmware.
type updates struct {
	Firmware, State, Slot string
	Build                 uint32
	Job                   *ota.Job
}

func (l *lab) updates(id string) (u updates) {
	l.t.Helper()
	l.do("GET", "/api/v1/ota/cameras/"+id, nil, &u)
	return u
}

// trigger asks for an update.
func (l *lab) trigger(id, what string) {
	l.t.Helper()
	if status, text := l.do("POST", "/api/v1/ota/cameras/"+id, []byte(what), nil); status != http.StatusAccepted {
		l.t.Fatalf("update of %s to %s: %d %s", id, what, status, text)
	}
}

// result waits for the end of a camera's update.
func (l *lab) result(id string) ota.Job {
	l.t.Helper()
	var job ota.Job
	l.eventually(func() bool {
		u := l.updates(id)
		if u.Job != nil {
			job = *u.Job
		}
		return u.Job != nil && job.State.Final()
	}, "the update of %s has ended", id)
	return job
}

// online waits until a camera sends pictures, with a firmware of this build.
func (l *lab) online(id string, build uint32) {
	l.t.Helper()
	began := time.Now()
	l.eventually(func() bool {
		m, err := l.picture(id)
		return l.updates(id).Build == build && err == nil && m.Time.After(began)
	}, "%s sends pictures with build %d", id, build)
}

// picture is what the marker in a camera's next frame says.
func (l *lab) picture(id string) (scene.Marker, error) {
	res, err := http.Get(l.url + "/cameras/" + id + "/snapshot.jpg?max_age=1")
	if err != nil {
		return scene.Marker{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		io.Copy(io.Discard, res.Body)
		return scene.Marker{}, fmt.Errorf("snapshot: %s", res.Status)
	}
	img, err := jpeg.Decode(res.Body)
	if err != nil {
		return scene.Marker{}, err
	}
	return scene.ReadMarker(img, img.Bounds())
}

// fastClock is a camera's clock that can run faster than the host's, so that
// watchdogs and trials take seconds.
type fastClock struct {
	mu    sync.Mutex
	at    int64 // camera's time
	since time.Time
	times int64
}

func newFastClock() *fastClock { return &fastClock{at: 1, since: time.Now(), times: 1} }

func (c *fastClock) Now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at + int64(time.Since(c.since))*c.times
}

func (c *fastClock) Unix() int64 { return time.Now().UnixMicro() }

func (c *fastClock) run(times int64) {
	now := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.since, c.times = now, time.Now(), times
}

// start is a start of a camera's firmware, as its log has it.
type start struct {
	firmware, slot, reset string
	trial                 bool
}

// diary is a camera's log: it keeps the starts, and lets others see them come.
type diary struct {
	slog.Handler // to a text
	text         *testkit.Output
	mu           *sync.Mutex
	starts       *[]start
	onStart      func(start)
}

func newDiary(onStart func(start)) *diary {
	text := new(testkit.Output)
	return &diary{slog.NewTextHandler(text, &slog.HandlerOptions{Level: slog.LevelDebug}), text, new(sync.Mutex), new([]start), onStart}
}

func (d *diary) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "camera starts" {
		var s start
		r.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "firmware":
				s.firmware = a.Value.String()
			case "slot":
				s.slot = a.Value.String()
			case "reset":
				s.reset = a.Value.String()
			case "trial":
				s.trial = a.Value.Bool()
			}
			return true
		})
		d.mu.Lock()
		*d.starts = append(*d.starts, s)
		d.mu.Unlock()
		if d.onStart != nil {
			d.onStart(s)
		}
	}
	return d.Handler.Handle(ctx, r)
}

func (d *diary) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *d
	with.Handler = d.Handler.WithAttrs(attrs)
	return &with
}

func (d *diary) list() []start {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]start(nil), *d.starts...)
}

// powered is a camera that runs.
type powered struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

// power switches a camera on.
func power(t testing.TB, cfg Config) *powered {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &powered{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.err = Run(ctx, cfg)
	}()
	t.Cleanup(func() { p.cut(t) })
	return p
}

// cut takes the power away.
func (p *powered) cut(t testing.TB) {
	t.Helper()
	p.cancel()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the camera does not stop")
	}
	if p.err != nil {
		t.Errorf("the camera ended with %v", p.err)
	}
}

// config is that of a camera of this lab.
func (l *lab) config(id string, d *diary) Config {
	factory, _, err := NewImage("1.0.0", 1, Good, smallSize)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if l.t.Failed() && d != nil {
			l.t.Logf("%s said:\n%s", id, tail(d.text.String(), 60))
		}
	})
	cfg := Config{Relay: l.url, ID: id, Key: "lab-lab-lab", Number: 1, Factory: factory, Ring: signer.Ring(), BootTime: 100 * time.Millisecond, Clock: halnet.NewClock()}
	if d != nil {
		cfg.Logger = slog.New(d)
	}
	return cfg
}
