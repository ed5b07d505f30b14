package mqtt

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/auth"
	"camrelay/internal/testkit"
)

// brokerVariable makes the test's binary a relay that uses the broker there.
const brokerVariable = "CAMRELAY_TEST_BROKER"

func TestMain(m *testing.M) {
	if url := os.Getenv(brokerVariable); url != "" {
		relayProcess(url)
	}
	goleak.VerifyTestMain(m)
}

// relayProcess says that a relay is online, until it is killed.
func relayProcess(url string) {
	c, err := NewClient(ClientOptions{URL: url, Topics: "camrelay", Relay: "lab", Log: slog.Default()})
	if err != nil {
		panic(err)
	}
	_ = c.Publish(Topics("camrelay").RelayStatus("lab"), []byte(online), 1, true)
	<-c.done
}

const (
	doorKey     = "crk_doordoordoordoordoordoordoordoor"
	yardKey     = "crk_yardyardyardyardyardyardyardyard"
	viewerToken = "crt_viewerviewerviewerviewerviewer22"
	adminToken  = "crt_adminadminadminadminadminadmin22"
)

// directory is who may log in.
type directory struct {
	mu     sync.Mutex
	keys   map[string]string
	tokens map[string]auth.Token
}

func newDirectory() *directory {
	d := &directory{
		keys:   map[string]string{"door": auth.Hash(doorKey), "yard": auth.Hash(yardKey)},
		tokens: map[string]auth.Token{},
	}
	d.tokens[auth.Hash(viewerToken)] = auth.Token{ID: "v", Name: "tablet", Role: auth.RoleViewer}
	d.tokens[auth.Hash(adminToken)] = auth.Token{ID: "a", Name: "anna", Role: auth.RoleAdmin}
	return d
}

func (d *directory) KeyHash(camera string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keys[camera]
}

func (d *directory) TokenByHash(hash string) (auth.Token, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.tokens[hash]
	return t, ok
}

func (d *directory) forget(camera, token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.keys, camera)
	delete(d.tokens, auth.Hash(token))
}

// logbook is a log that can be read while it is written.
type logbook struct{ testkit.Output }

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (l *logbook) wait(t testing.TB, text string) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() bool { return strings.Contains(l.String(), text) }, "the log has %q", text)
}

// newTestBroker starts a broker with the test's directory.
func newTestBroker(t testing.TB, change func(*BrokerOptions)) (*Broker, *logbook) {
	t.Helper()
	log := new(logbook)
	opt := BrokerOptions{
		Listen: "127.0.0.1:0", Topics: "camrelay", Auth: newDirectory(),
		Limiter: auth.NewFailureLimiter(time.Now), Log: log.logger(),
	}
	if change != nil {
		change(&opt)
	}
	b, err := NewBroker(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b, log
}

// messages are what a subscription of the test got.
type messages struct {
	mu  sync.Mutex
	all []Message
}

func collect(t testing.TB, bus Bus, filter string) *messages {
	t.Helper()
	m := new(messages)
	if err := bus.Subscribe(filter, m.add); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *messages) add(msg Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, msg)
}

func (m *messages) has(topic, payload string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.all, func(x Message) bool { return x.Topic == topic && string(x.Payload) == payload })
}

func (m *messages) wait(t testing.TB, topic, payload string) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() bool { return m.has(topic, payload) }, "a message %s %q", topic, payload)
}

// login is how the mosquitto clients log in.
type login struct{ user, password string }

func (l login) args(addr net.Addr) []string {
	_, port, _ := net.SplitHostPort(addr.String())
	args := []string{"-h", "127.0.0.1", "-p", port}
	if l.user != "" {
		args = append(args, "-u", l.user)
	}
	if l.password != "" {
		args = append(args, "-P", l.password)
	}
	return args
}

var (
	asDoor   = login{"door", doorKey}
	asYard   = login{"yard", yardKey}
	asViewer = login{"somebody", viewerToken}
	asAdmin  = login{"somebody", adminToken}
	asNobody = login{}
)

// mosquittoPub runs mosquitto_pub to its end.
func mosquittoPub(t testing.TB, addr net.Addr, as login, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(testkit.Tool(t, "mosquitto_pub"), append(as.args(addr), args...)...).CombinedOutput()
	return string(out), err
}

// subscriber is a running mosquitto_sub.
type subscriber struct {
	*exec.Cmd
	mu    sync.Mutex
	lines []string
}

// mosquittoSub starts mosquitto_sub -v -d and waits until it has subscribed.
func mosquittoSub(t testing.TB, addr net.Addr, as login, args ...string) *subscriber {
	t.Helper()
	s := &subscriber{Cmd: exec.Command("stdbuf", append(append([]string{"-oL", testkit.Tool(t, "mosquitto_sub")}, as.args(addr)...), append([]string{"-v", "-d"}, args...)...)...)}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Stderr = s.Stdout
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.mu.Lock()
			s.lines = append(s.lines, lines.Text())
			s.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = s.Process.Kill()
		<-done
		_ = s.Wait()
	})
	testkit.Eventually(t, 10*time.Second, func() bool { return s.matches("Subscribed") || s.matches("denied") || s.matches("refused") }, "mosquitto_sub has subscribed")
	return s
}

// has reports whether a line is text.
func (s *subscriber) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.lines, text)
}

// matches reports whether a line contains text.
func (s *subscriber) matches(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.lines, func(l string) bool { return strings.Contains(l, text) })
}

func (s *subscriber) wait(t testing.TB, line string) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() bool { return s.has(line) }, "mosquitto_sub prints %q", line)
}

// mosquitto is a real broker that can be stopped and started again.
type mosquitto struct {
	t    testing.TB
	addr net.Addr
	conf string
	cmd  *exec.Cmd
}

// startMosquitto runs Mosquitto with further lines of configuration.
func startMosquitto(t testing.TB, lines ...string) *mosquitto {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{t: t, addr: l.Addr(), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("listener %d 127.0.0.1\n%s\n", m.addr.(*net.TCPAddr).Port, strings.Join(lines, "\n"))
	if err := os.WriteFile(m.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.kill)
	m.start()
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.cmd = exec.Command(testkit.Tool(m.t, "mosquitto"), "-c", m.conf)
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	testkit.Eventually(m.t, 10*time.Second, func() bool {
		c, err := net.Dial("tcp", m.addr.String())
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, "mosquitto listens")
}

func (m *mosquitto) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

func (m *mosquitto) url() string { return "mqtt://" + m.addr.String() }
