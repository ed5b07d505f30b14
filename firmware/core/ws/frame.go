// Package ws is WebSocket (RFC 6455) over a hal.Stream, for both roles: a codec
// of frame headers, and a connection that sends large messages piece by piece
// and receives small ones whole. Extensions are not offered and not taken.
package ws

// Opcode says what a frame is (RFC 6455 section 5.2).
type Opcode uint8

// All there are; the others are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	CloseFrame   Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xa
)

// Control reports whether o is that of a control frame.
func (o Opcode) Control() bool { return o&8 != 0 }

func (o Opcode) known() bool { return o <= Binary || o >= CloseFrame && o <= Pong }

// Sizes in bytes.
const (
	MaxHeader  = 14  // of a frame
	MaxControl = 125 // payload of a control frame
)

// MaxLength is the longest payload a header may announce, in bytes: what RFC
// 6455 allows.
const MaxLength = 1<<63 - 1

// Header is that of a frame.
type Header struct {
	Fin    bool
	Masked bool
	Op     Opcode
	Key    uint32 // of the mask; its lowest byte goes with the first of the payload
	Length uint64 // of the payload, in bytes; at most MaxLength
}

// Append appends the header in its shortest form, as RFC 6455 wants it.
func (h Header) Append(b []byte) []byte {
	first, mask := byte(h.Op), byte(0)
	if h.Fin {
		first |= 0x80
	}
	if h.Masked {
		mask = 0x80
	}
	switch n := h.Length; {
	case n <= 125:
		b = append(b, first, mask|byte(n))
	case n <= 0xffff:
		b = append(b, first, mask|126, byte(n>>8), byte(n))
	default:
		b = append(b, first, mask|127, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	if h.Masked {
		b = append(b, byte(h.Key), byte(h.Key>>8), byte(h.Key>>16), byte(h.Key>>24))
	}
	return b
}

// Decode reads the header at the start of p and returns how long it is. That is
// more than len(p) if some of it is missing: then there is no header yet, and
// it may be longer still. What can be refused early is.
func (h *Header) Decode(p []byte) (n int, err error) {
	*h = Header{}
	if len(p) == 0 {
		return 2, nil
	}
	h.Fin, h.Op = p[0]&0x80 != 0, Opcode(p[0]&0x0f)
	switch {
	case p[0]&0x70 != 0:
		return 0, ErrReserved
	case !h.Op.known():
		return 0, ErrOpcode
	case h.Op.Control() && !h.Fin:
		return 0, ErrControl
	case len(p) == 1:
		return 2, nil
	}
	h.Masked, h.Length = p[1]&0x80 != 0, uint64(p[1]&0x7f)
	if h.Op.Control() && h.Length > MaxControl {
		return 0, ErrControl
	}
	n = 2
	switch h.Length {
	case 126:
		n, err = 4, h.long(p[2:], 2)
	case 127:
		n, err = 10, h.long(p[2:], 8)
	}
	if err != nil {
		return 0, err
	}
	if h.Masked {
		n += 4
	}
	if len(p) < n {
		return n, nil
	}
	if h.Masked {
		k := p[n-4 : n]
		h.Key = uint32(k[0]) | uint32(k[1])<<8 | uint32(k[2])<<16 | uint32(k[3])<<24
	}
	return n, nil
}

// long reads a length of size bytes, if it is there.
func (h *Header) long(p []byte, size int) error {
	if len(p) < size {
		return nil
	}
	h.Length = 0
	for _, b := range p[:size] {
		h.Length = h.Length<<8 | uint64(b)
	}
	if size == 2 && h.Length <= 125 || size == 8 && h.Length <= 0xffff || h.Length > MaxLength {
		return ErrLength
	}
	return nil
}
