package imageserver

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/imagetest"
	"camrelay/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// depot is a relay with images of a real catalog.
type depot struct {
	*testing.T
	catalog *catalog.Catalog
	images  counted
	srv     *Server
	http    *httptest.Server
	image   []byte
	sha     string

	mu      sync.Mutex
	who     func(r *http.Request) Download
	results []Result
}

// newDepot starts a relay with an image of so many bytes.
func newDepot(t *testing.T, size int, opt Options) *depot {
	t.Helper()
	d := newDepotOf(t, nil, size, opt)
	d.start()
	return d
}

// newDepotOf makes a relay that is not started, and serves images that wrap
// makes of the catalog.
func newDepotOf(t *testing.T, wrap func(*catalog.Catalog) Images, size int, opt Options) *depot {
	t.Helper()
	signer := imagetest.NewSigner(1)
	c, err := catalog.Open(t.TempDir(), signer.Ring(), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &depot{T: t, catalog: c, image: signer.Image(t, "vcam", "1.5.0", 1050, size-4096)}
	added, err := c.Add(context.Background(), bytes.NewReader(d.image), "anna")
	if err != nil {
		t.Fatal(err)
	}
	d.sha = added.SHA256
	d.serveAs(func(r *http.Request) Download {
		return Download{Job: r.URL.Query().Get("job"), Camera: r.URL.Query().Get("camera")}
	})
	d.images.Images = c
	if wrap != nil {
		d.images.Images = wrap(c)
	}
	d.srv = New(&d.images, opt)
	mux := http.NewServeMux()
	mux.HandleFunc("/ota/images/{file}", func(w http.ResponseWriter, r *http.Request) {
		d.keep(d.srv.ServeImage(w, r, strings.TrimSuffix(r.PathValue("file"), ".img"), d.download(r)))
	})
	mux.HandleFunc("/ota/probe", func(w http.ResponseWriter, r *http.Request) { d.keep(d.srv.ServeProbe(w, r)) })
	d.http = httptest.NewUnstartedServer(mux)
	d.http.Listener = smallBuffers{d.http.Listener}
	return d
}

func (d *depot) start() {
	d.http.Start()
	d.Cleanup(d.stop)
}

func (d *depot) stop() {
	d.srv.Close()
	d.http.Close()
	if n := d.srv.Stats().Active; n != 0 {
		d.Errorf("%d downloads are left", n)
	}
	if n := d.images.open.Load(); n != 0 {
		d.Errorf("%d images are still open", n)
	}
}

// counted counts how many images are open.
type counted struct {
	Images
	open atomic.Int64
}

func (c *counted) Content(sha string) (catalog.Content, error) {
	content, err := c.Images.Content(sha)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return &closed{content, c}, nil
}

type closed struct {
	catalog.Content
	images *counted
}

func (c *closed) Close() error {
	c.images.open.Add(-1)
	return c.Content.Close()
}

// smallBuffers keeps the kernel from taking whole images from the relay.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(32 << 10)
	}
	return conn, err
}

// serveAs says whom downloads are for; by default, ?job= and ?camera= do.
func (d *depot) serveAs(who func(r *http.Request) Download) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.who = who
}

func (d *depot) download(r *http.Request) Download {
	d.mu.Lock()
	who := d.who
	d.mu.Unlock()
	return who(r)
}

func (d *depot) keep(r Result) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.results = append(d.results, r)
}

// result waits for the end of the request with a number, from 0.
func (d *depot) result(i int) Result {
	d.Helper()
	var r Result
	testkit.Eventually(d, 20*time.Second, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		if i < len(d.results) {
			r = d.results[i]
		}
		return i < len(d.results)
	}, "the end of request %d", i)
	return r
}

func (d *depot) path() string { return "/ota/images/" + d.sha + ".img" }
func (d *depot) tag() string  { return `"` + d.sha + `"` }
func (d *depot) addr() string { return d.http.Listener.Addr().String() }

// dial connects.
func (d *depot) dial() net.Conn {
	d.Helper()
	conn, err := net.Dial("tcp", d.addr())
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return conn
}

// request writes a request with lines of header.
func (d *depot) request(conn net.Conn, method, target, version string, header ...string) {
	d.Helper()
	text := method + " " + target + " " + version + "\r\nHost: relay\r\n" + strings.Join(append(header, ""), "\r\n") + "\r\n"
	if _, err := io.WriteString(conn, text); err != nil {
		d.Fatal(err)
	}
}

// answer is an answer as bytes, read to the end of the connection.
type answer struct {
	status int
	proto  string
	header http.Header
	body   []byte
	err    error // of reading the body
}

// raw asks over a connection of its own and reads until the relay closes it.
func (d *depot) raw(method, target string, header ...string) answer {
	d.Helper()
	conn := d.dial()
	defer conn.Close()
	d.request(conn, method, target, "HTTP/1.1", header...)
	return d.read(conn)
}

// read reads an answer by hand: the head, and whatever comes until the end of
// the connection.
func (d *depot) read(conn io.Reader) answer {
	d.Helper()
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	if err != nil {
		d.Fatalf("read the status line: %q, %v", line, err)
	}
	a := answer{header: http.Header{}}
	proto, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	code, _, _ := strings.Cut(rest, " ")
	a.proto = proto
	if a.status, err = strconv.Atoi(code); err != nil {
		d.Fatalf("status line %q", line)
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil || !strings.HasSuffix(line, "\r\n") {
			d.Fatalf("header line %q, %v", line, err)
		}
		if line == "\r\n" {
			break
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ": ")
		a.header.Add(name, value)
	}
	a.body, a.err = io.ReadAll(r)
	return a
}

// fake is a Content of bytes that fails where it is told to.
type fake struct {
	*bytes.Reader
	failAt int64
}

func (f fake) Close() error { return nil }

func (f fake) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > f.failAt {
		return 0, fmt.Errorf("medium error")
	}
	return f.Reader.ReadAt(p, at)
}

// fakes are Images of one Content or error.
type fakes struct {
	content catalog.Content
	err     error
}

func (f fakes) Content(string) (catalog.Content, error) { return f.content, f.err }

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
