package ws

import "unicode/utf8"

// Close codes (RFC 6455 section 7.4.1 and its registry).
const (
	Normal        uint16 = 1000
	GoingAway     uint16 = 1001
	ProtocolError uint16 = 1002
	Unsupported   uint16 = 1003
	NoStatus      uint16 = 1005 // never sent: the CLOSE frame had no code
	Abnormal      uint16 = 1006 // never sent: there was no CLOSE frame
	InvalidData   uint16 = 1007
	Policy        uint16 = 1008
	TooBig        uint16 = 1009
	InternalError uint16 = 1011
	Restart       uint16 = 1012
	TryLater      uint16 = 1013
)

// ValidCode reports whether a code may be in a CLOSE frame.
func ValidCode(code uint16) bool {
	switch {
	case code >= 3000:
		return code <= 4999
	case code >= Normal && code <= Unsupported, code >= InvalidData && code <= 1014:
		return true
	}
	return false
}

// maxReason is the longest reason of a CLOSE frame, in bytes.
const maxReason = MaxControl - 2

// clip cuts a reason to maxReason bytes, and not within a character.
func clip(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	n := maxReason
	for n > 0 && !utf8.RuneStart(reason[n]) {
		n--
	}
	return reason[:n]
}

// parseClose reads the payload of a CLOSE frame.
func parseClose(p []byte) (code uint16, reason []byte, err error) {
	if len(p) == 0 {
		return NoStatus, nil, nil
	}
	if len(p) == 1 {
		return 0, nil, ErrCloseCode
	}
	code, reason = uint16(p[0])<<8|uint16(p[1]), p[2:]
	switch {
	case !ValidCode(code):
		return 0, nil, ErrCloseCode
	case !utf8.Valid(reason):
		return 0, nil, ErrUTF8
	}
	return code, reason, nil
}
