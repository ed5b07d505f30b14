package testkit

import (
	"fmt"
	"testing"
	"time"
)

// Eventually asks cond every few milliseconds until it says true, and fails
// the test if it does not within the given time. What was waited for is told
// by what, a format.
func Eventually(t testing.TB, within time.Duration, cond func() bool, what string, args ...any) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !cond() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			if cond() {
				return
			}
			t.Fatalf("not within %v: %s", within, fmt.Sprintf(what, args...))
		}
	}
}
