// Package streamer sends the frames of a capture.Queue as WebSocket messages,
// each in fragments that leave while the frame is still being received, at the
// pace that is wanted.
package streamer

import (
	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/hal"
)

// MaxFragment is the longest payload of a fragment, in bytes: with the 8 bytes of
// a masked header it fills a TCP segment of 1,460.
const MaxFragment = 1452

const (
	second = 1_000_000_000

	// oldest is how old a frame may be when its first byte leaves. What waited
	// longer behind a slow connection gives way to a newer one.
	oldest = second
	// longest is how old a frame may be that is still being received: then the
	// sensor has stopped in the middle of it.
	longest = 2 * second
)

// Sink is a connection that takes messages in fragments, such as a ws.Conn.
type Sink interface {
	// Buffer is where the payload of the next fragment goes. Its length is the
	// longest there is.
	Buffer() []byte
	// Room is how long the payload may be now, 0 while nothing can be sent. When
	// everything has left, it is as long as Buffer, or MaxFragment.
	Room() int
	// Send sends the first n bytes of Buffer, n at most Room, as the next fragment
	// of a message; fin says that it is the last. An error means that the
	// connection is over.
	Send(n int, fin bool) error
}

// phase is what becomes of the oldest frame.
type phase uint8

const (
	waiting phase = iota // its message has not begun
	sending
	aborting // the frame is gone, its message has no end yet
)

// Streamer sends to one connection at a time. Init first.
type Streamer struct {
	queue *capture.Queue
	clock hal.Clock
	sink  Sink // nil: there is no connection

	phase phase
	begun bool   // a fragment of the message has been sent
	last  uint16 // its last two bytes so far
	lead  lead

	pace  pace
	count count
}

// Init takes frames of q, which nobody else may read. Nothing is sent and nothing
// captured before there is a connection.
func (s *Streamer) Init(q *capture.Queue, clock hal.Clock) {
	*s = Streamer{}
	s.queue, s.clock = q, clock
	s.admit()
}

// Connect sends to sink from now on, as many frames as there are: a pace and a
// pause hold for one connection.
func (s *Streamer) Connect(sink Sink) {
	s.Disconnect()
	s.sink = sink
	s.pace.reset()
	s.admit()
}

// Disconnect says that there is no connection. A message that is open has no end.
func (s *Streamer) Disconnect() {
	if s.phase == sending {
		s.drop()
	}
	if s.phase == aborting {
		s.count.aborted++
	}
	s.phase, s.begun, s.sink = waiting, false, nil
	s.admit()
}

// Step sends at most one fragment. It reports whether there was anything to do.
func (s *Streamer) Step(now int64) bool {
	if s.phase == aborting {
		return s.abort()
	}
	info, ok := s.queue.Head()
	if !ok {
		return false
	}
	if s.phase == waiting {
		if !s.wanted(&info, now) {
			s.drop()
			return true
		}
		if s.sink.Room() <= 0 {
			return false
		}
		s.begin(&info, now)
	}
	if s.broken(&info, now) {
		s.drop()
		return true
	}
	return s.fragment(&info, now)
}

// wanted reports whether a frame's message may begin.
func (s *Streamer) wanted(info *capture.Info, now int64) bool {
	return s.sink != nil && !s.pace.stopped() && info.Aborted == 0 && now-info.Captured <= oldest
}

// broken reports whether a frame whose message has begun will never be whole.
func (s *Streamer) broken(info *capture.Info, now int64) bool {
	return info.Aborted != 0 || s.pace.overdue(now) || !info.Complete && now-info.Captured > longest
}

// begin puts what the camera says of the frame behind the frame's SOI.
func (s *Streamer) begin(info *capture.Info, now int64) {
	s.queue.Read(s.lead.bytes[:2])
	time := s.clock.Unix()
	if time != 0 {
		time -= (now - info.Captured) / 1000
	}
	s.lead.set(info.Seq, time)
	s.phase, s.begun, s.last = sending, false, 0
}

// unsent is how many bytes of the message there are now.
func (s *Streamer) unsent() int { return s.lead.left() + s.queue.Unread() }

// fragment sends one if it can be a full one, or is the last: short ones that
// fill what space there is would make the connection slower still.
func (s *Streamer) fragment(info *capture.Info, now int64) bool {
	buf := s.sink.Buffer()
	full := min(len(buf), MaxFragment)
	n := s.unsent() // after info: what was complete then does not grow
	if n < full && !info.Complete || s.sink.Room() < max(min(n, full), 1) {
		return false
	}
	fin := info.Complete && n <= full
	p := buf[:min(n, full)]
	at := s.lead.read(p)
	s.queue.Read(p[at:])
	s.note(p)
	if err := s.sink.Send(len(p), fin); err != nil {
		s.Disconnect()
		return true
	}
	s.begun = true
	s.count.bytes += uint64(len(p))
	if fin {
		s.queue.Drop()
		s.phase = waiting
		s.count.send(now)
	}
	return true
}

// note keeps the last two bytes of the message.
func (s *Streamer) note(p []byte) {
	for _, b := range p[max(len(p)-2, 0):] {
		s.last = s.last<<8 | uint16(b)
	}
}

// drop is done with the oldest frame. A message that has begun has to be ended.
func (s *Streamer) drop() {
	s.queue.Drop()
	if s.phase == sending && s.begun {
		s.phase = aborting
		return
	}
	s.phase = waiting
	s.count.dropped++
}

// abort ends a message early: without FFD9 at its end it is no JPEG, so the relay
// drops it.
func (s *Streamer) abort() bool {
	if s.sink.Room() <= 0 {
		return false
	}
	n := 0
	if s.last == 0xffd9 { // those of a table, by chance
		s.sink.Buffer()[0] = 0
		n = 1
	}
	if err := s.sink.Send(n, true); err != nil {
		s.Disconnect()
		return true
	}
	s.phase, s.begun = waiting, false
	s.count.bytes += uint64(n)
	s.count.aborted++
	return true
}
