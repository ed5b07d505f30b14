package mqtt

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/firmware/core/hal"
	"camrelay/internal/auth"
	"camrelay/internal/halnet"
	broker "camrelay/internal/mqtt"
	"camrelay/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds each wait for a real broker.
const patience = 15 * time.Second

// login is how mosquitto's clients log in.
type login struct{ user, password string }

const (
	doorKey     = "crk_doordoordoordoordoordoordoordoor"
	viewerToken = "crt_viewerviewerviewerviewerviewer22"
)

var (
	asDoor   = login{"door", doorKey}
	asViewer = login{"somebody", viewerToken}
)

// server is a real broker that knows door and a viewer. It can be stopped and
// started again at the same port.
type server struct {
	t           testing.TB
	addr        *net.TCPAddr
	start, kill func()
	process     *os.Process // Mosquitto's
}

// servers are the brokers that a camera meets.
var servers = []struct {
	name string
	new  func(testing.TB) *server
}{{"mosquitto", newMosquitto}, {"embedded", newEmbedded}}

// freeAddr is an address on which nobody listens.
func freeAddr(t testing.TB) *net.TCPAddr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr)
}

func newMosquitto(t testing.TB) *server {
	t.Helper()
	dir, s := t.TempDir(), &server{t: t, addr: freeAddr(t)}
	passwords, conf := filepath.Join(dir, "passwords"), filepath.Join(dir, "mosquitto.conf")
	for i, l := range []login{asDoor, asViewer} {
		args := [][]string{{"-c", "-b"}, {"-b"}}[i]
		if out, err := exec.Command(testkit.Tool(t, "mosquitto_passwd"), append(args, passwords, l.user, l.password)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous false\npassword_file %s\nuser root\n", s.addr.Port, passwords)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var cmd *exec.Cmd
	s.start = func() {
		t.Helper()
		cmd = exec.Command(testkit.Tool(t, "mosquitto"), "-c", conf)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.process = cmd.Process
		testkit.Eventually(t, patience, s.listens, "mosquitto listens")
	}
	s.kill = func() {
		if cmd != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			cmd = nil
		}
	}
	t.Cleanup(s.kill)
	s.start()
	return s
}

func (s *server) listens() bool {
	c, err := net.Dial("tcp", s.addr.String())
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// directory knows one camera and one viewer.
type directory struct{}

func (directory) KeyHash(camera string) string {
	if camera == asDoor.user {
		return auth.Hash(doorKey)
	}
	return ""
}

func (directory) TokenByHash(hash string) (auth.Token, bool) {
	return auth.Token{ID: "v", Name: "tablet", Role: auth.RoleViewer}, hash == auth.Hash(viewerToken)
}

func newEmbedded(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, addr: freeAddr(t)}
	var b *broker.Broker
	s.start = func() {
		t.Helper()
		var err error
		b, err = broker.NewBroker(broker.BrokerOptions{
			Listen: s.addr.String(), Topics: "camrelay", Auth: directory{},
			Limiter: auth.NewFailureLimiter(time.Now), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.kill = func() {
		if b != nil {
			_ = b.Close()
			b = nil
		}
	}
	t.Cleanup(s.kill)
	s.start()
	return s
}

// args are arguments of mosquitto's clients.
func (s *server) args(as login, more ...string) []string {
	return append([]string{"-h", "127.0.0.1", "-p", fmt.Sprint(s.addr.Port), "-u", as.user, "-P", as.password}, more...)
}

// publish runs mosquitto_pub.
func (s *server) publish(more ...string) {
	s.t.Helper()
	if out, err := exec.Command(testkit.Tool(s.t, "mosquitto_pub"), s.args(asDoor, more...)...).CombinedOutput(); err != nil {
		s.t.Fatalf("mosquitto_pub: %v: %s", err, out)
	}
}

// subscriber is a running mosquitto_sub.
type subscriber struct {
	mu    sync.Mutex
	lines []string
}

// subscribe starts mosquitto_sub, and waits until it has subscribed. It prints
// topic, payload, QoS, and whether it is a retained message.
func (s *server) subscribe(filter string) *subscriber {
	s.t.Helper()
	args := s.args(asViewer, "-q", "1", "-t", filter, "-d", "-F", "%t %p q%q r%r")
	cmd := exec.Command("stdbuf", append([]string{"-oL", testkit.Tool(s.t, "mosquitto_sub")}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	sub, done := new(subscriber), make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			sub.mu.Lock()
			sub.lines = append(sub.lines, lines.Text())
			sub.mu.Unlock()
		}
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	testkit.Eventually(s.t, patience, func() bool { return len(sub.with("Subscribed")) > 0 }, "mosquitto_sub has subscribed")
	return sub
}

// with returns the lines that begin with a text.
func (s *subscriber) with(prefix string) (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.HasPrefix(l, prefix) {
			lines = append(lines, l)
		}
	}
	return lines
}

func (s *subscriber) has(line string) func() bool {
	return func() bool { return slices.Contains(s.with(line), line) }
}

// device is a client on real sockets, stepped by the test.
type device struct {
	*rig
	net   *halnet.Network
	clock *halnet.Clock
	ahead int64 // of the clock: pauses are skipped
}

func newDevice(t testing.TB) *device {
	d := &device{rig: &rig{t: t}, net: halnet.New(halnet.Options{}), clock: halnet.NewClock()}
	d.client.Init(d.net, new(halnet.Random), d)
	t.Cleanup(d.net.Close)
	return d
}

// options are those of door at a broker.
func (s *server) options() *Options {
	return &Options{
		Address: Address{"127.0.0.1", uint16(s.addr.Port), asDoor.user, asDoor.password}, ClientID: "door", KeepAlive: 5,
		Will:    Will{"camrelay/cam/door/status", "offline", QoS1 | Retain},
		Filters: []Filter{{"camrelay/cam/door/cmd/+", 1}, {"camrelay/cam/door/zero", 0}},
	}
}

func (d *device) now() int64 { return d.clock.Now() + d.ahead }

// until steps until something is so.
func (d *device) until(cond func() bool, what string) {
	d.t.Helper()
	limit, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !cond() {
		d.net.Poll()
		if d.client.Step(d.now()) {
			continue
		}
		select {
		case <-d.net.Changed():
		case <-tick.C:
		case <-limit:
			d.t.Fatalf("not within %v: %s; the client is %v: %v; it was told %q", patience, what, d.client.State(), d.client.Err(), d.log)
		}
	}
}

// in waits for a state, and skips pauses.
func (d *device) in(s State) {
	d.t.Helper()
	d.until(func() bool {
		if s != Waiting && d.client.State() == Waiting {
			d.ahead += max(0, d.client.Retry()-d.now())
		}
		return d.client.State() == s
	}, s.String())
}

func (d *device) was(line string) func() bool {
	return func() bool { return slices.Contains(d.log, line) }
}

func (d *device) publish(topic, payload string, flags Flags) {
	d.t.Helper()
	if err := d.client.Publish("camrelay/cam/door/"+topic, []byte(payload), flags); err != nil {
		d.t.Fatal(err)
	}
}

// stop stops the client, and returns what it said about it.
func (d *device) stop() error {
	d.t.Helper()
	began := time.Now()
	d.client.Stop()
	d.in(Stopped)
	if took := time.Since(began); took > 2*time.Second+500*time.Millisecond {
		d.t.Errorf("stopping took %v", took)
	}
	if last := d.log[len(d.log)-1]; last != "stopped" {
		return fmt.Errorf("%s", last)
	}
	return nil
}

func TestRealBrokers(t *testing.T) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			t.Run("messages", func(t *testing.T) { testMessages(t, s.new(t)) })
			t.Run("login", func(t *testing.T) { testLogin(t, s.new(t)) })
			t.Run("will", func(t *testing.T) { testWill(t, s.new(t)) })
			t.Run("restart", func(t *testing.T) { testRestart(t, s.new(t)) })
			t.Run("idle", func(t *testing.T) { testIdle(t, s.new(t)) })
		})
	}
}

