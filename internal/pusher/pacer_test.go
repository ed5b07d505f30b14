package pusher

import (
	"testing"
	"time"

	"camrelay/internal/wire"
)

func TestPacer(t *testing.T) {
	for _, test := range []struct {
		name   string
		fps    int
		pace   wire.Pace
		paused bool
		want   time.Duration
		none   bool
	}{
		{name: "setting", fps: 10, want: 100 * time.Millisecond},
		{name: "no limit", fps: 0, want: time.Second / maxFPS},
		{name: "relay wants less", fps: 10, pace: wire.Pace{FPS: 4}, want: 250 * time.Millisecond},
		{name: "relay would take more", fps: 10, pace: wire.Pace{FPS: 40}, want: 100 * time.Millisecond},
		{name: "rests", fps: 10, pace: wire.Pace{FPS: 6, Still: 5}, want: 5 * time.Second},
		{name: "rests very long", fps: 10, pace: wire.Pace{Still: 1e300}, want: 24 * time.Hour},
		{name: "very slow", fps: 10, pace: wire.Pace{FPS: 1e-300}, want: 24 * time.Hour},
		{name: "paused", fps: 10, paused: true, none: true},
	} {
		p := newPacer(test.fps)
		p.update(func(p *pacer) { p.pace, p.paused = test.pace, test.paused })
		got, wanted := p.interval()
		if wanted == test.none || got != test.want {
			t.Errorf("%s: got %v, %v; want %v", test.name, got, wanted, test.want)
		}
		if len(p.changed) != 1 {
			t.Errorf("%s: nobody is told of the change", test.name)
		}
	}
}
