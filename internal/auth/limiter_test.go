package auth

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestFailureLimiter(t *testing.T) {
	c := newClock()
	l := NewFailureLimiter(c.now)
	for i := range FailureLimit {
		if wait := l.RetryAfter("a"); wait != 0 {
			t.Fatalf("limited after %d", i)
		}
		l.Fail("a")
		c.add(time.Second)
	}
	if wait := l.RetryAfter("a"); wait != 50*time.Second {
		t.Errorf("wait %v, want 50s", wait)
	}
	if wait := l.RetryAfter("b"); wait != 0 {
		t.Errorf("another key waits %v", wait)
	}
	c.add(50 * time.Second)
	if wait := l.RetryAfter("a"); wait != 0 {
		t.Errorf("still waits %v", wait)
	}
	l.Fail("a") // the second of the ten is now the oldest
	if wait := l.RetryAfter("a"); wait != time.Second {
		t.Errorf("wait %v, want 1s", wait)
	}
}

func TestFailureLimiterIsBounded(t *testing.T) {
	c := newClock()
	l := NewFailureLimiter(c.now)
	for range FailureLimit {
		l.Fail("kept")
	}
	for i := range 3 * failureMemory {
		l.Fail(fmt.Sprint(i))
		if i%(failureMemory/2) == 0 {
			l.Fail("kept")
		}
	}
	if len(l.byKey) != failureMemory || l.recent.Len() != failureMemory {
		t.Errorf("remembers %d, %d keys", len(l.byKey), l.recent.Len())
	}
	if l.RetryAfter("kept") == 0 {
		t.Error("forgot a key that failed of late")
	}
	for range 100 {
		l.Fail("x")
	}
	if n := len(l.byKey["x"].Value.(*failures).times); n != FailureLimit {
		t.Errorf("remembers %d times of a key", n)
	}
}

func TestFailureLimiterConcurrently(t *testing.T) {
	l := NewFailureLimiter(time.Now)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				l.Fail(fmt.Sprint(i % 50))
				l.RetryAfter(fmt.Sprint(i % 70))
			}
		})
	}
	wg.Wait()
	if len(l.byKey) != 50 {
		t.Errorf("%d keys, want 50", len(l.byKey))
	}
}
