package wsclient

// Error is why a Config is refused or a handshake failed. It allocates nothing.
type Error uint8

// Errors of a Config.
const (
	ErrURL Error = iota + 1
	ErrTLS
	ErrUserinfo
	ErrAuth
	ErrHeader
	ErrReserved
	ErrProtocolName
	ErrTimes
	ErrLong

	// Of a handshake.
	ErrClock       // CamHMAC without a date
	ErrTimeout     // no answer in time
	ErrEnded       // the server hung up
	ErrStatus      // an answer other than 101
	ErrUpgrade     // no Upgrade: websocket
	ErrConnection  // no Connection: Upgrade
	ErrAccept      // the Sec-WebSocket-Accept of another key, or none
	ErrSubprotocol // not the subprotocol that was asked for
	ErrExtension   // an extension, which was not asked for
)

func (e Error) Error() string {
	switch e {
	case ErrURL:
		return "address is not ws://host[:port][/path]"
	case ErrTLS:
		return "a camera has no TLS: use ws://, and a trusted network or CamHMAC"
	case ErrUserinfo:
		return "user name and password do not go into the address: set them as Auth"
	case ErrAuth:
		return "user name or secret is empty or has characters that cannot be sent"
	case ErrHeader:
		return "header is not \"Name: value\" on one line"
	case ErrReserved:
		return "header is set by the handshake itself"
	case ErrProtocolName:
		return "name of the subprotocol is no token"
	case ErrTimes:
		return "times must not be negative, nor that for connecting 0"
	case ErrLong:
		return "request would be longer than 1460 bytes: shorten path, headers or secret"
	case ErrClock:
		return "clock not set: CamHMAC needs the date"
	case ErrTimeout:
		return "no answer to the handshake in time"
	case ErrEnded:
		return "connection ended during the handshake"
	case ErrStatus:
		return "handshake refused"
	case ErrUpgrade:
		return "answer lacks Upgrade: websocket"
	case ErrConnection:
		return "answer lacks Connection: Upgrade"
	case ErrAccept:
		return "answer is not to this handshake: Sec-WebSocket-Accept is wrong"
	case ErrSubprotocol:
		return "server does not take the subprotocol, or chose one nobody asked for"
	case ErrExtension:
		return "server uses an extension nobody asked for"
	}
	return "unknown error"
}
