package rawws

import (
	"bytes"
	"testing"
)

// Lengths at the borders of the three forms (RFC 6455 section 5.2).
func TestAppendForms(t *testing.T) {
	for n, head := range map[int][]byte{
		0: {0x82, 0x80}, 125: {0x82, 0x80 | 125}, 126: {0x82, 0x80 | 126, 0, 126},
		65535: {0x82, 0x80 | 126, 0xFF, 0xFF}, 65536: {0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0},
	} {
		b := Frame{Fin: true, Opcode: Binary, Payload: make([]byte, n)}.Append(nil)
		if !bytes.HasPrefix(b, head) || len(b) != len(head)+4+n {
			t.Errorf("%d bytes: %d in all, head % x", n, len(b), b[:len(head)])
		}
	}
}

// The unmasked "Hello" of RFC 6455 section 5.7, and what is none.
func TestRead(t *testing.T) {
	f, err := Read(bytes.NewReader([]byte{0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}), 5)
	if err != nil || !f.Fin || f.Opcode != Text || string(f.Payload) != "Hello" {
		t.Errorf("got %+v, %v", f, err)
	}
	for name, b := range map[string][]byte{
		"empty": {}, "cut": {0x81, 0x05, 'H'}, "reserved": {0xC1, 0}, "long": {0x81, 0x06, 1, 2, 3, 4, 5, 6},
		"huge": {0x82, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
	} {
		if f, err := Read(bytes.NewReader(b), 5); err == nil {
			t.Errorf("%s: was read as %+v", name, f)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(true, byte(Binary), []byte("x"))
	f.Fuzz(func(t *testing.T, fin bool, opcode byte, payload []byte) {
		opcode &= 0x0F
		b := Frame{fin, opcode, payload}.Append(nil)
		got, err := Read(bytes.NewReader(b), len(payload))
		if err != nil || got.Fin != fin || got.Opcode != opcode || !bytes.Equal(got.Payload, payload) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
