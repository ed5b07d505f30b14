package imageserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// long is a test's for ever.
const long = time.Hour

// bigSize is more than the sockets of a test hold.
const bigSize = 2 << 20

// begin asks for the image and reads the head of the answer, but no more of the
// body than came with it.
func (d *depot) begin(query string) (net.Conn, int) {
	d.Helper()
	conn := d.dial()
	d.request(conn, "GET", d.path()+query, "HTTP/1.1")
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, head); err != nil {
		d.Fatal(err)
	}
	var status int
	if _, err := fmt.Sscanf(string(head), "HTTP/1.1 %d", &status); err != nil {
		d.Fatalf("%q", head)
	}
	return conn, status
}

// stuck waits until so many downloads wait for their clients.
func (d *depot) stuck(n int) {
	d.Helper()
	testkit.Eventually(d, 20*time.Second, func() bool {
		d.srv.gate.mu.Lock()
		defer d.srv.gate.mu.Unlock()
		waiting := 0
		for t := range d.srv.gate.active {
			if since := t.waiting.Load(); since != 0 && time.Now().UnixNano()-since > int64(20*time.Millisecond) {
				waiting++
			}
		}
		return waiting == n
	}, "%d downloads that wait for their clients", n)
}

func TestFloor(t *testing.T) {
	type step struct {
		n    int64
		took time.Duration
		ok   bool
	}
	for name, test := range map[string]struct {
		floor floor
		steps []step
	}{
		"just enough":            {floor{rate: 5000, over: 30 * time.Second}, []step{{75_000, 15 * time.Second, true}, {75_000, 15 * time.Second, true}, {1, 29 * time.Second, true}}},
		"one byte short":         {floor{rate: 5000, over: 30 * time.Second}, []step{{75_000, 15 * time.Second, true}, {74_999, 15 * time.Second, false}}},
		"slow begin is forgiven": {floor{rate: 5000, over: 30 * time.Second}, []step{{1, 29 * time.Second, true}, {200_000, 2 * time.Second, true}}},
		"what was fast does not count for ever": {floor{rate: 5000, over: 30 * time.Second}, []step{
			{1 << 30, 30 * time.Second, true}, {8192, 15 * time.Second, true}, {8192, 15 * time.Second, false}}},
		"no waiting":  {floor{rate: 5000, over: 30 * time.Second}, []step{{1, 0, true}, {1, 0, true}}},
		"no limit":    {floor{rate: -1, over: time.Nanosecond}, []step{{0, long, true}}},
		"long window": {floor{rate: 5000, over: 30 * time.Second}, []step{{8192, 45 * time.Second, false}}},
	} {
		for i, s := range test.steps {
			if ok := test.floor.add(s.n, s.took); ok != s.ok {
				t.Errorf("%s, step %d: %v", name, i, ok)
			}
		}
	}
}

func TestBucket(t *testing.T) {
	for bytesPerSecond, want := range map[int64]int{-1: pieceSize, 1: pieceSize, 100_000: pieceSize, 2_000_000: 100_000, math.MaxInt64: 1 << 20} {
		if _, burst := bucket(bytesPerSecond); burst != want {
			t.Errorf("%d: %d", bytesPerSecond, burst)
		}
	}
}

// A client that never reads is dropped.
func TestClientThatStopsReading(t *testing.T) {
	d := newDepot(t, bigSize, Options{WriteStall: 100 * time.Millisecond, TotalRate: -1})
	conn, status := d.begin("")
	r := d.result(0)
	if status != 200 || !errors.Is(r.Err, ErrStalled) || r.Sent == 0 || r.Sent >= bigSize {
		t.Errorf("%d, %+v", status, r)
	}
	got, _ := io.ReadAll(conn)
	if len(got) >= bigSize {
		t.Error("it got all")
	}
	if s := d.srv.Stats(); s.Broken != 1 || s.Completed != 0 || s.Active != 0 {
		t.Errorf("%+v", s)
	}
}

// A client that reads, but too slowly, is dropped; a faster one is not.
func TestSlowClient(t *testing.T) {
	const size = 500_000
	for name, test := range map[string]struct {
		minRate int64
		err     error
	}{"too slow": {1 << 40, ErrSlow}, "fast enough": {1000, nil}} {
		t.Run(name, func(t *testing.T) {
			d := newDepot(t, size, Options{MinRate: test.minRate, MinRateOver: 20 * time.Millisecond, TotalRate: -1, WriteStall: long})
			link := testkit.NewLink(t, d.addr(), testkit.LinkConfig{Rate: 1_000_000})
			response, err := http.Get("http://" + link.Addr() + d.path())
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			got, err := io.ReadAll(response.Body)
			if r := d.result(0); !errors.Is(r.Err, test.err) || (err == nil) != (test.err == nil) || (len(got) == size) != (test.err == nil) {
				t.Errorf("%d bytes, %v, %+v", len(got), err, r)
			}
		})
	}
}

