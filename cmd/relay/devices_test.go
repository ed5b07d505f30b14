package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"camrelay/internal/config"
	"camrelay/internal/testkit"
)

// crowdSize is how many sockets of each kind are left hanging.
const crowdSize = 1000

// shortLimits are a lab's with the shortest limits there are.
func shortLimits(t *testing.T) *config.Config {
	cfg := config.Default()
	cfg.Lab, cfg.Listen, cfg.Data = true, "127.0.0.1:0", t.TempDir()
	cfg.MQTT.Listen = ""
	cfg.Limits.Handshake, cfg.Limits.Idle = time.Second, time.Second
	cfg.Limits.PingInterval, cfg.Limits.PongTimeout = time.Second, 2*time.Second
	cfg.Limits.SocketsPerAddress, cfg.Limits.Cameras = cfg.Limits.Sockets, 2*crowdSize
	return cfg
}

// startRelay starts a relay in this process.
func startRelay(t *testing.T, cfg *config.Config) *relay {
	t.Helper()
	r, err := start(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.shutdown)
	return r
}

// raiseFiles allows for both ends of a crowd in one process.
func raiseFiles(t *testing.T) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < 3*crowdSize {
		t.Fatalf("this test needs %d files, %d are allowed: raise ulimit -n", 3*crowdSize, limit.Max)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
}

// holdings are what a relay holds on to.
type holdings struct {
	sockets, goroutines int
	heap                uint64
}

func (r *relay) holds() holdings {
	runtime.GC()
	runtime.GC() // what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return holdings{r.listener.Open(), runtime.NumGoroutine(), m.HeapInuse}
}

// wantBack waits until the relay holds what it held before.
func (r *relay) wantBack(t *testing.T, before holdings) {
	t.Helper()
	const slack = 8 << 20 // pools keep some
	testkit.Eventually(t, 10*time.Second, func() bool {
		return r.listener.Open() <= before.sockets && runtime.NumGoroutine() <= before.goroutines
	}, "sockets and goroutines are as before: %+v", before)
	after := r.holds()
	t.Logf("before %d sockets, %d goroutines, %d KiB heap; after %d, %d, %d KiB",
		before.sockets, before.goroutines, before.heap>>10, after.sockets, after.goroutines, after.heap>>10)
	if after.heap > before.heap+slack {
		t.Errorf("the heap has grown by %d KiB", (after.heap-before.heap)>>10)
	}
}

func dialRelay(t *testing.T, r *relay) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestRequestsWithClose: whoever says "Connection: close" sees the relay close
// TCP with a FIN, each time and at once, and nothing is left of the connection.
func TestRequestsWithClose(t *testing.T) {
	r := startRelay(t, shortLimits(t))
	before := r.holds()
	const requests = 10_000
	var longest time.Duration
	began := time.Now()
	for i := range requests {
		conn := dialRelay(t, r)
		io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n")
		asked := time.Now()
		conn.SetReadDeadline(asked.Add(5 * time.Second))
		b, err := io.ReadAll(conn) // to the FIN: a reset would be an error
		if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200") || !strings.Contains(string(b), "Connection: close\r\n") {
			t.Fatalf("request %d: %q, %v", i, b, err)
		}
		longest = max(longest, time.Since(asked))
		conn.Close()
	}
	t.Logf("%d requests in %v, the longest to its FIN %v", requests, time.Since(began).Round(time.Millisecond), longest.Round(time.Microsecond))
	r.wantBack(t, before)
}

