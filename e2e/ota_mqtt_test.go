package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/scene"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// subscribe is mosquitto_sub, whose output is understood.
func (s *site) subscribe(filter string) *ear {
	s.t.Helper()
	e := &ear{t: s.t}
	args := append(append([]string{"-oL", testkit.Tool(s.t, "mosquitto_sub")}, s.broker()...), "-q", "1", "-t", filter, "-F", "%r|%t|%p")
	cmd := exec.Command("stdbuf", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if part := strings.SplitN(lines.Text(), "|", 3); len(part) == 3 {
				e.hear(said{topic: part[1], text: part[2], retained: part[0] == "1"})
			}
		}
	}()
	s.t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
		cmd.Wait()
	})
	return e
}

// otaSteps are the events of an update that goes well, in their order.
var otaSteps = []string{
	"queued", "precheck", "preparing:announced", "preparing:ordered", "preparing:accepted", "preparing:stream_closed", "preparing:server_stopped",
	"ready", "ready:header_ok", "downloading", "verifying", "verifying:verified", "activated", "rebooting", "confirming", "confirming:streaming", "succeeded",
}

// watcher notes what a viewer sees: each frame with the time in its picture.
type watcher struct {
	name string
	mu   sync.Mutex
	seen []sight
	err  error // the connection ended
	done chan struct{}
	stop func()
}

// sight is one picture as a viewer got it; a placeholder has no time in it.
type sight struct {
	at, taken time.Time
	live      bool // has a time in it
}

func (w *watcher) see(frame []byte) {
	now := time.Now()
	img, err := jpeg.Decode(bytes.NewReader(frame))
	if err != nil {
		w.fail(err)
		return
	}
	m, err := scene.ReadMarker(img, img.Bounds())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, sight{now, m.Time, err == nil})
}

func (w *watcher) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *watcher) sights() ([]sight, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen), w.err
}

// from counts the pictures that were taken after a moment.
func (w *watcher) from(t time.Time) (n int) {
	all, _ := w.sights()
	for _, s := range all {
		if s.live && s.taken.After(t) {
			n++
		}
	}
	return n
}

// watchPlain is a plain WebSocket viewer.
func (s *site) watchPlain(id string) *watcher {
	s.t.Helper()
	return s.watchSocket("plain WebSocket", "/ws/view/"+id, nil, func(*websocket.Conn) {})
}

// watchView is a viewer of camrelay.view.v1, which acknowledges.
func (s *site) watchView(id string) (w *watcher, states func() []wire.Camera) {
	s.t.Helper()
	var mu sync.Mutex
	var said []wire.Camera
	w = s.watchSocket("camrelay.view.v1", "/ws/view", func(op int, b []byte) []byte {
		if op == websocket.TextMessage {
			var text struct{ Camera wire.Camera }
			if json.Unmarshal(b, &text) == nil && text.Camera.ID == id {
				mu.Lock()
				said = append(said, text.Camera)
				mu.Unlock()
			}
			return nil
		}
		_, frame, err := wire.ParseFrame(b)
		if err != nil {
			s.t.Errorf("a frame: %v", err)
		}
		return frame
	}, func(c *websocket.Conn) {
		if err := c.WriteMessage(websocket.TextMessage, []byte(`{"t":"watch","cameras":[{"id":"`+id+`"}]}`)); err != nil {
			s.t.Error(err)
		}
	})
	return w, func() []wire.Camera {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(said)
	}
}

// watchSocket reads a WebSocket until the test ends; frame finds the picture in
// a message.
func (s *site) watchSocket(name, path string, frame func(op int, b []byte) []byte, begin func(*websocket.Conn)) *watcher {
	s.t.Helper()
	d := websocket.Dialer{HandshakeTimeout: patience}
	if frame != nil {
		d.Subprotocols = []string{wire.ViewProtocol}
	}
	c, _, err := d.Dial(s.ws(path), http.Header{"Authorization": {"Bearer " + s.token}})
	if err != nil {
		s.t.Fatal(err)
	}
	w := &watcher{name: name, done: make(chan struct{}), stop: func() { c.Close() }}
	begin(c)
	go func() {
		defer close(w.done)
		for {
			op, b, err := c.ReadMessage()
			if err != nil {
				w.fail(err)
				return
			}
			picture := b
			if frame != nil {
				if picture = frame(op, b); picture == nil {
					continue
				}
				h, _, _ := wire.ParseFrame(b)
				ack := wire.FrameAck{Stream: h.Stream, Seq: h.Seq}
				c.WriteMessage(websocket.BinaryMessage, ack.Append(nil))
			}
			w.see(picture)
		}
	}()
	s.t.Cleanup(w.end)
	return w
}

