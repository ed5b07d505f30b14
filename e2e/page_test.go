package e2e

import (
	"context"
	"fmt"
	"image"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"camrelay/internal/scene"
	"camrelay/internal/testkit"
)

// page is a tab that shows the relay's pages.
type page struct {
	*testkit.Page
	t testing.TB
	r *relay
}

// open starts a browser and shows a page in it, not signed in.
func (r *relay) open(path string) *page {
	r.t.Helper()
	p := &page{testkit.Browser(r.t), r.t, r}
	p.Open(r.url + path)
	return p
}

// signIn starts a browser and opens the address that the relay printed; it ends
// on the grid.
func (r *relay) signIn() *page {
	r.t.Helper()
	p := &page{testkit.Browser(r.t), r.t, r}
	p.Open(r.login)
	p.wait(`location.pathname === "/" && document.querySelector(".grid, .empty:not([hidden])")`)
	var left string
	p.Eval(`location.href`, &left)
	if left != r.url+"/" {
		r.t.Errorf("after signing in the address is %s", left)
	}
	return p
}

// wait waits until an expression is true. One that throws, because an element
// is not there yet, or that is asked for while the page is exchanged for
// another, is not.
func (p *page) wait(expression string) {
	p.t.Helper()
	tried := fmt.Sprintf("(() => { try { return !!(%s) } catch { return false } })()", expression)
	eventually(p.t, func() bool {
		ctx, cancel := context.WithTimeout(p.Context(), patience)
		defer cancel()
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool](tried))
		return err == nil && is
	}, "%s in the browser", expression)
}

// losesRelay lets the errors pass that Chromium itself writes when the relay
// cannot be reached.
func (p *page) losesRelay() {
	for _, text := range []string{"net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET", "net::ERR_EMPTY_RESPONSE", "net::ERR_SOCKET_NOT_CONNECTED", "WebSocket connection to", "Failed to load resource"} {
		p.Allow(text)
	}
}

// click clicks on the first element that a selector finds, once it is there.
func (p *page) click(selector string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q)", selector))
	p.Do(chromedp.Click(chromedp.CSS(selector)))
}

// press types keys.
func (p *page) press(keys string) { p.t.Helper(); p.Do(chromedp.KeyEvent(keys)) }

// shown is a camera of the page: its tile, or the stage of the single view.
func shown(camera string) string {
	return fmt.Sprintf(`:is(.tile, .stage)[data-camera="%s"]`, camera)
}

// data is a data attribute of a camera; "" if it has none.
func (p *page) data(camera, name string) (value string) {
	p.t.Helper()
	p.Eval(fmt.Sprintf(`document.querySelector('%s')?.getAttribute("data-%s") ?? ""`, shown(camera), name), &value)
	return value
}

func (p *page) seq(camera string) int {
	p.t.Helper()
	n, err := strconv.Atoi(p.data(camera, "seq"))
	if err != nil {
		p.t.Fatalf("data-seq of %s: %v", camera, err)
	}
	return n
}

// waitState waits until the page says that a camera is in a state.
func (p *page) waitState(camera, state string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`document.querySelector('%s')?.dataset.state === %q`, shown(camera), state))
}

// text is what a person reads in the first element that a selector finds.
func (p *page) text(selector string) (text string) {
	p.t.Helper()
	p.Eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector), &text)
	return text
}

// hideFigures takes the overlay away, which covers a part of the picture.
func (p *page) hideFigures() {
	p.t.Helper()
	p.Eval(`localStorage.setItem("camrelay.overlay", "off")`, nil)
}

// resize sets the size of the window.
func (p *page) resize(width, height int64, options ...chromedp.EmulateViewportOption) {
	p.t.Helper()
	p.Do(chromedp.EmulateViewport(width, height, options...))
}

// scheme is "dark" or "light".
func (p *page) scheme(name string) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	}))
}

// reading is what was read out of a screenshot.
type reading struct {
	scene.Marker
	age time.Duration // when the screenshot was there; so it is a little too high
}

// read takes a screenshot and reads the marker of a camera's painted picture,
// which must have the ratio 4:3.
func (p *page) read(camera string) (reading, error) {
	p.t.Helper()
	img, areas := p.ScreenshotPage(fmt.Sprintf(`.picture[data-camera="%s"]`, camera))
	at := time.Now()
	if len(areas) != 1 {
		return reading{}, fmt.Errorf("the page has %d pictures of %s, want 1", len(areas), camera)
	}
	m, err := scene.ReadMarker(img, fit(areas[0], 4, 3))
	return reading{m, at.Sub(m.Time)}, err
}

// mustRead waits until the marker can be read.
func (p *page) mustRead(camera string) (found reading) {
	p.t.Helper()
	var err error
	eventually(p.t, func() bool {
		found, err = p.read(camera)
		return err == nil
	}, "the marker of %s can be read", camera)
	return found
}

// fit is where a picture of ratio w:h is seen whole in the middle of an area.
func fit(area image.Rectangle, w, h int) image.Rectangle {
	width, height := area.Dx(), area.Dy()
	if width*h > height*w {
		width = (height*w + h/2) / h
	} else {
		height = (width*h + w/2) / w
	}
	x, y := area.Min.X+(area.Dx()-width)/2, area.Min.Y+(area.Dy()-height)/2
	return image.Rect(x, y, x+width, y+height)
}

// scrollsSideways reports by how many pixels the page is wider than the window.
func (p *page) scrollsSideways() (pixels int) {
	p.t.Helper()
	p.Eval(`Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth`, &pixels)
	return max(pixels, 0)
}

// front brings the tab to the front of its window.
func (p *page) front() {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdppage.BringToFront, cdp.Empty{})
		return err
	}))
}

// cover opens another tab in front of the page, in the same window.
func (p *page) cover() {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.Context(), chromedp.WithNewWindow(false))
	p.t.Cleanup(cancel)
	if _, err := chromedp.Run(ctx, chromedp.Navigate("about:blank")); err != nil {
		p.t.Fatalf("open another tab: %v", err)
	}
}
