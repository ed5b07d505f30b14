package ws

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The examples of RFC 6455 section 5.7.
func TestExamples(t *testing.T) {
	const key = 0x3d21fa37 // 37 fa 21 3d on the wire
	for _, c := range []struct {
		name string
		h    Header
		want string
	}{
		{"unmasked text", Header{Fin: true, Op: Text, Length: 5}, "8105"},
		{"masked text", Header{Fin: true, Op: Text, Length: 5, Masked: true, Key: key}, "818537fa213d"},
		{"first fragment", Header{Op: Text, Length: 3}, "0103"},
		{"last fragment", Header{Fin: true, Op: Continuation, Length: 2}, "8002"},
		{"ping", Header{Fin: true, Op: Ping, Length: 5}, "8905"},
		{"masked pong", Header{Fin: true, Op: Pong, Length: 5, Masked: true, Key: key}, "8a8537fa213d"},
		{"256 bytes", Header{Fin: true, Op: Binary, Length: 256}, "827e0100"},
		{"64 KiB", Header{Fin: true, Op: Binary, Length: 65536}, "827f0000000000010000"},
		// Where the form of the length changes.
		{"125 bytes", Header{Op: Binary, Length: 125}, "027d"},
		{"126 bytes", Header{Op: Binary, Length: 126}, "027e007e"},
		{"65535 bytes", Header{Op: Binary, Length: 65535}, "027effff"},
		{"most", Header{Op: Binary, Length: MaxLength, Masked: true, Key: key}, "02ff7fffffffffffffff37fa213d"},
	} {
		b := c.h.Append(nil)
		if got := hex.EncodeToString(b); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		var back Header
		if n, err := back.Decode(append(b, 0xff)); n != len(b) || err != nil || back != c.h {
			t.Errorf("%s: decoded as %+v, %d, %v", c.name, back, n, err)
		}
		for short := range b {
			if n, err := back.Decode(b[:short]); n <= short || n > len(b) || err != nil {
				t.Errorf("%s: first %d bytes: %d, %v", c.name, short, n, err)
			}
		}
	}
	payload, _ := hex.DecodeString("7f9f4d5158")
	if Mask(payload, key, 0); string(payload) != "Hello" {
		t.Errorf("unmasked: %q", payload)
	}
}

func TestRefusedHeaders(t *testing.T) {
	for _, c := range []struct {
		name, bytes string
		want        Error
	}{
		{"RSV1", "c1", ErrReserved},
		{"RSV2", "a1", ErrReserved},
		{"RSV3", "91", ErrReserved},
		{"opcode 3", "83", ErrOpcode},
		{"opcode 7", "87", ErrOpcode},
		{"opcode 11", "8b", ErrOpcode},
		{"opcode 15", "8f", ErrOpcode},
		{"fragmented ping", "09", ErrControl},
		{"fragmented close", "08", ErrControl},
		{"ping of 126", "897e", ErrControl},
		{"masked close of 127", "88ff", ErrControl},
		{"125 in 16 bits", "827e007d", ErrLength},
		{"0 in 16 bits, masked", "82fe000000000000", ErrLength},
		{"65535 in 64 bits", "827f000000000000ffff", ErrLength},
		{"highest bit", "827f8000000000000000", ErrLength},
	} {
		p, _ := hex.DecodeString(c.bytes)
		var h Header
		if _, err := h.Decode(p); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// Whatever is decoded is what encoding it gives; what is missing is asked for;
// what is refused stays refused.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"8105", "818537fa213d", "827e0100", "827f0000000000010000", "02ff7fffffffffffffff37fa213d", "88ff", "827e007d"} {
		p, _ := hex.DecodeString(s)
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		var h, prefix Header
		n, err := h.Decode(p)
		if err == nil && n <= len(p) {
			if got := h.Append(nil); !bytes.Equal(got, p[:n]) {
				t.Fatalf("%x is %+v, which is %x", p[:n], h, got)
			}
		}
		for short := range min(len(p), MaxHeader) {
			m, early := prefix.Decode(p[:short])
			switch {
			case early != nil && err != early:
				t.Fatalf("%x: %v, all of it %v", p[:short], early, err)
			case early == nil && err == nil && m > max(n, 2):
				t.Fatalf("%x: wants %d of %d", p[:short], m, n)
			}
		}
	})
}

// Masking in pieces of any size is masking byte by byte.
func FuzzMask(f *testing.F) {
	f.Add([]byte("some bytes of a payload"), uint32(0x12345678), uint8(5))
	f.Fuzz(func(t *testing.T, p []byte, key uint32, piece uint8) {
		want := bytes.Clone(p)
		for i := range want {
			want[i] ^= byte(key >> (8 * (i & 3)))
		}
		phase, rest := 0, p
		for len(rest) > 0 {
			n := min(len(rest), int(piece)+1)
			phase = Mask(rest[:n], key, phase)
			rest = rest[n:]
		}
		if !bytes.Equal(p, want) {
			t.Errorf("%x, want %x", p, want)
		}
	})
}

func TestHandshakeKeys(t *testing.T) {
	// RFC 6455 section 1.3.
	const key, want = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	if got := AppendAccept(nil, []byte(key)); string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	for k, want := range map[string]bool{
		key: true, "": false, "dGhlIHNhbXBsZSBub25jZQ=": false, "dGhlIHNhbXBsZSBub25jZWU=": false, "dGhlIHNhbXBsZSBub25j!!==": false,
		"dGhlIHNhbXBsZSBub25jZQ==AAAA": false,
	} {
		if ValidKey([]byte(k)) != want {
			t.Errorf("key %q is valid: %v", k, !want)
		}
	}
}

func TestCloseCodes(t *testing.T) {
	for code := range 6000 {
		want := code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
		if ValidCode(uint16(code)) != want {
			t.Errorf("%d is valid: %v", code, !want)
		}
	}
	long := string(bytes.Repeat([]byte("é"), 100))
	if got := clip(long); len(got) != 122 || clip("a"+long) != "a"+got {
		t.Errorf("a reason of 200 bytes is cut to %d", len(got))
	}
}