func (w *watcher) end() {
	w.stop()
	<-w.done
}

// watchMJPEG is a viewer such as VLC.
func (s *site) watchMJPEG(id string) *watcher {
	s.t.Helper()
	req, err := http.NewRequest("GET", s.url+"/cameras/"+id+"/stream.mjpg", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	_, param, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || res.StatusCode != http.StatusOK {
		s.t.Fatalf("stream: %s %v", res.Status, err)
	}
	w := &watcher{name: "MJPEG", done: make(chan struct{}), stop: func() { res.Body.Close() }}
	go func() {
		defer close(w.done)
		parts := multipart.NewReader(res.Body, param["boundary"])
		for {
			p, err := parts.NextPart()
			if err != nil {
				w.fail(err)
				return
			}
			b, err := io.ReadAll(p)
			if err != nil {
				w.fail(err)
				return
			}
			w.see(b)
		}
	}()
	s.t.Cleanup(w.end)
	return w
}

// probing is somebody who tries a camera's own server all the time.
type probing struct {
	mu    sync.Mutex
	tries []probeTry
	quit  chan struct{}
	done  chan struct{}
}

type probeTry struct {
	at       time.Time
	accepted bool
}

func probe(t testing.TB, addr string) *probing {
	p := &probing{quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-p.quit:
				return
			case <-ticker.C:
			}
			at := time.Now()
			c, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				c.Close()
			}
			p.mu.Lock()
			p.tries = append(p.tries, probeTry{at, err == nil})
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() { close(p.quit); <-p.done })
	return p
}

// between counts the tries in a time: accepted ones, and others.
func (p *probing) between(from, to time.Time) (accepted, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, try := range p.tries {
		switch {
		case try.at.Before(from) || try.at.After(to):
		case try.accepted:
			accepted++
		default:
			refused++
		}
	}
	return accepted, refused
}

// One word by mosquitto_pub, and everything that follows from it: by a broker of
// its own and by the relay's.
func TestUpdateByMQTT(t *testing.T) {
	for _, embedded := range []bool{false, true} {
		name := "mosquitto"
		if embedded {
			name = "the relay's broker"
		}
		t.Run(name, func(t *testing.T) { updateByMQTT(t, newSite(t, siteConfig{embedded: embedded, rate: "60KiB"})) })
	}
}

