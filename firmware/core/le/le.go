// Package le reads and writes little-endian integers, as everything in the
// camera's flash is. encoding/binary would bring reflection with it.
package le

// U16 reads the first 2 bytes of p.
func U16(p []byte) uint16 { return uint16(p[0]) | uint16(p[1])<<8 }

// U32 reads the first 4 bytes of p.
func U32(p []byte) uint32 {
	_ = p[3]
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
}

// U64 reads the first 8 bytes of p.
func U64(p []byte) uint64 { return uint64(U32(p)) | uint64(U32(p[4:]))<<32 }

// Put16 writes to the first 2 bytes of p.
func Put16(p []byte, v uint16) { p[0], p[1] = byte(v), byte(v>>8) }

// Put32 writes to the first 4 bytes of p.
func Put32(p []byte, v uint32) {
	_ = p[3]
	p[0], p[1], p[2], p[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

// Put64 writes to the first 8 bytes of p.
func Put64(p []byte, v uint64) {
	Put32(p, uint32(v))
	Put32(p[4:], uint32(v>>32))
}
