package mqtt

import "camrelay/firmware/core/hal"

// intake takes one packet after another from a stream. It never takes more than
// the packet has, so that its buffer is free between two packets.
type intake struct {
	head  byte
	fixed uint8  // bytes of the fixed header that are there
	known bool   // the fixed header is complete
	size  uint32 // remaining length
	at    uint32 // how much of that is there
	// Of a packet that is too long, only this is kept.
	topic uint32 // length
	id    uint16
	buf   [MaxPacket]byte
}

// next prepares for the next packet.
func (p *intake) next() {
	p.fixed, p.known, p.size, p.at, p.topic, p.id = 0, false, 0, 0, 0, 0
}

func (p *intake) kind() byte { return p.head >> 4 }

// whole is how long the packet is.
func (p *intake) whole() int { return int(p.fixed) + int(p.size) }

func (p *intake) long() bool { return p.whole() > MaxPacket }

// complete reports whether the packet is there, or, if it is too long, was.
func (p *intake) complete() bool { return p.known && p.at == p.size }

// body is what follows the fixed header, if it is not too long.
func (p *intake) body() []byte { return p.buf[:p.size] }

// take reads once, and returns how many bytes that were.
func (p *intake) take(s hal.Stream) (int, error) {
	if !p.known {
		n := s.Read(p.buf[:1])
		if n == 0 {
			return 0, nil
		}
		return n, p.header(p.buf[0])
	}
	from := p.at
	if p.long() {
		from = 0
	}
	n := s.Read(p.buf[from:min(from+p.size-p.at, MaxPacket)])
	if p.long() {
		p.skip(p.buf[:n])
	}
	p.at += uint32(n)
	return n, nil
}

// header takes a byte of the fixed header (section 2.2).
func (p *intake) header(b byte) error {
	p.fixed++
	if p.fixed == 1 {
		p.head = b
		return checkHead(b)
	}
	p.size |= uint32(b&0x7f) << (7 * (p.fixed - 2))
	switch {
	case b&0x80 == 0:
		p.known = true
		if p.long() && p.kind() != publish {
			return ErrMalformed
		}
	case p.fixed == 5:
		return ErrMalformed
	}
	return nil
}

// skip looks only for the id of a message.
func (p *intake) skip(part []byte) {
	for i, b := range part {
		switch at := p.at + uint32(i); {
		case at < 2:
			p.topic = p.topic<<8 | uint32(b)
		case at == 2+p.topic, at == 3+p.topic:
			p.id = p.id<<8 | uint16(b)
		}
	}
}

// skipped returns the id of a message that was too long, 0 if it is QoS 0.
func (p *intake) skipped() (uint16, error) {
	if p.head&qos1Bit == 0 {
		if 2+p.topic > p.size {
			return 0, ErrMalformed
		}
		return 0, nil
	}
	if 4+p.topic > p.size || p.id == 0 {
		return 0, ErrMalformed
	}
	return p.id, nil
}
