package sha1

import (
	"crypto/sha1"
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

func sum(p []byte, most int) (out [Size]byte) {
	var h Hash
	h.Reset()
	for len(p) > 0 {
		n := min(len(p), most)
		h.Write(p[:n])
		p = p[n:]
	}
	h.Finish(&out)
	return out
}

// FIPS 180-4's examples.
func TestExamples(t *testing.T) {
	for message, want := range map[string]string{
		"":    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"abc": "a9993e364706816aba3e25717850c26c9cd0d89d",
		"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
	} {
		if got := sum([]byte(message), 100); hex.EncodeToString(got[:]) != want {
			t.Errorf("SHA-1 of %q is %x", message, got)
		}
	}
}

// Every length around two blocks, in pieces of several sizes.
func TestAgainstTheStandardLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	message := make([]byte, 3*Block+5)
	for i := range message {
		message[i] = byte(random.Uint32())
	}
	for n := range message {
		want := sha1.Sum(message[:n])
		for _, most := range []int{1, 7, 64, 1000} {
			if got := sum(message[:n], most); got != want {
				t.Fatalf("%d bytes in pieces of %d: %x, want %x", n, most, got, want)
			}
		}
	}
}

func FuzzAgainstTheStandardLibrary(f *testing.F) {
	f.Add([]byte("abc"), uint8(1))
	f.Fuzz(func(t *testing.T, message []byte, most uint8) {
		if got, want := sum(message, int(most)+1), sha1.Sum(message); got != want {
			t.Errorf("%x, want %x", got, want)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	var h Hash
	var out [Size]byte
	message := make([]byte, 1000)
	if n := testing.AllocsPerRun(100, func() {
		h.Reset()
		h.Write(message)
		h.Finish(&out)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