// TestHangingSockets: devices that reset, hang, or lose their power leave
// sockets behind. The relay closes each within the limit that it is under.
func TestHangingSockets(t *testing.T) {
	raiseFiles(t)
	r := startRelay(t, shortLimits(t))
	limits := r.cfg.Limits
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	for _, c := range []struct {
		name  string
		send  func(i int) string
		limit time.Duration
	}{
		{"nothing sent", func(int) string { return "" }, limits.Handshake},
		{"half a request's head", func(int) string { return "GET /healthz HTTP/1.1\r\nHost: re" }, limits.Handshake},
		{"half a body", func(int) string {
			return "POST /api/v1/tokens HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"name\":"
		}, limits.Handshake},
		{"half a body nobody reads", func(int) string { return "GET /healthz HTTP/1.1\r\nHost: relay\r\nContent-Length: 100\r\n\r\n{" }, limits.Handshake},
		{"half a frame posted", func(i int) string {
			return fmt.Sprintf("POST /push/post-%d HTTP/1.1\r\nHost: relay\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n\xff\xd8\xff", i)
		}, limits.PongTimeout},
		{"kept alive", func(int) string { return "GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n" }, limits.Idle},
		{"cameras", func(i int) string {
			return fmt.Sprintf("GET /ws/push/cam-%d HTTP/1.1\r\nHost: relay\r\n%s\r\n", i, upgrade)
		}, limits.PongTimeout},
		{"plain viewers", func(i int) string {
			return fmt.Sprintf("GET /ws/view/cam-%d HTTP/1.1\r\nHost: relay\r\n%s\r\n", i%10, upgrade)
		}, limits.PongTimeout + time.Second}, // looked at every second
		{"pages", func(int) string {
			return "GET /ws/view HTTP/1.1\r\nHost: relay\r\n" + upgrade + "Sec-WebSocket-Protocol: camrelay.view.v1\r\n\r\n"
		}, limits.PongTimeout + time.Second},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			n := crowdSize
			if c.name == "pages" {
				n /= 4 // each is told of all the cameras before
			}
			before := r.holds()
			first, last := r.hang(t, n, c.send)
			t.Logf("%d sockets: closed %v to %v after they were left, the limit is %v", n, first.Round(time.Millisecond), last.Round(time.Millisecond), c.limit)
			if last > c.limit+5*time.Second {
				t.Errorf("the last was closed after %v, the limit is %v", last, c.limit)
			}
			r.wantBack(t, before)
		})
	}
}

// hang leaves sockets and tells how long after that the relay closed the first
// and the last of them.
func (r *relay) hang(t *testing.T, n int, send func(i int) string) (first, last time.Duration) {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = dialRelay(t, r)
		if _, err := io.WriteString(conns[i], send(i)); err != nil {
			t.Fatal(err)
		}
	}
	left := time.Now()
	took := make([]time.Duration, n)
	var tasks sync.WaitGroup
	for i, conn := range conns {
		tasks.Go(func() {
			defer conn.Close()
			conn.SetReadDeadline(left.Add(30 * time.Second))
			_, err := io.Copy(io.Discard, conn)
			took[i] = time.Since(left)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("socket %d is open", i)
			}
		})
	}
	tasks.Wait()
	first = took[0]
	for _, d := range took {
		first, last = min(first, d), max(last, d)
	}
	return first, last
}

// TestFailedStartLeavesNothing: at whatever step it fails.
func TestFailedStartLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken")
	os.Mkdir(broken, 0o700)
	write(t, filepath.Join(broken, "state.json"), "nonsense")
	file := filepath.Join(dir, "file")
	write(t, file, "")
	for name, c := range map[string]struct {
		change func(*config.Config)
		says   string
	}{
		"port taken":     {func(c *config.Config) { c.Listen = taken.Addr().String() }, "address already in use"},
		"no such host":   {func(c *config.Config) { c.Listen = "203.0.113.1:0" }, "203.0.113.1"},
		"no certificate": {func(c *config.Config) { c.TLS.Cert, c.TLS.Key = file, file }, file},
		"data is a file": {func(c *config.Config) { c.Data = filepath.Join(file, "data") }, file},
		"broken state":   {func(c *config.Config) { c.Data = broken }, "state.json cannot be used"},
		"after the store": {func(c *config.Config) { c.Origins = []string{"nonsense"} },
			"Its admin token, shown this once, is crt_"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			testkit.Leaks(t)
			cfg := shortLimits(t)
			cfg.Lab = false
			ln, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free afterwards
			if err != nil {
				t.Fatal(err)
			}
			cfg.Listen = ln.Addr().String()
			ln.Close()
			address := cfg.Listen
			c.change(cfg)
			r, err := start(t.Context(), cfg, slog.New(slog.DiscardHandler))
			if err == nil {
				r.shutdown()
				t.Fatal("the relay starts")
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %q, want %q in it", err, c.says)
			}
			ln, err = net.Listen("tcp", address)
			if err != nil {
				t.Fatalf("the port is not free: %v", err)
			}
			ln.Close()
			lock, err := os.OpenFile(filepath.Join(cfg.Data, "lock"), os.O_RDWR, 0)
			if err != nil {
				return // it was not even made
			}
			defer lock.Close()
			if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
				t.Errorf("the data directory is still locked: %v", err)
			}
		})
	}
}
