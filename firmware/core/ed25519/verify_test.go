package ed25519

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"testing"
)

func ours(v *Verifier, public, message, signature []byte) bool {
	return v.Verify((*[32]byte)(public), message, (*[64]byte)(signature))
}

// The vectors of RFC 8032, 7.1.
func TestRFC8032(t *testing.T) {
	var v Verifier
	for _, c := range []struct{ name, public, message, signature string }{
		{"1", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
		{"2", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
		{"3", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
		{"SHA(abc)", "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
			"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
	} {
		public, _ := hex.DecodeString(c.public)
		message, _ := hex.DecodeString(c.message)
		signature, _ := hex.DecodeString(c.signature)
		if !ed25519.Verify(public, message, signature) {
			t.Fatalf("vector %s is mistyped", c.name)
		}
		if !ours(&v, public, message, signature) {
			t.Errorf("vector %s is refused", c.name)
		}
	}
}

// Random messages, and then each with one bit flipped somewhere: the same
// answer as the standard library's.
func TestAgainstTheStandardLibrary(t *testing.T) {
	var v Verifier
	rnd := rand.New(rand.NewPCG(3, 4))
	for n := range 60 {
		seed := make([]byte, 32)
		message := make([]byte, n*7)
		fill(rnd, seed)
		fill(rnd, message)
		key := ed25519.NewKeyFromSeed(seed)
		public := []byte(key.Public().(ed25519.PublicKey))
		signature := ed25519.Sign(key, message)
		if !ours(&v, public, message, signature) {
			t.Fatalf("seed %x, %d bytes: refused", seed, len(message))
		}
		for range 4 {
			parts := [][]byte{bytes.Clone(public), bytes.Clone(message), bytes.Clone(signature)}
			part := parts[rnd.IntN(3)]
			if len(part) == 0 {
				continue
			}
			part[rnd.IntN(len(part))] ^= 1 << rnd.IntN(8)
			if ours(&v, parts[0], parts[1], parts[2]) {
				t.Fatalf("seed %x: accepted with a flipped bit", seed)
			}
			same(t, &v, parts[0], parts[1], parts[2])
		}
	}
}

// Every single flipped bit of one signature and key.
func TestEveryBit(t *testing.T) {
	var v Verifier
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	public, message := []byte(key.Public().(ed25519.PublicKey)), []byte("camrelay")
	signature := ed25519.Sign(key, message)
	for bit := range 8 * len(signature) {
		signature[bit/8] ^= 1 << (bit % 8)
		if ours(&v, public, message, signature) {
			t.Errorf("accepted with bit %d of the signature flipped", bit)
		}
		signature[bit/8] ^= 1 << (bit % 8)
	}
	for bit := range 8 * len(public) {
		public[bit/8] ^= 1 << (bit % 8)
		if ours(&v, public, message, signature) {
			t.Errorf("accepted with bit %d of the key flipped", bit)
		}
		public[bit/8] ^= 1 << (bit % 8)
	}
}

// S+L verifies wherever S does, if S is not checked.
func TestSecondFormOfS(t *testing.T) {
	var v Verifier
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
	public, message := []byte(key.Public().(ed25519.PublicKey)), []byte("malleable")
	signature := ed25519.Sign(key, message)
	l, s := number(order[:]), number(signature[32:])
	for range 9 {
		s.Add(s, l)
		if s.BitLen() > 256 {
			break
		}
		copy(signature[32:], littleEndian(s))
		if ours(&v, public, message, signature) {
			t.Errorf("accepted with S = %x", s)
		}
		same(t, &v, public, message, signature)
	}
	copy(signature[32:], order[:])
	same(t, &v, public, message, signature)
	clear(signature[32:])
	same(t, &v, public, message, signature)
}

// Keys and R of small order, in every encoding, canonical or not, with S = 0
// and others: whatever the standard library says.
func TestSmallOrder(t *testing.T) {
	var v Verifier
	var codes [][]byte
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p
		"0200000000000000000000000000000000000000000000000000000000000000", // no point
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+18
	} {
		code, _ := hex.DecodeString(text)
		signed := bytes.Clone(code)
		signed[31] |= 0x80
		codes = append(codes, code, signed)
	}
	accepted := 0
	for _, public := range codes {
		for _, r := range codes {
			for m := range 2 {
				for s := range byte(2 - m) {
					signature := append(bytes.Clone(r), make([]byte, 32)...)
					signature[32] = s
					if same(t, &v, public, []byte{byte(m)}, signature) {
						accepted++
					}
				}
			}
		}
	}
	if accepted == 0 {
		t.Error("no small-order signature was accepted: the cases do not reach what they are for")
	}
}

// TestNonCanonicalValues has elements of the field near their borders.
func TestNonCanonicalValues(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	for offset := int64(-20); offset < 19; offset++ {
		n := new(big.Int).Add(p, big.NewInt(offset))
		var in, out [32]byte
		copy(in[:], littleEndian(n))
		var e element
		e.decode(&in)
		e.encode(&out)
		if got, want := number(out[:]), new(big.Int).Mod(n, p); got.Cmp(want) != 0 {
			t.Errorf("p%+d: %v, want %v", offset, got, want)
		}
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		var a, b, c element
		for i := range a { // the widest limbs that the formulas make
			a[i], b[i] = rnd.Int32N(1<<19)-1<<18, rnd.Int32N(1<<19)-1<<18
		}
		c.mul(&a, &b)
		var out [32]byte
		c.encode(&out)
		want := new(big.Int).Mul(value(&a), value(&b))
		if got := number(out[:]); got.Cmp(want.Mod(want, p)) != 0 {
			t.Fatalf("%v * %v = %v, want %v", a, b, got, want)
		}
		for i, limb := range c {
			if limb < -38 || limb > 1<<16+38 {
				t.Fatalf("limb %d of a product is %d", i, limb)
			}
		}
	}
}

func TestReduce(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	l := number(order[:])
	var scratch [64]int64
	for n := range 3000 {
		var in [64]byte
		fill(rnd, in[:])
		switch n % 4 {
		case 1: // just around a multiple of L
			m := new(big.Int).Mul(l, new(big.Int).SetUint64(rnd.Uint64()))
			copy(in[:], append(littleEndian(m.Add(m, big.NewInt(int64(rnd.IntN(5))))), make([]byte, 64)...))
		case 2:
			for i := range in {
				in[i] = 0xff
			}
		case 3:
			clear(in[rnd.IntN(64):])
		}
		var out [32]byte
		reduce(&out, &in, &scratch)
		want := new(big.Int).Mod(number(in[:]), l)
		if got := number(out[:]); got.Cmp(want) != 0 {
			t.Fatalf("%x mod L = %x, want %x", in, got, want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	var v Verifier
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	public, message := []byte(key.Public().(ed25519.PublicKey)), make([]byte, 512)
	signature := ed25519.Sign(key, message)
	if n := testing.AllocsPerRun(5, func() {
		if !ours(&v, public, message, signature) {
			t.Error("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzVerify(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	f.Add([]byte(key.Public().(ed25519.PublicKey)), []byte("x"), ed25519.Sign(key, []byte("x")))
	f.Fuzz(func(t *testing.T, public, message, signature []byte) {
		if len(public) == 32 && len(signature) == 64 {
			same(t, new(Verifier), public, message, signature)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	var v Verifier
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	public, message := []byte(key.Public().(ed25519.PublicKey)), make([]byte, 512)
	signature := ed25519.Sign(key, message)
	for b.Loop() {
		ours(&v, public, message, signature)
	}
}

// same fails the test unless both verifiers give the same answer.
func same(t *testing.T, v *Verifier, public, message, signature []byte) bool {
	t.Helper()
	got, want := ours(v, public, message, signature), ed25519.Verify(public, message, signature)
	if got != want {
		t.Errorf("key %x, message %x, signature %x: %v, the standard library says %v", public, message, signature, got, want)
	}
	return want
}

func fill(rnd *rand.Rand, p []byte) {
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
}

func number(b []byte) *big.Int {
	reversed := bytes.Clone(b)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = b[j], b[i]
	}
	return new(big.Int).SetBytes(reversed)
}

func littleEndian(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 64))
	for i, j := 0, 63; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b[:max(32, (n.BitLen()+7)/8)]
}

func value(e *element) *big.Int {
	sum := new(big.Int)
	for i := 15; i >= 0; i-- {
		sum.Lsh(sum, 16)
		sum.Add(sum, big.NewInt(int64(e[i])))
	}
	return sum
}
