package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"camrelay/internal/ota"
	"camrelay/internal/testkit"
)

// releases are images of virtual firmware, made as its author makes them.
type releases struct {
	once   sync.Once
	err    error
	dir    string
	public string // key that they are signed with
}

// released are those of all tests of this package.
var released releases

// firmware is one release.
type firmware struct {
	version   string
	build     int
	behaviour string
	size      int
}

const smallFirmware = 100 << 10

var firmwares = []firmware{
	{"1.1.0", 2, "good", smallFirmware},
	{"1.2.0-crashes", 3, "panic", smallFirmware},
	{"1.3.0", 4, "good", smallFirmware},
	{"1.4.0", 5, "good", 200 << 10},
}

// releaseDir has the images, release.pub.pem and other.img, which somebody else
// signed.
func releaseDir(t testing.TB) *releases {
	t.Helper()
	released.once.Do(func() {
		released.dir = filepath.Join(bin, "releases")
		released.err = os.MkdirAll(released.dir, 0o700)
		if released.err != nil {
			return
		}
		in := func(name string) string { return filepath.Join(released.dir, name) }
		tool := func(name string, args ...string) { runProgram(t, patience, filepath.Join(bin, name), args...) }
		tool("relay", "image", "keygen", "--out", in("release.pem"))
		tool("relay", "image", "keygen", "--out", in("other.pem"))
		build := func(f firmware, key, out string) {
			tool("vcam", "firmware", "--behaviour", f.behaviour, "--size", strconv.Itoa(f.size), "--out", in("payload.bin"))
			tool("relay", "image", "build", "--board", "vcam", "--chip", "host", "--version", f.version, "--build", strconv.Itoa(f.build), "--key", in(key), "--out", in(out), in("payload.bin"))
		}
		for _, f := range firmwares {
			build(f, "release.pem", f.version+".img")
		}
		build(firmware{"6.6.6", 666, "good", smallFirmware}, "other.pem", "other.img")
		released.public = in("release.pub.pem")
	})
	if released.err != nil {
		t.Fatal(released.err)
	}
	return &released
}

func (r *releases) image(version string) string { return filepath.Join(r.dir, version+".img") }

// site is a relay that updates cameras, and what is around it.
type site struct {
	*relay
	releases *releases
	mosq     *mosquitto // nil: the relay's own broker
	mqtt     string     // host:port of the broker
	keys     map[string]string
	flash    string
}

// siteConfig says what a site is to be like.
type siteConfig struct {
	embedded bool     // the relay's own broker
	rate     string   // of downloads; "": no limit
	args     []string // more of the relay's
}

func newSite(t testing.TB, c siteConfig) *site {
	t.Helper()
	s := &site{releases: releaseDir(t), keys: map[string]string{}, flash: t.TempDir()}
	args := append([]string{"--set", "ota.keys=" + s.releases.public, "--set", "ota.between=0s", "--set", "ota.per_day=100", "--set", "ota.rate=" + orDefault(c.rate, "0")}, c.args...)
	if c.embedded {
		s.mqtt = freeAddr(t)
		args = append(args, "--mqtt-listen", s.mqtt)
	} else {
		s.mosq = startMosquitto(t)
		s.mqtt = s.mosq.addr
		args = append(args, "--set", "mqtt.url=mqtt://"+s.mqtt)
	}
	s.relay = startRelay(t, "", args...)
	return s
}

