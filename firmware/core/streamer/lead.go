package streamer

// leadSize is SOI and the COM segment behind it: marker, length, and a body of 20
// bytes (docs/protocol.md section 1).
const leadSize = 2 + 2 + 22

// lead is the beginning of a message.
type lead struct {
	bytes [leadSize]byte
	at    int // of the first byte that has not been read
}

// set writes the segment. time is in microseconds since 1970 UTC, 0 if unknown.
func (l *lead) set(seq uint32, time int64) {
	l.at = 0
	b := l.bytes[2:]
	b[0], b[1], b[2], b[3] = 0xff, 0xfe, 0, 22
	b[4], b[5], b[6], b[7] = 'c', 'r', 'l', '1'
	put32(b[8:], seq)
	put32(b[12:], uint32(time>>32))
	put32(b[16:], uint32(time))
	put32(b[20:], 0)
}

func (l *lead) left() int { return len(l.bytes) - l.at }

func (l *lead) read(p []byte) int {
	n := copy(p, l.bytes[l.at:])
	l.at += n
	return n
}

// put32 writes a number in the order of the network.
func put32(b []byte, v uint32) {
	b[0], b[1], b[2], b[3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
}
