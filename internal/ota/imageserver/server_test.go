package imageserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"camrelay/internal/ota/catalog"
	"camrelay/internal/testkit"
)

const imageSize = 100_000

// One row for each kind of request; of an image and of the probe, with raw
// sockets, so that each byte of the answer is seen.
func TestAnswers(t *testing.T) {
	d := newDepot(t, imageSize, Options{})
	for path, whole := range map[string][]byte{d.path(): d.image, "/ota/probe": Probe()} {
		size := len(whole)
		sum := sha256.Sum256(whole)
		tag := fmt.Sprintf(`"%x"`, sum)
		digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
		middle, last := size/3, size-1
		ranged := func(format string, args ...any) string { return "Range: bytes=" + fmt.Sprintf(format, args...) }
		for _, row := range []struct {
			name   string
			method string
			header []string
			status int
			first  int // of the body, for 200 and 206
			end    int
		}{
			{"plain", "GET", nil, 200, 0, size},
			{"keep-alive", "GET", []string{"Connection: keep-alive"}, 200, 0, size},
			{"close", "GET", []string{"Connection: close"}, 200, 0, size},
			{"compressed if possible", "GET", []string{"Accept-Encoding: gzip, br, zstd"}, 200, 0, size},
			{"trailers", "GET", []string{"TE: trailers, chunked"}, 200, 0, size},
			{"head", "HEAD", nil, 200, 0, size},
			{"head of a range", "HEAD", []string{ranged("5-")}, 200, 0, size},
			{"from the start", "GET", []string{ranged("0-")}, 206, 0, size},
			{"rest", "GET", []string{ranged("%d-", middle)}, 206, middle, size},
			{"last byte", "GET", []string{ranged("%d-", last)}, 206, last, size},
			{"part", "GET", []string{ranged("%d-%d", middle, middle+9)}, 206, middle, middle + 10},
			{"one byte", "GET", []string{ranged("0-0")}, 206, 0, 1},
			{"up to the end", "GET", []string{ranged("%d-%d", middle, last)}, 206, middle, size},
			{"end beyond", "GET", []string{ranged("%d-%d", middle, size)}, 206, middle, size},
			{"end far beyond", "GET", []string{ranged("%d-99999999999999999999", middle)}, 206, middle, size},
			{"start at the end", "GET", []string{ranged("%d-", size)}, 416, 0, 0},
			{"start beyond", "GET", []string{ranged("%d-%d", size+1, size+2)}, 416, 0, 0},
			{"start far beyond", "GET", []string{ranged("99999999999999999999-")}, 416, 0, 0},
			{"suffix", "GET", []string{ranged("-10")}, 200, 0, size},
			{"backwards", "GET", []string{ranged("10-9")}, 200, 0, size},
			{"several", "GET", []string{ranged("0-9,20-29")}, 200, 0, size},
			{"two headers", "GET", []string{ranged("0-9"), ranged("20-29")}, 200, 0, size},
			{"garbage", "GET", []string{"Range: garbage"}, 200, 0, size},
			{"another unit", "GET", []string{"Range: pages=0-1"}, 200, 0, size},
			{"if-range", "GET", []string{ranged("%d-", middle), "If-Range: " + tag}, 206, middle, size},
			{"if-range weak", "GET", []string{ranged("%d-", middle), "If-Range: W/" + tag}, 200, 0, size},
			{"if-range other", "GET", []string{ranged("%d-", middle), `If-Range: "other"`}, 200, 0, size},
			{"if-range date", "GET", []string{ranged("%d-", middle), "If-Range: Wed, 26 Aug 2026 02:00:11 GMT"}, 200, 0, size},
			{"if-range of another, behind the end", "GET", []string{ranged("%d-", size), `If-Range: "other"`}, 200, 0, size},
			{"if-range without range", "GET", []string{"If-Range: " + tag}, 200, 0, size},
			{"if-none-match", "GET", []string{"If-None-Match: " + tag}, 304, 0, 0},
			{"if-none-match weak", "GET", []string{"If-None-Match: W/" + tag}, 304, 0, 0},
			{"if-none-match in a list", "HEAD", []string{`If-None-Match: "x", ` + tag}, 304, 0, 0},
			{"if-none-match other", "GET", []string{`If-None-Match: "other"`}, 200, 0, size},
			{"if-none-match and range", "GET", []string{"If-None-Match: " + tag, ranged("5-")}, 304, 0, 0},
			{"if-match", "GET", []string{"If-Match: " + tag}, 200, 0, size},
			{"if-match other", "GET", []string{`If-Match: "other"`}, 412, 0, 0},
			{"post", "POST", []string{"Content-Length: 0"}, 405, 0, 0},
			{"delete", "DELETE", nil, 405, 0, 0},
		} {
			t.Run(strings.Trim(strings.ReplaceAll(path, d.sha, "x"), "/")+"/"+row.name, func(t *testing.T) {
				a := d.raw(row.method, path, row.header...)
				got := func(name string) string { return strings.Join(a.header.Values(name), " and ") }
				if a.status != row.status || a.err != nil || got("Connection") != "close" || got("Transfer-Encoding") != "" || got("Content-Encoding") != "" {
					t.Fatalf("status %d, %v, %v", a.status, a.header, a.err)
				}
				if want := map[int]string{206: fmt.Sprintf("bytes %d-%d/%d", row.first, row.end-1, size), 416: fmt.Sprintf("bytes */%d", size)}[row.status]; got("Content-Range") != want {
					t.Errorf("Content-Range: %q, want %q", got("Content-Range"), want)
				}
				switch row.status {
				case 200, 206:
					body := whole[row.first:row.end]
					if row.method == "HEAD" {
						body = nil
					}
					if !bytes.Equal(a.body, body) {
						t.Errorf("a body of %d bytes", len(a.body))
					}
					for name, want := range map[string]string{
						"Content-Length": strconv.Itoa(row.end - row.first), "Content-Type": "application/octet-stream", "ETag": tag, "Accept-Ranges": "bytes",
						"Repr-Digest": digest, "Cache-Control": "private, immutable, max-age=31536000",
					} {
						if got(name) != want {
							t.Errorf("%s: %q, want %q", name, got(name), want)
						}
					}
				case 304:
					if len(a.body) != 0 || got("ETag") != tag || got("Cache-Control") == "" || got("Content-Type") != "" {
						t.Errorf("%v, %q", a.header, a.body)
					}
				default:
					var problem struct{ Error string }
					if json.Unmarshal(a.body, &problem) != nil || problem.Error == "" || got("Content-Length") != strconv.Itoa(len(a.body)) {
						t.Errorf("%v, %q", a.header, a.body)
					}
					if got("Repr-Digest") != "" || got("ETag") != "" || got("Cache-Control") != "no-store" || (got("Allow") == "GET, HEAD") != (row.status == 405) {
						t.Errorf("%v", a.header)
					}
				}
			})
		}
	}
}

