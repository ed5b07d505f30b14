package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Page is a tab of a headless Chromium. What its pages log as errors, throw or
// fail to load fails the test, unless Allow was told to expect it.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	errors  []string
	allowed []string
}

// browserPatience bounds each step in the browser.
const browserPatience = 30 * time.Second

// Browser starts a Chromium of its own, with a profile of its own, and returns
// its first tab. It ends with the test.
func Browser(t testing.TB) *Page {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 900),
		chromedp.NoFirstRun,
	}
	for _, flag := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "disable-background-networking",
		"disable-component-update", "disable-sync", "no-default-browser-check", "disable-dev-shm-usage",
		"disable-background-timer-throttling", "disable-renderer-backgrounding", "hide-scrollbars", "mute-audio",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		// Cancel closes the browser and waits for it, so that its profile can
		// be removed.
		closing, done := context.WithTimeout(ctx, browserPatience)
		defer done()
		if err := chromedp.Cancel(closing); err != nil {
			t.Logf("close browser: %v", err)
		}
		cancel()
		end()
	})
	return newPage(t, ctx)
}

// chromium finds the browser under the names that distributions give it.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium-browser", "google-chrome"} {
		if _, err := exec.LookPath("chromium"); err == nil {
			break
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return Tool(t, "chromium")
}

func newPage(t testing.TB, ctx context.Context) *Page {
	t.Helper()
	p := &Page{t: t, ctx: ctx}
	// The first use starts the browser and binds its life to ctx, which
	// therefore has no deadline.
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatalf("start browser: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		for _, e := range p.Errors() {
			t.Errorf("browser: %s", e)
		}
	})
	return p
}

// Tab opens another tab of the same browser.
func (p *Page) Tab() *Page {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx)
	p.t.Cleanup(cancel)
	return newPage(p.t, ctx)
}

// Context is for chromedp.Run and chromedp.Do, for what Page has no method for.
func (p *Page) Context() context.Context { return p.ctx }

// Do runs actions of chromedp; one that fails or takes long ends the test.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	do(p, chromedp.Steps(actions...))
}

// do runs one action that has a result.
func do[T any](p *Page, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, browserPatience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("browser: %v; its errors: %q", err, p.Errors())
	}
	return result
}

// Open goes to an address and waits until it is loaded. An endless resource,
// such as an MJPEG stream, does not end loading: then use OpenNoWait.
func (p *Page) Open(url string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(url))
}

// OpenNoWait goes to an address and does not wait for what it loads.
func (p *Page) OpenNoWait(url string) {
	p.t.Helper()
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		result, err := cdp.Call(ctx, t, page.Navigate, page.NavigateParams{URL: url})
		if err == nil && result.ErrorText != "" {
			err = fmt.Errorf("open %s: %s", url, result.ErrorText)
		}
		return err
	}))
}

// Eval evaluates a JavaScript expression, waits if it is a promise, and stores
// its value into the pointer as encoding/json does; nil: it is not wanted.
func (p *Page) Eval(expression string, value any) {
	p.t.Helper()
	if value == nil {
		p.Do(chromedp.Evaluate[chromedp.Void](expression, chromedp.EvalAwaitPromise))
		return
	}
	b := do(p, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err := json.Unmarshal(b, value); err != nil {
		p.t.Fatalf("browser: value of %s: %v", expression, err)
	}
}

// WaitFor waits until a JavaScript expression is true.
func (p *Page) WaitFor(within time.Duration, expression string) {
	p.t.Helper()
	Eventually(p.t, within, func() bool {
		var is bool
		p.Eval("!!("+expression+")", &is)
		return is
	}, "%s in the browser", expression)
}

// Screenshot is what the first element that a CSS selector finds looks like,
// pixel by pixel at a device pixel ratio of 1.
func (p *Page) Screenshot(selector string) image.Image {
	p.t.Helper()
	b := do(p, chromedp.Screenshot(chromedp.CSS(selector)))
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		p.t.Fatalf("decode screenshot: %v", err)
	}
	return img
}

// ScreenshotPage is the visible part of the page, and where in it the elements
// are that a CSS selector finds.
func (p *Page) ScreenshotPage(selector string) (image.Image, []image.Rectangle) {
	p.t.Helper()
	var boxes [][4]float64
	p.Eval(fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => {
		const r = e.getBoundingClientRect()
		return [r.left, r.top, r.right, r.bottom]
	})`, selector), &boxes)
	b := do(p, chromedp.CaptureScreenshot())
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		p.t.Fatalf("decode screenshot: %v", err)
	}
	areas := make([]image.Rectangle, len(boxes))
	for i, r := range boxes {
		areas[i] = image.Rect(int(r[0]+.5), int(r[1]+.5), int(r[2]+.5), int(r[3]+.5))
	}
	return img, areas
}

// Allow lets errors pass whose text contains the given one.
func (p *Page) Allow(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, text)
}

// Errors are those so far that are not allowed.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []string
	for _, e := range p.errors {
		if !p.isAllowed(e) {
			found = append(found, e)
		}
	}
	return found
}

func (p *Page) isAllowed(e string) bool {
	for _, text := range p.allowed {
		if strings.Contains(e, text) {
			return true
		}
	}
	return false
}

func (p *Page) listen(event any) {
	var text string
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, arg := range e.Args {
				if word := strings.Trim(string(arg.Value), `"`); word != "" {
					words = append(words, word)
				} else {
					words = append(words, arg.Description)
				}
			}
			text = "console: " + strings.Join(words, " ")
		}
	case *runtime.EventExceptionThrown:
		text = "thrown: " + e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			text += " " + thrown.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
	if text != "" {
		p.mu.Lock()
		p.errors = append(p.errors, text)
		p.mu.Unlock()
	}
}
