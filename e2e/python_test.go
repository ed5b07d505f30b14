package e2e

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// python is the system's, which has the packages that `make tools` installs.
const python = "/usr/bin/python3"

const examples = "../docs/examples/"

// pictures writes JPEG files and returns their paths.
func pictures(t testing.TB, count int) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range count {
		path := filepath.Join(dir, fmt.Sprintf("%d.jpg", i))
		picture := testkit.JPEGAt(320, 240, 9000, uint8(100+i), time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC))
		if err := os.WriteFile(path, picture, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// The two examples of docs/examples, one pushing to the other.
func TestPythonPushAndView(t *testing.T) {
	r := startRelay(t, "rest: {linger: 200ms}")
	key := r.addCamera("py", "Python")
	files := pictures(t, 2)
	push := start(t, python, append([]string{examples + "push.py", "ws://py:" + key + "@" + r.addr + "/ws/push/py", "20"}, files...)...)
	r.waitState("py", "resting") // it takes commands
	newest := filepath.Join(t.TempDir(), "newest.jpg")
	view := start(t, python, examples+"view.py", "ws://viewer:"+r.addToken("view.py")+"@"+r.addr+"/ws/view/py", newest)
	eventually(t, func() bool { return strings.Count(view.output.String(), " bytes\n") >= 20 }, "twenty frames are viewed")
	b, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := jpeg.DecodeConfig(bytes.NewReader(b)); err != nil || size.Width != 320 {
		t.Errorf("the newest frame: %+v, %v", size, err)
	}
	if !bytes.HasPrefix(b[2:], []byte("\xff\xfe\x00\x16crl1")) {
		t.Errorf("the capture time is not in the frame: %q", b[:16])
	}

	var answer struct{ Settings map[string]any }
	r.call("PATCH", "/api/v1/cameras/py/settings", map[string]any{"settings": map[string]any{"fps": 5}}, &answer)
	if fmt.Sprint(answer.Settings["fps"]) != "5" {
		t.Errorf("push.py confirmed %v", answer.Settings)
	}
	eventually(t, func() bool { fps := r.camera("py").FPS; return fps > 3 && fps < 7 }, "push.py sends 5 frames a second")

	r.crash()
	count := strings.Count(view.output.String(), " bytes\n")
	eventually(t, func() bool { return strings.Count(view.output.String(), " bytes\n") > count+3 }, "both come back after a power cut")

	r.call("DELETE", "/api/v1/cameras/py", nil, nil)
	if err := view.wait(patience); err == nil || !strings.Contains(view.output.String(), "4404") {
		t.Errorf("view.py ended with %v when the camera was removed", err)
	}
	if err := push.wait(patience); err == nil || !strings.Contains(push.output.String(), "4003") {
		t.Errorf("push.py ended with %v when the camera was removed", err)
	}
}

// The example for camrelay.view.v1 with two cameras.
func TestPythonWatch(t *testing.T) {
	r := startRelay(t, "")
	cams := twoCameras(t, r)
	watch := start(t, python, examples+"watch.py", "ws://viewer:"+r.addToken("watch.py")+"@"+r.addr+"/ws/view", "door-1", "door-2")
	line := regexp.MustCompile(`(?m)^door-(\d) #(\d+): 640x480, (\d+) bytes, (-?\d+) ms old$`)
	eventually(t, func() bool { return len(line.FindAllString(watch.output.String(), -1)) >= 40 }, "forty frames with their age")
	last := map[string]int{}
	for _, m := range line.FindAllStringSubmatch(watch.output.String(), -1) {
		seq, _ := strconv.Atoi(m[2])
		age, _ := strconv.Atoi(m[4])
		if seq <= last[m[1]] {
			t.Errorf("frame %d of door-%s came after %d", seq, m[1], last[m[1]])
		}
		if last[m[1]] = seq; age < -50 || age > 1500 {
			t.Errorf("a frame is %d ms old", age)
		}
	}
	if len(last) != 2 {
		t.Errorf("frames came of %v, want both cameras", last)
	}
	cams.kill()
	watch.said("door-1 is offline")
	watch.said("door-2 is offline")
}

// Control frames between fragments are allowed by RFC 6455 section 5.4.
func TestPythonInterleaves(t *testing.T) {
	r := startRelay(t, "")
	key := r.addCamera("py", "Python")
	file := pictures(t, 1)[0]
	push := start(t, python, "testdata/interleave.py", "ws://py:"+key+"@"+r.addr+"/ws/push/py", file, "5")
	push.said("sent 5")
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return r.metric("camrelay_camera_frames_total", `camera="py"`) == 5 }, "five frames arrive")
	if _, got := r.do("GET", "/cameras/py/snapshot.jpg?stale=ok", nil); !bytes.Equal(got, want) {
		t.Errorf("the frame of %d bytes arrived as %d other ones", len(want), len(got))
	}
	if n := r.metric("camrelay_camera_faults_total", `camera="py"`); n != 0 {
		t.Errorf("%v messages were no frames", n)
	}
}

// The example page, on another origin than the relay's.
func TestPageOfOneself(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(examples)))
	t.Cleanup(server.Close)
	r := startRelay(t, fmt.Sprintf("origins: [%q]", server.URL))
	r.vcam("door", r.addCamera("door", "Front door"))
	token := r.addToken("page")
	p := &page{testkit.Browser(t), t, r}
	p.Allow("favicon.ico")
	p.Open(server.URL + "/view.html#" + r.ws("/ws/view/door?token="+token))
	p.wait(`document.images[0].naturalWidth === 640`)
	var first string
	p.Eval(`document.images[0].src`, &first)
	p.wait(fmt.Sprintf(`document.images[0].src !== %q`, first))

	p.losesRelay()
	r.configure("origins: []")
	r.restart()
	var end string
	p.Eval(`new Promise(resolve => Object.assign(new WebSocket(location.hash.slice(1)), {
		onopen: () => resolve("let in"), onerror: () => resolve("refused")
	}))`, &end)
	if end != "refused" {
		t.Errorf("a page of another origin is %s", end)
	}
}
