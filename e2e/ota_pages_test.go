package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// pressworks makes images as a project that releases firmware does: with a key
// of its own, which the relay and its cameras know.
type pressworks struct {
	t   testing.TB
	dir string
}

func newPressworks(t testing.TB) pressworks {
	t.Helper()
	p := pressworks{t, t.TempDir()}
	p.relay("keygen", "--out", p.file("release.pem"))
	return p
}

func (p pressworks) file(name string) string { return filepath.Join(p.dir, name) }

func (p pressworks) relay(command string, args ...string) {
	p.t.Helper()
	runProgram(p.t, patience, filepath.Join(bin, "relay"), append([]string{"image", command}, args...)...)
}

// image makes an image of a virtual camera's firmware that behaves in a way.
func (p pressworks) image(behaviour, version string, build int, signed bool) (file string) {
	p.t.Helper()
	payload, file := p.file(behaviour+".bin"), p.file(version+".img")
	runProgram(p.t, patience, filepath.Join(bin, "vcam"), "firmware", "--behaviour", behaviour, "--out", payload)
	args := []string{"--board", "vcam", "--chip", "host", "--version", version, "--build", fmt.Sprint(build), "--out", file}
	if signed {
		args = append(args, "--key", p.file("release.pem"))
	}
	p.relay("build", append(args, payload)...)
	return file
}

// workshop is a relay that takes the images, which load slowly enough to be
// looked at, with a camera that can be updated.
func (p pressworks) workshop() *relay {
	p.t.Helper()
	broker := freeAddr(p.t)
	r := startRelay(p.t, "name: workshop\nota:\n  keys: ["+p.file("release.pub.pem")+"]\n  rate: 110KiB\n", "--mqtt-listen", broker)
	r.vcam("door", r.addCamera("door", "Front door"), "--mqtt", "mqtt://"+broker, "--flash", p.file("flash"),
		"--ring", p.file("release.pub.pem"), "--firmware", "1.0.0", "--build", "1")
	eventually(p.t, func() bool { return r.camera("door").State == "online" }, "the camera sends")
	return r
}

const doorRow = `.fleet > li[data-camera=door]`

// updates opens the page of updates, by its link.
func (p *page) updates() {
	p.t.Helper()
	p.click(`nav a[href="/updates"]`)
	p.wait(`location.pathname === "/updates" && document.querySelector(".fleet .runs").innerText !== ""`)
}

// upload gives a file to the page and waits for what became of it.
func (p *page) upload(file, ended string) (said string) {
	p.t.Helper()
	selector := fmt.Sprintf(".uploads li[data-ended=%s]", ended)
	var before int
	p.Eval(fmt.Sprintf("document.querySelectorAll(%q).length", selector), &before)
	p.wait(`document.querySelector(".drop").checkVisibility()`)
	p.Do(chromedp.SetUploadFiles(chromedp.CSS(".drop input"), []string{file}))
	p.wait(fmt.Sprintf("document.querySelectorAll(%q).length > %d", selector, before))
	return p.text(selector)
}

// update presses the button of the camera's row, and agrees.
func (p *page) update() {
	p.t.Helper()
	p.click(doorRow + " .do button:not(.quiet)")
	p.click("dialog button.primary")
	p.wait(`!document.querySelector("dialog")`)
}

