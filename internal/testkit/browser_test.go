package testkit

import (
	"fmt"
	"image"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"camrelay/internal/scene"
)

// The whole way without a relay: a scene's JPEG in a page, painted by the
// browser at several sizes, and its marker read from the screenshot.
func TestBrowserPaintsMarker(t *testing.T) {
	Leaks(t)
	at := time.Date(2026, 3, 4, 5, 6, 7, 890e6, time.UTC)
	picture := JPEGAt(640, 480, 20_000, 42, at)
	mux := http.NewServeMux()
	mux.HandleFunc("/scene.jpg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/jpeg")
		w.Write(picture)
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><body style="background:#123">`)
		for _, width := range []int{160, 213, 320, 500, 640} {
			fmt.Fprintf(w, `<img id="w%d" src="/scene.jpg" style="width:%dpx;margin:3.4px">`, width, width)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	page := Browser(t)
	page.Open(server.URL)
	page.WaitFor(10*time.Second, `[...document.images].length == 5 && [...document.images].every(i => i.complete && i.naturalWidth == 640)`)

	check := func(what string, img image.Image, area image.Rectangle) {
		t.Helper()
		m, err := scene.ReadMarker(img, area)
		if err != nil || !m.Time.Equal(at) || m.Camera != 42 {
			t.Errorf("%s in %v: got %v, %v", what, area, m, err)
		}
	}
	for _, id := range []string{"#w160", "#w213", "#w640"} {
		img := page.Screenshot(id)
		check(id, img, img.Bounds())
	}
	img, areas := page.ScreenshotPage("img")
	if len(areas) != 5 {
		t.Fatalf("found %d pictures, want 5", len(areas))
	}
	for i, area := range areas {
		check(fmt.Sprint("picture ", i), img, area)
	}
}

func TestBrowserCollectsErrors(t *testing.T) {
	Leaks(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><img src="/missing.jpg">
			<script>console.error("said", 7); setTimeout(() => { throw new Error("thrown away") })</script>`)
	}))
	defer server.Close()
	page := Browser(t)
	page.Open(server.URL)
	Eventually(t, 10*time.Second, func() bool { return len(page.Errors()) == 3 }, "three errors")
	all := strings.Join(page.Errors(), "\n")
	for _, text := range []string{"said 7", "thrown away", "missing.jpg"} {
		if !strings.Contains(all, text) {
			t.Errorf("%q is not among the errors:\n%s", text, all)
		}
		page.Allow(text)
	}
	if left := page.Errors(); len(left) != 0 {
		t.Errorf("allowed, and still there: %q", left)
	}
	tab := page.Tab()
	tab.Open(server.URL)
	tab.Allow("said")
	tab.Allow("thrown away")
	tab.Allow("missing.jpg")
	var title string
	tab.Eval(`Promise.resolve("done")`, &title)
	if title != "done" {
		t.Errorf("got %q from a promise", title)
	}
}
