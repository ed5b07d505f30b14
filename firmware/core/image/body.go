package image

import "camrelay/firmware/core/crc"

// Hash is a SHA-256. Any hash.Hash is one.
type Hash interface {
	Reset()
	Write(p []byte) (int, error)
	Sum(b []byte) []byte
}

// Body checks the bytes that follow a header, as they come.
type Body struct {
	h       *Header
	hash    Hash
	at      uint32 // offset in the image of the next byte
	segment int    // the first that is not yet complete
	crc     uint32 // of its bytes so far
	loadBad bool
	sum     [32]byte
}

// Reset begins the body of h, which Decode has accepted. The Body keeps h and
// hash.
func (b *Body) Reset(h *Header, hash Hash) {
	hash.Reset()
	*b = Body{h: h, hash: hash, at: HeaderSize}
}

// Left is how many bytes are still to come.
func (b *Body) Left() uint32 { return b.h.Length - b.at }

// Write takes the next bytes. Bytes after the end are not taken; the error is
// then Overlong.
func (b *Body) Write(p []byte) (int, error) {
	n := len(p)
	if uint64(n) > uint64(b.Left()) {
		n = int(b.Left())
	}
	b.load(p[:n])
	b.hash.Write(p[:n])
	b.at += uint32(n)
	if n < len(p) {
		return n, Overlong
	}
	return n, nil
}

// load checks the CRCs of the load segments in p, which is at b.at. They are in
// the order of the file and do not overlap.
func (b *Body) load(p []byte) {
	at := b.at
	for len(p) > 0 && b.segment < MaxSegments {
		s := &b.h.Load.Segments[b.segment]
		if s.Length == 0 {
			return
		}
		if at < s.Offset {
			skip := min(int(s.Offset-at), len(p))
			at += uint32(skip)
			p = p[skip:]
			continue
		}
		n := min(int(s.Offset+s.Length-at), len(p))
		b.crc = crc.Update(b.crc, p[:n])
		at += uint32(n)
		p = p[n:]
		if at == s.Offset+s.Length {
			b.loadBad = b.loadBad || b.crc != s.CRC
			b.segment++
			b.crc = 0
		}
	}
}

// Check says whether the body is complete and what the header says; the error
// is a Reason.
func (b *Body) Check() error {
	if b.Left() > 0 {
		return Truncated
	}
	b.hash.Sum(b.sum[:0])
	switch {
	case b.sum != b.h.Sum:
		return BadSum
	case b.loadBad:
		return BadLoad
	}
	return nil
}

// Reader reads flash, or whatever holds an image.
type Reader interface {
	Read(off uint32, p []byte) error
}

// Next reads and takes the next bytes of a body that is stored with its header
// at base: at most len(scratch), a multiple of 4. It reports whether that was
// all. One call is a step short enough for a program with one thread.
func (b *Body) Next(r Reader, base uint32, scratch []byte) (done bool, err error) {
	n := min(len(scratch), int(b.Left()))
	if err := r.Read(base+b.at, scratch[:n]); err != nil {
		return false, err
	}
	b.Write(scratch[:n])
	return b.Left() == 0, nil
}

// ReadAll takes a whole stored body and checks it. The error is a Reason, or
// r's.
func (b *Body) ReadAll(r Reader, base uint32, scratch []byte) error {
	for done := false; !done; {
		var err error
		if done, err = b.Next(r, base, scratch); err != nil {
			return err
		}
	}
	return b.Check()
}
