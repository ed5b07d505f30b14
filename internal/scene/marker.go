package scene

import (
	"encoding/binary"
	"time"
)

// Marker is what a program can read out of a painted frame.
type Marker struct {
	Time   time.Time // of the frame, to the millisecond
	Camera uint8     // the camera's number
}

// The marker is a grid of white and black cells in a dark band across the top.
// A cell is 1/40 of the picture wide and 1/30 high, however the picture is
// scaled; the grid begins two cells from the left and half a cell from the top.
//
//	column 0,1   2 ... 33                              34,35
//	row 0  W B   milliseconds since 1970 UTC, bits 47..16  B W
//	row 1  B W   bits 15..0, camera, CRC-8                 W W
//
// The columns at either end are the finder. Most significant bits come first.
const (
	gridColumns = 40
	gridRows    = 30
	marginLeft  = 2.0
	marginTop   = 0.5
	columns     = 36
	rows        = 2
	finderWidth = 2
	rowBits     = columns - 2*finderWidth
	bandRows    = rows + 2*marginTop
)

// finder returns the cells at either end, row by row; true is white.
func finder() [rows][2 * finderWidth]bool {
	return [rows][2 * finderWidth]bool{{true, false, false, true}, {false, true, true, true}}
}

// bits is the payload: time, camera, checksum.
func (m Marker) bits() uint64 {
	v := uint64(m.Time.UnixMilli())<<16 | uint64(m.Camera)<<8
	return v | uint64(crc8(v>>8))
}

func markerOf(bits uint64) (Marker, bool) {
	if crc8(bits>>8) != uint8(bits) {
		return Marker{}, false
	}
	return Marker{Time: time.UnixMilli(int64(bits >> 16)), Camera: uint8(bits >> 8)}, true
}

// crc8 is CRC-8 with polynomial 0x07 and initial value 0xFF over the low seven
// bytes of v.
func crc8(v uint64) uint8 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	crc := uint8(0xFF)
	for _, x := range b[1:] {
		crc ^= x
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ 0x07
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// cell says whether a cell is white.
func cell(bits uint64, row, column int) bool {
	switch f := finder(); {
	case column < finderWidth:
		return f[row][column]
	case column >= columns-finderWidth:
		return f[row][column-columns+2*finderWidth]
	}
	return bits>>(63-(row*rowBits+column-finderWidth))&1 == 1
}

// drawMarker paints the marker over whatever is at the top of the picture,
// untouched by mirror, flip or brightness.
func drawMarker(c canvas, m Marker) {
	c.look = nil
	w, h := float64(c.w)/gridColumns, float64(c.h)/gridRows
	c.rect(0, 0, float64(c.w), bandRows*h, blackColour, 256)
	bits := m.bits()
	for row := range rows {
		for column := range columns {
			if cell(bits, row, column) {
				x, y := marginLeft+float64(column), marginTop+float64(row)
				c.rect(x*w, y*h, (x+1)*w, (y+1)*h, whiteColour, 256)
			}
		}
	}
}
