package sha2

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func mac(key, message []byte) []byte {
	var m HMAC256
	var out [Size256]byte
	m.Begin(key)
	m.Write(message[:len(message)/2])
	m.Write(message[len(message)/2:])
	m.Finish(&out)
	return out[:]
}

// RFC 4231, test cases 1, 2 and 6.
func TestHMACExamples(t *testing.T) {
	long := make([]byte, 131)
	for i := range long {
		long[i] = 0xaa
	}
	twenty := make([]byte, 20)
	for i := range twenty {
		twenty[i] = 0x0b
	}
	for _, c := range []struct {
		key, message []byte
		want         string
	}{
		{twenty, []byte("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{[]byte("Jefe"), []byte("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{long, []byte("Test Using Larger Than Block-Size Key - Hash Key First"), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	} {
		if got := hex.EncodeToString(mac(c.key, c.message)); got != c.want {
			t.Errorf("HMAC of %q: %s", c.message, got)
		}
	}
}

func FuzzHMAC(f *testing.F) {
	f.Add([]byte("key"), []byte("message"))
	f.Add(make([]byte, Block256), []byte{})
	f.Add(make([]byte, Block256+1), make([]byte, 200))
	f.Fuzz(func(t *testing.T, key, message []byte) {
		h := hmac.New(sha256.New, key)
		h.Write(message)
		if got := mac(key, message); !hmac.Equal(got, h.Sum(nil)) {
			t.Errorf("%x, want %x", got, h.Sum(nil))
		}
	})
}

func TestHMACAllocatesNothing(t *testing.T) {
	var m HMAC256
	var out [Size256]byte
	key := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		m.Begin(key)
		m.Write(key)
		m.Finish(&out)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
