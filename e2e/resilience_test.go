package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// Viewers stay through a camera that comes and goes.
func TestCameraFlaps(t *testing.T) {
	r := startRelay(t, "")
	key := r.addCamera("door", "Front door")
	frames, _ := r.viewer(t, "door")
	p := r.signIn()
	p.Eval(`globalThis.sameDocument = true`, nil)
	for i := range 20 {
		cam := testkit.DialCamera(t, r.ws("/ws/push/door"), key)
		before := frames.Load()
		if err := cam.Message(testkit.JPEGAt(640, 480, 30_000, uint8(i), time.Now()), 1452); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, patience, func() bool { return frames.Load() > before }, "frame of connection %d", i+1)
		if i%2 == 0 {
			cam.Reset()
		} else {
			cam.Begin([]byte{0xFF, 0xD8, 0xFF}) // in the middle of a frame
			cam.Close()
		}
	}
	if n := frames.Load(); n != 20 {
		t.Errorf("the viewer got %d frames, want 20", n)
	}
	p.waitState("door", "offline")
	r.vcam("door", key)
	p.waitState("door", "live")
	p.mustRead("door")
	p.wait(`globalThis.sameDocument`)
	if n := r.pages(); n != 1 {
		t.Errorf("the page holds %d WebSockets", n)
	}
}

// The configuration is read again and again while pictures flow: nobody who is
// not concerned notices.
func TestReloads(t *testing.T) {
	const other = "limits: {max_fps: %d}\ncameras: [{id: extra-%d, key: 'crk_0123456789abcdef'}]"
	r := startRelay(t, "")
	cam := r.vcam("door", r.addCamera("door", "Front door"), "--fps", "20")
	frames, _ := r.viewer(t, "door")
	eventually(t, func() bool { return frames.Load() > 0 }, "frames flow")

	// The longest time without a frame while reloading.
	var mu sync.Mutex
	var longest time.Duration
	stop, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		seen, at := frames.Load(), time.Now()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			if n := frames.Load(); n != seen {
				seen, at = n, time.Now()
			}
			mu.Lock()
			longest = max(longest, time.Since(at))
			mu.Unlock()
		}
	}()
	for i := range 30 {
		r.reload(fmt.Sprintf(other, 50+i, i%2))
	}
	close(stop)
	<-watched
	t.Logf("30 reloads; the longest time without a frame, at 20 fps: %v", longest.Round(time.Millisecond))
	if longest > 2*time.Second {
		t.Errorf("no frame for %v while reloading", longest)
	}
	if n := strings.Count(cam.output.String(), "msg=connected"); n != 1 {
		t.Errorf("the camera connected %d times", n)
	}

	// A configuration with an error changes nothing, and is said.
	r.configure("limits: {max_fps: none}")
	r.run.signal(syscall.SIGHUP)
	r.run.said("configuration not reloaded")
	r.expectErrors = true
	before := frames.Load()
	eventually(t, func() bool { return frames.Load() > before+5 }, "frames flow on")
	r.reload("cameras: []")
	var list struct{ Cameras []struct{ ID string } }
	r.call("GET", "/api/v1/cameras", nil, &list)
	if len(list.Cameras) != 1 || list.Cameras[0].ID != "door" {
		t.Errorf("the cameras are %v", list.Cameras)
	}
}

// What esp_websocket_client does: it comes back after a cut, ten seconds later,
// and never after a clean close.
func TestESPIDF(t *testing.T) {
	r := startRelay(t, "")
	key := r.addCamera("esp", "ESP")
	cam := r.vcam("esp", key, "--esp-idf", "--size", "QVGA")
	r.waitState("esp", "online")
	frames := func() float64 { return r.metric("camrelay_camera_frames_total", `camera="esp"`) }
	eventually(t, func() bool { return frames() > 10 }, "frames arrive in fragments of 1,024 bytes")
	if n := r.metric("camrelay_camera_faults_total", `camera="esp"`); n != 0 {
		t.Errorf("%v messages were no frames", n)
	}
	r.restart()
	began := time.Now()
	eventually(t, func() bool { return frames() > 10 }, "the camera comes back after a restart of the relay")
	t.Logf("back %v after the relay", time.Since(began).Round(time.Millisecond))

	newer := r.vcam("esp", key, "--esp-idf", "--size", "VGA")
	if err := cam.wait(patience); err == nil || !strings.Contains(cam.output.String(), "4002") {
		t.Errorf("the older camera ended with %v; it should stay away after 4002", err)
	}
	eventually(t, func() bool { return r.camera("esp").Width == 640 }, "the newer camera is the one that is seen")
	r.call("DELETE", "/api/v1/cameras/esp", nil, nil)
	if err := newer.wait(patience); err == nil || !strings.Contains(newer.output.String(), "4003") {
		t.Errorf("the camera that was removed ended with %v", err)
	}
}

// Many cameras and viewers find back after a power cut of the relay.
func TestCrowdComesBack(t *testing.T) {
	r := startLab(t)
	start(t, filepath.Join(bin, "vcam"), "--relay", r.url, "--id", "cam", "--cameras", "8", "--key", "lab-lab-lab", "--size", "QVGA", "--fps", "5")
	p := r.open("/")
	p.losesRelay()
	for i := range 8 {
		p.waitState(fmt.Sprintf("cam-%d", i+1), "live")
	}
	var took []time.Duration
	for range 2 {
		r.crash()
		began := time.Now()
		for i := range 8 {
			p.waitState(fmt.Sprintf("cam-%d", i+1), "live")
		}
		took = append(took, time.Since(began).Round(time.Millisecond))
	}
	slices.Sort(took)
	t.Logf("8 cameras are live %v after the relay is ready again", took)
}
