package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What is changed in the page arrives at the camera, shows in the picture, and
// is confirmed in the page.
func TestSettings(t *testing.T) {
	r := startRelay(t, "")
	r.vcam("door", r.addCamera("door", "Front door"))
	p := r.signIn()
	p.hideFigures()
	p.Open(r.url + "/cameras/door")
	p.waitState("door", "live")
	p.press("c")
	p.wait(`document.querySelector("#setting-framesize")?.checkVisibility()`)
	p.wait(`document.querySelector("#setting-framesize").value === "VGA"`)
	p.Do(chromedp.SendKeys(chromedp.CSS("#setting-framesize"), "SVGA"))
	eventually(t, func() bool { c := r.camera("door"); return c.Width == 800 && c.Settings["framesize"] == "SVGA" }, "the camera sends 800x600")
	p.wait(`[...document.querySelectorAll(".overlay dd")].some(e => e.textContent === "800 × 600")`)
	p.wait(`!document.querySelector(".setting[aria-busy]")`)
	p.mustRead("door")

	p.click("summary") // More
	p.click(`label[for="setting-hmirror"]`)
	eventually(t, func() bool { return fmt.Sprint(r.camera("door").Settings["hmirror"]) == "1" }, "the camera mirrors")
	p.wait(`document.querySelector("#setting-hmirror").checked && !document.querySelector(".setting[aria-busy]")`)
}

// A camera is added in the page: its key is shown this once, and a camera with
// that key appears live.
func TestAddCamera(t *testing.T) {
	r := startRelay(t, "")
	p := r.signIn()
	p.wait(`document.querySelector(".empty h2").innerText === "No cameras yet"`)
	p.click(".empty a.button")
	p.wait(`location.pathname === "/add" && document.activeElement.name === "name"`)
	p.press("Front door")
	p.wait(`document.querySelector("[name=id]").value === "front-door"`)
	p.press(kb.Enter)
	p.wait(`document.querySelector(".connection code")`)
	key := p.text(".connection code")
	if !strings.HasPrefix(key, "crk_") {
		t.Fatalf("the page shows the key %q", key)
	}
	r.secret = append(r.secret, key)
	var instructions string
	p.Eval(`document.querySelector(".connection").textContent`, &instructions)
	for _, line := range []string{"ws://" + r.addr + "/ws/push/front-door", "esp_websocket_client", "ffmpeg"} {
		if !strings.Contains(instructions, line) {
			t.Errorf("%q is not on the page", line)
		}
	}
	r.vcam("front-door", key)
	p.waitState("front-door", "live")
	p.wait(`document.querySelector(".waiting").innerText === "Connected: Front door sends 640 × 480."`)
	p.mustRead("front-door")
	p.click(".preview a.primary")
	p.wait(`location.pathname === "/cameras/front-door"`)
	p.waitState("front-door", "live")
	p.Open(r.url + "/")
	p.waitState("front-door", "live")
	var source string
	p.Eval(`document.documentElement.outerHTML`, &source)
	if _, b := r.do("GET", "/api/v1/cameras", nil); strings.Contains(source+string(b), key) {
		t.Error("the key is shown a second time")
	}
}

// Somebody with a share link sees that camera and nothing else.
func TestShareLink(t *testing.T) {
	r := startRelay(t, "")
	twoCameras(t, r)
	p := r.signIn()
	p.Open(r.url + "/cameras/door-2")
	p.waitState("door-2", "live")
	p.Eval(`[...document.querySelectorAll(".tools button")].find(b => b.innerText === "More").click()`, nil)
	p.Eval(`[...document.querySelectorAll("dialog button")].find(b => b.innerText === "Share link").click()`, nil)
	p.wait(`document.querySelector("dialog select[name=hours]")`)
	p.click("dialog button.primary")
	p.wait(`document.querySelector("dialog .copyable code")`)
	link := p.text("dialog .copyable code")
	_, token, _ := strings.Cut(link, "token=")
	if !strings.HasPrefix(link, r.url+"/cameras/door-2?token=crs_") {
		t.Fatalf("the link is %q", link)
	}
	r.secret = append(r.secret, token)

	guest := r.open(strings.TrimPrefix(link, r.url))
	guest.waitState("door-2", "live")
	if m := guest.mustRead("door-2"); m.Camera != 2 {
		t.Errorf("the guest sees camera %d", m.Camera)
	}
	var address, cameras string
	guest.Eval(`location.href`, &address)
	if address != r.url+"/cameras/door-2" {
		t.Errorf("the token stays in the address: %s", address)
	}
	guest.Eval(`fetch("/api/v1/cameras").then(r => r.text())`, &cameras)
	if strings.Contains(cameras, "door-1") || !strings.Contains(cameras, "door-2") {
		t.Errorf("the guest is told of %s", cameras)
	}
	guest.Open(r.url + "/")
	guest.waitState("door-2", "live")
	if strings.Contains(guest.text("body"), "Front door") {
		t.Error("the guest reads the other camera's name")
	}
	guest.Allow("403")
	for path, want := range map[string]int{
		"/cameras/door-1/snapshot.jpg": http.StatusForbidden,
		"/cameras/door-2/snapshot.jpg": http.StatusOK,
		"/api/v1/tokens":               http.StatusForbidden,
	} {
		var got int
		guest.Eval(fmt.Sprintf(`fetch(%q).then(r => r.status)`, path), &got)
		if got != want {
			t.Errorf("%s answers the guest %d, want %d", path, got, want)
		}
	}
}

// In a lab nobody asks for keys and tokens.
func TestLab(t *testing.T) {
	r := startLab(t, "--set", "name=bench")
	r.vcam("bench", "anything")
	p := r.open("/")
	p.waitState("bench", "live")
	p.mustRead("bench")
	p.Open(r.url + "/settings")
	p.wait(`document.querySelector(".facts").innerText.includes("lab mode")`)
	p.wait(`document.querySelector(".facts dd").innerText === "bench"`) // the relay's name
}