// The relay's own limit does not make a client slow.
func TestOwnLimitIsNotTheClientsFault(t *testing.T) {
	for name, opt := range map[string]Options{
		"of one": {Rate: 50_000, MinRate: 10_000_000, MinRateOver: 500 * time.Millisecond},
		"of all": {TotalRate: 50_000, MinRate: 10_000_000, MinRateOver: 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDepot(t, 50_000, opt)
			if a := d.raw("GET", d.path()); !bytes.Equal(a.body, d.image) {
				t.Errorf("%d bytes, %+v", len(a.body), d.result(0))
			}
		})
	}
}

// A download has its own limit if it says so. That it is kept shows in who
// comes first: one without a limit overtakes one that began before.
func TestRateOfOneDownload(t *testing.T) {
	d := newDepot(t, imageSize, Options{Rate: 1, TotalRate: -1}) // a day
	began := make(chan struct{})
	d.serveAs(func(r *http.Request) Download {
		who := Download{Rate: -1}
		if r.URL.Query().Has("slow") {
			who = Download{Progress: func(int64, int64) { close(began) }}
		}
		return who
	})
	d.begin("?slow")
	<-began
	if a := d.raw("GET", d.path()); !bytes.Equal(a.body, d.image) {
		t.Errorf("%d bytes", len(a.body))
	}
	d.srv.Close()
	if r := d.result(1); r.Err != ErrClosed || r.Sent != pieceSize {
		t.Errorf("%+v", r)
	}
}

// The rate of all is shared: what one download takes, another cannot.
func TestRateOfAll(t *testing.T) {
	d := newDepot(t, imageSize, Options{TotalRate: 1})
	began := make(chan struct{}, 100)
	d.serveAs(func(*http.Request) Download {
		return Download{Progress: func(int64, int64) { began <- struct{}{} }}
	})
	d.begin("")
	<-began
	second := d.dial()
	d.request(second, "GET", d.path(), "HTTP/1.1")
	testkit.Eventually(t, 20*time.Second, func() bool { return d.srv.Stats().Active == 2 }, "two downloads")
	d.srv.Close()
	if sent := d.result(0).Sent + d.result(1).Sent; sent != pieceSize {
		t.Errorf("%d bytes were sent", sent)
	}
}

// A download that waits for the relay's own limit does not stand still.
func TestDownloadThatWaitsForTheLimitDoesNotGiveWay(t *testing.T) {
	d := newDepot(t, imageSize, Options{Takeover: time.Nanosecond})
	began := make(chan struct{}, 100)
	d.serveAs(func(*http.Request) Download {
		return Download{Camera: "door", Rate: 1, Progress: func(int64, int64) { began <- struct{}{} }}
	})
	d.begin("")
	<-began
	if a := d.raw("GET", d.path()); a.status != 409 {
		t.Errorf("a second download: %d", a.status)
	}
}

// So many at a time, and no more; and when one ends, the next may come.
func TestMaxDownloads(t *testing.T) {
	d := newDepot(t, bigSize, Options{MaxDownloads: 2, TotalRate: -1, WriteStall: long})
	first, _ := d.begin("?camera=a")
	d.begin("?camera=b")
	d.stuck(2)
	a := d.raw("GET", d.path()+"?camera=c")
	if a.status != 503 || a.header.Get("Retry-After") != "5" || a.header.Get("Connection") != "close" || !strings.Contains(string(a.body), "2 is the limit") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if r := d.result(0); !errors.Is(r.Err, ErrBusy) {
		t.Errorf("%+v", r)
	}
	if a := d.raw("HEAD", d.path()+"?camera=c"); a.status != 200 {
		t.Errorf("HEAD, which is no download: %d", a.status)
	}
	if a := d.raw("GET", "/ota/probe"); a.status != 200 || !bytes.Equal(a.body, Probe()) {
		t.Errorf("probe: %d", a.status)
	}
	first.Close()
	testkit.Eventually(t, 20*time.Second, func() bool { return d.raw("GET", d.path()+"?camera=c").status == 200 }, "a third download")
	if s := d.srv.Stats(); s.Refused == 0 {
		t.Errorf("%+v", s)
	}
}

// A camera and a job have one download at a time; a second is refused and
// leaves the first alone.
func TestOneDownloadOfACamera(t *testing.T) {
	d := newDepot(t, bigSize, Options{TotalRate: -1, WriteStall: long, Takeover: long, MinRate: -1})
	conn, _ := d.begin("?camera=door&job=1")
	d.stuck(1)
	for query, status := range map[string]int{
		"?camera=door&job=1": 409, "?camera=door&job=2": 409, "?camera=door": 409, "?job=1": 409, "?camera=gate&job=1": 409,
		"?camera=gate&job=2": 200, "?camera=gate": 200, "": 200,
	} {
		a := d.raw("GET", d.path()+query)
		if a.status != status || (status == 409) != (a.header.Get("Retry-After") == "5") {
			t.Errorf("%s: %d %v", query, a.status, a.header)
		}
	}
	rest, err := io.ReadAll(conn)
	if _, body, _ := bytes.Cut(rest, []byte("\r\n\r\n")); err != nil || !bytes.Equal(body, d.image) {
		t.Errorf("the first got %d bytes, %v", len(body), err)
	}
}

