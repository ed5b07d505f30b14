package image

import "camrelay/firmware/core/sha2"

// Sizes of Ed25519, in bytes.
const (
	PublicKeySize = 32
	SignatureSize = 64
)

// KeyID names a public key: the first 8 bytes of its SHA-256. Zero is no key.
type KeyID [8]byte

// Key is a public key that may sign images.
type Key struct {
	ID     KeyID
	Public [PublicKeySize]byte
}

// NewKey returns the key with its ID.
func NewKey(public [PublicKeySize]byte) Key {
	var h sha2.Hash256
	var sum [sha2.Size256]byte
	h.Reset()
	h.Write(public[:])
	h.Finish(&sum)
	return Key{ID: KeyID(sum[:8]), Public: public}
}

// Verifier checks an Ed25519 signature; camrelay/firmware/core/ed25519 has one
// for a microcontroller.
type Verifier interface {
	Verify(public *[PublicKeySize]byte, message []byte, signature *[SignatureSize]byte) bool
}

// Verify checks the signature of a header; p may be longer. It looks at nothing
// but what it must in order to, so it comes before Decode. The error is a
// Reason.
func Verify(p []byte, ring []Key, v Verifier) error {
	if r := envelope(p); r != 0 {
		return r
	}
	id := KeyID(p[offKey:])
	if id == (KeyID{}) {
		return Unsigned
	}
	reason := UnknownKey
	for i := range ring {
		if ring[i].ID != id {
			continue
		}
		if v.Verify(&ring[i].Public, Message(p), (*[SignatureSize]byte)(p[offSignature:])) {
			return nil
		}
		reason = BadSignature
	}
	return reason
}

// Message is the part of an encoded header that is signed.
func Message(p []byte) []byte { return p[:SignedSize] }

// SetSignature puts the signature of Message(p) by the key that the header
// names into an encoded header.
func SetSignature(p []byte, signature *[SignatureSize]byte) {
	copy(p[offSignature:UsedSize], signature[:])
}
