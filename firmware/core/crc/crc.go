// Package crc is CRC-32 as in Ethernet, zip and hash/crc32 (polynomial
// EDB88320, reflected), with a table of 64 bytes instead of 8 KiB.
package crc

var table = [16]uint32{
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
}

// Update returns the checksum of what crc stands for, followed by p. It begins
// with 0.
func Update(crc uint32, p []byte) uint32 {
	crc = ^crc
	for _, b := range p {
		crc ^= uint32(b)
		crc = crc>>4 ^ table[crc&15]
		crc = crc>>4 ^ table[crc&15]
	}
	return ^crc
}
