package mqtt

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"camrelay/internal/testkit"
)

// quickly is for tests.
var quickly = timing{pause: 20 * time.Millisecond, patience: 2 * time.Second}

func newTestClient(t testing.TB, opt ClientOptions) (*Client, *logbook) {
	t.Helper()
	log := new(logbook)
	opt.Topics, opt.Relay, opt.Log = "camrelay", "lab", log.logger()
	c, err := newClient(opt, quickly)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, log
}

// waitFor publishes nothing and waits for a retained message by a new
// mosquitto_sub.
func (m *mosquitto) waitFor(t testing.TB, topic, payload string) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() bool {
		_, port, _ := net.SplitHostPort(m.addr.String())
		out, _ := exec.Command(testkit.Tool(t, "mosquitto_sub"), "-h", "127.0.0.1", "-p", port, "-C", "1", "-W", "1", "-t", topic).Output()
		return strings.TrimSpace(string(out)) == payload
	}, "%s is %q", topic, payload)
}

func TestClientPublishesAndSubscribes(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	c, log := newTestClient(t, ClientOptions{URL: m.url()})
	got := collect(t, c, "camrelay/ota/+")
	if err := c.Publish("camrelay/cam/door/status", []byte("online"), 1, true); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "camrelay/cam/door/status", "online")
	log.wait(t, "connected to MQTT broker")

	s := mosquittoSub(t, m.addr, asNobody, "-t", "camrelay/event")
	if err := c.Publish("camrelay/event", []byte("now"), 1, false); err != nil {
		t.Fatal(err)
	}
	s.wait(t, "camrelay/event now")
	for i := range 20 { // in order, and one handler at a time
		if _, err := mosquittoPub(t, m.addr, asNobody, "-t", "camrelay/ota/door", "-m", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	got.wait(t, "camrelay/ota/door", "19")
	for i, msg := range got.all {
		if string(msg.Payload) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, msg.Payload)
		}
	}
	late := collect(t, c, "camrelay/cam/+/status") // while connected
	late.wait(t, "camrelay/cam/door/status", "online")
	if !late.all[0].Retained {
		t.Error("it is not said to be retained")
	}
}

func TestClientSurvivesTheBroker(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	c, log := newTestClient(t, ClientOptions{URL: m.url()})
	got := collect(t, c, "camrelay/ota/+")
	if err := c.Publish("camrelay/cam/door/status", []byte("online"), 1, true); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "camrelay/cam/door/status", "online")
	m.kill()
	log.wait(t, "no MQTT broker")
	testkit.Eventually(t, 5*time.Second, func() bool {
		return errors.Is(c.Publish("camrelay/event", nil, 1, false), ErrOffline)
	}, "events are refused")
	for _, status := range []string{"offline", "updating"} { // the newest alone counts
		if err := c.Publish("camrelay/cam/yard/status", []byte(status), 1, true); err != nil {
			t.Fatal(err)
		}
	}
	m.start() // it has forgotten everything
	m.waitFor(t, "camrelay/cam/door/status", "online")
	m.waitFor(t, "camrelay/cam/yard/status", "updating")
	log.wait(t, "connected to MQTT broker again")
	if _, err := mosquittoPub(t, m.addr, asNobody, "-t", "camrelay/ota/door", "-m", "latest"); err != nil {
		t.Fatal(err)
	}
	got.wait(t, "camrelay/ota/door", "latest")
}

func TestClientWill(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	relay := exec.Command(os.Args[0])
	relay.Env = append(os.Environ(), brokerVariable+"="+m.url())
	if err := relay.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = relay.Wait() }()
	const status = "camrelay/relay/lab/status"
	m.waitFor(t, status, online)
	if err := relay.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, status, offline)
}