func orDefault(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// add makes a camera known.
func (s *site) add(id string) { s.keys[id] = s.addCamera(id, id) }

// power switches a camera on. More flags may follow: another --relay, too.
func (s *site) power(id string, args ...string) *process {
	s.t.Helper()
	return start(s.t, filepath.Join(bin, "vcam"), append([]string{
		"--relay", s.url, "--mqtt", "mqtt://" + s.mqtt, "--id", id, "--key", s.keys[id], "--flash", s.flash, "--ring", s.releases.public,
		"--boot-time", "300ms", "--size", "QVGA", "--fps", "10",
	}, args...)...)
}

// release uploads an image by the command line.
func (s *site) release(version string) {
	s.t.Helper()
	runProgram(s.t, patience, filepath.Join(bin, "relay"), "image", "upload", "--relay", s.url, "--token", s.token, s.releases.image(version))
}

// updateInfo is what the API says of a camera's firmware.
type updateInfo struct {
	Firmware, State string
	Build           int
	Job             *ota.Job
	Jobs            []ota.Job
}

func (s *site) updates(id string) (u updateInfo) {
	s.t.Helper()
	s.call("GET", "/api/v1/ota/cameras/"+id, nil, &u)
	return u
}

// runs waits until a camera has confirmed a firmware, and sends pictures.
func (s *site) runs(id, version string) {
	s.t.Helper()
	began := time.Now().UnixMicro()
	within(s.t, 3*patience, func() bool {
		u := s.updates(id)
		if u.Firmware != version || u.State != "confirmed" {
			return false
		}
		res, _ := s.do("GET", "/cameras/"+id+"/snapshot.jpg?max_age=1", nil)
		return res.StatusCode == http.StatusOK && s.camera(id).LastFrame > began
	}, "%s runs %s and sends pictures", id, version)
}

// ended waits until the camera's newest job is over.
func (s *site) ended(id string, number int) (job ota.Job) {
	s.t.Helper()
	within(s.t, 5*patience, func() bool {
		u := s.updates(id)
		if len(u.Jobs) >= number {
			job = u.Jobs[0]
		}
		return job.State.Final()
	}, "update %d of %s is over", number, id)
	return job
}

// args of mosquitto_pub and mosquitto_sub.
func (s *site) broker() []string {
	host, port, _ := net.SplitHostPort(s.mqtt)
	args := []string{"-h", host, "-p", port}
	if s.mosq == nil {
		args = append(args, "-u", "anna", "-P", s.token)
	}
	return args
}

// size is that of an image, in bytes.
func (s *site) size(version string) int64 {
	s.t.Helper()
	info, err := os.Stat(s.releases.image(version))
	if err != nil {
		s.t.Fatal(err)
	}
	return info.Size()
}

// publish is mosquitto_pub.
func (s *site) publish(topic, message string, args ...string) {
	s.t.Helper()
	runProgram(s.t, patience, testkit.Tool(s.t, "mosquitto_pub"), append(append(s.broker(), "-q", "1", "-t", topic, "-m", message), args...)...)
}

// said is a message of the broker.
type said struct {
	topic, text string
	retained    bool
	at          time.Time
}

// word is the message's JSON.
func (m said) document(t testing.TB) (d struct {
	State, Step, Result, Job, ID, Code, Text, To, Now string
	OK, Late                                          bool
	Rev                                               int
}) {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal([]byte(m.text), &whole); err != nil {
		t.Errorf("%s: %v in %q", m.topic, err, m.text)
	}
	delete(whole, "to") // in a state an object
	b, _ := json.Marshal(whole)
	if err := json.Unmarshal(b, &d); err != nil {
		t.Errorf("%s: %v in %q", m.topic, err, m.text)
	}
	return d
}

// ear hears what the broker says.
type ear struct {
	t   testing.TB
	mu  sync.Mutex
	all []said
	tap func(said) // called with each message, at once
}

func (e *ear) hear(m said) {
	m.at = time.Now()
	e.mu.Lock()
	e.all = append(e.all, m)
	e.mu.Unlock()
	if e.tap != nil {
		e.tap(m)
	}
}

// of are the messages of a topic.
func (e *ear) of(topic string) []said {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.all), func(m said) bool { return m.topic != topic })
}

// results are the results of a camera, without those of checks.
func (e *ear) results(camera string) []said {
	return slices.DeleteFunc(e.of("camrelay/ota/"+camera+"/result"), func(m said) bool { return strings.HasPrefix(m.document(e.t).ID, "check-") })
}