// The same over Go's client, which checks the framing by itself, and over
// HTTP/2, which has no Connection header.
func TestAnswersToAnHTTPClient(t *testing.T) {
	for _, start := range []func(*httptest.Server){(*httptest.Server).Start, (*httptest.Server).StartTLS} {
		d := newDepotOf(t, nil, imageSize, Options{})
		d.http.EnableHTTP2 = true
		start(d.http)
		t.Cleanup(d.stop)
		client := d.http.Client()
		t.Cleanup(client.CloseIdleConnections)
		for from, status := range map[int]int{-1: 200, 0: 206, 4096: 206, imageSize - 1: 206, imageSize: 416} {
			r, _ := http.NewRequestWithContext(t.Context(), "GET", d.http.URL+d.path(), nil)
			if from >= 0 {
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
				r.Header.Set("If-Range", d.tag())
			}
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != status || response.Uncompressed || response.TransferEncoding != nil {
				t.Errorf("%s from %d: %d, %v", response.Proto, from, response.StatusCode, err)
			}
			if status != 416 && !bytes.Equal(body, d.image[max(0, from):]) {
				t.Errorf("%s from %d: another body", response.Proto, from)
			}
			if response.ProtoMajor == 1 && !response.Close {
				t.Error("the connection is not closed")
			}
		}
	}
}

