package ws

// Error is why a connection ended, or why something was not sent. It allocates
// nothing.
type Error uint8

// Errors of this package.
const (
	// What the peer did against RFC 6455; it is told with 1002.
	ErrReserved  Error = iota + 1 // reserved bits
	ErrOpcode                     // reserved opcode
	ErrControl                    // control frame longer than 125 bytes, or fragmented
	ErrLength                     // length not in its shortest form
	ErrMask                       // masked by a server, or not masked by a client
	ErrFragment                   // continuation of nothing, or a message within another
	ErrCloseCode                  // close code that must not be sent

	ErrUTF8     // text is not UTF-8; the peer is told with 1007
	ErrTooLong  // message too long; the peer is told with 1009
	ErrPong     // no answer to a ping
	ErrStall    // no byte was acknowledged for too long
	ErrDropped  // the peer ended TCP without a CLOSE frame
	ErrNoAnswer // the peer did not answer our CLOSE frame

	ErrNoRoom  // nothing was sent: it does not fit now
	ErrNotOpen // nothing was sent: there is no connection
)

func (e Error) Error() string {
	switch e {
	case ErrReserved:
		return "frame with reserved bits"
	case ErrOpcode:
		return "frame with a reserved opcode"
	case ErrControl:
		return "control frame that is too long or fragmented"
	case ErrLength:
		return "frame length not in its shortest form"
	case ErrMask:
		return "frame masked by a server or not masked by a client"
	case ErrFragment:
		return "fragment out of place"
	case ErrCloseCode:
		return "close code that must not be sent"
	case ErrUTF8:
		return "text is not UTF-8"
	case ErrTooLong:
		return "message too long"
	case ErrPong:
		return "no answer to pings"
	case ErrStall:
		return "the peer acknowledges nothing"
	case ErrDropped:
		return "connection ended without a CLOSE frame"
	case ErrNoAnswer:
		return "no answer to the CLOSE frame"
	case ErrNoRoom:
		return "no room to send this now"
	}
	return "not connected"
}

// code is what the peer is told.
func (e Error) code() uint16 {
	switch e {
	case ErrUTF8:
		return InvalidData
	case ErrTooLong:
		return TooBig
	}
	return ProtocolError
}