func testMessages(t *testing.T, s *server) {
	s.publish("-r", "-q", "1", "-t", "camrelay/cam/door/cmd/early", "-m", "kept")
	sub, d := s.subscribe("camrelay/#"), newDevice(t)
	d.start(s.options())
	d.in(Ready)
	d.until(d.was("camrelay/cam/door/cmd/early=kept retained=true dup=false"), "the retained message")

	d.publish("status", "online", QoS1|Retain|Latest)
	d.publish("x", "one", 0)
	d.publish("x", strings.Repeat("l", 650), QoS1)
	d.publish("x", "", 0)
	d.until(func() bool { return len(sub.with("camrelay/cam/door/x")) == 3 && d.client.Pending() == 0 }, "the messages arrive")
	want := []string{"camrelay/cam/door/x one q0 r0", "camrelay/cam/door/x " + strings.Repeat("l", 650) + " q1 r0", "camrelay/cam/door/x  q0 r0"}
	if got := sub.with("camrelay/cam/door/x"); !slices.Equal(got, want) {
		t.Errorf("%q arrived", got)
	}
	d.until(s.subscribe("camrelay/cam/door/status").has("camrelay/cam/door/status online q1 r1"), "the status is kept")

	s.publish("-q", "1", "-t", "camrelay/cam/door/cmd/go", "-m", "now")
	s.publish("-q", "0", "-t", "camrelay/cam/door/zero", "-m", "zero")
	s.publish("-q", "1", "-t", "camrelay/cam/door/cmd/long", "-m", strings.Repeat("x", 40_000))
	s.publish("-q", "1", "-t", "camrelay/cam/door/cmd/go", "-m", "after")
	d.until(func() bool {
		return d.was("camrelay/cam/door/cmd/go=now retained=false dup=false")() && d.was("camrelay/cam/door/zero=zero retained=false dup=false")() &&
			d.was("camrelay/cam/door/cmd/go=after retained=false dup=false")()
	}, "the messages come")
	if st := d.client.Stats(); st.Skipped != 1 || st.Received != 4 {
		t.Errorf("%+v", st)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
}

func testLogin(t *testing.T, s *server) {
	d, o := newDevice(t), s.options()
	o.Password = "crk_wrongwrongwrongwrongwrongwrong22"
	d.start(o)
	d.in(Waiting)
	d.until(func() bool { return d.client.Err() != nil }, "the refusal")
	if err := d.client.Err(); err != ErrCredentials && err != ErrNotAuthorized {
		t.Errorf("%v", err)
	}
	if wait := time.Duration(d.client.Retry() - d.now()); wait < 299*time.Second || wait > 300*time.Second {
		t.Errorf("it waits for %v", wait)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	d.start(s.options()) // at once, with what is right now
	d.in(Ready)
}

func testWill(t *testing.T, s *server) {
	const offline, online, bye = "camrelay/cam/door/status offline q1 r0", "camrelay/cam/door/status online q1 r0", "camrelay/cam/door/status bye q1 r0"
	sub, d := s.subscribe("camrelay/#"), newDevice(t)
	d.start(s.options())
	d.in(Ready)
	d.publish("status", "online", QoS1|Retain|Latest)
	d.until(sub.has(online), "online")
	d.publish("status", "bye", QoS1|Retain|Latest)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.until(sub.has(bye), "the last word")

	d.start(s.options())
	d.in(Ready)
	d.publish("x", "mark", QoS1)
	d.until(sub.has("camrelay/cam/door/x mark q1 r0"), "a message after it")
	if sub.has(offline)() {
		t.Error("the will was published after a goodbye")
	}
	d.client.stream.Abort()
	d.in(Ready)
	d.until(sub.has(offline), "the will")
}

// testRestart publishes before and while the broker is away.
func testRestart(t *testing.T, s *server) {
	d := newDevice(t)
	d.start(s.options())
	d.in(Ready)
	if s.process != nil { // it gets two messages, and dies before it reads them
		if err := s.process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	} else {
		s.kill()
		d.in(Waiting)
	}
	d.publish("x", "0", QoS1)
	d.publish("x", "1", QoS1)
	d.until(func() bool { return s.process == nil || d.client.Stats().Sent == 2 }, "the messages are sent")
	s.kill()
	d.in(Waiting)
	d.publish("x", "2", QoS1)
	d.publish("x", "3", QoS1)
	d.until(func() bool { return d.client.Err() == hal.ErrRefused }, "it tries")
	if err := d.client.Publish("camrelay/cam/door/x", nil, QoS1); err != ErrFull {
		t.Errorf("%v", err)
	}
	s.start()
	sub := s.subscribe("camrelay/#")
	d.in(Ready)
	d.until(func() bool { return d.client.Pending() == 0 && len(sub.with("camrelay/cam/door/x")) >= 4 }, "the messages arrive")
	want := []string{"camrelay/cam/door/x 0 q1 r0", "camrelay/cam/door/x 1 q1 r0", "camrelay/cam/door/x 2 q1 r0", "camrelay/cam/door/x 3 q1 r0"}
	if got := sub.with("camrelay/cam/door/x"); !slices.Equal(got, want) {
		t.Errorf("%q arrived", got)
	}
	s.publish("-q", "1", "-t", "camrelay/cam/door/cmd/go", "-m", "again")
	d.until(d.was("camrelay/cam/door/cmd/go=again retained=false dup=false"), "a command")
}

// testIdle has nothing but PINGREQ for longer than the broker would wait.
func testIdle(t *testing.T, s *server) {
	d, o := newDevice(t), s.options()
	o.KeepAlive = 1
	d.start(o)
	d.in(Ready)
	end := time.Now().Add(4 * time.Second)
	d.until(func() bool { return time.Now().After(end) || d.client.State() != Ready }, "time passes")
	if d.client.State() != Ready || d.client.Stats().Sessions != 1 {
		t.Errorf("the client is %v: %v", d.client.State(), d.client.Err())
	}
}

// TestRival has somebody else connect with the same id, each time at once. The
// embedded broker's library sometimes forgets a client that was just replaced
// while the one before was leaving, and then does not end it here.
func TestRival(t *testing.T) {
	s, d := newMosquitto(t), newDevice(t)
	d.start(s.options())
	d.in(Ready)
	began := d.now()
	const rounds = 12
	for range rounds {
		rival, err := net.Dial("tcp", s.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rival.Write(appendConnect(nil, s.options())); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 4)
		_ = rival.SetReadDeadline(time.Now().Add(patience))
		if n, err := io.ReadFull(rival, answer); err != nil || string(answer) != "\x20\x02\x00\x00" {
			t.Fatalf("the rival is told %q, %v", answer[:n], err)
		}
		d.in(Waiting)
		if err := d.client.Err(); err != ErrClosed && err != hal.ErrReset {
			t.Errorf("the connection ended with %v", err)
		}
		d.in(Ready)
		_ = rival.Close()
	}
	// Pauses are half of their bounds on average: 0.25, 0.5, 1 … 16, 30, 30 …
	if took := time.Duration(d.now() - began); took < 30*time.Second {
		t.Errorf("it came back %d times within %v", rounds, took)
	}
}
