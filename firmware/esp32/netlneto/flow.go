package netlneto

import "encoding/binary"

// Offsets in an Ethernet frame with IPv4 and TCP: RFC 791, RFC 9293.
const (
	ipAt      = 14
	tcpAt     = ipAt + 20 // lneto sends no IP options
	headerEnd = tcpAt + 20
	minFrame  = 60
)

// Addresses of all.
var (
	broadcast = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	everybody = [4]byte{0xff, 0xff, 0xff, 0xff}
)

// Bits of TCP's flags.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// segment is what is looked at of a TCP segment.
type segment struct {
	from, to uint16
	seq, ack uint32
	flags    byte
	length   uint32 // of its data, and 1 for SYN and for FIN
	data     uint32
}

// parse reads a frame; ok is false if it holds no whole TCP segment.
func parse(frame []byte) (s segment, ok bool) {
	if len(frame) < headerEnd || binary.BigEndian.Uint16(frame[12:]) != 0x0800 || frame[ipAt]>>4 != 4 || frame[ipAt+9] != 6 {
		return s, false
	}
	ip := int(frame[ipAt]&15) * 4
	total := int(binary.BigEndian.Uint16(frame[ipAt+2:]))
	if ip < 20 || total > len(frame)-ipAt || total < ip+20 || binary.BigEndian.Uint16(frame[ipAt+6:])&0x3fff != 0 {
		return s, false
	}
	t := frame[ipAt+ip : ipAt+total]
	head := int(t[12]>>4) * 4
	if head < 20 || head > len(t) {
		return s, false
	}
	s = segment{
		from: binary.BigEndian.Uint16(t), to: binary.BigEndian.Uint16(t[2:]),
		seq: binary.BigEndian.Uint32(t[4:]), ack: binary.BigEndian.Uint32(t[8:]), flags: t[13], data: uint32(len(t) - head),
	}
	s.length = s.data + uint32(s.flags&flagSYN>>1) + uint32(s.flags&flagFIN)
	return s, true
}

func (segment) source(frame []byte) [4]byte      { return [4]byte(frame[ipAt+12:]) }
func (segment) destination(frame []byte) [4]byte { return [4]byte(frame[ipAt+16:]) }

// flow watches the segments of a connection, so that what lneto sends once only
// can be sent again.
type flow struct {
	header   [headerEnd]byte // of the last segment that was sent
	known    bool
	una, nxt uint32 // as in RFC 9293: acknowledged to here, sent to here
	ack      uint32 // what the last segment that was sent acknowledged
	fresh    bool   // and nothing has come since that would change it
	finished bool   // a FIN was sent, the last byte before nxt
}

// sent takes note of a segment that leaves. It reports whether it has left
// before.
func (f *flow) sent(frame []byte, s segment) (again bool) {
	copy(f.header[:], frame)
	if s.flags&flagSYN != 0 && (!f.known || f.una != s.seq) {
		*f = flow{header: f.header, known: true, una: s.seq, nxt: s.seq}
	}
	f.known = true
	if end := s.seq + s.length; int32(end-f.nxt) > 0 {
		f.nxt = end
	} else {
		again = s.data > 0
	}
	f.ack, f.fresh = s.ack, s.flags&flagACK != 0
	f.finished = f.finished || s.flags&flagFIN != 0
	return again
}

// received takes note of a segment before lneto has it, and reports whether it
// has to be answered.
//
// lneto wants segments in order, those without data too: it answers others, and
// gives the connection up after eight. But while something that the peer sent is
// lost, all its acknowledgements are ahead of what lneto expects; so they are
// given the number that it does expect. Old ones may be probes, which lneto takes
// for keep-alives and does not answer.
func (f *flow) received(frame []byte, s segment) (answer bool) {
	if s.flags&flagACK != 0 && int32(s.ack-f.una) > 0 && int32(s.ack-f.nxt) <= 0 {
		f.una = s.ack
	}
	if s.length > 0 || s.flags&(flagACK|flagRST) != flagACK {
		f.fresh = false
		return false
	}
	ahead := int32(s.seq - f.ack)
	if !f.fresh || ahead == 0 {
		return false
	}
	renumber(frame, f.ack)
	return ahead < 0
}

// renumber changes the sequence number of a segment that parse has read.
func renumber(frame []byte, seq uint32) {
	ip := frame[ipAt:]
	head := int(ip[0]&15) * 4
	t := ip[head:binary.BigEndian.Uint16(ip[2:])]
	binary.BigEndian.PutUint32(t[4:], seq)
	binary.BigEndian.PutUint16(t[16:], 0)
	pseudo := [4]byte{0, 6, byte(len(t) >> 8), byte(len(t))}
	s := sum(sum(0, ip[12:20]), pseudo[:])
	if len(t)%2 == 1 {
		s += uint32(t[len(t)-1]) << 8
	}
	binary.BigEndian.PutUint16(t[16:], checksum(s, t))
}

// control makes a segment without data, of the connection whose header is known.
func (f *flow) control(p *[minFrame]byte, flags byte, seq uint32) []byte {
	*p = [minFrame]byte{}
	copy(p[:], f.header[:])
	ip, t := p[ipAt:tcpAt], p[tcpAt:headerEnd]
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], 40)
	binary.BigEndian.PutUint16(ip[10:], 0)
	binary.BigEndian.PutUint16(ip[10:], checksum(0, ip))
	binary.BigEndian.PutUint32(t[4:], seq)
	t[12], t[13] = 5<<4, flags
	binary.BigEndian.PutUint16(t[16:], 0)
	binary.BigEndian.PutUint16(t[18:], 0)
	pseudo := [4]byte{0, 6, 0, 20}
	binary.BigEndian.PutUint16(t[16:], checksum(sum(sum(0, ip[12:20]), pseudo[:]), t))
	return p[:]
}

// sum adds 16-bit words: RFC 1071.
func sum(s uint32, p []byte) uint32 {
	for i := 0; i+1 < len(p); i += 2 {
		s += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	return s
}

func checksum(s uint32, p []byte) uint16 {
	s = sum(s, p)
	s = s>>16 + s&0xffff
	s += s >> 16
	return ^uint16(s)
}