// What there is not, and what cannot be read.
func TestNoImage(t *testing.T) {
	d := newDepot(t, imageSize, Options{})
	for name, text := range map[string]string{
		strings.Repeat("0", 64) + ".img":     "image not found",
		strings.ToUpper(d.sha) + ".img":      "is not a SHA-256 in lower case",
		d.sha[:63] + ".img":                  "is not a SHA-256",
		"..%2f" + d.sha + ".img":             "is not a SHA-256",
		strings.Repeat("x", 1000):            "is not a SHA-256",
		d.sha + ".json":                      "is not a SHA-256",
		"%00" + strings.Repeat("é", 3) + ".": "is not a SHA-256",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := d.raw(method, "/ota/images/"+name)
			if a.status != 404 || a.header.Get("Connection") != "close" || method == "GET" && !strings.Contains(string(a.body), text) || len(a.body) > 400 {
				t.Errorf("%s %s: %d %q", method, name, a.status, a.body)
			}
		}
	}
	if err := d.catalog.Remove(d.sha); err != nil {
		t.Fatal(err)
	}
	if a := d.raw("GET", d.path()); a.status != 404 {
		t.Errorf("removed: %d", a.status)
	}
}

func TestImageThatCannotBeRead(t *testing.T) {
	content := bytes.Repeat([]byte("x"), imageSize)
	for _, test := range []struct {
		name   string
		images fakes
		status int
		sent   int64
	}{
		{"damaged", fakes{err: fmt.Errorf("%w: x", catalog.ErrDamaged)}, 404, 0},
		{"no more files", fakes{err: syscall.EMFILE}, 500, 0},
		{"bad block", fakes{content: fake{bytes.NewReader(content), 50_000}}, 200, 49_152},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDepotOf(t, func(*catalog.Catalog) Images { return test.images }, imageSize, Options{})
			d.start()
			a := d.raw("GET", d.path())
			if a.status != test.status || strings.Contains(string(a.body), "too many open files") {
				t.Errorf("%d %.100q", a.status, a.body)
			}
			if test.status == 200 && (a.header.Get("Content-Length") != "100000" || int64(len(a.body)) != test.sent) {
				t.Errorf("%v, %d bytes", a.header, len(a.body)) // short, so the client knows
			}
			if r := d.result(0); r.Err == nil || r.Sent != test.sent || r.Status != test.status {
				t.Errorf("result %+v", r)
			}
		})
	}
}

// The relay closes first, whatever the client said it would like, after each
// kind of answer and with HTTP/1.0.
func TestConnectionEndsAfterEachAnswer(t *testing.T) {
	d := newDepot(t, imageSize, Options{})
	for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
		for _, header := range []string{"Connection: keep-alive", "Keep-Alive: timeout=1000", "X: y"} {
			for _, target := range []string{d.path(), "/ota/probe", "/ota/images/none.img"} {
				for _, method := range []string{"GET", "HEAD", "DELETE"} {
					conn := d.dial()
					d.request(conn, method, target, version, header)
					a := d.read(conn) // to the end, which is the relay's doing: this side is open
					if a.err != nil || method != "HEAD" && a.header.Get("Content-Length") != strconv.Itoa(len(a.body)) || a.header.Get("Transfer-Encoding") != "" {
						t.Errorf("%s %s %s, %s: %v, %d bytes, %v", method, target, version, header, a.header, len(a.body), a.err)
					}
					conn.Close()
				}
			}
		}
	}
}

// A client that has closed its sending side still gets all.
func TestHalfClosedClient(t *testing.T) {
	d := newDepot(t, imageSize, Options{Rate: 400_000})
	conn := d.dial()
	d.request(conn, "GET", d.path(), "HTTP/1.1")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := d.read(conn); a.status != 200 || !bytes.Equal(a.body, d.image) {
		t.Errorf("%d, %d bytes, %v", a.status, len(a.body), a.err)
	}
}

// An image that is removed while it is served is served to its end.
func TestRemovedWhileServed(t *testing.T) {
	d := newDepot(t, imageSize, Options{})
	d.serveAs(func(*http.Request) Download {
		return Download{Progress: func(offset, _ int64) {
			if offset == 0 {
				if err := d.catalog.Remove(d.sha); err != nil {
					t.Error(err)
				}
			}
		}}
	})
	if a := d.raw("GET", d.path()); !bytes.Equal(a.body, d.image) {
		t.Errorf("%d, %d bytes", a.status, len(a.body))
	}
}

