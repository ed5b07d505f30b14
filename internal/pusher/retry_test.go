package pusher

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/wire"
)

// The longest delay of each rule: random is at its end.
func TestDelay(t *testing.T) {
	longest := func(n int64) int64 { return n - 1 }
	closed := func(code int) error { return fmt.Errorf("read: %w", &websocket.CloseError{Code: code}) }
	tests := []struct {
		name  string
		retry Retry
		err   error
		fails int
		lived time.Duration
		want  time.Duration
	}{
		{"first", Retry{}, io.EOF, 0, 0, 500 * time.Millisecond},
		{"third", Retry{}, io.EOF, 2, 0, 2 * time.Second},
		{"many", Retry{}, io.EOF, 9, 0, time.Minute},
		{"very many", Retry{}, io.EOF, 1000, 0, time.Minute},
		{"after a stable connection", Retry{}, io.EOF, 9, time.Minute, 500 * time.Millisecond},
		{"after a short one", Retry{}, io.EOF, 3, 59 * time.Second, 4 * time.Second},
		{"lost", Retry{}, closed(websocket.CloseAbnormalClosure), 0, 0, 500 * time.Millisecond},
		{"1000", Retry{}, closed(1000), 0, 0, 500 * time.Millisecond},
		{"1001", Retry{}, closed(1001), 0, 0, 2 * time.Second},
		{"1013 again", Retry{}, closed(1013), 1, 0, 4 * time.Second},
		{"4001", Retry{}, closed(wire.CloseUpdate), 0, 0, 5 * time.Minute},
		{"4002", Retry{}, closed(wire.CloseSuperseded), 5, 0, 30 * time.Second},
		{"401", Retry{}, &refusal{status: 401}, 0, 0, 5 * time.Minute},
		{"403", Retry{}, &refusal{status: 403}, 0, 0, 5 * time.Minute},
		{"404", Retry{}, &refusal{status: 404}, 0, 0, 500 * time.Millisecond},
		{"429", Retry{}, &refusal{status: 429, retryAfter: 7 * time.Second}, 0, 0, 7 * time.Second},
		{"503 for a day", Retry{}, &refusal{status: 503, retryAfter: 24 * time.Hour}, 0, 0, 10 * time.Minute},
		{"503 without", Retry{}, &refusal{status: 503}, 1, 0, time.Second},
		{"fixed", Retry{Fixed: 10 * time.Second}, &refusal{status: 401}, 7, 0, 10 * time.Second},
	}
	for _, test := range tests {
		b := &backoff{Retry: test.retry.withDefaults(), failures: test.fails, random: longest}
		if got, err := b.delay(test.err, test.lived); got != test.want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", test.name, got, err, test.want)
		}
	}
	for _, test := range []struct {
		retry Retry
		err   error
	}{{Retry{}, closed(wire.CloseForbidden)}, {Retry{Fixed: time.Second}, closed(1000)}} {
		if _, err := newBackoff(test.retry).delay(test.err, 0); !errors.Is(err, ErrStaysAway) {
			t.Errorf("%v: got %v", test.err, err)
		}
	}
}

func TestDelayIsSpread(t *testing.T) {
	b := newBackoff(Retry{Base: time.Second})
	b.failures = 3
	short, long := false, false
	for range 200 {
		d := b.jitter(time.Second)
		b.failures = 3
		if d < 0 || d > 8*time.Second {
			t.Fatalf("%v is not in 0 to 8 s", d)
		}
		short, long = short || d < 2*time.Second, long || d > 6*time.Second
	}
	if !short || !long {
		t.Error("200 delays are not spread over 0 to 8 s")
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999999": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := parseRetryAfter(value, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}
