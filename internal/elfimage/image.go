package elfimage

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"

	"camrelay/firmware/core/image"
)

// Image returns the unsigned image of the program and completes its header: its
// Layout, Length, Sum and Load. An image longer than slot bytes is refused.
func (p *Program) Image(h *image.Header, slot uint64) ([]byte, error) {
	content := make([]byte, image.HeaderSize)
	h.Layout, h.Load = image.ESP32, image.Load{Entry: p.Entry, Patch: p.Patch}
	for i, s := range p.Segments {
		h.Load.Segments[i] = image.Segment{
			Address: s.Address, Offset: uint32(len(content)), Length: uint32(len(s.Data)), CRC: crc32.ChecksumIEEE(s.Data),
		}
		content = append(content, s.Data...)
	}
	for _, part := range []struct {
		at   *image.Mapped
		data []byte
	}{{&h.Load.Data, p.Data}, {&h.Load.Code, p.Code}} {
		content = fill(content, mapPage)
		*part.at = image.Mapped{Offset: uint32(len(content)), Length: uint32(len(part.data))}
		content = append(content, part.data...)
	}
	content = fill(content, 4)
	if most := min(slot, image.MaxLength); uint64(len(content)) > most {
		return nil, fmt.Errorf("the program makes an image of %d bytes, and a slot has %d", len(content), most)
	}
	h.Length, h.Sum = uint32(len(content)), sha256.Sum256(content[image.HeaderSize:])
	image.Encode(h, content)
	return content, nil
}

// fill appends erased flash up to a multiple of n.
func fill(p []byte, n int) []byte {
	for len(p)%n != 0 {
		p = append(p, 0xff)
	}
	return p
}
