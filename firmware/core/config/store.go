// Package config keeps what a camera must remember without power: the settings
// that people make, and the little that the firmware notes for itself. Each is
// a set of Values in a Store of two flash sectors, of which one is always whole.
package config

import (
	"camrelay/firmware/core/crc"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/le"
)

// Error is why something is not loaded, saved or taken. It allocates nothing.
type Error uint8

// Errors of this package.
const (
	ErrEmpty     Error = iota + 1 // nothing has been saved, or nothing of it is whole
	ErrLong                       // more than there is room for
	ErrMalformed                  // not a set of values
	ErrTag                        // tag 0
	ErrSSID
	ErrPassword
	ErrURL
	ErrCamera
	ErrKey
	ErrNumber
	ErrTopic
	ErrScheme
)

func (e Error) Error() string {
	switch e {
	case ErrEmpty:
		return "config: nothing is stored"
	case ErrLong:
		return "config: longer than there is room for"
	case ErrMalformed:
		return "config: what is stored is not a set of values"
	case ErrTag:
		return "config: tag 0 is no tag"
	case ErrSSID:
		return "config: the name of a wireless network has 1 to 32 bytes"
	case ErrPassword:
		return "config: a wireless password has 8 to 63 printable characters, or is 64 hexadecimal digits"
	case ErrURL:
		return "config: the address must begin with ws://, http:// or mqtt:// and contain neither spaces nor control characters"
	case ErrCamera:
		return "config: a camera id matches [a-z0-9][a-z0-9-]{0,31}"
	case ErrKey:
		return "config: a key has 8 to 128 printable characters without spaces"
	case ErrNumber:
		return "config: a number has 4 bytes, and a port is 1 to 65535, or 65536 for none"
	case ErrTopic:
		return "config: an MQTT topic has 1 to 64 printable characters without + # $ and spaces, and no / at its ends"
	case ErrScheme:
		return "config: a key is shown as bearer, basic or hmac"
	}
	return "config: unknown error"
}

// Format is the version of what a sector holds. A Store ignores sectors of
// other versions, so an older firmware goes on with what it wrote itself.
const Format = 1

// MaxSize is how many bytes a Store keeps.
const MaxSize = flash.Sector - headSize

const (
	storeMagic = 0x46434d43 // CMCF
	headSize   = 32
)

// Offsets in a sector's head. The CRC is over what comes before it and the
// content, which follows the head.
const (
	offFormat = 0x04
	offSeq    = 0x08
	offSize   = 0x0c
	offCRC    = 0x10
)

// Store keeps one piece of content in two sectors. Save writes the one that
// does not hold the newest content, its head last: a power cut leaves the old
// content or the new.
type Store struct {
	dev    flash.Device
	base   uint32
	newest int // sector with the newest content; -1: none
	seq    uint32
	size   uint32
	head   [headSize]byte
	buf    [flash.Page]byte
}

// Open looks for the newest content in the two sectors at base. That there is
// none is no error.
func (s *Store) Open(dev flash.Device, base uint32) error {
	s.dev, s.base, s.newest, s.seq, s.size = dev, base, -1, 0, 0
	for i := range 2 {
		seq, size, ok, err := s.inspect(i)
		if err != nil {
			return err
		}
		if ok && (s.newest < 0 || seq > s.seq) {
			s.newest, s.seq, s.size = i, seq, size
		}
	}
	return nil
}

// inspect reads sector i and says whether its content is whole.
func (s *Store) inspect(i int) (seq, size uint32, ok bool, err error) {
	if err := s.dev.Read(s.sector(i), s.head[:]); err != nil {
		return 0, 0, false, err
	}
	size = le.U32(s.head[offSize:])
	if le.U32(s.head[:]) != storeMagic || le.U16(s.head[offFormat:]) != Format || size > MaxSize {
		return 0, 0, false, nil
	}
	sum := crc.Update(0, s.head[:offCRC])
	for at := uint32(0); at < size; at += flash.Page {
		part, err := s.read(i, at, size)
		if err != nil {
			return 0, 0, false, err
		}
		sum = crc.Update(sum, part)
	}
	return le.U32(s.head[offSeq:]), size, sum == le.U32(s.head[offCRC:]), nil
}

// Load copies the newest content to p and returns how long it is.
func (s *Store) Load(p []byte) (int, error) {
	switch {
	case s.newest < 0:
		return 0, ErrEmpty
	case int(s.size) > len(p):
		return 0, ErrLong
	}
	for at := uint32(0); at < s.size; at += flash.Page {
		part, err := s.read(s.newest, at, s.size)
		if err != nil {
			return 0, err
		}
		copy(p[at:], part)
	}
	return int(s.size), nil
}

// Save makes p the content. It writes nothing if it is so already. If it does
// not return nil, the content before is still there.
func (s *Store) Save(p []byte) error {
	if len(p) > MaxSize {
		return ErrLong
	}
	if same, err := s.holds(p); err != nil || same {
		return err
	}
	to := 0
	if s.newest == 0 {
		to = 1
	}
	if err := s.dev.Erase(s.sector(to)); err != nil {
		return err
	}
	for at := 0; at < len(p); at += flash.Page {
		if err := s.write(s.sector(to)+headSize+uint32(at), p[at:min(at+flash.Page, len(p))]); err != nil {
			return err
		}
	}
	s.fillHead(p)
	if err := flash.Program(s.dev, s.sector(to), s.head[:]); err != nil {
		return err
	}
	if _, _, ok, err := s.inspect(to); err != nil || !ok {
		if err == nil {
			err = flash.ErrVerify
		}
		return err
	}
	s.newest, s.seq, s.size = to, s.seq+1, uint32(len(p))
	return nil
}

func (s *Store) fillHead(p []byte) {
	for i := range s.head {
		s.head[i] = 0xff
	}
	le.Put32(s.head[:], storeMagic)
	le.Put16(s.head[offFormat:], Format)
	le.Put32(s.head[offSeq:], s.seq+1)
	le.Put32(s.head[offSize:], uint32(len(p)))
	le.Put32(s.head[offCRC:], crc.Update(crc.Update(0, s.head[:offCRC]), p))
}

// write programs p, of a page at most, filled up to whole words.
func (s *Store) write(off uint32, p []byte) error {
	n := copy(s.buf[:], p)
	for ; n%flash.Word != 0; n++ {
		s.buf[n] = 0xff
	}
	return flash.Program(s.dev, off, s.buf[:n])
}

// holds reports whether the content is p.
func (s *Store) holds(p []byte) (bool, error) {
	if s.newest < 0 || int(s.size) != len(p) {
		return false, nil
	}
	for at := uint32(0); at < s.size; at += flash.Page {
		part, err := s.read(s.newest, at, s.size)
		if err != nil || !flash.Equal(part, p[at:][:len(part)]) {
			return false, err
		}
	}
	return true, nil
}

// read reads the content's bytes from at on, a page of them at most.
func (s *Store) read(i int, at, size uint32) ([]byte, error) {
	n := min(size-at, flash.Page)
	err := s.dev.Read(s.sector(i)+headSize+at, s.buf[:(n+flash.Word-1)/flash.Word*flash.Word])
	return s.buf[:n], err
}

func (s *Store) sector(i int) uint32 { return s.base + uint32(i)*flash.Sector }