func TestClientCloseSendsTheRest(t *testing.T) {
	testkit.Leaks(t)
	m := startMosquitto(t, "allow_anonymous true")
	c, log := newTestClient(t, ClientOptions{URL: m.url()})
	log.wait(t, "connected to MQTT broker")
	for i := range 100 {
		if err := c.Publish(fmt.Sprint("camrelay/t", i), []byte("bye"), 1, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	m.waitFor(t, "camrelay/t99", "bye")
	if err := c.Publish("camrelay/t", nil, 1, true); !errors.Is(err, ErrClosed) {
		t.Errorf("publishing gives %v", err)
	}
	if err := c.Subscribe("#", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("subscribing gives %v", err)
	}
}

// TestClientClosesAtOnce checks that nothing the broker does keeps the relay
// from stopping.
func TestClientClosesAtOnce(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, addr := range map[string]string{"silent": silent.Addr().String(), "closed": closed.Addr().String()} {
		for _, scheme := range []string{"mqtt://", "mqtts://"} {
			t.Run(scheme+name, func(t *testing.T) {
				testkit.Leaks(t)
				c, _ := newTestClient(t, ClientOptions{URL: scheme + addr})
				if err := c.Publish("camrelay/x", nil, 1, true); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				_ = c.Close()
				if took := time.Since(began); took > closeTime/2 {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
}

func TestClientLogin(t *testing.T) {
	dir := t.TempDir()
	passwords := filepath.Join(dir, "passwords")
	if out, err := exec.Command(testkit.Tool(t, "mosquitto_passwd"), "-b", "-c", passwords, "relay", "right").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m := startMosquitto(t, "allow_anonymous false", "password_file "+passwords, "user root")
	for _, test := range []struct{ name, user, password, url, want string }{
		{"right", "relay", "right", m.url(), "connected to MQTT broker"},
		{"in the address", "", "", "mqtt://relay:right@" + m.addr.String(), "connected to MQTT broker"},
		{"wrong", "relay", "wrong", m.url(), "check mqtt.username and mqtt.password"},
		{"anonymous", "", "", m.url(), "check mqtt.username and mqtt.password"},
		{"no TLS there", "relay", "right", "mqtts://" + m.addr.String(), "whether TLS is wanted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, log := newTestClient(t, ClientOptions{URL: test.url, Username: test.user, Password: test.password})
			log.wait(t, test.want)
			for _, secret := range []string{"right@", "=wrong", "=right"} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("the password is in the log: %s", log)
				}
			}
		})
	}
}

// certificates makes an authority, and a server's and a client's certificate
// of it.
func certificates(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	script := `set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
for n in server client; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$n -keyout $n.key -out $n.csr
  printf 'subjectAltName=IP:127.0.0.1' > ext
  openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $n.pem
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other -keyout other.key -out other.pem`
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	return dir
}

func TestClientTLS(t *testing.T) {
	dir := certificates(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	m := startMosquitto(t, "allow_anonymous true", "cafile "+file("ca.pem"), "certfile "+file("server.pem"),
		"keyfile "+file("server.key"), "require_certificate true", "user root")
	url := "mqtts://" + m.addr.String()
	for _, test := range []struct {
		name string
		opt  ClientOptions
		want string
	}{
		{"right", ClientOptions{URL: url, CA: file("ca.pem"), Cert: file("client.pem"), Key: file("client.key")}, "connected to MQTT broker"},
		{"the system's authorities", ClientOptions{URL: url, Cert: file("client.pem"), Key: file("client.key")}, "give its PEM file as mqtt.ca"},
		{"no client certificate", ClientOptions{URL: url, CA: file("ca.pem")}, "no MQTT broker"},
		{"other name", ClientOptions{URL: strings.Replace(url, "127.0.0.1", "localhost", 1), CA: file("ca.pem"), Cert: file("client.pem"), Key: file("client.key")}, "does not hold"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, log := newTestClient(t, test.opt)
			log.wait(t, test.want)
		})
	}
}

// everybody may do everything.
type everybody struct{ mochi.HookBase }

func (*everybody) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck
}
func (*everybody) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }
func (*everybody) OnACLCheck(*mochi.Client, string, bool) bool              { return true }

func TestClientWebSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	server := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	err = errors.Join(server.AddHook(new(everybody), nil),
		server.AddListener(listeners.NewWebsocket(listeners.Config{ID: "ws", Address: l.Addr().String()})), server.Serve())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, log := newTestClient(t, ClientOptions{URL: "ws://" + l.Addr().String() + "/mqtt"})
	got := collect(t, c, "camrelay/x")
	log.wait(t, "connected to MQTT broker")
	if err := c.Publish("camrelay/x", []byte("1"), 1, false); err != nil {
		t.Fatal(err)
	}
	got.wait(t, "camrelay/x", "1")
	_ = c.Close()
}

// TestClientAtStrictBroker uses a broker that refuses the relay's will.
func TestClientAtStrictBroker(t *testing.T) {
	b, _ := newTestBroker(t, nil)
	_, log := newTestClient(t, ClientOptions{URL: "mqtt://" + b.Addr().String(), Username: "x", Password: adminToken})
	log.wait(t, "check mqtt.username")
}

// TestClientSameFilter checks that one handler does not replace another.
func TestClientSameFilter(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	c, log := newTestClient(t, ClientOptions{URL: m.url()})
	const status = "camrelay/relay/lab/status"
	first, second := collect(t, c, status), collect(t, c, status)
	if err := c.Publish(status, []byte(online), 1, true); err != nil {
		t.Fatal(err)
	}
	first.wait(t, status, online)
	second.wait(t, status, online)
	if strings.Contains(log.String(), "does not pass them on") {
		t.Error("the relay did not hear itself")
	}
}

// TestClientNotesSilentRefusal uses a broker that drops what the relay says.
func TestClientNotesSilentRefusal(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "acl")
	if err := os.WriteFile(rules, []byte("topic read camrelay/#\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := startMosquitto(t, "allow_anonymous true", "acl_file "+rules, "user root")
	c, log := newTestClient(t, ClientOptions{URL: m.url()})
	if err := c.Publish("camrelay/relay/lab/status", []byte(online), 1, true); err != nil {
		t.Fatal(err)
	}
	log.wait(t, "does not pass them on")
}

func TestClientNotesAnotherWithItsID(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true")
	_, log := newTestClient(t, ClientOptions{URL: m.url()})
	_, _ = newTestClient(t, ClientOptions{URL: m.url()})
	log.wait(t, "another client may use the same id")
}

func TestClientOptions(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		opt  ClientOptions
		want string
	}{
		{ClientOptions{URL: "host:1883"}, "mqtt.url"},
		{ClientOptions{URL: "http://host"}, `scheme "http"`},
		{ClientOptions{URL: "mqtts://host", CA: filepath.Join(dir, "none.pem")}, "mqtt.ca"},
		{ClientOptions{URL: "mqtts://host", CA: junk}, "holds no PEM certificate"},
		{ClientOptions{URL: "mqtts://host", Cert: junk, Key: junk}, "mqtt.cert and mqtt.key"},
	} {
		if _, err := NewClient(test.opt); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v gives %v, want %q", test.opt, err, test.want)
		}
	}
	for url, want := range map[string]string{
		"mqtt://host": "host:1883", "tcp://host:99": "host:99", "mqtts://host": "host:8883",
		"ssl://[::1]": "[::1]:8883", "ws://host/mqtt": "host:80", "wss://host": "host:443",
	} {
		if u, _, err := parseBroker(url); err != nil || u.Host != want {
			t.Errorf("%s is %v, %v", url, u, err)
		}
	}
}
