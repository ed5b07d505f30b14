package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"camrelay/internal/pusher/rawws"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

// client asks relays whose certificates nobody signed.
func client(t *testing.T) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// ask is the status of a GET.
func ask(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// send posts JSON and decodes the answer.
func send(t *testing.T, url, token string, body, into any) int {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if into != nil {
		json.NewDecoder(res.Body).Decode(into)
	}
	return res.StatusCode
}

var signInURL = regexp.MustCompile(`(https?://\S+)/login#token=(crt_\w+)`)

// firstToken is that of the address that a first start prints.
func (p *program) firstToken() string {
	p.t.Helper()
	p.serving()
	testkit.Eventually(p.t, 5*time.Second, func() bool { return signInURL.MatchString(p.stdout.String()) }, "the relay prints an address to sign in")
	return signInURL.FindStringSubmatch(p.stdout.String())[2]
}

func TestFirstStart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := launch(t, nil, arguments(data)...)
	base, token := p.serving(), p.firstToken()
	if n := strings.Count(p.stdout.String()+p.stderr.String(), token); n != 1 {
		t.Errorf("the token is shown %d times", n)
	}
	var who struct{ Role string }
	if status := send(t, base+"/api/v1/session", "", map[string]string{"token": token}, &who); status != http.StatusOK || who.Role != "admin" {
		t.Errorf("signing in: %d, %+v", status, who)
	}
	p.Process.Signal(syscall.SIGTERM)
	p.wantExit(drainTime, 0)

	again := launch(t, nil, arguments(data)...)
	base = again.serving()
	if ask(t, base+"/api/v1/cameras", token) != http.StatusOK {
		t.Error("the token does not hold after a restart")
	}
	again.Process.Signal(syscall.SIGINT)
	again.wantExit(drainTime, 0)
	if s := again.stdout.String(); strings.Contains(s, "login") || strings.Contains(s, "crt_") {
		t.Errorf("a second start prints\n%s", s)
	}
}

func TestLab(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := launch(t, nil, arguments(data, "--lab")...)
	base := p.serving()
	if ask(t, base+"/api/v1/tokens", "") != http.StatusOK {
		t.Error("a lab asks for a token")
	}
	testkit.Eventually(t, 5*time.Second, func() bool { return strings.Contains(p.stdout.String(), "This is a lab") }, "it says so")
	if s := p.stdout.String(); strings.Contains(s, "crt_") {
		t.Errorf("a lab prints\n%s", s)
	}
	if _, err := os.Stat(filepath.Join(data, "state.json")); err == nil {
		t.Error("a lab uses the state of a relay")
	}
}

func TestOneRelayPerDataAndPort(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := launch(t, nil, arguments(data)...)
	base := p.serving()
	second := launch(t, nil, arguments(data)...)
	second.wantExit(10*time.Second, 1)
	if s := second.stderr.String(); !strings.Contains(s, "in use by another relay") || !strings.Contains(s, data) || !strings.Contains(s, fmt.Sprint(p.Process.Pid)) {
		t.Errorf("on the same data: %s", s)
	}
	other := filepath.Join(t.TempDir(), "data")
	address := strings.TrimPrefix(base, "http://")
	third := launch(t, nil, arguments(other, "--listen", address)...)
	third.wantExit(10*time.Second, 1)
	if s := third.stderr.String(); !strings.Contains(s, address) || !strings.Contains(s, "address already in use") || !strings.Contains(s, "--listen") {
		t.Errorf("on the same port: %s", s)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a relay that did not start left a data directory: its first token was never shown")
	}
	if ask(t, base+"/readyz", "") != http.StatusOK {
		t.Error("the first relay is not well")
	}
}