func updateByMQTT(t *testing.T, s *site) {
	s.add("door")
	between := newToll(t, s.addr, withRST)
	own := freeAddr(t)
	_, port, _ := net.SplitHostPort(own)
	s.power("door", "--relay", between.url(), "--port", port)
	s.release("1.1.0")
	s.runs("door", "1.0.0")
	ear := s.subscribe("camrelay/ota/#")
	ear.wait("camrelay/ota/door/state", func(m said) bool { return m.retained }, "what it said before, to who comes later")

	plain, mjpeg := s.watchPlain("door"), s.watchMJPEG("door")
	view, states := s.watchView("door")
	watchers := []*watcher{plain, mjpeg, view}
	began := time.Now()
	for _, w := range watchers {
		eventually(t, func() bool { return w.from(began) > 3 }, "the viewer by %s sees pictures", w.name)
	}
	server := probe(t, own)
	eventually(t, func() bool { n, _ := server.between(began, time.Now()); return n > 0 }, "the camera's own server is there")
	before := len(between.closeCodes())

	s.publish("camrelay/ota/door", "latest")
	ear.wait("camrelay/ota/door/event", func(m said) bool { return m.text == "downloading" }, "downloading")
	late := s.watchPlain("door") // who comes in the middle of it
	result := ear.wait("camrelay/ota/door/result", func(said) bool { return true }, "the result")
	if d := result.document(t); d.Result != "succeeded" || !d.OK || d.Now != "1.1.0" || d.Text == "" || result.retained {
		t.Fatalf("%s", result.text)
	}

	// The steps, in their order.
	at := map[string]time.Time{}
	next := 0
	for _, m := range ear.of("camrelay/ota/door/event") {
		event, _, _ := strings.Cut(m.text, ": ")
		i := slices.Index(otaSteps[next:], event)
		if i < 0 {
			if !strings.HasPrefix(m.text, "queued: waits") {
				t.Errorf("%q comes after %q", m.text, otaSteps[max(0, next-1)])
			}
			continue
		}
		next += i + 1
		at[event] = m.at
	}
	for _, step := range []string{"queued", "preparing:stream_closed", "preparing:server_stopped", "ready", "ready:header_ok", "downloading", "verifying", "rebooting", "confirming", "succeeded"} {
		if at[step].IsZero() {
			t.Errorf("there was no event %s", step)
		}
	}

	// What the camera did with its sockets.
	if codes := between.closeCodes(); len(codes) != before+1 || codes[before] != 4001 {
		t.Errorf("the camera closed its streams with %v", codes)
	}
	const reaction = 100 * time.Millisecond // of this test, to an event
	if accepted, refused := server.between(at["preparing:server_stopped"], at["rebooting"].Add(-reaction)); accepted > 0 || refused < 5 {
		t.Errorf("while the camera updates, its own server took %d of %d connections", accepted, accepted+refused)
	}
	eventually(t, func() bool { n, _ := server.between(result.at, time.Now()); return n > 0 }, "the camera's own server is back")

	// What viewers saw.
	for _, w := range append(watchers, late) {
		eventually(t, func() bool { return w.from(at["confirming"]) > 3 }, "the viewer by %s sees pictures of the new firmware", w.name)
		all, err := w.sights()
		if err != nil {
			t.Errorf("the viewer by %s was cut off: %v", w.name, err)
		}
		cut, notices := at["preparing:stream_closed"].Add(500*time.Millisecond), 0
		var outage time.Duration
		var last time.Time
		for _, g := range all {
			switch {
			case !g.live:
				notices++
			case g.at.After(cut) && g.taken.Before(cut.Add(-500*time.Millisecond)):
				t.Errorf("the viewer by %s got at %v a picture of %v, and the stream ended at %v", w.name, clock(g.at), clock(g.taken), clock(at["preparing:stream_closed"]))
			default:
				if !last.IsZero() {
					outage = max(outage, g.at.Sub(last))
				}
				last = g.at
			}
		}
		if w == mjpeg && outage > 7*time.Second && notices == 0 {
			t.Errorf("an MJPEG viewer saw nothing for %v, and no notice", outage)
		}
		t.Logf("%s: %d pictures, none for %v, %d notices", w.name, len(all), outage.Round(10*time.Millisecond), notices)
	}
	if all, _ := late.sights(); len(all) > 0 && all[0].taken.Before(at["confirming"].Add(-reaction)) {
		t.Errorf("who came during the update got a picture of %v first", clock(all[0].taken))
	}
	told := map[string]bool{}
	for _, c := range states() {
		told[c.State] = true
		if c.State == "updating" && strings.Contains(c.Reason, "%") {
			told["%"] = true
		}
	}
	if !told["updating"] || !told["%"] {
		t.Errorf("viewers were told of %v", told)
	}

	// What is left of it for who comes later, and exactly one result.
	eventually(t, func() bool { return s.camera("door").State == "online" }, "the camera is online")
	later := s.subscribe("camrelay/ota/door/+")
	kept := later.wait("camrelay/ota/door/state", func(m said) bool { return m.retained }, "its state")
	if d := kept.document(t); d.State != "succeeded" {
		t.Errorf("the state that is kept: %s", kept.text)
	}
	s.publish("camrelay/ota/door", `{"id":"check-1","dry_run":true}`)
	check := ear.wait("camrelay/ota/door/result", func(m said) bool { return m.document(t).ID == "check-1" }, "the answer to dry-run")
	if d := check.document(t); d.Result != "already_installed" {
		t.Errorf("%s", check.text)
	}
	if r := ear.results("door"); len(r) != 1 {
		t.Errorf("%d results", len(r))
	}
	for _, m := range later.of("camrelay/ota/door/result") {
		if m.retained {
			t.Errorf("a result is retained: %s", m.text)
		}
	}
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }

