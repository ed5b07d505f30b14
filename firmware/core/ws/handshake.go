package ws

import (
	"camrelay/firmware/core/sha1"
	"camrelay/firmware/core/text"
)

// AppendAccept appends the value of Sec-WebSocket-Accept that answers a
// Sec-WebSocket-Key (RFC 6455 section 4.2.2).
func AppendAccept(b, key []byte) []byte {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	var h sha1.Hash
	var buf [len(guid)]byte
	copy(buf[:], guid)
	h.Reset()
	_, _ = h.Write(key)
	_, _ = h.Write(buf[:])
	var digest [sha1.Size]byte
	h.Finish(&digest)
	return text.AppendBase64(b, digest[:])
}

// ValidKey reports whether key may be a Sec-WebSocket-Key: 16 bytes in base64.
func ValidKey(key []byte) bool {
	var buf [18]byte
	if len(key) != 24 {
		return false
	}
	p, ok := text.DecodeBase64(buf[:0], key)
	return ok && len(p) == 16
}
