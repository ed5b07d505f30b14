package testkit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"camrelay/internal/scene"
	"camrelay/internal/wire"
)

// JPEG returns a baseline JPEG of a scene with exactly so many bytes: the best
// quality that fits, then COM segments that decoders skip. It panics if no
// quality is small enough. Its marker has the camera number 1 and the time
// 2026-01-01 UTC.
func JPEG(width, height, size int) []byte {
	return JPEGAt(width, height, size, 1, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
}

// JPEGAt is JPEG with another camera number and time in its marker.
func JPEGAt(width, height, size int, number uint8, at time.Time) []byte {
	s, err := scene.New("testkit", number)
	if err != nil {
		panic(fmt.Errorf("jpeg fixture: %w", err))
	}
	if err := s.Resize(width, height); err != nil {
		panic(fmt.Errorf("jpeg fixture: %w", err))
	}
	best, smallest := []byte(nil), 0
	for low, high := 4, 63; low <= high; { // the better, the bigger
		quality := (low + high) / 2
		b, err := encode(s, quality, at)
		if err != nil {
			panic(fmt.Errorf("jpeg fixture: %w", err))
		}
		if len(b) <= size {
			best, high = b, quality-1
		} else {
			smallest, low = len(b), quality+1
		}
	}
	if best == nil {
		panic(fmt.Sprintf("jpeg fixture: a scene of %dx%d does not fit in %d bytes: ask for %d", width, height, size, smallest))
	}
	return pad(best, size-len(best))
}

func encode(s *scene.Scene, quality int, at time.Time) ([]byte, error) {
	if err := s.Set(wire.Settings{"quality": quality}); err != nil {
		return nil, err
	}
	return s.Append(nil, at, 1)
}

// pad puts n bytes after SOI: COM segments, or up to three fill bytes, which
// may precede any marker (T.81 annex B.1.1.2).
func pad(jpeg []byte, n int) []byte {
	const soi, head, longest = 2, 4, 2 + 0xFFFF
	out := append(make([]byte, 0, len(jpeg)+n), jpeg[:soi]...)
	for n >= head {
		length := min(n, longest)
		out = append(out, 0xFF, 0xFE)
		out = binary.BigEndian.AppendUint16(out, uint16(length-2))
		out = append(out, bytes.Repeat([]byte{' '}, length-head)...)
		n -= length
	}
	out = append(out, bytes.Repeat([]byte{0xFF}, n)...)
	return append(out, jpeg[soi:]...)
}
