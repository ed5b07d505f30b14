package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// maxAge is the oldest that a painted picture may be on a loaded machine. On a
// quiet one it is a tenth of that; the tests log what they measured.
const maxAge = 1500 * time.Millisecond

// twoCameras runs two cameras, door-1 and door-2, whose markers have the
// numbers 1 and 2.
func twoCameras(t testing.TB, r *relay, args ...string) *process {
	t.Helper()
	keys := fmt.Sprintf("door-1 %s\ndoor-2 %s\n", r.addCamera("door-1", "Front door"), r.addCamera("door-2", "Back door"))
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--relay", r.url, "--id", "door", "--cameras", "2", "--key-file", file}, args...)
	return start(t, filepath.Join(bin, "vcam"), args...)
}

// watch reads a camera's picture several times: it is that camera's, young, and
// time goes on in it. It returns the median age.
func watch(t *testing.T, p *page, camera string, number uint8) time.Duration {
	t.Helper()
	p.waitState(camera, "live")
	var ages []time.Duration
	before := p.mustRead(camera)
	for len(ages) < 5 {
		now := p.mustRead(camera)
		if now.Camera != number {
			t.Fatalf("the picture of %s is that of camera %d", camera, now.Camera)
		}
		if now.Time.Before(before.Time) {
			t.Errorf("%s went back from %v to %v", camera, before.Time, now.Time)
		}
		if !now.Time.After(before.Time) {
			continue
		}
		before, ages = now, append(ages, now.age)
	}
	slices.Sort(ages)
	median := ages[len(ages)/2]
	t.Logf("%s at %s: age of the painted picture %v to %v, median %v", camera, p.text("title"), ages[0], ages[len(ages)-1], median)
	if median > maxAge {
		t.Errorf("the painted picture of %s is %v old (median of %v)", camera, median, ages)
	}
	return median
}

func TestGridAndSingle(t *testing.T) {
	r := startRelay(t, "")
	twoCameras(t, r)
	p := r.signIn()
	watch(t, p, "door-1", 1)
	watch(t, p, "door-2", 2)
	if n := r.pages(); n != 1 {
		t.Errorf("the grid holds %d WebSockets, want one for all cameras", n)
	}
	if got := p.text(".tile .name"); got != "Front door" {
		t.Errorf("the first tile is named %q", got)
	}

	p.hideFigures()
	p.click(`a.tile[data-camera="door-2"]`)
	p.wait(`location.pathname === "/cameras/door-2"`)
	watch(t, p, "door-2", 2)
	if by := p.data("door-2", "transport"); by != "websocket" {
		t.Errorf("the pictures come by %q", by)
	}
	p.press(kb.ArrowRight) // the next camera, in a circle
	p.wait(`location.pathname === "/cameras/door-1"`)
	watch(t, p, "door-1", 1)
	if n := r.pages(); n != 1 {
		t.Errorf("after moving between views there are %d WebSockets, want 1", n)
	}
	if n := r.camera("door-2").Viewers; n != 0 {
		t.Errorf("door-2 is not shown any more, and has %d viewers", n)
	}
}

// Phones: nothing sticks out, everything can be read, and pictures are live.
func TestPhone(t *testing.T) {
	r := startRelay(t, "")
	twoCameras(t, r)
	p := r.signIn()
	p.resize(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch)
	for _, path := range []string{"/", "/cameras/door-1", "/add", "/settings"} {
		p.Open(r.url + path)
		p.wait(`document.querySelector("main")`)
		if strings.HasPrefix(path, "/cameras") || path == "/" {
			p.waitState("door-1", "live")
		}
		if n := p.scrollsSideways(); n > 0 {
			t.Errorf("%s is %d pixels too wide for a phone", path, n)
		}
		var small []string
		p.Eval(`[...document.querySelectorAll("main a, main button, header a, header button")].filter(e => {
			const {width, height} = e.getBoundingClientRect()
			return width && (width < 40 || height < 40) && !e.closest("p")
		}).map(e => e.outerHTML.slice(0, 80))`, &small)
		if len(small) > 0 {
			t.Errorf("%s has what fingers miss: %q", path, small)
		}
	}
	p.Open(r.url + "/")
	watch(t, p, "door-1", 1)
	p.hideFigures()
	p.Open(r.url + "/cameras/door-2")
	watch(t, p, "door-2", 2)
}
