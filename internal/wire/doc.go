// Package wire is what cameras and viewers say to the relay and hear from it:
// the JSON texts, the picture settings and the binary headers of
// docs/protocol.md. It holds data and its encoding, no sockets, and depends on
// the standard library alone, so that the firmware can share it.
package wire

// Subprotocols of RFC 6455 section 1.9 that the relay speaks.
const (
	// CameraProtocol is asked for by a camera that takes commands.
	CameraProtocol = "camrelay.camera.v1"
	// ViewProtocol is asked for by a viewer that acknowledges frames.
	ViewProtocol = "camrelay.view.v1"
)

// Close codes of RFC 6455 section 7.4.2 (4000 to 4999 are private use).
const (
	CloseUpdate     = 4001 // camera: an update begins, stay away until told
	CloseSuperseded = 4002 // camera: a newer connection took over
	CloseForbidden  = 4003 // camera: the key is no longer valid
	CloseSignedOut  = 4403 // viewer: the token is no longer valid
	CloseNoCamera   = 4404 // viewer: the camera was removed
)

const (
	// MaxText is the longest text message either side accepts, in bytes.
	MaxText = 4096
	// MaxCommand is the longest text the relay sends to a camera, in bytes:
	// esp_websocket_client hands out messages in pieces of its 1,024-byte
	// buffer, header included.
	MaxCommand = 1000
)
