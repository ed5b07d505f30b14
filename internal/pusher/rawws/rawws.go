// Package rawws writes and reads the frames of RFC 6455 one by one, for
// clients that fragment as they like, or misbehave.
package rawws

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

// Opcodes of RFC 6455 section 5.2.
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xA
)

// Frame is one WebSocket frame.
type Frame struct {
	Fin     bool
	Opcode  byte
	Payload []byte
}

// Append writes the frame as a client sends it: masked, with a fresh key
// (section 5.3), in the shortest form of its length.
func (f Frame) Append(dst []byte) []byte {
	const mask = 0x80
	head := f.Opcode
	if f.Fin {
		head |= 0x80
	}
	switch n := len(f.Payload); {
	case n < 126:
		dst = append(dst, head, mask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, head, mask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, head, mask|127), uint64(n))
	}
	var key [4]byte
	binary.BigEndian.PutUint32(key[:], rand.Uint32())
	dst = append(dst, key[:]...)
	for i, b := range f.Payload {
		dst = append(dst, b^key[i&3])
	}
	return dst
}

// Read reads one frame of either side, unmasked, of at most limit bytes.
func Read(r io.Reader, limit int) (Frame, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return Frame{}, err
	}
	f := Frame{Fin: head[0]&0x80 != 0, Opcode: head[0] & 0x0F}
	if head[0]&0x70 != 0 {
		return f, fmt.Errorf("read frame: reserved bits are set in %02x", head[0])
	}
	masked, n := head[1]&0x80 != 0, uint64(head[1]&0x7F)
	if wide := map[uint64]int{126: 2, 127: 8}[n]; wide > 0 {
		clear(head[:])
		if _, err := io.ReadFull(r, head[8-wide:]); err != nil {
			return f, fmt.Errorf("read frame: %w", err)
		}
		n = binary.BigEndian.Uint64(head[:])
	}
	if n > uint64(limit) {
		return f, fmt.Errorf("read frame: %d bytes, at most %d are allowed", n, limit)
	}
	var key [4]byte
	if masked {
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return f, fmt.Errorf("read frame: %w", err)
		}
	}
	f.Payload = make([]byte, n)
	if _, err := io.ReadFull(r, f.Payload); err != nil {
		return f, fmt.Errorf("read frame: %w", err)
	}
	for i := range f.Payload {
		f.Payload[i] ^= key[i&3]
	}
	return f, nil
}