// tool is the relay's own command line: its exit status and what it said.
func (s *site) ota(args ...string) (status int, output string) {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "relay"), append([]string{"ota", "--relay", s.url, "--token", s.token}, args...)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// The command line waits, and its exit status says how it went.
func TestUpdateByCommand(t *testing.T) {
	s := newSite(t, siteConfig{rate: "60KiB"})
	s.add("door")
	s.power("door")
	for _, version := range []string{"1.1.0", "1.2.0-crashes", "1.3.0"} {
		s.release(version)
	}
	s.runs("door", "1.0.0")
	if status, out := s.ota("door", "dry-run"); status != 0 || !strings.Contains(out, "can be updated") {
		t.Errorf("dry-run: status %d: %s", status, out)
	}
	if u := s.updates("door"); u.Job != nil {
		t.Errorf("a dry run made the job %+v", u.Job)
	}
	if status, out := s.ota("door", "1.1.0", "--wait"); status != 0 || !strings.Contains(out, "updated from 1.0.0 to 1.1.0") || !strings.Contains(out, "downloading") {
		t.Errorf("status %d: %s", status, out)
	}
	s.runs("door", "1.1.0")
	if status, out := s.ota("door", "1.2.0-crashes", "--wait"); status != 4 || !strings.Contains(out, "went back to 1.1.0") {
		t.Errorf("status %d: %s", status, out)
	}
	s.runs("door", "1.1.0")
	if status, out := s.ota("door", "1.0.9"); status != 1 || !strings.Contains(out, "1.0.9") {
		t.Errorf("a version that is not there: status %d: %s", status, out)
	}
	if status, out := s.ota("door", "cancel"); status != 1 || !strings.Contains(out, "nothing to cancel") {
		t.Errorf("cancel: status %d: %s", status, out)
	}

	// Cancelled while it loads: the camera streams again, and --wait says so.
	type outcome struct {
		status int
		out    string
	}
	ended := make(chan outcome, 1)
	go func() {
		status, out := s.ota("door", "1.3.0", "--wait", "--force")
		ended <- outcome{status, out}
	}()
	eventually(t, func() bool {
		j := s.updates("door").Job
		return j != nil && j.To.Version == "1.3.0" && j.State == "downloading"
	}, "it downloads")
	if status, out := s.ota("door", "1.1.0"); status != 1 || !strings.Contains(out, "1.3.0 is running") {
		t.Errorf("another update meanwhile: status %d: %s", status, out)
	}
	if status, out := s.ota("door", "cancel"); status != 0 {
		t.Errorf("cancel: status %d: %s", status, out)
	}
	if e := <-ended; e.status != 3 || !strings.Contains(e.out, "cancelled") {
		t.Errorf("status %d: %s", e.status, e.out)
	}
	s.runs("door", "1.1.0")
	if status, out := s.ota("door"); status != 0 || strings.Count(out, "\n") != 4 {
		t.Errorf("status %d: %s", status, out)
	}
	if status, out := s.ota("door", "retry", "--force", "--wait"); status != 0 || !strings.Contains(out, "to 1.3.0") {
		t.Errorf("retry: status %d: %s", status, out)
	}
	s.runs("door", "1.3.0")
}

// Triggers that are no update, and those that come twice.
func TestTriggers(t *testing.T) {
	for _, embedded := range []bool{false, true} {
		name := "mosquitto"
		if embedded {
			name = "the relay's broker"
		}
		t.Run(name, func(t *testing.T) { triggers(t, newSite(t, siteConfig{embedded: embedded})) })
	}
}

