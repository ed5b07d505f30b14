// Package signing makes signed firmware images on a host: it packs payloads,
// signs headers, and reads the keys for it, which are ordinary PEM files.
package signing

import (
	"crypto/ed25519"
	"crypto/sha256"

	"camrelay/firmware/core/image"
)

// Verifier is the standard library's Ed25519, for image.Verify.
type Verifier struct{}

// Verify implements image.Verifier.
func (Verifier) Verify(public *[image.PublicKeySize]byte, message []byte, signature *[image.SignatureSize]byte) bool {
	return ed25519.Verify(public[:], message, signature[:])
}

// KeyID is how images name a key.
func KeyID(public ed25519.PublicKey) image.KeyID {
	return image.NewKey([image.PublicKeySize]byte(public)).ID
}

// Pack returns an unsigned image with the payload, filled up to whole words, and
// completes its header. It does not check the header.
func Pack(h *image.Header, payload []byte) []byte {
	words := (len(payload) + 3) &^ 3
	content := make([]byte, image.HeaderSize+words)
	body := content[image.HeaderSize:]
	for i := copy(body, payload); i < words; i++ {
		body[i] = 0xff
	}
	h.Length, h.Sum = uint32(len(content)), sha256.Sum256(body)
	image.Encode(h, content)
	return content
}

// Sign puts a signature into the header of an image.
func Sign(h *image.Header, content []byte, private ed25519.PrivateKey) {
	h.Key = KeyID(private.Public().(ed25519.PublicKey))
	image.Encode(h, content)
	signature := ed25519.Sign(private, image.Message(content))
	image.SetSignature(content, (*[image.SignatureSize]byte)(signature))
}
