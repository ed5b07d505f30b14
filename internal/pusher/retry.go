package pusher

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/wire"
)

// Retry says how long a camera stays away after its connection ended or was
// refused. Zero fields take the default.
type Retry struct {
	Base          time.Duration // first back-off, default 500 ms: rand(0 … min(Cap, Base·2ⁿ))
	Cap           time.Duration // longest back-off, default 60 s
	Stable        time.Duration // a connection that lived so long starts the back-off anew, default 60 s
	Refused       time.Duration // after 401 and 403, default 5 min
	MaxRetryAfter time.Duration // longest Retry-After that is obeyed, default 10 min
	Superseded    time.Duration // after close code 4002, default 30 s
	Update        time.Duration // after 4001, default 5 min: nobody can tell a virtual camera to come back
	Fixed         time.Duration // if > 0, always so long, whatever happened, as esp_websocket_client does
}

func (r Retry) withDefaults() Retry {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&r.Base, 500*time.Millisecond)
	set(&r.Cap, time.Minute)
	set(&r.Stable, time.Minute)
	set(&r.Refused, 5*time.Minute)
	set(&r.MaxRetryAfter, 10*time.Minute)
	set(&r.Superseded, 30*time.Second)
	set(&r.Update, 5*time.Minute)
	return r
}

// ErrStaysAway is returned by Run when the camera is not to come back: close
// code 4003, or any clean close in ESP-IDF mode.
var ErrStaysAway = errors.New("camera stays away")

// refusal is an answer to the upgrade request that is not 101.
type refusal struct {
	status     int
	retryAfter time.Duration // 0: none
	text       string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("relay answered %d %s: %s", r.status, http.StatusText(r.status), r.text)
}

// backoff counts failed attempts.
type backoff struct {
	Retry
	failures int
	random   func(n int64) int64 // in [0, n)
}

// delay is how long to wait after err ended an attempt whose connection had
// lived so long; an error means for ever.
func (b *backoff) delay(err error, lived time.Duration) (time.Duration, error) {
	if lived >= b.Stable {
		b.failures = 0
	}
	var closed *websocket.CloseError
	isClosed := errors.As(err, &closed) && closed.Code != websocket.CloseAbnormalClosure
	if b.Fixed > 0 {
		if isClosed {
			return 0, fmt.Errorf("%w after a clean close: %w", ErrStaysAway, err)
		}
		return b.Fixed, nil
	}
	if isClosed {
		return b.afterClose(closed)
	}
	var refused *refusal
	if errors.As(err, &refused) {
		return b.afterRefusal(refused), nil
	}
	return b.jitter(b.Base), nil
}

func (b *backoff) afterClose(closed *websocket.CloseError) (time.Duration, error) {
	switch closed.Code {
	case wire.CloseUpdate:
		return b.Update, nil
	case wire.CloseSuperseded:
		return b.Superseded, nil
	case wire.CloseForbidden:
		return 0, fmt.Errorf("%w: its key is no longer valid, or it was removed: %w", ErrStaysAway, closed)
	case websocket.CloseGoingAway, websocket.CloseServiceRestart, websocket.CloseTryAgainLater:
		return b.jitter(max(b.Base, 2*time.Second)), nil
	}
	return b.jitter(b.Base), nil
}

func (b *backoff) afterRefusal(r *refusal) time.Duration {
	switch {
	case r.status == http.StatusUnauthorized || r.status == http.StatusForbidden:
		return b.Refused
	case r.retryAfter > 0 && (r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable):
		return min(r.retryAfter, b.MaxRetryAfter)
	}
	return b.jitter(b.Base)
}

// jitter is "full jitter": anything up to the doubled limit, so that many
// cameras do not come back at once.
func (b *backoff) jitter(base time.Duration) time.Duration {
	limit := b.Cap
	if shift := b.failures; shift < 20 && base<<shift < b.Cap {
		limit = base << shift
	}
	b.failures++
	return time.Duration(b.random(int64(limit) + 1))
}

func newBackoff(r Retry) *backoff {
	return &backoff{Retry: r.withDefaults(), random: rand.Int64N}
}

// parseRetryAfter reads seconds or an HTTP date (RFC 9110 section 10.2.3).
func parseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