func triggers(t *testing.T, s *site) {
	s.add("door")
	s.power("door")
	s.release("1.1.0")
	s.runs("door", "1.0.0")
	ear := s.subscribe("camrelay/ota/#")
	ear.wait("camrelay/ota/door/state", func(said) bool { return true }, "its state")
	const topic = "camrelay/ota/door"
	want := func(code string) said {
		t.Helper()
		m := ear.wait(topic+"/result", func(m said) bool { return m.document(t).Code == code }, code)
		if d := m.document(t); d.Text == "" || d.Job != "" {
			t.Errorf("%s", m.text)
		}
		return m
	}
	gone := func() {
		t.Helper()
		out, err := exec.Command(testkit.Tool(t, "mosquitto_sub"), append(s.broker(), "-t", topic, "--retained-only", "-W", "1")...).Output()
		if len(out) > 0 {
			t.Errorf("%q is still on the broker: %v", out, err)
		}
	}

	for _, c := range []struct{ text, code string }{
		{`{"dry_rum":true}`, "bad_request"}, {"9.9.9", "unknown_version"}, {"cancel", "nothing_to_cancel"}, {"dry-run", "ok"},
		{strings.Repeat("x", 5000), "bad_request"}, {"late st", "bad_request"},
	} {
		n := len(ear.of(topic + "/result"))
		s.publish(topic, c.text)
		within(t, patience, func() bool { return len(ear.of(topic+"/result")) > n }, "an answer to %.20q", c.text)
		if d := ear.of(topic + "/result")[n].document(t); d.Code != c.code {
			t.Errorf("%.20q: %s, want %s", c.text, d.Code, c.code)
		}
	}
	s.publish("camrelay/ota/shed", "latest")
	ear.wait("camrelay/ota/shed/result", func(m said) bool { return m.document(t).Code == "unknown_camera" }, "that there is no such camera")
	if u := s.updates("door"); u.Job != nil {
		t.Fatalf("one of these made the job %+v", u.Job)
	}

	// Published as retained: before the relay listens, and while it does.
	if s.mosq != nil {
		s.run.stop()
		s.publish(topic, "latest", "-r")
		s.start()
		want("retained_trigger")
		eventually(t, func() bool {
			out, _ := exec.Command(testkit.Tool(t, "mosquitto_sub"), append(s.broker(), "-t", topic, "--retained-only", "-W", "1")...).Output()
			return len(out) == 0
		}, "the retained trigger is cleared")
		gone()
		s.restart()
		s.runs("door", "1.0.0")
		if n := len(ear.of(topic + "/result")); n != 7 {
			t.Errorf("%d results; the trigger came again", n)
		}
		if u := s.updates("door"); u.Job != nil {
			t.Fatalf("the retained trigger made the job %+v", u.Job)
		}
	}

	// The same twice is one update.
	s.publish(topic, `{"id":"monday","version":"1.1.0"}`)
	s.publish(topic, `{"id":"monday","version":"1.1.0"}`)
	s.publish(topic, "latest")
	s.runs("door", "1.1.0")
	done := ear.wait(topic+"/result", func(m said) bool { return m.document(t).Result == "succeeded" }, "the result")
	if d := done.document(t); d.ID != "monday" {
		t.Errorf("%s", done.text)
	}
	eventually(t, func() bool {
		n := 0
		for _, m := range ear.of(topic + "/result") {
			if m.document(t).Code == "duplicate" {
				n++
			}
		}
		return n == 2
	}, "the two others are duplicates")
	if jobs := s.updates("door").Jobs; len(jobs) != 1 {
		t.Errorf("%d jobs", len(jobs))
	}
	s.publish(topic, `{"id":"monday","version":"1.1.0"}`) // once more: its result again, no update
	eventually(t, func() bool {
		n := 0
		for _, m := range ear.of(topic + "/result") {
			if m.document(t).Result == "succeeded" && m.document(t).Job == done.document(t).Job {
				n++
			}
		}
		return n == 2
	}, "the result is said again to who asks again")
}

// An image that somebody else signed is refused where it is uploaded, and leaves
// nothing behind.
func TestForeignImage(t *testing.T) {
	s := newSite(t, siteConfig{})
	cmd := exec.Command(filepath.Join(bin, "relay"), "image", "upload", "--relay", s.url, "--token", s.token, s.releases.image("other"))
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "key") {
		t.Errorf("%v: %s", err, out)
	}
	var list struct{ Images, Broken []any }
	s.call("GET", "/api/v1/ota/images", nil, &list)
	if len(list.Images)+len(list.Broken) != 0 {
		t.Errorf("the relay has %v", list)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "data", "images", "*"))
	if err != nil || slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, ".img") || strings.Contains(f, "tmp") }) {
		t.Errorf("left behind: %v %v", files, err)
	}
	if res, err := http.Get(s.url + "/ota/probe"); err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the probe is given to a stranger: %v %v", res, err)
	} else {
		drain(res.Body)
	}
}
