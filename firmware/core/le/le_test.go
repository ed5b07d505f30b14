package le

import (
	"encoding/binary"
	"testing"
)

func TestAgainstTheStandardLibrary(t *testing.T) {
	const v = 0x8899aabbccddeeff
	p, q := make([]byte, 14), make([]byte, 14)
	Put16(p, v&0xffff)
	Put32(p[2:], v&0xffffffff)
	Put64(p[6:], v)
	binary.LittleEndian.PutUint16(q, v&0xffff)
	binary.LittleEndian.PutUint32(q[2:], v&0xffffffff)
	binary.LittleEndian.PutUint64(q[6:], v)
	if string(p) != string(q) {
		t.Errorf("%x, want %x", p, q)
	}
	if U16(p) != v&0xffff || U32(p[2:]) != v&0xffffffff || U64(p[6:]) != v {
		t.Errorf("%x %x %x", U16(p), U32(p[2:]), U64(p[6:]))
	}
}
