package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// relay is a relay with its data directory; it can be restarted.
type relay struct {
	t      testing.TB
	addr   string // host:port, the same after a restart
	url    string
	login  string // the address that signs in, printed at the first start
	token  string // of the admin; in lab mode ""
	dir    string // of its configuration and data
	args   []string
	lab    bool
	run    *process
	secret []string // what must not be in the log

	expectErrors bool // the test made them
}

var loginURL = regexp.MustCompile(`http://\S+/login#token=(crt_\S+)`)

// startRelay starts a relay with keys and tokens. The configuration file has
// the given text, which may be empty.
func startRelay(t testing.TB, config string, args ...string) *relay {
	t.Helper()
	r := newRelay(t, config, args...)
	r.start()
	eventually(t, func() bool { return loginURL.MatchString(r.run.output.String()) }, "the first start prints an address that signs in")
	found := loginURL.FindStringSubmatch(r.run.output.String())
	r.login, r.token = found[0], found[1]
	return r
}

// startLab starts a relay that asks for no keys and tokens.
func startLab(t testing.TB, args ...string) *relay {
	t.Helper()
	r := newRelay(t, "", append(args, "--lab")...)
	r.lab = true
	r.start()
	return r
}

func newRelay(t testing.TB, config string, args ...string) *relay {
	t.Helper()
	r := &relay{t: t, addr: freeAddr(t), dir: t.TempDir()}
	r.url = "http://" + r.addr
	file := filepath.Join(r.dir, "relay.yaml")
	r.configure(config)
	r.args = append([]string{"serve", "--config", file, "--listen", r.addr, "--data", filepath.Join(r.dir, "data"), "--mqtt-listen", ""}, args...)
	return r
}

// configure writes the configuration file.
func (r *relay) configure(text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "relay.yaml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start runs the relay and waits until it takes viewers.
func (r *relay) start() {
	r.t.Helper()
	run := start(r.t, filepath.Join(bin, "relay"), r.args...)
	r.run = run
	r.t.Cleanup(func() {
		if r.run == run {
			run.stop()
		}
		r.checkLog(run.output.String())
	})
	eventually(r.t, func() bool {
		select {
		case <-r.run.ended:
			r.t.Fatalf("the relay ended: %v\n%s", r.run.err, r.run.output.String())
		default:
		}
		res, err := http.Get(r.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, "the relay is ready")
}

// restart stops the relay in an orderly way and starts it again.
func (r *relay) restart() {
	r.t.Helper()
	r.run.stop()
	r.start()
}

// crash kills the relay and starts it again.
func (r *relay) crash() {
	r.t.Helper()
	r.run.kill()
	r.start()
}

// reload has the relay read its configuration again.
func (r *relay) reload(config string) {
	r.t.Helper()
	const word = "configuration reloaded"
	before := strings.Count(r.run.output.String(), word)
	r.configure(config)
	r.run.signal(syscall.SIGHUP)
	eventually(r.t, func() bool { return strings.Count(r.run.output.String(), word) > before }, "the configuration is reloaded")
}

// checkLog makes sure that no secret, error or crash is in what the relay said.
func (r *relay) checkLog(log string) {
	log = loginURL.ReplaceAllString(log, "")
	for _, secret := range append(r.secret, r.token) {
		if secret != "" && strings.Contains(log, secret) {
			r.t.Errorf("the relay's log has a secret in it: %.8s…", secret)
		}
	}
	for _, bad := range []string{"panic", "DATA RACE", "goroutine ", "level=ERROR"} {
		if bad == "level=ERROR" && r.expectErrors {
			continue
		}
		if at := strings.Index(log, bad); at >= 0 {
			r.t.Errorf("the relay's log has %q:\n%s", bad, log[at:min(len(log), at+2000)])
		}
	}
}

// do makes a request with the admin's token and returns the answer, whose body
// has been read.
func (r *relay) do(method, path string, body any) (*http.Response, []byte) {
	r.t.Helper()
	res, b, err := r.try(method, path, body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res, b
}

func (r *relay) try(method, path string, body any) (*http.Response, []byte, error) {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, nil, err
		}
		reader = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, reader)
	if err != nil {
		return nil, nil, err
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Timeout: patience}
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res, b, err
}

// call makes a request that must succeed and decodes its answer.
func (r *relay) call(method, path string, body, answer any) {
	r.t.Helper()
	res, b := r.do(method, path, body)
	if res.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %s: %s", method, path, res.Status, b)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(b, answer); err != nil {
		r.t.Fatalf("%s %s: %v in %s", method, path, err, b)
	}
}

// addCamera adds a camera that pushes and returns its key.
func (r *relay) addCamera(id, name string) string {
	r.t.Helper()
	var answer struct{ Key string }
	r.call("POST", "/api/v1/cameras", map[string]string{"id": id, "name": name, "kind": "push"}, &answer)
	if !strings.HasPrefix(answer.Key, "crk_") {
		r.t.Fatalf("key of %s is %q", id, answer.Key)
	}
	r.secret = append(r.secret, answer.Key)
	return answer.Key
}

// addToken makes a token for a viewer.
func (r *relay) addToken(name string) string {
	r.t.Helper()
	var answer struct{ Token string }
	r.call("POST", "/api/v1/tokens", map[string]string{"name": name, "role": "viewer"}, &answer)
	r.secret = append(r.secret, answer.Token)
	return answer.Token
}

// camera is what the API says of a camera.
type camera struct {
	State, Reason string
	Width, Height int
	FPS           float64
	Viewers       int
	LastFrame     int64 `json:"last_frame"`
	Settings      map[string]any
}

func (r *relay) camera(id string) (c camera) {
	r.t.Helper()
	r.call("GET", "/api/v1/cameras/"+id, nil, &c)
	return c
}

// waitState waits until a camera is in a state.
func (r *relay) waitState(id, state string) {
	r.t.Helper()
	eventually(r.t, func() bool { return r.camera(id).State == state }, "camera %s is %s", id, state)
}

// metric is the sum of a metric's samples whose labels contain a text.
func (r *relay) metric(name, labels string) (sum float64) {
	r.t.Helper()
	_, b := r.do("GET", "/metrics", nil)
	found := false
	for line := range strings.Lines(string(b)) {
		head, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		metric, rest, _ := strings.Cut(head, "{")
		if metric != name || !strings.Contains(rest, labels) {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			r.t.Fatalf("metric %q: %v", line, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		r.t.Fatalf("there is no metric %s{%s}", name, labels)
	}
	return sum
}

// pages counts the pages that are connected.
func (r *relay) pages() int { r.t.Helper(); return int(r.metric("camrelay_viewers", `kind="view"`)) }

// vcam starts a virtual camera.
func (r *relay) vcam(id, key string, args ...string) *process {
	r.t.Helper()
	return start(r.t, filepath.Join(bin, "vcam"), append([]string{"--relay", r.url, "--id", id, "--key", key}, args...)...)
}

// ws is a WebSocket address of the relay.
func (r *relay) ws(path string) string { return "ws://" + r.addr + path }

func eventually(t testing.TB, cond func() bool, what string, args ...any) {
	t.Helper()
	within(t, patience, cond, what, args...)
}

// within waits for a condition; asking for it may cost the machine something.
func within(t testing.TB, limit time.Duration, cond func() bool, what string, args ...any) {
	t.Helper()
	last := time.Time{}
	testkit.Eventually(t, limit, func() bool {
		if time.Since(last) < 25*time.Millisecond {
			return false
		}
		last = time.Now()
		defer func() { last = time.Now() }()
		return cond()
	}, "%s", fmt.Sprintf(what, args...))
}
