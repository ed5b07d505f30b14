package pusher

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"camrelay/internal/wire"
)

// telemetry counts frames and makes up the figures that only a device has:
// they wander within the range of an ESP32 that sends frames of this size.
type telemetry struct {
	mu                     sync.Mutex
	started                time.Time
	sent, dropped, aborted uint64
	frameBytes             int

	random      *rand.Rand
	rssi        float64 // dBm
	temperature float64 // °C
	lastSent    uint64
	lastAt      time.Time
}

func newTelemetry(number uint8) *telemetry {
	random := rand.New(rand.NewPCG(uint64(number), rand.Uint64()))
	now := time.Now()
	return &telemetry{
		started: now, lastAt: now, random: random,
		rssi: -50 - 20*random.Float64(), temperature: 44 + 4*random.Float64(),
	}
}

func (t *telemetry) count(change func(t *telemetry)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

// stats is what the camera reports now; fps is that since the last report.
func (t *telemetry) stats() wire.Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	uptime := now.Sub(t.started).Seconds()
	fps := 0.0
	if since := now.Sub(t.lastAt).Seconds(); since > 0 {
		fps = round(float64(t.sent-t.lastSent)/since, 10)
	}
	t.lastSent, t.lastAt = t.sent, now

	t.rssi = min(max(t.rssi+3*(t.random.Float64()-0.5), -82), -42)
	warm := 52 + 6*(1-math.Exp(-uptime/600))
	t.temperature += (warm-t.temperature)*0.02 + 0.3*(t.random.Float64()-0.5)

	heap := int64(118_000 - min(t.frameBytes, 60_000) - t.random.IntN(6_000))
	largest := heap * int64(48+t.random.IntN(8)) / 100
	rssi, temperature, up := int(math.Round(t.rssi)), round(t.temperature, 10), round(uptime, 10)
	sent, dropped, aborted := t.sent, t.dropped, t.aborted
	return wire.Stats{
		Uptime: &up, Heap: &heap, HeapLargest: &largest, RSSI: &rssi, FPS: &fps,
		Sent: &sent, Dropped: &dropped, Aborted: &aborted, Temperature: &temperature,
	}
}

func round(v, steps float64) float64 { return math.Round(v*steps) / steps }
