package web

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// TestUnit runs the tests of the pages' logic (test/unit.js) in a browser.
func TestUnit(t *testing.T) {
	server := httptest.NewServer(http.FileServerFS(os.DirFS(".")))
	t.Cleanup(server.Close)
	page := testkit.Browser(t)
	page.Open(server.URL + "/test/")
	page.WaitFor(20*time.Second, "globalThis.results")

	var results []struct{ Name, Error string }
	page.Eval("results", &results)
	if len(results) < 20 {
		t.Fatalf("only %d tests ran", len(results))
	}
	for _, r := range results {
		if r.Error != "" {
			t.Errorf("%s: %s", r.Name, r.Error)
		}
	}
}