// wait waits for a message.
func (e *ear) wait(topic string, is func(said) bool, what string) (found said) {
	e.t.Helper()
	within(e.t, 3*patience, func() bool {
		i := slices.IndexFunc(e.of(topic), is)
		if i >= 0 {
			found = e.of(topic)[i]
		}
		return i >= 0
	}, "%s says %s", topic, what)
	return found
}

// listen hears a filter by a client that comes back at once when the broker
// does, so that it misses nothing that the relay says then.
func (s *site) listen(filter string, tap func(said)) *ear {
	s.t.Helper()
	return s.listenAs("ear", filter, tap)
}

// listenAs is listen for one of several listeners.
func (s *site) listenAs(name, filter string, tap func(said)) *ear {
	s.t.Helper()
	e := &ear{t: s.t, tap: tap}
	subscribed := make(chan struct{}, 100)
	opt := paho.NewClientOptions().AddBroker("tcp://" + s.mqtt).SetClientID(name).SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond).
		SetMaxReconnectInterval(20 * time.Millisecond).SetOrderMatters(true)
	if s.mosq == nil {
		opt.SetUsername("anna").SetPassword(s.token)
	}
	opt.SetOnConnectHandler(func(c paho.Client) {
		go func() {
			c.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
				e.hear(said{topic: m.Topic(), text: string(m.Payload()), retained: m.Retained()})
			}).Wait()
			subscribed <- struct{}{}
		}()
	})
	c := paho.NewClient(opt)
	c.Connect()
	s.t.Cleanup(func() { c.Disconnect(0) })
	select {
	case <-subscribed:
	case <-time.After(patience):
		s.t.Fatal("the broker takes no subscription")
	}
	return e
}

// mosquitto is a broker that can be killed.
type mosquitto struct {
	t    testing.TB
	addr string
	conf string
	run  *process
}

func startMosquitto(t testing.TB) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, addr: freeAddr(t), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	_, port, _ := net.SplitHostPort(m.addr)
	if err := os.WriteFile(m.conf, []byte("listener "+port+" 127.0.0.1\nallow_anonymous true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.run = start(m.t, testkit.Tool(m.t, "mosquitto"), "-c", m.conf)
	eventually(m.t, func() bool {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "mosquitto listens")
}

// holds is what a process holds on to.
type holds struct{ sockets, goroutines int }

func (h holds) String() string {
	return fmt.Sprintf("%d sockets, %d goroutines", h.sockets, h.goroutines)
}

// holds counts the relay's sockets and goroutines, while nobody but its camera
// is there.
func (s *site) holds() (h holds) {
	s.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	dir := fmt.Sprintf("/proc/%d/fd", s.run.cmd.Process.Pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range list {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			h.sockets++
		}
	}
	h.goroutines = int(s.metric("go_goroutines", ""))
	http.DefaultClient.CloseIdleConnections()
	return h
}

// letsGo waits until the relay holds no more than it did.
func (s *site) letsGo(before holds) {
	s.t.Helper()
	var now holds
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the relay held %v, now %v", before, now)
		}
	}()
	within(s.t, 2*patience, func() bool {
		now = s.holds()
		return now.sockets <= before.sockets+1 && now.goroutines <= before.goroutines+2 // those of the question
	}, "the relay lets go of what it held: before %v", before)
}

// together runs sub-tests n at a time: they mostly wait.
func together(t *testing.T, n int, tests map[string]func(t *testing.T)) {
	t.Helper()
	var wg sync.WaitGroup
	places := make(chan struct{}, n)
	names := make([]string, 0, len(tests))
	for name := range tests {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			t.Run(name, tests[name])
		})
	}
	wg.Wait()
}

// drain reads a body to its end.
func drain(r io.ReadCloser) {
	io.Copy(io.Discard, r)
	r.Close()
}
