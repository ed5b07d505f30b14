package e2e

import (
	"strings"
	"testing"
	"time"
)

// A camera that dies is said to be offline, with since when, and is live again
// without a reload once it is back.
func TestCameraDies(t *testing.T) {
	r := startRelay(t, "")
	key := r.addCamera("door", "Front door")
	cam := r.vcam("door", key)
	p := r.signIn()
	p.Eval(`globalThis.sameDocument = true`, nil)
	p.waitState("door", "live")

	cam.kill()
	p.waitState("door", "offline")
	p.wait(`/^Offline since \d\d:\d\d \(\d+ s\)/.test(document.querySelector(".tile .veil").innerText.replace(/\s+/g, " "))`)
	if got := p.text(".tile .status"); !strings.Contains(got, "Offline") {
		t.Errorf("the tile's caption says %q", got)
	}
	p.wait(`document.querySelector("h1").innerText === "1 camera, 1 needs attention"`)

	before := time.Now()
	r.vcam("door", key)
	p.waitState("door", "live")
	eventually(t, func() bool { return p.mustRead("door").Time.After(before) }, "a picture from after the camera died")
	p.wait(`document.querySelector("h1").innerText === "1 camera"`)
	p.wait(`globalThis.sameDocument`)
}

// Page and camera find back to a relay that stops and starts, by itself or by
// a power cut.
func TestRelayRestarts(t *testing.T) {
	r := startRelay(t, "")
	cam := r.vcam("door", r.addCamera("door", "Front door"))
	p := r.signIn()
	p.losesRelay()
	p.Eval(`globalThis.sameDocument = true`, nil)
	for _, end := range []struct {
		how  string
		stop func()
	}{{"SIGTERM", r.runStop}, {"SIGKILL", r.runKill}} {
		p.waitState("door", "live")
		p.mustRead("door")
		end.stop()
		p.waitState("door", "lost")
		p.wait(`document.querySelector(".link-notice").checkVisibility()`)
		connections := strings.Count(cam.output.String(), "msg=connected")
		began := time.Now()
		r.start()
		up := time.Now()
		eventually(t, func() bool { return strings.Count(cam.output.String(), "msg=connected") > connections }, "the camera is back")
		back := time.Now()
		p.waitState("door", "live")
		live := time.Now()
		if m := p.mustRead("door"); m.Time.Before(began) {
			t.Errorf("the picture is still that from before the restart: %v", m.Time)
		}
		p.wait(`!document.querySelector(".link-notice").checkVisibility()`)
		t.Logf("after %s: the relay is ready after %v, the camera back %v later, the page live %v later", end.how,
			up.Sub(began).Round(time.Millisecond), back.Sub(up).Round(time.Millisecond), live.Sub(up).Round(time.Millisecond))
	}
	p.wait(`globalThis.sameDocument`)
}

func (r *relay) runStop() { r.t.Helper(); r.run.stop() }
func (r *relay) runKill() { r.run.kill() }

// A hidden tab costs nothing: it closes its socket, and comes back when it is
// shown.
func TestHiddenTab(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"))
	p := r.signIn()
	p.waitState("door", "live")
	if n := r.camera("door").Viewers; n != 1 {
		t.Errorf("one page is open, and door has %d viewers", n)
	}
	before := p.seq("door")
	p.cover()
	p.wait(`document.hidden`)
	eventually(t, func() bool { return r.pages() == 0 && r.camera("door").Viewers == 0 }, "the hidden page leaves")
	p.front()
	p.wait(`!document.hidden`)
	p.waitState("door", "live")
	if after := p.seq("door"); after <= before {
		t.Errorf("frame %d is shown, the one before hiding was %d", after, before)
	}
	if n := r.pages(); n != 1 {
		t.Errorf("%d pages are connected, want 1", n)
	}
}

// Who leaves the page leaves the camera, also when the browser keeps the page
// for the way back; and who goes back sees it live.
func TestLeaveAndGoBack(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"))
	p := r.signIn()
	for range 3 {
		p.waitState("door", "live")
		p.Open("about:blank")
		within(t, 5*time.Second, func() bool { return r.pages() == 0 }, "the page has left")
		began := time.Now()
		p.Eval(`void setTimeout(() => history.back(), 50)`, nil) // so that the answer comes from this page
		p.waitState("door", "live")
		eventually(t, func() bool { return p.mustRead("door").Time.After(began) }, "the page shows a new picture")
	}
}
