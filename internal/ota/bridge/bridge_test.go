package bridge

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/auth"
	"camrelay/internal/mqtt"
	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/imagetest"
	"camrelay/internal/ota/journal"
	"camrelay/internal/ota/rollout"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// relay is a coordinator and rollouts on a bus, with cameras that say nothing
// more than hello.
type relay struct {
	c *ota.Coordinator
	m *rollout.Manager

	mu     sync.Mutex
	orders []string
}

func (r *relay) Send(camera string, _ []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.orders = append(r.orders, camera)
}
func (r *relay) CloseStream(string)   {}
func (r *relay) Show(string, string)  {}
func (r *relay) Viewers(string) int   { return 0 }
func (r *relay) Exists(c string) bool { return c == "door" || c == "yard" || c == "shed" }
func (r *relay) Cameras() []rollout.Camera {
	return []rollout.Camera{{ID: "door"}, {ID: "shed", Groups: []string{"garden"}}, {ID: "yard", Groups: []string{"garden"}}}
}
func (r *relay) Look(c string) (rollout.Sight, bool) {
	return rollout.Sight{Streaming: true, FPS: 10}, r.Exists(c)
}

// everybody may log in.
type everybody struct{}

func (everybody) KeyHash(string) string                      { return "" }
func (everybody) TokenByHash(string) (t auth.Token, ok bool) { return t, false }

func newRelay(t *testing.T, bus mqtt.Bus) *relay {
	t.Helper()
	signer := imagetest.NewSigner(1)
	images, err := catalog.Open(t.TempDir(), signer.Ring(), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := images.Add(t.Context(), strings.NewReader(string(signer.Image(t, "vcam", "1.5.0", 1050, 5000))), "test"); err != nil {
		t.Fatal(err)
	}
	jobs, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	planned, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := New(bus, "camrelay", slog.New(slog.DiscardHandler))
	r := new(relay)
	if r.c, err = ota.New(ota.Options{
		Images: images, Cameras: r, Publisher: b, Journal: jobs, Secret: []byte("secret"), Relay: "lab", Finished: func(j ota.Job) { r.m.Finished(j) },
	}); err != nil {
		t.Fatal(err)
	}
	if r.m, err = rollout.New(rollout.Options{Updates: r.c, Images: images, Fleet: r, Publisher: b, Journal: planned}); err != nil {
		t.Fatal(err)
	}
	r.c.Start()
	r.m.Start()
	for _, id := range []string{"door", "yard", "shed"} {
		r.c.StreamOpened(id, "relay:8080")
		r.c.Hello(id, wire.Hello{Firmware: "1.4.2", Build: 1042, Board: "vcam", Chip: "host", Boot: "01020304", State: wire.StateConfirmed})
	}
	if err := b.Listen(r.c, r.m); err != nil {
		t.Fatal(err)
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				r.c.Tick()
				r.m.Tick()
				b.Flush()
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		<-stopped
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
		jobs.Close()
		planned.Close()
	})
	return r
}

// client uses the mosquitto programs on a broker.
type client struct {
	t    *testing.T
	port string
}

func (c *client) publish(args ...string) {
	c.t.Helper()
	out, err := exec.Command(testkit.Tool(c.t, "mosquitto_pub"), append([]string{"-h", "127.0.0.1", "-p", c.port, "-q", "1"}, args...)...).CombinedOutput()
	if err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
}

// listen collects what is published under a filter, a line each.
func (c *client) listen(filter string) *testkit.Output {
	c.t.Helper()
	out := new(testkit.Output)
	cmd := exec.Command("stdbuf", "-oL", testkit.Tool(c.t, "mosquitto_sub"), "-h", "127.0.0.1", "-p", c.port, "-q", "1", "-v", "-d", "-t", filter)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	testkit.Eventually(c.t, 10*time.Second, func() bool { return strings.Contains(out.String(), "SUBACK") }, "mosquitto_sub listens to %s", filter)
	return out
}

// last is the last message on a topic; empty if there is none yet.
func last(out *testkit.Output, topic string) string {
	found := ""
	for line := range strings.Lines(out.String()) {
		if rest, ok := strings.CutPrefix(line, topic+" "); ok {
			found = strings.TrimSpace(rest)
		}
	}
	return found
}

func wait(t *testing.T, out *testkit.Output, topic string, parts ...string) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() bool {
		got := last(out, topic)
		for _, p := range parts {
			if !strings.Contains(got, p) {
				return false
			}
		}
		return got != ""
	}, "%s with %q", topic, parts)
	if got := last(out, topic); !json.Valid([]byte(got)) {
		t.Errorf("%s is %s", topic, got)
	}
}

// retained is what a topic keeps.
func (c *client) retained(topic string) string {
	c.t.Helper()
	out, _ := exec.Command(testkit.Tool(c.t, "mosquitto_sub"), "-h", "127.0.0.1", "-p", c.port, "-C", "1", "-W", "1", "-t", topic, "--retained-only").Output()
	return strings.TrimSpace(string(out))
}