// ended waits for the result of the camera's update.
func (p *page) ended(state string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.querySelector(%q).dataset.job === %q`, doorRow, state))
}

// recordSteps has the page note each state that a step comes into.
func (p *page) recordSteps() {
	p.t.Helper()
	p.Eval(`(() => {
		window.seen = []
		new MutationObserver((all) => all.forEach(({ target }) => {
			if (!target.dataset.step || !target.closest(".fleet")) return
			const line = target.dataset.step + " " + target.dataset.state
			if (!seen.includes(line)) seen.push(line)
		})).observe(document.querySelector(".fleet"), { subtree: true, attributes: true, attributeFilter: ["data-state"] })
	})()`, nil)
}

var steps = []string{"queued", "stream", "server", "memory", "header", "download", "verify", "activate", "restart", "trial", "confirm"}

// From the upload to pictures of the new firmware, all on one page.
func TestUpdatePages(t *testing.T) {
	made := newPressworks(t)
	good, unsigned := made.image("good", "1.1.0", 11, true), made.image("good", "1.2.0-dev", 12, false)
	r := made.workshop()
	p := r.signIn()
	p.resize(1200, 760)
	p.scheme("dark")
	p.Allow("422") // Chromium writes of the refused upload
	p.updates()
	p.wait(`document.querySelector(".fleet .runs").innerText === "1.0.0"`)
	if said := p.text(doorRow + " .word"); said != "There is no image for it." {
		t.Errorf("before there is an image the page says %q", said)
	}

	if said := p.upload(unsigned, "refused"); !strings.Contains(said, "it is not signed") {
		t.Errorf("the page says %q of an unsigned image", said)
	}
	p.Eval(`(() => {
		const data = new DataTransfer()
		data.items.add(new File(["no image"], "notes.img"))
		data.items.add(new File([new Uint8Array(3e6)], "disk.img"))
		data.items.add(new File([new Uint8Array(5e6)], "film.img"))
		document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }))
	})()`, nil)
	p.wait(`[...document.querySelectorAll(".uploads li[data-ended=refused]")].some(e => /notes.img[^]*Not added. Image refused/.test(e.innerText))`)
	p.wait(`[...document.querySelectorAll(".uploads li[data-ended=refused]")].some(e => /disk.img[^]*Not added. Image refused/.test(e.innerText))`)
	p.wait(`[...document.querySelectorAll(".uploads li[data-ended=refused]")].some(e => /film.img[^]*Not added. It has .* KB at most/.test(e.innerText))`)
	if said := p.upload(good, "added"); !strings.Contains(said, "Added: 1.1.0, build 11, for vcam.") {
		t.Errorf("the page says %q of a good image", said)
	}
	p.wait(`document.querySelector(".images li[data-version='1.1.0']").innerText.includes("No camera runs it")`)

	p.click(doorRow + " .do button:not(.quiet)")
	p.wait(`document.querySelector("dialog .plan").innerText.includes("goes back to 1.0.0 by itself")`)
	p.click("dialog button[value=dry-run]")
	p.wait(`document.querySelector("dialog [role=status]").innerText.includes("1.0.0 can be updated to 1.1.0")`)
	p.press(kb.Escape)
	p.wait(`!document.querySelector("dialog")`)

	p.recordSteps()
	p.update()
	p.wait(`document.querySelector(".fleet progress").value > 20`)
	for _, said := range []struct{ what, want string }{
		{p.text(".fleet .fails"), "If the power fails now, the camera starts 1.0.0 again."},
		{p.text(".fleet .outlook"), "reads back what it has written"},
		{p.text(`.fleet [data-step=memory]`), "→"},
		{p.text(`.fleet [data-step=download]`), "644.0 KB"},
	} {
		if !strings.Contains(said.what, said.want) {
			t.Errorf("%q is not in %q", said.want, said.what)
		}
	}
	p.wait(`/\d+ kB\/s, .*to go|almost there/.test(document.querySelector(".fleet [data-step=download]").innerText)`)
	p.Eval(`scrollTo(0, 0)`, nil)
	p.shoot("ota-update")
	p.ended("succeeded")
	p.wait(`document.querySelector(".fleet .runs").innerText === "1.1.0"`)
	var seen []string
	p.Eval("seen", &seen)
	for i, step := range steps {
		if !slices.Contains(seen, step+" done") {
			t.Errorf("step %s was not seen done: %q", step, seen)
		}
		if i > 0 && slices.Index(seen, step+" done") < slices.Index(seen, steps[i-1]+" done") {
			t.Errorf("step %s was done before %s: %q", step, steps[i-1], seen)
		}
	}
	if !slices.Contains(seen, "download now") {
		t.Errorf("the download was not seen: %q", seen)
	}
	if said := p.text(".fleet .words"); !strings.HasPrefix(said, "Updated\n") || !strings.Contains(said, "Updated from 1.0.0 to 1.1.0 in") {
		t.Errorf("the result reads %q", said)
	}
	p.wait(`document.querySelector(".images li[data-version='1.1.0']").innerText.includes("Runs on Front door")`)
	p.wait(`document.querySelectorAll(".history li[data-state=succeeded]").length === 1`)
	p.upload(made.image("panic", "1.2.0", 12, true), "added")
	p.wait(`document.querySelector(".fleet .word").innerText === "1.2.0 is there for it."`)
	p.Open(r.url + "/updates")
	p.upload(unsigned, "refused")
	p.wait(`document.querySelectorAll(".history li").length === 1`)
	p.wait(`document.querySelector(".images").innerText.includes("Runs on Front door")`)
	p.Eval(`document.querySelector(".drop").closest("section").scrollIntoView()`, nil)
	p.shoot("ota-images")
	p.Eval(`(() => { const s = document.querySelector(".history").parentElement.querySelector("[aria-label=Result]"); s.value = "failed"; s.dispatchEvent(new Event("change")) })()`, nil)
	p.wait(`document.querySelectorAll(".history li").length === 0`)

	p.hideFigures()
	p.click(doorRow + ` a[href="/cameras/door"]`)
	p.waitState("door", "live")
	p.mustRead("door")
}

// Who watches while the camera is updated reads how it goes, over the last
// picture, and sees new pictures afterwards without doing anything.
func TestWatchUpdate(t *testing.T) {
	made := newPressworks(t)
	r := made.workshop()
	p := r.signIn()
	p.updates()
	p.upload(made.image("good", "1.1.0", 11, true), "added")
	p.hideFigures()
	wall := &page{p.Tab(), t, r}
	wall.Open(r.url + "/")
	wall.waitState("door", "live")
	p.Open(r.url + "/cameras/door")
	p.waitState("door", "live")
	before := p.mustRead("door")
	p.Eval(`(() => { // what is painted as live, and under which number
		window.live = []
		const stage = document.querySelector(".stage")
		new MutationObserver(() => {
			if (stage.dataset.state === "live") live.push(Number(stage.dataset.seq))
			else window.away = Math.max(window.away ?? 0, ...live)
		}).observe(stage, { attributes: true })
	})()`, nil)

	r.call("POST", "/api/v1/ota/cameras/door", map[string]any{}, nil)
	p.waitState("door", "updating")
	p.wait(`/^Updating\s+to 1.1.0: \d+ %, back in about \d+ s/.test(document.querySelector(".veil").innerText) && document.querySelector(".veil progress").value > 0`)
	p.wait(`document.querySelector("aside.update").checkVisibility() && document.querySelector("aside.update [data-step=download]").dataset.state === "now"`)
	p.front()
	p.wait(`document.querySelector("aside.update .said").innerText === "Updating from 1.0.0 to 1.1.0"`)
	p.waitState("door", "live")
	p.wait(`document.querySelector("aside.update .job").dataset.state === "succeeded"`)
	if after := p.mustRead("door"); !after.Time.After(before.Time) {
		t.Errorf("the picture shows %v, before the update it was %v", after.Time, before.Time)
	}
	var old int
	p.Eval(`live.slice(live.lastIndexOf(away) + 1).filter((seq) => seq <= away).length`, &old)
	if old > 0 {
		t.Errorf("%d times a picture from before was shown as live", old)
	}
	p.click(`aside.update header button`)
	p.wait(`!document.querySelector("aside.update").checkVisibility()`)
	wall.front()
	wall.waitState("door", "live")
	wall.mustRead("door")
}

// A firmware that does not work is gone again, and the page says so.
func TestUpdateGoesBack(t *testing.T) {
	made := newPressworks(t)
	bad := made.image("panic", "1.1.0", 11, true)
	r := made.workshop()
	p := r.signIn()
	p.updates()
	p.upload(bad, "added")
	p.update()
	p.ended("rolled_back")
	if said := p.text(".fleet .words"); !strings.Contains(said, "Went back to 1.0.0") || !strings.Contains(said, "the program crashed") {
		t.Errorf("the result reads %q", said)
	}
	for step, want := range map[string]string{"activate": "done", "restart": "done", "trial": "failed", "outcome": "ended"} {
		var state string
		p.Eval(fmt.Sprintf(`document.querySelector(".fleet [data-step=%s]")?.dataset.state ?? "none"`, step), &state)
		if state != want {
			t.Errorf("step %s is %s, want %s", step, state, want)
		}
	}
	p.wait(`document.querySelector(".fleet .runs").innerText === "1.0.0" && document.querySelector(".fleet .word.attention").innerText.startsWith("Went back to 1.0.0")`)
	p.wait(`document.querySelectorAll(".history li[data-state=rolled_back]").length === 1`)
	p.resize(1200, 760)
	p.scheme("dark")
	p.wait(`[...document.querySelectorAll(".images li")].length === 1`)
	p.Eval(`scrollTo(0, 0)`, nil)
	p.hideFigures()
	p.click(doorRow + ` a[href="/cameras/door"]`)
	p.waitState("door", "live")
	p.mustRead("door")
}

// An update that was begun can be stopped as long as nothing is decided.
func TestCancelUpdate(t *testing.T) {
	made := newPressworks(t)
	r := made.workshop()
	p := r.signIn()
	p.updates()
	p.upload(made.image("good", "1.1.0", 11, true), "added")
	p.update()
	p.wait(`document.querySelector(".fleet [data-step=download]").dataset.state === "now"`)
	p.click(`.fleet .words .danger`)
	p.click(`dialog .danger`)
	p.ended("cancelled")
	p.wait(`document.querySelector(".fleet .said").innerText === "Cancelled, stays on 1.0.0"`)
	eventually(t, func() bool { return r.camera("door").State == "online" }, "the camera sends again")
}

// A rollout is followed, held and let go on the page.
func TestRolloutPage(t *testing.T) {
	made := newPressworks(t)
	r := made.workshop()
	p := r.signIn()
	p.updates()
	p.upload(made.image("good", "1.1.0", 11, true), "added")
	p.wait(`document.querySelector("[aria-label=Rollouts] .hint").checkVisibility()`)
	r.call("POST", "/api/v1/ota/rollouts", map[string]any{"id": "spring", "soak_s": 3, "waves": []any{map[string]int{"percent": 100}}, "reason": "a test"}, nil)

	const row = `.rollouts > li[data-rollout=spring]`
	state := func(want string) { p.wait(fmt.Sprintf(`document.querySelector(%q).dataset.state === %q`, row, want)) }
	p.wait(`document.querySelector(".fleet [data-step=download]").dataset.state === "now"`) // the page sees it by the camera's state
	state("running")
	p.click(row + ` [data-action="spring pause"]`)
	state("paused")
	p.click(row + ` [data-action="spring resume"]`)
	state("running")
	p.ended("succeeded")
	if said := p.text(".fleet .words"); !strings.Contains(said, "Updated from 1.0.0 to 1.1.0") {
		t.Errorf("the result reads %q", said)
	}
	p.click(row + " summary")
	p.wait(fmt.Sprintf(`/Front door\s+(being watched|updated)/.test(document.querySelector("%s .members").innerText)`, row))
	state("completed")
	p.wait(fmt.Sprintf(`/1 updated/.test(document.querySelector("%[1]s .counts").innerText) && document.querySelector("%[1]s progress").value === 1 && document.querySelector("%[1]s details").open`, row))
	p.wait(fmt.Sprintf(`!document.querySelector("%s [data-action='spring cancel']")`, row))
}

// Without a key the page says how to get one; viewers look and do not touch;
// and all of it fits on a phone.
func TestUpdatesPageForOthers(t *testing.T) {
	r := startRelay(t, "")
	p := r.signIn()
	p.updatesEmpty()
	for _, command := range []string{"relay image keygen", "relay serve --set ota.keys=", "relay image sign"} {
		if !strings.Contains(p.text(".setup"), command) {
			t.Errorf("%q is not on the page", command)
		}
	}

	made := newPressworks(t)
	r = made.workshop()
	p = r.signIn()
	p.updates()
	p.upload(made.image("good", "1.1.0", 11, true), "added")
	p.update()
	p.ended("succeeded")
	p.resize(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch)
	for _, scheme := range []string{"light", "dark"} {
		p.scheme(scheme)
		if n := p.scrollsSideways(); n > 0 {
			t.Errorf("the page is %d pixels too wide for a phone", n)
		}
	}
	var small []string
	p.Eval(`[...document.querySelectorAll("main button, header a, header button")].filter(e => {
		const {width, height} = e.getBoundingClientRect()
		return width && (width < 40 || height < 40)
	}).map(e => e.outerHTML.slice(0, 80))`, &small)
	if len(small) > 0 {
		t.Errorf("the page has what fingers miss: %q", small)
	}

	viewer := r.open("/login#token=" + r.addToken("guest"))
	viewer.wait(`location.pathname === "/" && document.querySelector(".grid")`)
	viewer.updates()
	viewer.wait(`document.querySelector(".fleet .runs").innerText === "1.1.0"`)
	viewer.wait(`document.querySelectorAll(".history li").length === 1`)
	var touches int
	viewer.Eval(`document.querySelectorAll(".drop, .images, .fleet .do button:not(.quiet):not([hidden]), .fleet .danger:not([hidden])").length`, &touches)
	if touches > 0 {
		t.Errorf("a viewer has %d things to change", touches)
	}
}

// updatesEmpty opens the page of a relay without cameras.
func (p *page) updatesEmpty() {
	p.t.Helper()
	p.click(`nav a[href="/updates"]`)
	p.wait(`document.querySelector(".setup").checkVisibility()`)
}
