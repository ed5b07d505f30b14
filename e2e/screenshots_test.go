package e2e

import (
	"flag"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"camrelay/internal/testkit"
)

var screenshotDir = flag.String("screenshots", "", "write the README's screenshots to this `directory`")

// maxScreenshot is the size of a screenshot's file.
const maxScreenshot = 200 << 10

// The pictures of the README. To make them anew:
//
//	go test ./e2e -run TestScreenshots -screenshots ../docs/images
func TestScreenshots(t *testing.T) {
	r := startRelay(t, "name: workshop")
	for _, c := range []struct {
		id, name string
		args     []string
	}{
		{"front-door", "Front door", nil},
		{"yard", "Yard", []string{"--size", "SVGA", "--fps", "12"}},
		{"printer", "3D printer", []string{"--size", "QVGA", "--fps", "10"}},
		{"hens", "Hen house", []string{"--fps", "8"}},
		{"letterbox", "Letterbox", []string{"--size", "CIF", "--fps", "5"}},
	} {
		r.vcam(c.id, r.addCamera(c.id, c.name), c.args...)
	}
	key := r.addCamera("greenhouse", "Greenhouse")
	dead := r.vcam("greenhouse", key)
	for _, id := range []string{"yard", "hens", "greenhouse"} {
		eventually(t, func() bool { c := r.camera(id); return c.State == "online" && c.Width > 0 }, "camera %s sends", id)
	}
	// The night is in another light.
	r.call("PATCH", "/api/v1/cameras/hens/settings", map[string]any{"settings": map[string]int{"special_effect": 2, "brightness": -1}}, nil)
	r.call("PATCH", "/api/v1/cameras/yard/settings", map[string]any{"settings": map[string]int{"saturation": 1, "wb_mode": 1}}, nil)

	p := r.signIn()
	p.resize(1200, 760)
	p.scheme("dark")
	p.waitState("greenhouse", "live")
	dead.kill()
	p.waitState("greenhouse", "offline")
	for _, id := range []string{"front-door", "yard", "printer", "hens", "letterbox"} {
		p.waitState(id, "live")
	}
	p.wait(`Math.abs(document.querySelector('[data-camera="front-door"]').dataset.fps - 15) < 0.5`)
	p.wait(`/\([2-9] s\)/.test(document.querySelector('[data-camera="greenhouse"]').innerText)`)
	p.shoot("grid")

	p.Open(r.url + "/cameras/front-door")
	p.waitState("front-door", "live")
	p.press("c")
	p.wait(`document.querySelector("#setting-framesize")?.checkVisibility()`)
	if *screenshotDir != "" { // the curves are to have something to show
		p.wait(`document.querySelector(".stage").dataset.seq > 300`)
	}
	p.shoot("single")
}

// shoot takes a screenshot of the window and, if wanted, keeps it with a
// palette of its own.
func (p *page) shoot(name string) {
	p.t.Helper()
	img, _ := p.ScreenshotPage("body")
	if size := img.Bounds().Size(); size != image.Pt(1200, 760) {
		p.t.Errorf("the screenshot %s is %v", name, size)
	}
	dir := *screenshotDir
	if dir == "" {
		dir = p.t.TempDir()
	}
	raw, out := filepath.Join(p.t.TempDir(), "raw.png"), filepath.Join(dir, name+".png")
	file, err := os.Create(raw)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := png.Encode(file, img); err != nil {
		p.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		p.t.Fatal(err)
	}
	runProgram(p.t, patience, testkit.Tool(p.t, "ffmpeg"), "-v", "error", "-y", "-i", raw, "-vf", "split[a][b];[a]palettegen=max_colors=128:stats_mode=full[p];[b][p]paletteuse=dither=none", "-frames:v", "1", "-update", "1", out)
	info, err := os.Stat(out)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.t.Logf("%s: %d bytes", name, info.Size()); info.Size() > maxScreenshot {
		p.t.Errorf("the screenshot %s has %d bytes, more than %d", name, info.Size(), maxScreenshot)
	}
}
