package egress

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"camrelay/internal/stream"
)

const (
	// snapshotAge is the age of the oldest snapshot that is given unasked.
	snapshotAge = 10 * time.Second
	// snapshotWait is how long a request waits for a frame.
	snapshotWait = 5 * time.Second
)

// ServeSnapshot serves GET and HEAD of /cameras/{camera}/snapshot.jpg.
func (s *Server) ServeSnapshot(w http.ResponseWriter, r *http.Request, hub *stream.Hub) {
	seconds, err := queryNumber(r, "max_age", 0, 1e9)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	query := r.URL.Query()
	maxAge := snapshotAge
	if query.Has("max_age") {
		maxAge = time.Duration(seconds * float64(time.Second))
	}
	if fresh := query.Get("fresh"); fresh == "1" || fresh == "true" {
		maxAge = 0
	}
	f := hub.Newest()
	switch {
	case query.Get("stale") == "ok" && f != nil:
	case f == nil || time.Since(f.Received) > maxAge:
		if f != nil {
			f.Release()
		}
		f = s.awaitFrame(r, hub, time.Now().Add(-maxAge))
	}
	if f == nil {
		noSnapshot(w, hub)
		return
	}
	defer f.Release()
	sendSnapshot(w, r, f)
}

// awaitFrame watches the camera, which wakes it, until there is a frame that
// was received after since.
func (s *Server) awaitFrame(r *http.Request, hub *stream.Hub, since time.Time) *stream.Frame {
	sink := &catcher{since: since, ready: make(chan struct{}, 1)}
	out := stream.NewOutlet(sink, nil)
	defer out.Close(nil)
	if hub.Join(out, stream.ViewerOptions{}) == nil {
		return nil
	}
	timeout := time.NewTimer(snapshotWait)
	defer timeout.Stop()
	select {
	case <-sink.ready:
	case <-timeout.C:
	case <-r.Context().Done():
	}
	return sink.stop()
}

// catcher is a sink that keeps the first frame received after a time.
type catcher struct {
	since time.Time
	ready chan struct{} // of size 1

	mu   sync.Mutex
	got  *stream.Frame
	done bool
}

func (c *catcher) TryFrame(f *stream.Frame) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.done && f.Received.After(c.since) {
		c.got, c.done = f.Retain(), true
		c.ready <- struct{}{}
	}
	return true, nil
}

// stop returns what was caught, and catches no more.
func (c *catcher) stop() *stream.Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	return c.got
}

func (c *catcher) TryPost([]byte) (bool, error) { return true, nil }
func (c *catcher) Finish() error                { return nil }
func (c *catcher) Close()                       {}
func (c *catcher) Release()                     {}

func noSnapshot(w http.ResponseWriter, hub *stream.Hub) {
	camera := hub.Camera()
	since := time.UnixMicro(camera.Since).UTC().Format(time.RFC3339)
	why := fmt.Sprintf("%s is %s since %s", camera.ID, camera.State, since)
	if camera.Reason != "" {
		why += " (" + camera.Reason + ")"
	}
	if camera.LastFrame == 0 {
		why += " and has sent no frame yet"
	} else {
		why += "; its last frame is of " + time.UnixMicro(camera.LastFrame).UTC().Format(time.RFC3339) + ", ask with ?stale=ok for that one"
	}
	w.Header().Set("Retry-After", "5")
	writeError(w, http.StatusServiceUnavailable, why)
}

func sendSnapshot(w http.ResponseWriter, r *http.Request, f *stream.Frame) {
	header := w.Header()
	header.Set("Content-Type", "image/jpeg")
	header.Set("Cache-Control", "no-store")
	header.Set("Last-Modified", f.Received.UTC().Format(http.TimeFormat))
	etag := fmt.Sprintf("%q", strconv.FormatUint(uint64(f.Stream), 16)+"-"+strconv.FormatInt(f.Received.UnixMicro(), 16))
	header.Set("ETag", etag)
	header.Set("X-Frame-Age", strconv.FormatFloat(max(0, time.Since(f.Received).Seconds()), 'f', 3, 64))
	header.Set("X-Frame-Sequence", strconv.FormatUint(uint64(f.Seq), 10))
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(f.JPEG())))
	if r.Method != http.MethodHead {
		w.Write(f.JPEG())
	}
}

// matches reports whether the value of an If-None-Match header names an entity
// tag (RFC 9110 section 13.1.2).
func matches(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

// writeError answers {"error":"…"}.
func writeError(w http.ResponseWriter, status int, message string) {
	b, _ := json.Marshal(map[string]string{"error": message})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}
