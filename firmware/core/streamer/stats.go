package streamer

import "camrelay/firmware/core/capture"

// window is over how many seconds the frame rate is measured.
const window = 4

// Stats counts since Init, but for the rate.
type Stats struct {
	Sent       uint32 // frames
	Dropped    uint32 // frames of the sensor that were due and were not sent
	Aborted    uint32 // messages given up after they had begun
	Bytes      uint64 // payload of all messages
	MilliHertz uint32 // frames a second over the last 4 s, times 1,000
}

type count struct {
	sent, dropped, aborted uint32
	bytes                  uint64
	now                    int64              // second that is being counted
	seconds                [window + 1]uint16 // frames in it and those before, by second modulo their number
}

func (c *count) send(now int64) {
	c.turn(now)
	c.sent++
	c.seconds[c.now%int64(len(c.seconds))]++
}

// turn begins to count the second that now is in.
func (c *count) turn(now int64) {
	now /= second
	for n := min(now-c.now, int64(len(c.seconds))); n > 0; n-- {
		c.seconds[(now-n+1)%int64(len(c.seconds))] = 0
	}
	c.now = now
}

// milliHertz is the rate over the seconds before the one that is being counted.
func (c *count) milliHertz() uint32 {
	n := uint32(0)
	for i, frames := range c.seconds {
		if int64(i) != c.now%int64(len(c.seconds)) {
			n += uint32(frames)
		}
	}
	return n * 1000 / window
}

// Stats returns the counters.
func (s *Streamer) Stats(now int64) Stats {
	s.count.turn(now)
	rejected := s.queue.Stats().Rejected
	return Stats{
		Sent:       s.count.sent,
		Dropped:    s.count.dropped + rejected[capture.Behind] + rejected[capture.NoRoom],
		Aborted:    s.count.aborted,
		Bytes:      s.count.bytes,
		MilliHertz: s.count.milliHertz(),
	}
}
