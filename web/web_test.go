package web

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxBytes bounds the pages: they are loaded over a phone's connection, and by
// relays that have no fast one either.
const maxBytes = 200 << 10

var (
	reference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)
	preload   = regexp.MustCompile(`rel="modulepreload" href="([^"]*)"`)
	imported  = regexp.MustCompile(`(?:from|import) "([^"]*)"`)
	moduleURL = regexp.MustCompile(`new URL\("([^"]*)", import\.meta\.url\)`)
	cssURL    = regexp.MustCompile(`url\(\s*["']?([^"')]*)|@import\s+["']([^"']*)`)
	inline    = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:\s[^>]*)?>[^<]|javascript:`)
	// external finds addresses that a browser would load something from, not
	// the examples that people read.
	external = regexp.MustCompile(`(?i)(?:src|href|from|import|fetch\(|url\()\s*[("'=]*\s*(?:https?:)?//`)
)

// content reads the files whose names end in ext, by name.
func content(t *testing.T, ext string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ext {
			return err
		}
		b, err := fs.ReadFile(Files(), name)
		found[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no %s file is embedded", ext)
	}
	return found
}

// imports lists what a module needs, as embedded file names.
func imports(name, source string) []string {
	var needs []string
	for _, re := range []*regexp.Regexp{imported, moduleURL} {
		for _, m := range re.FindAllStringSubmatch(source, -1) {
			needs = append(needs, path.Join(path.Dir(name), m[1]))
		}
	}
	return needs
}

func TestReferencesExist(t *testing.T) {
	exists := func(from, address string) {
		t.Helper()
		u, err := url.Parse(address)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/assets/") {
			t.Errorf("%s refers to %q, which is not below /assets/", from, address)
			return
		}
		if _, err := fs.Stat(Files(), u.Path[1:]); err != nil {
			t.Errorf("%s refers to %s: %v", from, address, err)
		}
	}
	for name, source := range content(t, ".html") {
		for _, m := range reference.FindAllStringSubmatch(source, -1) {
			exists(name, m[1])
		}
	}
	for name, source := range content(t, ".css") {
		for _, m := range cssURL.FindAllStringSubmatch(source, -1) {
			exists(name, m[1]+m[2])
		}
	}
	for name, source := range content(t, ".js") {
		for _, needed := range imports(name, source) {
			exists(name, "/"+needed)
		}
	}
}

// TestModules holds the list of modules in index.html to those that are really
// imported, and finds files that nothing needs.
func TestModules(t *testing.T) {
	modules := content(t, ".js")
	needed := map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		for _, next := range imports(name, modules[name]) {
			if !needed[next] {
				needed[next] = true
				visit(next)
			}
		}
	}
	visit("assets/app.js")

	var preloaded []string
	for _, m := range preload.FindAllStringSubmatch(content(t, ".html")["index.html"], -1) {
		preloaded = append(preloaded, m[1][1:])
	}
	const worker = "assets/player-worker.js" // is fetched as a worker, not as a module of the page
	for name := range modules {
		switch is := slices.Contains(preloaded, name); {
		case name == "assets/app.js" || name == worker:
		case !needed[name]:
			t.Errorf("%s is imported nowhere", name)
		case !is:
			t.Errorf("index.html lacks a modulepreload of %s", name)
		}
	}
	if !slices.IsSorted(preloaded) || len(slices.Compact(preloaded)) != len(preloaded) {
		t.Error("the modulepreload lines of index.html are not sorted and unique")
	}
}

func TestNothingInlineOrExternal(t *testing.T) {
	for name, source := range content(t, ".html") {
		if found := inline.FindString(source); found != "" {
			t.Errorf("%s: %q would be blocked by the Content-Security-Policy", name, found)
		}
	}
	for _, ext := range []string{".html", ".css", ".js"} {
		for name, source := range content(t, ext) {
			if found := external.FindString(source); found != "" {
				t.Errorf("%s: %q loads something from elsewhere", name, found)
			}
			for _, call := range []string{"eval(", "new Function", ".innerHTML", ".outerHTML", "insertAdjacentHTML", "document.write", `setAttribute("style"`} {
				if strings.Contains(source, call) {
					t.Errorf("%s uses %s", name, call)
				}
			}
		}
	}
}

func TestPatternsFind(t *testing.T) {
	for _, bad := range []string{`<p style="x">`, `<b onclick="x">`, `<script>x`, `<script type="module">x`, `<style>`} {
		if !inline.MatchString(bad) {
			t.Errorf("%q is not found to be inline", bad)
		}
	}
	for _, bad := range []string{`import x from "https://a/b"`, `src="//a/b"`, `fetch("http://a")`, `url(https://a)`} {
		if !external.MatchString(bad) {
			t.Errorf("%q is not found to be external", bad)
		}
	}
}

func TestSize(t *testing.T) {
	total := int64(0)
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		total += info.Size()
		if strings.HasPrefix(path.Base(name), ".") || strings.Contains(name, "test") {
			t.Errorf("%s is embedded", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if total > maxBytes {
		t.Errorf("the pages have %d bytes, more than %d", total, maxBytes)
	}
}

// TestEmbedded makes sure that every file of the directory is in the binary.
func TestEmbedded(t *testing.T) {
	err := fs.WalkDir(os.DirFS("."), "assets", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			_, err = fs.Stat(Files(), name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
