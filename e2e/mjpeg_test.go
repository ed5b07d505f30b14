package e2e

import (
	"fmt"
	"testing"
	"time"
)

// Chromium paints a part of an MJPEG stream when the next one begins. At one
// frame a second the picture would therefore be a second old, if the relay did
// not send the boundary that ends a part together with it.
func TestMJPEGImage(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"), "--fps", "1")
	p := r.signIn()
	p.Eval(`localStorage.setItem("camrelay.transport", "mjpeg"); localStorage.setItem("camrelay.overlay", "off")`, nil)
	p.OpenNoWait(r.url + "/cameras/door")
	p.waitState("door", "live")
	if by := p.data("door", "transport"); by != "mjpeg" {
		t.Fatalf("the pictures come by %q", by)
	}
	before := p.mustRead("door")
	youngest := time.Hour
	for range 3 {
		var now reading
		eventually(t, func() bool {
			var err error
			now, err = p.read("door")
			return err == nil && now.Time.After(before.Time)
		}, "a newer picture than %v", before.Time)
		before = now
		youngest = min(youngest, now.age)
	}
	// The screenshot is taken at once when the picture has changed: it is
	// nearly new, unless it is the one before, which is a second old.
	t.Logf("age of a picture that has just changed, at 1 fps in <img>: %v", youngest)
	if youngest > 900*time.Millisecond {
		t.Errorf("the picture is that before the newest: %v old when it changes", youngest)
	}
	if n := r.metric("camrelay_viewers", `kind="mjpeg"`); n != 1 {
		t.Errorf("%v MJPEG viewers, want 1", n)
	}
	p.wait(fmt.Sprintf(`document.querySelector("img.picture").src.startsWith(%q)`, r.url+"/cameras/door/stream.mjpg"))
}

// An <img> does not say that its stream has ended; the page notices, and the
// picture goes on.
func TestMJPEGImageComesBack(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"))
	p := r.signIn()
	p.losesRelay()
	p.Eval(`localStorage.setItem("camrelay.transport", "mjpeg"); localStorage.setItem("camrelay.overlay", "off")`, nil)
	p.OpenNoWait(r.url + "/cameras/door")
	for _, again := range []func(){r.restart, r.crash} {
		p.waitState("door", "live")
		p.mustRead("door")
		began := time.Now()
		again()
		eventually(t, func() bool { return p.mustRead("door").Time.After(began) }, "a picture from after the restart")
		t.Logf("a new picture %v after the restart began", time.Since(began).Round(time.Millisecond))
	}
}