// Progress tells every byte once and in order; Result says the same.
func TestProgress(t *testing.T) {
	d := newDepot(t, imageSize, Options{})
	type piece struct{ offset, n int64 }
	var pieces []piece
	d.serveAs(func(*http.Request) Download {
		return Download{Job: "j", Camera: "door", Progress: func(offset, n int64) { pieces = append(pieces, piece{offset, n}) }}
	})
	for i, want := range []struct {
		header       string
		first, end   int64
		status, many int
	}{
		{"X: y", 0, imageSize, 200, 13}, {"Range: bytes=10000-", 10_000, imageSize, 206, 11},
		{"Range: bytes=5-14", 5, 15, 206, 1}, {"Range: bytes=100000-", 0, 0, 416, 0},
	} {
		pieces = nil
		d.raw("GET", d.path(), want.header)
		r := d.result(i)
		at := want.first
		for _, p := range pieces {
			if p.offset != at || p.n < 1 || p.n > 16<<10 {
				t.Errorf("%s: a piece of %d at %d, not %d", want.header, p.n, p.offset, at)
			}
			at += p.n
		}
		if at != want.end || len(pieces) != want.many || r.Offset != want.first || r.Sent != want.end-want.first || r.Status != want.status || r.Size != imageSize || (r.Err != nil) != (want.status == 416) {
			t.Errorf("%s: up to %d in %d pieces, %+v", want.header, at, len(pieces), r)
		}
	}
	if s := d.srv.Stats(); s.Completed != 3 || s.Broken != 0 || s.Refused != 0 || s.Bytes != imageSize+90_000+10 {
		t.Errorf("%+v", s)
	}
}

func TestProbeIsWhatItSaysItIs(t *testing.T) {
	p := Probe()
	if len(p) != 1024 || p[0] != 0 || p[255] != 255 || p[256] != 1 || p[1023] != 252 {
		t.Error("the probe has changed; firmware that is out there knows it")
	}
	for i := range 4 {
		quarter := slices.Sorted(slices.Values(p[256*i:][:256]))
		if quarter[0] != 0 || len(slices.Compact(quarter)) != 256 {
			t.Error("a value is missing")
		}
	}
}

// A ResponseWriter without deadlines would leave the relay at the client's
// mercy.
func TestWithoutDeadlinesThereIsNoDownload(t *testing.T) {
	d := newDepot(t, imageSize, Options{})
	w := httptest.NewRecorder()
	r := d.srv.ServeImage(w, httptest.NewRequest("GET", d.path(), nil), d.sha, Download{})
	if w.Code != 500 || !errors.Is(r.Err, http.ErrNotSupported) || w.Header().Get("Repr-Digest") != "" {
		t.Errorf("%d, %v", w.Code, r.Err)
	}
}

// The relay's web framework wraps ResponseWriters; deadlines go through it.
func TestBehindEcho(t *testing.T) {
	d := newDepotOf(t, nil, bigSize, Options{TotalRate: -1, WriteStall: 100 * time.Millisecond})
	e := echo.New()
	e.GET("/*", func(c echo.Context) error {
		d.keep(d.srv.ServeImage(c.Response(), c.Request(), d.sha, Download{}))
		return nil
	})
	d.http.Config.Handler = e
	d.start()
	d.begin("")
	if r := d.result(0); !errors.Is(r.Err, ErrStalled) || r.Sent >= bigSize {
		t.Errorf("%+v", r)
	}
	if a := d.raw("GET", d.path(), "Range: bytes=5-"); a.status != 206 || !bytes.Equal(a.body, d.image[5:]) || a.header.Get("Connection") != "close" {
		t.Errorf("%d, %d bytes, %v", a.status, len(a.body), a.header)
	}
}

// What is logged names who, what and how far.
func TestLog(t *testing.T) {
	var log testkit.Output
	d := newDepot(t, imageSize, Options{Logger: textLogger(&log)})
	d.raw("GET", d.path()+"?camera=door&job=j1", "Range: bytes=90000-", "Authorization: Bearer secret")
	d.raw("GET", "/ota/images/none.img")
	d.result(1)
	for _, want := range []string{"level=INFO", "camera=door", "job=j1", "status=206", "offset=90000", "sent=10000", "size=100000", d.sha, "level=WARN", "status=404"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "secret") {
		t.Error("a secret is in the log")
	}
}
