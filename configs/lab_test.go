package configs_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// place is where the lab's services are reached without containers.
type place struct {
	t     testing.TB
	names *strings.Replacer // address in docker-compose.yml to address here
	relay string
	mqtt  string
}

// fallback is a variable of docker-compose.yml with the value it has if it is
// not set.
var fallback = regexp.MustCompile(`\$\{\w+:-([^}]*)\}`)

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run runs a program until the test ends and returns what it writes.
func (p place) run(name string, args, environ []string) *testkit.Output {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "CAMRELAY_") }), environ...)
	out := new(testkit.Output)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		cancel()
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("%s %q:\n%s", filepath.Base(name), args, out)
		}
	})
	return out
}

// environ is a service's environment with addresses of this place.
func (p place) environ(s service) []string {
	var pairs []string
	for name, value := range s.Environment {
		pairs = append(pairs, name+"="+p.names.Replace(fallback.ReplaceAllString(value, "$1")))
	}
	return pairs
}

// mosquitto runs the broker with configs/mosquitto.conf.
func (p place) mosquitto() *testkit.Output {
	p.t.Helper()
	_, port, _ := net.SplitHostPort(p.mqtt)
	text := string(read(p.t, "configs/mosquitto.conf"))
	if strings.Count(text, "\nlistener 1883\n") != 1 {
		p.t.Fatal("configs/mosquitto.conf has no listener 1883")
	}
	text = strings.Replace(text, "listener 1883", "listener "+port+" 127.0.0.1", 1)
	conf := filepath.Join(p.t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	out := p.run(testkit.Tool(p.t, "mosquitto"), []string{"-c", conf}, nil)
	testkit.Eventually(p.t, 10*time.Second, func() bool {
		c, err := net.Dial("tcp", p.mqtt)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, "mosquitto runs with configs/mosquitto.conf")
	return out
}

// build makes the programs as the Dockerfile does.
func (p place) build() (dir string) {
	p.t.Helper()
	dir = p.t.TempDir()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-X main.version=lab-test", "-o", dir+"/", "./cmd/relay", "./cmd/vcam")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

func (p place) get(path string) string {
	resp, err := http.Get("http://" + p.relay + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// TestLab runs the services of docker-compose.yml as processes, with its
// commands and environment, and looks at them as people, Prometheus and Grafana
// would.
func TestLab(t *testing.T) {
	compose := readCompose(t)
	p := place{t: t, relay: freeAddress(t), mqtt: freeAddress(t)}
	lab := t.TempDir() // the volume
	p.names = strings.NewReplacer("//relay:8080", "//"+p.relay, "mosquitto:1883", p.mqtt, "/data", lab, "/lab", lab)
	bin := p.build()
	p.mosquitto()
	p.prepare(bin, compose.Services["lab"])
	relay := compose.Services["relay"]
	environ := append(p.environ(relay), "CAMRELAY_DATA="+t.TempDir(), "CAMRELAY_LISTEN="+p.relay)
	p.run(bin+"/relay", []string{"serve"}, environ)
	cameras := 0
	for name, s := range compose.Services {
		if !slices.Equal(s.Entrypoint, []string{"/usr/local/bin/vcam"}) {
			continue
		}
		cameras++
		p.run(bin+"/vcam", p.arguments(s.Command), p.environ(s))
		id := strings.TrimPrefix(name, "camera-")
		testkit.Eventually(t, 20*time.Second, func() bool {
			return strings.HasPrefix(p.get("/cameras/"+id+"/snapshot.jpg"), "\xff\xd8")
		}, "there is a picture of %s", id)
	}
	if cameras != 2 {
		t.Errorf("%d virtual cameras, want 2", cameras)
	}
	p.update(bin, compose.Services["firmware"])

	health := exec.Command(bin+"/relay", relay.Healthcheck.Test[2:]...)
	health.Env = append(os.Environ(), environ...)
	if out, err := health.CombinedOutput(); err != nil || relay.Healthcheck.Test[1] != "/usr/local/bin/relay" {
		t.Errorf("the health check %q fails: %v %s", relay.Healthcheck.Test, err, out)
	}
	p.checkMetrics()
	p.checkMQTT()
}

// prepare runs the service that makes a key and firmware, as at the first start
// and at the second.
func (p place) prepare(bin string, s service) {
	p.t.Helper()
	for range 2 {
		args := p.arguments(s.Entrypoint[1:])
		if out, err := exec.Command(bin+"/vcam", args...).CombinedOutput(); err != nil {
			p.t.Fatalf("vcam %q: %v %s", args, err, out)
		}
	}
}

// update runs the service that uploads the firmware, and updates a camera to it.
func (p place) update(bin string, s service) {
	p.t.Helper()
	args := p.arguments(s.Command)
	if out, err := exec.Command(bin+"/relay", args...).CombinedOutput(); err != nil || strings.Count(string(out), "the relay keeps") != 3 {
		p.t.Fatalf("relay %q: %v %s", args, err, out)
	}
	out, err := exec.Command(bin+"/relay", "ota", "door", "1.1.0", "--wait", "--relay", "http://"+p.relay).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "updated from 1.0.0 to 1.1.0") {
		p.t.Errorf("relay ota door: %v %s", err, out)
	}
}

// arguments are a service's, with addresses and volumes of this place.
func (p place) arguments(list []string) []string {
	var args []string
	for _, a := range list {
		args = append(args, p.names.Replace(a))
	}
	return args
}

// checkMQTT looks for the cameras at the broker, as Home Assistant would.
func (p place) checkMQTT() {
	p.t.Helper()
	_, port, _ := net.SplitHostPort(p.mqtt)
	for _, topic := range []string{"relay/lab", "cam/door", "cam/yard"} {
		out, err := exec.Command(testkit.Tool(p.t, "mosquitto_sub"), "-p", port, "-C", "1", "-W", "10", "-t", "camrelay/"+topic+"/status").Output()
		if string(out) != "online\n" {
			p.t.Errorf("%s is %q (%v)", topic, out, err)
		}
	}
}

// checkMetrics looks for everything the dashboard shows. Cameras say how they
// are some seconds after they connect.
func (p place) checkMetrics() {
	p.t.Helper()
	var missing []string
	testkit.Eventually(p.t, 30*time.Second, func() bool {
		// No camera here has a thermometer.
		exported := map[string]bool{"camrelay_camera_temperature_celsius": true}
		for line := range strings.Lines(p.get("/metrics")) {
			if name := metric.FindString(line); !strings.HasPrefix(line, "#") {
				exported[name] = true
			} else if fields := strings.Fields(line); len(fields) > 2 && fields[1] == "TYPE" {
				exported[fields[2]] = true // it may have no values yet
			}
		}
		missing = slices.DeleteFunc(queried(p.t), func(name string) bool { return exported[name] })
		return len(missing) == 0
	}, "the relay exports what the dashboard shows; missing: %v", lazy(func() string { return fmt.Sprint(missing) }))
}

// lazy is a text made when it is printed.
type lazy func() string

func (l lazy) String() string { return l() }