// scenario is what a person does with mosquitto_pub.
func scenario(t *testing.T, r *relay, c *client) {
	out := c.listen("camrelay/#")
	const all, garden = "camrelay/ota/all", "camrelay/ota/group/garden"
	testkit.Eventually(t, 10*time.Second, func() bool { // the relay may still be subscribing, and so may we
		c.publish("-t", all, "-m", "no trigger")
		return last(out, all+"/result") != ""
	}, "an answer")
	wait(t, out, all+"/result", `"rejected"`, `"bad_request"`)

	c.publish("-t", all, "-m", "latest")
	wait(t, out, all+"/result", `"accepted"`, `"1.5.0-1"`, "3 cameras")
	wait(t, out, "camrelay/ota/rollout/1.5.0-1/state", `"running"`, `"updating":["door"]`, `"waves":4`)
	testkit.Eventually(t, 10*time.Second, func() bool { return r.ordered() == "door" }, "the first camera has its order")
	if got := c.retained("camrelay/ota/rollout/1.5.0-1/state"); !strings.Contains(got, `"1.5.0-1"`) {
		t.Errorf("retained %q", got)
	}
	c.publish("-t", all, "-m", "latest") // once more
	wait(t, out, all+"/result", `"rejected"`, `"duplicate"`)
	c.publish("-t", all, "-m", "pause")
	wait(t, out, "camrelay/ota/rollout/1.5.0-1/state", `"paused"`)
	c.publish("-t", all, "-m", "cancel")
	wait(t, out, "camrelay/ota/rollout/1.5.0-1/state", `"cancelling"`)
	r.c.Hello("door", wire.Hello{Firmware: "1.4.2", Build: 1042, Board: "vcam", Chip: "host", Boot: "01020304", State: wire.StateConfirmed})
	wait(t, out, "camrelay/ota/rollout/1.5.0-1/result", `"cancelled"`, `"door":"cancelled"`, `"yard":"not_started"`)

	c.publish("-t", garden, "-m", `{"id":"g","to":"1.5.0","waves":[{"percent":100}]}`)
	wait(t, out, garden+"/result", `"accepted"`, `"g"`, "2 cameras")
	wait(t, out, "camrelay/ota/rollout/g/state", `"updating":["shed","yard"]`)
	c.publish("-t", garden, "-m", `{"too":"1.5.0"}`)
	wait(t, out, garden+"/result", `"rejected"`, "too")

	c.publish("-t", "camrelay/ota/group/none", "-m", "latest")
	wait(t, out, "camrelay/ota/group/none/result", `"no_cameras"`)
	c.publish("-t", "camrelay/ota/yard", "-m", "status") // one camera is as before
	wait(t, out, "camrelay/ota/yard/state", `"yard"`)
}

func (r *relay) ordered() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.orders, " ")
}

func TestEmbeddedBroker(t *testing.T) {
	broker, err := mqtt.NewBroker(mqtt.BrokerOptions{
		Listen: "127.0.0.1:0", Topics: "camrelay", Lab: true, Auth: everybody{}, Limiter: auth.NewFailureLimiter(time.Now), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t, broker)
	_, port, _ := net.SplitHostPort(broker.Addr().String())
	scenario(t, r, &client{t: t, port: port})
}

// mosquitto starts a real broker and returns its port.
func mosquitto(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "listener %s 127.0.0.1\nallow_anonymous true\n", port), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testkit.Tool(t, "mosquitto"), "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	testkit.Eventually(t, 10*time.Second, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, "mosquitto listens")
	return port
}

func connect(t *testing.T, port string) mqtt.Bus {
	t.Helper()
	bus, err := mqtt.NewClient(mqtt.ClientOptions{URL: "mqtt://127.0.0.1:" + port, Topics: "camrelay", Relay: "lab", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

func TestMosquitto(t *testing.T) {
	port := mosquitto(t)
	r := newRelay(t, connect(t, port))
	scenario(t, r, &client{t: t, port: port})
}

// A retained trigger was there before the relay: it is refused, once, and
// cleared; nothing begins.
func TestRetainedTrigger(t *testing.T) {
	port := mosquitto(t)
	c := &client{t: t, port: port}
	topics := []string{"camrelay/ota/all", "camrelay/ota/group/garden", "camrelay/ota/door"}
	for _, topic := range topics {
		c.publish("-t", topic, "-m", "latest", "-r")
	}
	out := c.listen("camrelay/ota/#")
	r := newRelay(t, connect(t, port))
	for _, topic := range topics {
		wait(t, out, topic+"/result", `"retained_trigger"`, "-r")
		testkit.Eventually(t, 10*time.Second, func() bool { return c.retained(topic) == "" }, "%s is cleared", topic)
	}
	if list := r.m.List(); len(list) > 0 || r.ordered() != "" {
		t.Errorf("%+v, orders %q", list, r.ordered())
	}
}
