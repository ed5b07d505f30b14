package egress

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/testkit"
)

const snapshotPath = "/cameras/door/snapshot.jpg"

// publishAged publishes a frame that was received so long ago.
func (s *studio) publishAged(body []byte, age time.Duration) {
	d := s.reg.Pool().Draft(len(body))
	d.Append(body)
	s.feed.Publish(d.Frame(len(body), stream.Meta{Received: time.Now().Add(-age), Width: 640, Height: 480}))
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSnapshot(t *testing.T) {
	s := newStudio(t, Options{})
	s.publishAged(picture(1, 5000), 3*time.Second)
	r := s.get(snapshotPath)
	if b := body(t, r); r.StatusCode != 200 || !bytes.Equal(b, picture(1, 5000)) {
		t.Fatalf("%s, %d bytes", r.Status, len(b))
	}
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "Content-Length": "5000", "Cache-Control": "no-store", "X-Frame-Sequence": "1",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	age, text := 0.0, r.Header.Get("X-Frame-Age")
	age, _ = strconv.ParseFloat(text, 64)
	if _, decimals, _ := strings.Cut(text, "."); age < 3 || age > 5 || len(decimals) != 3 {
		t.Errorf("X-Frame-Age %q", text)
	}
	if at, err := http.ParseTime(r.Header.Get("Last-Modified")); err != nil || time.Since(at) < 2*time.Second || time.Since(at) > 6*time.Second {
		t.Errorf("Last-Modified %v, %v", at, err)
	}
	etag := r.Header.Get("ETag")
	if !etagPattern.MatchString(etag) {
		t.Errorf("ETag %q", etag)
	}
	for _, header := range []string{etag, "W/" + etag, `"x", ` + etag, "*"} {
		if r := s.get(snapshotPath, "If-None-Match", header); r.StatusCode != 304 || len(body(t, r)) != 0 || r.Header.Get("ETag") != etag {
			t.Errorf("If-None-Match: %s: %s", header, r.Status)
		}
	}
	s.publish(picture(2, 5000))
	if r := s.get(snapshotPath, "If-None-Match", etag); r.StatusCode != 200 || r.Header.Get("ETag") == etag {
		t.Errorf("another frame: %s, ETag %s", r.Status, r.Header.Get("ETag"))
	}
	head, err := s.http.Client().Head(s.http.URL + snapshotPath)
	if err != nil || head.StatusCode != 200 || head.ContentLength != 5000 || len(body(t, head)) != 0 {
		t.Errorf("HEAD: %v, %v", head, err)
	}
}

func TestSnapshotAges(t *testing.T) {
	tests := []struct {
		query string
		age   time.Duration // of the frame there is
		waits bool
	}{
		{"", 9 * time.Second, false}, {"", 11 * time.Second, true},
		{"?max_age=2", time.Second, false}, {"?max_age=2", 3 * time.Second, true}, {"?max_age=1e9", time.Hour, false},
		{"?max_age=0", 0, true}, {"?fresh=1", 0, true}, {"?fresh=true", 0, true}, {"?fresh=0", 0, false},
		{"?stale=ok", time.Hour, false}, {"?stale=ok&fresh=1", time.Hour, false}, {"?stale=no", time.Hour, true},
	}
	for _, test := range tests {
		s := newStudio(t, Options{})
		s.publishAged(picture(1, 100), test.age)
		var wg sync.WaitGroup
		var got []byte
		wg.Go(func() { got = body(t, s.get(snapshotPath+test.query)) })
		if test.waits {
			testkit.Eventually(t, 4*time.Second, func() bool { return s.hub.Viewers() == 1 }, "%s waits for a frame", test.query)
			s.publish(picture(2, 100))
		}
		wg.Wait()
		want := picture(1, 100)
		if test.waits {
			want = picture(2, 100)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q with a frame %v old: got %.20q", test.query, test.age, got)
		}
		if s.hub.Viewers() != 0 {
			t.Errorf("%q: a viewer is left", test.query)
		}
	}
	s := newStudio(t, Options{})
	for _, query := range []string{"?max_age=x", "?max_age=-1", "?max_age=NaN", "?max_age=1e10"} {
		if r := s.get(snapshotPath + query); r.StatusCode != 400 || !strings.Contains(string(body(t, r)), "max_age") {
			t.Errorf("%s: %s", query, r.Status)
		}
	}
}

func TestNoSnapshot(t *testing.T) {
	answer := func(s *studio) string {
		r := s.get(snapshotPath)
		var e struct{ Error string }
		if err := json.Unmarshal(body(t, r), &e); err != nil || r.StatusCode != 503 || r.Header.Get("Retry-After") != "5" {
			t.Errorf("%s, %v", r.Status, err)
		}
		return e.Error
	}
	var wg sync.WaitGroup
	never, old := newStudio(t, Options{}), newStudio(t, Options{})
	never.feed.Close("")
	old.publishAged(picture(1, 100), time.Hour)
	old.feed.Close("no power")
	wg.Go(func() {
		if e := answer(never); !strings.HasPrefix(e, "door is offline since 20") || !strings.HasSuffix(e, "and has sent no frame yet") {
			t.Errorf("never a frame: %q", e)
		}
	})
	wg.Go(func() {
		if e := answer(old); !strings.Contains(e, "(no power); its last frame is of 20") || !strings.Contains(e, "?stale=ok") {
			t.Errorf("an old frame: %q", e)
		}
	})
	wg.Wait()
	// A camera that is removed meanwhile is not waited for.
	hub := old.hub
	old.reg.Remove("door")
	begin := time.Now()
	w := httptest.NewRecorder()
	old.srv.ServeSnapshot(w, httptest.NewRequest("GET", snapshotPath, nil), hub)
	if w.Code != 503 || time.Since(begin) > time.Second {
		t.Errorf("a removed camera: %d after %v", w.Code, time.Since(begin))
	}
}

// A snapshot wakes a camera that rests, which rests again afterwards.
func TestSnapshotWakes(t *testing.T) {
	s := newStudioOf(t, Options{}, stream.Options{Still: time.Minute, Linger: time.Millisecond}, (*httptest.Server).Start)
	testkit.Eventually(t, 5*time.Second, func() bool { s.reg.Tick(); return s.cam.resting() }, "the camera rests")
	var wg sync.WaitGroup
	wg.Go(func() {
		if b := body(t, s.get(snapshotPath)); !bytes.Equal(b, picture(1, 100)) {
			t.Errorf("got %.20q", b)
		}
	})
	testkit.Eventually(t, 5*time.Second, func() bool { return !s.cam.resting() }, "the camera wakes")
	s.publish(picture(1, 100))
	wg.Wait()
	testkit.Eventually(t, 5*time.Second, func() bool { s.reg.Tick(); return s.cam.resting() }, "the camera rests again")
}

// Many wait for one frame and all get it.
func TestSnapshotsTogether(t *testing.T) {
	s := newStudio(t, Options{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if b := body(t, s.get(snapshotPath+"?fresh=1")); !bytes.Equal(b, picture(1, 20_000)) {
				t.Errorf("got %d bytes", len(b))
			}
		})
	}
	testkit.Eventually(t, 4*time.Second, func() bool { return s.hub.Viewers() == 20 }, "all wait")
	s.publish(picture(1, 20_000))
	wg.Wait()
}
