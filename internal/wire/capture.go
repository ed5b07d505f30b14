package wire

import (
	"bytes"
	"encoding/binary"
)

// Capture is what a camera says about one frame, in a JPEG COM segment right
// after SOI (docs/protocol.md section 1).
type Capture struct {
	Count uint32 // the camera's own frame counter
	Time  int64  // microseconds since 1970 UTC, 0 if its clock is not set
	Flags uint32
}

const (
	captureMagic = "crl1"
	captureBody  = 20
	// CaptureSegment is the length of the segment with its marker, in bytes.
	CaptureSegment = 2 + 2 + captureBody
)

// Append writes the COM segment; it belongs right after a JPEG's FFD8.
func (c Capture) Append(dst []byte) []byte {
	dst = append(dst, 0xFF, 0xFE, 0, 2+captureBody)
	dst = append(dst, captureMagic...)
	dst = binary.BigEndian.AppendUint32(dst, c.Count)
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Time))
	return binary.BigEndian.AppendUint32(dst, c.Flags)
}

// ParseCapture reads the segment of a JPEG that begins with one.
func ParseCapture(jpeg []byte) (Capture, bool) {
	const soi = 2
	if len(jpeg) < soi+CaptureSegment || !bytes.Equal(jpeg[soi:soi+4], []byte{0xFF, 0xFE, 0, 2 + captureBody}) {
		return Capture{}, false
	}
	b := jpeg[soi+4:]
	if string(b[:4]) != captureMagic {
		return Capture{}, false
	}
	return Capture{
		Count: binary.BigEndian.Uint32(b[4:]),
		Time:  int64(binary.BigEndian.Uint64(b[8:])),
		Flags: binary.BigEndian.Uint32(b[16:]),
	}, true
}
