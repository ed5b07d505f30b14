package mpjpeg

import "bytes"

// endFinder finds the end of a JPEG whose bytes come in pieces, by the rules of
// jpeg.Scan: segments are skipped by their length, entropy-coded data is
// searched for its next marker (ITU-T T.81 annex B.1.1).
type endFinder struct {
	state  findState
	marker byte
	skip   int // bytes left of a segment, or the first byte of its length
}

type findState uint8

const (
	findSOI     findState = iota // FF
	findSOI2                     // D8
	findFirst                    // the FF that must follow
	findMarker                   // FF
	findCode                     // the byte after FF
	findLength                   // of a segment, first byte
	findLength2                  // second byte
	findSegment                  // within a segment
	findEntropy                  // within entropy-coded data
	findStuffed                  // after an FF there
	findDone
	findBad
)

// Markers of T.81 table B.1.
const (
	mTEM  = 0x01
	mRST0 = 0xD0
	mRST7 = 0xD7
	mSOI  = 0xD8
	mEOI  = 0xD9
	mSOS  = 0xDA
)

// feed takes the next bytes and returns how many of them belong to the JPEG. It
// stops at the end (state findDone) or at what cannot be part of a JPEG
// (findBad): n is then where that begins, -1 if it is a marker whose FF was in
// the bytes before.
func (e *endFinder) feed(b []byte) (n int) {
	for i := 0; i < len(b); {
		switch e.state {
		case findSegment:
			k := min(e.skip, len(b)-i)
			i += k
			if e.skip -= k; e.skip > 0 {
				return i
			}
			e.state = findMarker
			if e.marker == mSOS {
				e.state = findEntropy
			}
			continue
		case findEntropy:
			k := bytes.IndexByte(b[i:], 0xFF)
			if k < 0 {
				return len(b)
			}
			i += k + 1
			e.state = findStuffed
			continue
		}
		before := e.state
		e.step(b[i])
		switch e.state {
		case findBad:
			if before == findCode || before == findStuffed {
				return i - 1
			}
			return i
		case findDone:
			return i + 1
		}
		i++
	}
	return len(b)
}

// step takes one byte outside of segments and entropy-coded data.
func (e *endFinder) step(c byte) {
	switch e.state {
	case findSOI:
		e.expect(c == 0xFF, findSOI2)
	case findSOI2:
		e.expect(c == mSOI, findFirst)
	case findFirst, findMarker:
		e.expect(c == 0xFF, findCode)
	case findCode:
		e.code(c)
	case findLength:
		e.skip, e.state = int(c)<<8, findLength2
	case findLength2:
		e.skip += int(c) - 2
		e.expect(e.skip >= 0, findSegment)
	case findStuffed:
		switch {
		case c == 0 || c >= mRST0 && c <= mRST7:
			e.state = findEntropy
		default:
			e.code(c)
			if c == 0xFF {
				e.state = findStuffed
			}
		}
	}
}

// code takes the byte that says which marker it is.
func (e *endFinder) code(c byte) {
	switch {
	case c == 0xFF: // fill byte, B.1.1.2
	case c == mEOI:
		e.state = findDone
	case c == 0 || c == mTEM || c >= mRST0 && c <= mSOI:
		e.state = findBad
	default:
		e.marker, e.state = c, findLength
	}
}

func (e *endFinder) expect(ok bool, next findState) {
	if e.state = findBad; ok {
		e.state = next
	}
}
