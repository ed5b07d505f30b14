// Package jpeg finds the ends of a JPEG and its size without decoding it.
package jpeg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Info is what Scan finds.
type Info struct {
	Len           int // from SOI to EOI, in bytes; what follows is padding
	Width, Height int // pixels, from the frame header (SOF)
}

// Errors that Scan returns, some wrapped with the place.
var (
	ErrNoSOI     = errors.New("jpeg does not begin with FFD8FF")
	ErrTruncated = errors.New("jpeg ends before its end-of-image marker FFD9")
	ErrNoSize    = errors.New("jpeg has no frame header (SOF) before its scan")
	ErrNoScan    = errors.New("jpeg has no scan (SOS): no picture is in it")
	ErrMarker    = errors.New("jpeg has a marker where none may be")
)

// Markers of ITU-T T.81 table B.1.
const (
	mSOF0 = 0xC0
	mDHT  = 0xC4
	mJPG  = 0xC8
	mDAC  = 0xCC
	mSOFF = 0xCF
	mRST0 = 0xD0
	mRST7 = 0xD7
	mSOI  = 0xD8
	mEOI  = 0xD9
	mSOS  = 0xDA
	mTEM  = 0x01
)

// Scan checks that b begins with one whole JPEG and tells its length and size.
// Segments are skipped by their length, so an FFD9 inside a table or an
// embedded thumbnail does not end the picture (T.81 annex B.1.1).
func Scan(b []byte) (Info, error) {
	var info Info
	if len(b) < 3 || b[0] != 0xFF || b[1] != mSOI || b[2] != 0xFF {
		return info, ErrNoSOI
	}
	scanned := false
	for at := 2; ; {
		marker, next, err := nextMarker(b, at)
		if err != nil {
			return info, err
		}
		switch {
		case marker == mEOI:
			if info.Width == 0 {
				return info, ErrNoSize
			}
			if !scanned {
				return info, ErrNoScan
			}
			info.Len = next
			return info, nil
		case marker == mTEM || marker >= mRST0 && marker <= mSOI:
			return info, fmt.Errorf("%w: %02X at byte %d", ErrMarker, marker, next-2)
		}
		segment, after, err := segmentAt(b, next)
		if err != nil {
			return info, err
		}
		if isSOF(marker) {
			if err := info.readSOF(segment); err != nil {
				return info, err
			}
		}
		at = after
		if marker == mSOS {
			if info.Width == 0 {
				return info, ErrNoSize
			}
			scanned = true
			if at, err = skipScan(b, after); err != nil {
				return info, err
			}
		}
	}
}

// nextMarker reads the marker at b[at]; fill bytes FF may precede it (B.1.1.2).
func nextMarker(b []byte, at int) (marker byte, next int, err error) {
	if at >= len(b) {
		return 0, 0, ErrTruncated
	}
	if b[at] != 0xFF {
		return 0, 0, fmt.Errorf("%w: %02X at byte %d", ErrMarker, b[at], at)
	}
	for at++; at < len(b); at++ {
		switch b[at] {
		case 0xFF:
		case 0:
			return 0, 0, fmt.Errorf("%w: FF00 at byte %d", ErrMarker, at-1)
		default:
			return b[at], at + 1, nil
		}
	}
	return 0, 0, ErrTruncated
}

func segmentAt(b []byte, at int) (segment []byte, after int, err error) {
	if at+2 > len(b) {
		return nil, 0, ErrTruncated
	}
	n := int(binary.BigEndian.Uint16(b[at:]))
	if n < 2 {
		return nil, 0, fmt.Errorf("%w: segment of length %d at byte %d", ErrMarker, n, at)
	}
	if at+n > len(b) {
		return nil, 0, ErrTruncated
	}
	return b[at+2 : at+n], at + n, nil
}

func isSOF(m byte) bool {
	return m >= mSOF0 && m <= mSOFF && m != mDHT && m != mJPG && m != mDAC
}

// readSOF takes the size from a frame header (B.2.2).
func (info *Info) readSOF(segment []byte) error {
	if len(segment) < 6 {
		return ErrNoSize
	}
	info.Height = int(binary.BigEndian.Uint16(segment[1:]))
	info.Width = int(binary.BigEndian.Uint16(segment[3:]))
	if info.Width == 0 || info.Height == 0 {
		return ErrNoSize
	}
	return nil
}

// skipScan finds the marker that ends entropy-coded data: FF00 is a stuffed
// byte, FFD0 to FFD7 restart the coder, FF before FF is a fill byte (B.1.1.5).
func skipScan(b []byte, at int) (int, error) {
	for {
		i := bytes.IndexByte(b[at:], 0xFF)
		if i < 0 || at+i+1 >= len(b) {
			return 0, ErrTruncated
		}
		at += i
		switch m := b[at+1]; {
		case m == 0 || m >= mRST0 && m <= mRST7:
			at += 2
		case m == 0xFF:
			at++
		default:
			return at, nil
		}
	}
}
