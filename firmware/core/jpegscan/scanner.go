// Package jpegscan finds the end of a JPEG while it comes, byte by byte, and its
// size. It remembers a few bytes and no more, and does nothing that an interrupt
// of an ESP32 may not do: it calls nothing, and uses no floating point.
package jpegscan

// Status is what is known after a byte.
type Status uint8

const (
	More Status = iota // the picture goes on
	Done               // that was its last byte, the D9 of EOI
	Bad                // this is no JPEG, or a damaged one
)

// Markers of ITU-T T.81 table B.1.
const (
	tem  = 0x01
	sof0 = 0xc0
	dht  = 0xc4
	jpg  = 0xc8
	dac  = 0xcc
	sofF = 0xcf
	rst0 = 0xd0
	rst7 = 0xd7
	soi  = 0xd8
	eoi  = 0xd9
	sos  = 0xda
)

// shortestSOF is the body of a frame header up to how many components there are.
const shortestSOF = 6

// state is what the next byte is.
type state uint8

const (
	first   state = iota // FF of SOI
	second               // D8 of SOI
	marker               // FF of a marker
	code                 // what follows it; fill bytes FF may come before (B.1.1.2)
	lenHigh              // of a segment
	lenLow
	body   // the rest of it
	data   // entropy-coded data
	dataFF // what follows FF there
	done
	bad
)

// Scanner is at one place in one JPEG. The zero value waits for its first byte.
//
// Segments are skipped by their length, so FFD9 in a table or in a thumbnail does
// not end the picture (B.1.1.4). What a decoder needs must have come before the
// end: a frame header (SOF) with a size, and a scan behind it.
type Scanner struct {
	_       [0]uint32 // begins at a word, so that Reset is three stores
	state   state
	code    byte   // marker of the segment
	left    uint16 // bytes to come in the segment
	at      uint8  // bytes that have come in the segment, counted to shortestSOF
	scanned bool   // a scan has begun

	width, height uint16
}

// Reset waits for the first byte of the next picture. It is not to be joined with
// what its caller clears, which would be a memset: interrupts must not call one.
//
//go:noinline
func (s *Scanner) Reset() { *s = Scanner{} }

// Size is the picture's in pixels, 0 before its frame header has come.
func (s *Scanner) Size() (width, height uint16) {
	if s.state == body && s.isSOF() {
		return 0, 0
	}
	return s.width, s.height
}

// Plain reports whether the next byte changes nothing unless it is FF, so that
// it need not be shown to the Scanner: it holds for most of a picture.
func (s *Scanner) Plain() bool { return s.state == data }

// Next takes a byte. After Done and Bad nothing changes until Reset.
func (s *Scanner) Next(b byte) Status {
	switch s.state {
	case data:
		if b == 0xff {
			s.state = dataFF
		}
	case dataFF:
		s.inData(b)
	case first:
		s.want(b == 0xff, second)
	case second:
		s.want(b == soi, marker)
	case marker:
		s.want(b == 0xff, code)
	case code:
		s.mark(b)
	case lenHigh:
		s.left, s.state = uint16(b)<<8, lenLow
	case lenLow:
		s.begin(b)
	case body:
		s.inSegment(b)
	}
	switch s.state {
	case done:
		return Done
	case bad:
		return Bad
	}
	return More
}

func (s *Scanner) want(ok bool, next state) {
	if !ok {
		next = bad
	}
	s.state = next
}

// mark takes the second byte of a marker.
func (s *Scanner) mark(b byte) {
	switch {
	case b == 0xff:
	case b == 0, b == tem, b >= rst0 && b <= soi:
		s.state = bad
	case b == eoi:
		s.want(s.scanned, done)
	default:
		s.code, s.state = b, lenHigh
	}
}

// inData takes what follows FF in entropy-coded data: FF00 is a stuffed byte,
// FFD0 to FFD7 restart the coder, anything else is a marker (B.1.1.5).
func (s *Scanner) inData(b byte) {
	if b == 0 || b >= rst0 && b <= rst7 {
		s.state = data
		return
	}
	s.mark(b)
}

// begin takes the rest of a segment's length, which counts its own two bytes.
func (s *Scanner) begin(b byte) {
	s.left |= uint16(b)
	if s.left < 2 {
		s.state = bad
		return
	}
	s.left, s.at, s.state = s.left-2, 0, body
	if s.isSOF() {
		s.width, s.height = 0, 0
	}
	if s.left == 0 {
		s.end()
	}
}

func (s *Scanner) inSegment(b byte) {
	if s.at < shortestSOF {
		s.inHeader(b)
		s.at++
	}
	if s.left--; s.left == 0 {
		s.end()
	}
}

// inHeader takes the size from a frame header: precision, height, width (B.2.2).
func (s *Scanner) inHeader(b byte) {
	if !s.isSOF() {
		return
	}
	switch s.at {
	case 1, 2:
		s.height = s.height<<8 | uint16(b)
	case 3, 4:
		s.width = s.width<<8 | uint16(b)
	}
}

// end is at the end of a segment.
func (s *Scanner) end() {
	s.state = marker
	switch {
	case s.isSOF():
		s.want(s.at == shortestSOF && s.width != 0 && s.height != 0, marker)
	case s.code == sos:
		s.scanned = true
		s.want(s.width != 0, data)
	}
}

func (s *Scanner) isSOF() bool {
	c := s.code
	return c >= sof0 && c <= sofF && c != dht && c != jpg && c != dac
}
