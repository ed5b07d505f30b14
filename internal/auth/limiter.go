package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// FailureLimit and FailureWindow are how many wrong secrets one address may
// send in what time before it has to wait.
const (
	FailureLimit  = 10
	FailureWindow = time.Minute
)

// failureMemory is how many addresses a limiter remembers, about 2 MB.
const failureMemory = 10_000

// FailureLimiter counts wrong secrets by a key, such as an address. It
// remembers a bounded number of keys and forgets those that failed least
// recently. Safe for concurrent use.
type FailureLimiter struct {
	now   func() time.Time
	limit int
	span  time.Duration
	size  int

	mu     sync.Mutex
	recent *list.List // of *failures, most recent failure first
	byKey  map[string]*list.Element
}

// failures are the times of a key's last ones, at most limit.
type failures struct {
	key   string
	times []time.Time // oldest first
}

// NewFailureLimiter allows FailureLimit failures in FailureWindow.
func NewFailureLimiter(now func() time.Time) *FailureLimiter {
	return &FailureLimiter{
		now: now, limit: FailureLimit, span: FailureWindow, size: failureMemory,
		recent: list.New(), byKey: map[string]*list.Element{},
	}
}

// RetryAfter is how long the key has to wait; 0 if it need not.
func (l *FailureLimiter) RetryAfter(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.byKey[key]
	if !ok {
		return 0
	}
	times := e.Value.(*failures).times
	if len(times) < l.limit {
		return 0
	}
	return max(0, times[0].Add(l.span).Sub(l.now()))
}

// Fail counts a wrong secret.
func (l *FailureLimiter) Fail(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.byKey[key]
	if !ok {
		e = l.recent.PushFront(&failures{key: key})
		l.byKey[key] = e
	}
	l.recent.MoveToFront(e)
	f := e.Value.(*failures)
	if len(f.times) == l.limit {
		f.times = append(f.times[:0], f.times[1:]...)
	}
	f.times = append(f.times, l.now())
	if l.recent.Len() > l.size {
		oldest := l.recent.Remove(l.recent.Back()).(*failures)
		delete(l.byKey, oldest.key)
	}
}

// AddressKey is an address as one party: IPv6 hosts own a whole /64.
func AddressKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // 64 is a valid length
		return p.String()
	}
	return a.String()
}
