// Package testkit helps the tests of the whole project: real links that are
// slow, cameras that are rude, JPEGs of a given size, a browser, and checks
// that nothing is left behind.
package testkit

import (
	"testing"

	"go.uber.org/goleak"
)

// Leaks fails the test if, after its clean-up, goroutines run that did not run
// when Leaks was called. Call it first, and not in a parallel test.
func Leaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		t.Helper()
		if err := goleak.Find(before,
			// Idle connections of http.DefaultTransport belong to the process.
			goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
			goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
			goleak.IgnoreAnyFunction("testing.(*T).Parallel"),
		); err != nil {
			t.Errorf("goroutines left behind: %v", err)
		}
	})
}
