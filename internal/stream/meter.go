package stream

import "time"

// meterSpan is the time a rate is averaged over.
const meterSpan = 2 * time.Second

// meter measures frames and bytes a second. It is guarded by its hub's mu.
type meter struct {
	fps, rate float64 // as of the last tick

	ring [8]struct {
		at            time.Time
		frames, bytes uint64
	}
	at            int
	frames, bytes uint64
}

func (m *meter) count(n int) {
	m.frames++
	m.bytes += uint64(n)
}

// tick takes the totals at now and works out the rates over the last two
// seconds, or since there are ticks.
func (m *meter) tick(now time.Time) {
	oldest := m.ring[m.at]
	for i := range m.ring {
		r := m.ring[(m.at+i)%len(m.ring)]
		if !r.at.IsZero() && now.Sub(r.at) <= meterSpan {
			oldest = r
			break
		}
	}
	if span := now.Sub(oldest.at); !oldest.at.IsZero() && span > 0 {
		m.fps = float64(m.frames-oldest.frames) / span.Seconds()
		m.rate = float64(m.bytes-oldest.bytes) / span.Seconds()
	}
	m.ring[m.at].at, m.ring[m.at].frames, m.ring[m.at].bytes = now, m.frames, m.bytes
	m.at = (m.at + 1) % len(m.ring)
}