// A camera that lost its connection and comes back does not have to wait until
// the relay has noticed.
func TestDownloadThatStandsStillGivesWay(t *testing.T) {
	d := newDepot(t, bigSize, Options{TotalRate: -1, WriteStall: long, Takeover: 50 * time.Millisecond, MaxDownloads: 1})
	d.begin("?camera=door&job=1") // and never reads
	var a answer
	testkit.Eventually(t, 20*time.Second, func() bool {
		a = d.raw("GET", d.path()+"?camera=door&job=1", "Range: bytes=8192-")
		return a.status != 409
	}, "the second download")
	if a.status != 206 || !bytes.Equal(a.body, d.image[8192:]) {
		t.Errorf("%d, %d bytes", a.status, len(a.body))
	}
	testkit.Eventually(t, 20*time.Second, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, r := range d.results {
			if r.Err == ErrReplaced {
				return true
			}
		}
		return false
	}, "the end of the first")
}

// A client that has hung up gives way at once, also while its download waits
// for the relay's own limit.
func TestDownloadOfAClientThatIsGoneGivesWay(t *testing.T) {
	d := newDepot(t, imageSize, Options{Takeover: long, MaxDownloads: 1})
	began := make(chan struct{})
	var requests atomic.Int64
	d.serveAs(func(*http.Request) Download {
		if requests.Add(1) > 1 {
			return Download{Camera: "door"}
		}
		return Download{Camera: "door", Rate: 1, Progress: func(int64, int64) { close(began) }}
	})
	conn, _ := d.begin("")
	<-began
	if a := d.raw("GET", d.path()); a.status != 409 {
		t.Errorf("while it is there: %d", a.status)
	}
	conn.Close()
	testkit.Eventually(t, 20*time.Second, func() bool { return d.raw("GET", d.path()).status == 200 }, "the second download")
}

// A download ends when it is called off and when the relay closes, whatever it
// is doing then; after that, there are no others.
func TestDownloadsThatAreCalledOff(t *testing.T) {
	for name, test := range map[string]struct {
		rate int64 // 1: it waits for the limit; -1: for the client
		end  func(d *depot, done chan struct{})
		err  error
	}{
		"job ends, client does not read":   {-1, func(_ *depot, done chan struct{}) { close(done) }, ErrEnded},
		"job ends, limit is reached":       {1, func(_ *depot, done chan struct{}) { close(done) }, ErrEnded},
		"relay ends, client does not read": {-1, func(d *depot, _ chan struct{}) { d.srv.Close() }, ErrClosed},
		"relay ends, limit is reached":     {1, func(d *depot, _ chan struct{}) { d.srv.Close() }, ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDepot(t, bigSize, Options{TotalRate: -1, WriteStall: long})
			done, began := make(chan struct{}), make(chan struct{}, 1000)
			d.serveAs(func(*http.Request) Download {
				return Download{Rate: test.rate, Done: done, Progress: func(int64, int64) { began <- struct{}{} }}
			})
			d.begin("")
			<-began
			if test.rate < 0 {
				d.stuck(1)
			}
			test.end(d, done)
			if r := d.result(0); r.Err != test.err || r.Sent >= bigSize {
				t.Errorf("%+v", r)
			}
			if test.err == ErrClosed {
				if a := d.raw("GET", d.path()); a.status != 503 || !strings.Contains(string(a.body), "shutting down") {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
		})
	}
}

// A server that shuts down with downloads under way is done when they are cut.
func TestShutdown(t *testing.T) {
	d := newDepot(t, bigSize, Options{TotalRate: -1, WriteStall: long})
	d.begin("")
	d.stuck(1)
	d.srv.Close()
	d.srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.http.Config.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// Limits can be changed while downloads run.
func TestSetOptions(t *testing.T) {
	d := newDepot(t, bigSize, Options{TotalRate: 20_000})
	began := make(chan struct{}, 10_000)
	d.serveAs(func(*http.Request) Download {
		return Download{Progress: func(int64, int64) { began <- struct{}{} }}
	})
	conn, _ := d.begin("")
	<-began
	d.srv.SetOptions(Options{TotalRate: -1, MaxDownloads: 1})
	if a := d.raw("GET", d.path()); a.status != 503 {
		t.Errorf("a second download: %d", a.status)
	}
	conn.Close()
	testkit.Eventually(t, 20*time.Second, func() bool {
		a := d.raw("GET", d.path())
		return a.status == 200 && bytes.Equal(a.body, d.image)
	}, "a download without limit")
}
