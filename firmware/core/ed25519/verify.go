// Package ed25519 checks Ed25519 signatures (RFC 8032) on a microcontroller:
// small code, 32-bit arithmetic, no allocation, all scratch in one struct. It
// accepts exactly what the standard library's crypto/ed25519 accepts. It can
// not sign, and since it handles nothing secret its time depends on its input.
package ed25519

import "camrelay/firmware/core/sha2"

// Sizes in bytes.
const (
	PublicKeySize = 32
	SignatureSize = 64
)

// Verifier checks signatures. It is nothing but scratch, about 3 KiB; its zero
// value is ready. Not for use by two goroutines at once.
type Verifier struct {
	hash   sha2.Hash512
	work   work
	table  [3]point // B, -A, B-A
	sum    point
	digest [64]byte
	wide   [64]int64
	k      [32]byte
	code   [32]byte
}

// Verify reports whether signature is that of message under the public key.
func (v *Verifier) Verify(public *[PublicKeySize]byte, message []byte, signature *[SignatureSize]byte) bool {
	r, s := signature[:32], signature[32:]
	if !canonical(s) || !v.work.decodeNegated(&v.table[1], public) {
		return false
	}
	v.hash.Reset()
	v.hash.Write(r)
	v.hash.Write(public[:])
	v.hash.Write(message)
	v.hash.Finish(&v.digest)
	reduce(&v.k, &v.digest, &v.wide)

	v.table[0] = base
	v.table[2] = base
	v.work.add(&v.table[2], &v.table[1])
	v.combine(s, v.k[:])
	v.work.encode(&v.sum, &v.code)
	return v.code == [32]byte(r)
}

// combine sets sum to sB - kA, both scalars at once: they share the doublings.
func (v *Verifier) combine(s, k []byte) {
	v.sum = point{y: one, z: one}
	for i := 252; i >= 0; i-- {
		v.work.double(&v.sum)
		bit := func(b []byte) byte { return b[i>>3] >> (i & 7) & 1 }
		if n := bit(s) | bit(k)<<1; n != 0 {
			v.work.add(&v.sum, &v.table[n-1])
		}
	}
}