func TestHealthcheck(t *testing.T) {
	cert, key := testkit.Certificate(t, t.TempDir(), 1)
	for name, more := range map[string][]string{"http": nil, "https": {"--set", "tls.cert=" + cert, "--set", "tls.key=" + key}} {
		p := launch(t, nil, arguments(filepath.Join(t.TempDir(), "data"), more...)...)
		scheme, address, _ := strings.Cut(p.serving(), "://")
		if scheme != name {
			t.Errorf("%s relay announces %s", name, scheme)
		}
		if code, stdout, stderr := runHere(append([]string{"healthcheck", "--listen", address}, more...)...); code != 0 || stdout != "ready\n" {
			t.Errorf("%s: status %d, %s%s", name, code, stdout, stderr)
		}
		p.Process.Signal(syscall.SIGTERM)
		p.wantExit(drainTime, 0)
		if code, _, stderr := runHere(append([]string{"healthcheck", "--listen", address}, more...)...); code != 1 || !strings.Contains(stderr, "refused") {
			t.Errorf("%s, stopped: status %d, %s", name, code, stderr)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if code, _, stderr := runHere("healthcheck", "--listen", ln.Addr().String(), "--timeout", "200ms"); code != 1 || !strings.Contains(stderr, "deadline") {
		t.Errorf("a relay that hangs: status %d, %s", code, stderr)
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "relay.yaml")
	write(t, file, "cameras:\n  - {id: door, key: a-key-of-sixteen-or-more}\n")
	p := launch(t, nil, arguments(filepath.Join(dir, "data"), "--config", file)...)
	base, token := p.serving(), p.firstToken()
	camera := testkit.DialCamera(t, "ws"+strings.TrimPrefix(base, "http")+"/ws/push/door", "a-key-of-sixteen-or-more")

	write(t, file, "lab: true\nname: other\nlog: {level: debug}\ncameras:\n  - {id: door, key: a-key-of-sixteen-or-more}\n  - {id: gate, key: a-key-of-sixteen-or-more}\n")
	p.Process.Signal(syscall.SIGHUP)
	p.says("configuration reloaded")
	p.says("some keys take effect at the next start")
	if ask(t, base+"/api/v1/cameras/gate", token) != http.StatusOK {
		t.Error("the added camera is not there")
	}
	if ask(t, base+"/api/v1/cameras", "") != http.StatusUnauthorized {
		t.Error("a reload made the relay a lab, which waits for the next start")
	}
	p.says("level=DEBUG")

	write(t, file, "cameras: [{id: DOOR}]\nlimits: {idle: never}\n")
	p.Process.Signal(syscall.SIGHUP)
	p.says("configuration not reloaded")
	p.says("never")
	if ask(t, base+"/api/v1/cameras/gate", token) != http.StatusOK {
		t.Error("a broken configuration changed something")
	}
	os.Remove(file)
	p.Process.Signal(syscall.SIGHUP)
	p.says("no such file")
	if _, err := camera.Read(200 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("the camera's connection did not last: %v", err)
	}
	p.Process.Signal(syscall.SIGTERM)
	p.wantExit(drainTime, 0)
}

// TestReloadCertificate: new connections get the new one at once.
func TestReloadCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := testkit.Certificate(t, dir, 1)
	p := launch(t, nil, arguments(filepath.Join(dir, "data"), "--set", "tls.cert="+cert, "--set", "tls.key="+key)...)
	address := strings.TrimPrefix(p.serving(), "https://")
	serial := func() int64 {
		t.Helper()
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Errorf("certificate %d", n)
	}
	testkit.Certificate(t, dir, 2)
	p.Process.Signal(syscall.SIGHUP)
	p.says("configuration reloaded")
	if n := serial(); n != 2 {
		t.Errorf("certificate %d after a reload", n)
	}
}

// crowd is one of each kind of connection there is.
type crowd struct {
	camera, plain, view *testkit.Camera
	mjpeg               io.Reader
	stuck               net.Conn    // a viewer that takes nothing
	posted              chan string // how the POST ended
	post                *io.PipeWriter
}

// postEnd ends the POST and tells how that went.
func (c *crowd) postEnd() string {
	c.post.Close() // the client waits for its own body, whatever the relay answered
	return <-c.posted
}

// gather connects all of them to a lab.
func gather(t *testing.T, base string) *crowd {
	t.Helper()
	address := strings.TrimPrefix(base, "http://")
	ws := "ws://" + address
	c := &crowd{posted: make(chan string, 1)}
	c.camera = testkit.DialCamera(t, ws+"/ws/push/door", "")
	jpeg := testkit.JPEG(640, 480, 60_000)
	c.camera.Message(jpeg, 0)
	c.plain = testkit.DialCamera(t, ws+"/ws/view/door", "")
	c.view = testkit.DialCamera(t, ws+"/ws/view", "", wire.ViewProtocol)

	body, write := io.Pipe()
	c.post = write
	t.Cleanup(func() { write.Close() })
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/push/posted", body)
		req.Header.Set("Content-Type", "multipart/x-mixed-replace; boundary=b")
		res, err := client(t).Do(req)
		if err != nil {
			c.posted <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		c.posted <- res.Status + " " + string(b)
	}()
	fmt.Fprintf(write, "--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n--b\r\n", len(jpeg), jpeg)

	dial := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET /cameras/door/stream.mjpg HTTP/1.1\r\nHost: x\r\n\r\n")
		return conn
	}
	conn := dial()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	reader := bufio.NewReader(conn)
	c.mjpeg = reader
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatalf("stream: %q, %v", line, err)
	}
	c.stuck = dial()
	c.stuck.(*net.TCPConn).SetReadBuffer(4096)
	for _, viewer := range []*testkit.Camera{c.plain, c.view} {
		if _, err := viewer.Read(5 * time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 { // until the stuck viewer's socket is full
		if err := c.camera.Message(jpeg, 0); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// closeCode reads until the connection ends and returns the code of a CLOSE
// frame that came, or 0.
func closeCode(t *testing.T, c *testkit.Camera) int {
	t.Helper()
	code := 0
	for {
		f, err := c.Read(2 * drainTime)
		if err != nil {
			if strings.Contains(err.Error(), "timeout") {
				t.Errorf("the connection does not end")
			}
			return code
		}
		if f.Opcode == rawws.Close {
			code = int(f.Payload[0])<<8 | int(f.Payload[1])
		}
	}
}

// TestStop: viewers are asked to come back, cameras lose TCP without a CLOSE,
// and no connection holds the relay up.
func TestStop(t *testing.T) {
	p := launch(t, nil, arguments(filepath.Join(t.TempDir(), "data"), "--lab")...)
	c := gather(t, p.serving())
	began := time.Now()
	p.Process.Signal(syscall.SIGTERM)
	if code := closeCode(t, c.plain); code != 1001 {
		t.Errorf("plain viewer was closed with %d, want 1001", code)
	}
	if code := closeCode(t, c.view); code != 1001 {
		t.Errorf("page was closed with %d, want 1001", code)
	}
	t.Logf("viewers closed after %v", time.Since(began).Round(time.Millisecond))
	if code := closeCode(t, c.camera); code != 0 {
		t.Errorf("the camera was sent a CLOSE %d: it will not come back", code)
	}
	t.Logf("camera dropped after %v", time.Since(began).Round(time.Millisecond))
	if _, err := io.Copy(io.Discard, c.mjpeg); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Error("the stream does not end")
	}
	p.wantExit(drainTime+2*time.Second, 0)
	t.Logf("exit after %v", time.Since(began).Round(time.Millisecond))
	t.Logf("POST ended with %s", c.postEnd())
	p.says("msg=stopped")
}

// TestStopTwice: whoever cannot wait says so again.
func TestStopTwice(t *testing.T) {
	p := launch(t, nil, arguments(filepath.Join(t.TempDir(), "data"), "--lab")...)
	gather(t, p.serving()) // one of them is stuck
	p.Process.Signal(syscall.SIGTERM)
	p.says("msg=stopping")
	began := time.Now()
	p.Process.Signal(syscall.SIGHUP) // is no second request to stop
	p.Process.Signal(syscall.SIGTERM)
	p.wantExit(drainTime/2, 1)
	t.Logf("exit after %v", time.Since(began).Round(time.Millisecond))
}

// TestNotify plays systemd.
func TestNotify(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	next := func() string {
		t.Helper()
		b := make([]byte, 1024)
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	until := func(want string) string {
		t.Helper()
		for {
			if s := next(); s != "WATCHDOG=1" || want == s {
				return s
			}
		}
	}
	p := launch(t, []string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=300000"}, arguments(filepath.Join(dir, "data"))...)
	if s := until("READY=1"); s != "READY=1" {
		t.Fatalf("first message is %q", s)
	}
	if ask(t, p.serving()+"/readyz", "") != http.StatusOK {
		t.Error("the relay says that it is ready and is not")
	}
	for range 3 {
		until("WATCHDOG=1")
	}
	p.Process.Signal(syscall.SIGHUP)
	if s := until(""); !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9]\d+$`).MatchString(s) {
		t.Errorf("reloading is told as %q", s)
	}
	if s := until("READY=1"); s != "READY=1" {
		t.Errorf("after a reload: %q", s)
	}
	p.Process.Signal(syscall.SIGTERM)
	if s := until(""); s != "STOPPING=1" {
		t.Errorf("stopping is told as %q", s)
	}
	p.wantExit(drainTime, 0)
}

// TestServeInThisProcess is for the race detector and the search for leaks.
func TestServeInThisProcess(t *testing.T) {
	var stdout, stderr testkit.Output
	code := make(chan int, 1)
	go func() {
		code <- run(append([]string{"serve"}, arguments(filepath.Join(t.TempDir(), "data"), "--lab")...), &stdout, &stderr)
	}()
	testkit.Eventually(t, 20*time.Second, func() bool { return opened.MatchString(stdout.String()) }, "the relay has started")
	c := gather(t, opened.FindStringSubmatch(stdout.String())[1])
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	testkit.Eventually(t, 5*time.Second, func() bool { return strings.Contains(stderr.String(), "configuration reloaded") }, "it reloads")
	syscall.Kill(os.Getpid(), syscall.SIGTERM)
	select {
	case got := <-code:
		if got != 0 {
			t.Errorf("exit status %d\n%s", got, stderr.String())
		}
	case <-time.After(drainTime + 3*time.Second):
		t.Fatal("it does not stop")
	}
	c.postEnd()
}

func TestVersionOfBuild(t *testing.T) {
	p := launch(t, nil, "version")
	p.wantExit(5*time.Second, 0)
	if s := p.stdout.String(); s != "1.2.3-test\n" {
		t.Errorf("version is %q", s)
	}
}
