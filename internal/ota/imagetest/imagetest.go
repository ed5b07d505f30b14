// Package imagetest makes signed firmware images for tests.
package imagetest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"camrelay/firmware/core/crc"
	"camrelay/firmware/core/image"
)

// Signer is a key of the tests.
type Signer struct {
	Key     image.Key
	private ed25519.PrivateKey
}

// NewSigner returns the signer with a number; the same each time.
func NewSigner(number byte) Signer {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{number}, ed25519.SeedSize))
	return Signer{image.NewKey([image.PublicKeySize]byte(private.Public().(ed25519.PublicKey))), private}
}

// Ring is the ring with the signer's key.
func (s Signer) Ring() []image.Key { return []image.Key{s.Key} }

// Header is that of an image for virtual cameras.
func Header(t testing.TB, board, version string, build uint32) image.Header {
	t.Helper()
	return image.Header{Build: build, Board: Text(t, board), Chip: Text(t, "host"), Version: Text(t, version), Made: 1_795_166_000}
}

// Text is a text of a header.
func Text(t testing.TB, s string) image.Text {
	t.Helper()
	text, ok := image.NewText(s)
	if !ok {
		t.Fatalf("%q is too long for a header", s)
	}
	return text
}

// Payload is n bytes that tell where they are in the file and which seed they
// were made with.
func Payload(seed byte, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i>>8) ^ byte(i*7) ^ seed
	}
	return p
}

// Seal completes a header for a body, signs it, whether it makes sense or not,
// and returns the image.
func (s Signer) Seal(h image.Header, body []byte) []byte {
	p := append(make([]byte, image.HeaderSize), body...)
	h.Length, h.Sum, h.Key = uint32(len(p)), sha256.Sum256(body), s.Key.ID
	for i := range h.Load.Segments {
		if g := &h.Load.Segments[i]; g.Length > 0 && int64(g.Offset)+int64(g.Length) <= int64(len(p)) {
			g.CRC = crc.Update(0, p[g.Offset:][:g.Length])
		}
	}
	return s.Sign(h, p)
}

// Sign puts a header into an image as it is, signed.
func (s Signer) Sign(h image.Header, p []byte) []byte {
	image.Encode(&h, p)
	return s.Resign(p)
}

// Resign signs the encoded header of an image as it is, with its checksum
// made good.
func (s Signer) Resign(p []byte) []byte {
	const checksum = image.SignedSize - 4
	sum := crc.Update(0, p[:checksum])
	for i := range 4 {
		p[checksum+i] = byte(sum >> (8 * i))
	}
	image.SetSignature(p, (*[image.SignatureSize]byte)(ed25519.Sign(s.private, image.Message(p))))
	return p
}

// Image is a signed image for the board with a body of n bytes, a multiple of
// 4, that differs from that of other builds.
func (s Signer) Image(t testing.TB, board, version string, build uint32, n int) []byte {
	t.Helper()
	return s.Seal(Header(t, board, version, build), Payload(byte(build), n))
}

// ESP32 is a header and body as of an image for an ESP32: two load segments,
// mapped data and mapped code.
func ESP32(t testing.TB) (image.Header, []byte) {
	t.Helper()
	const page = 64 << 10
	h := image.Header{Layout: image.ESP32, Build: 7, Board: Text(t, "ai-thinker-esp32cam"), Chip: Text(t, "esp32"), Version: Text(t, "1.2.0")}
	h.Load = image.Load{
		Entry: 0x40080400, Patch: 0x3ffb0ffc,
		Data: image.Mapped{Offset: page, Length: page + 100}, Code: image.Mapped{Offset: 3 * page, Length: 5000},
	}
	h.Load.Segments[0] = image.Segment{Address: 0x3ffb0000, Offset: image.HeaderSize, Length: 0x1000}
	h.Load.Segments[1] = image.Segment{Address: 0x40080000, Offset: image.HeaderSize + 0x1000, Length: 0x800}
	return h, Payload(7, 3*page+5000-image.HeaderSize)
}

// SHA256 is the name of an image in a catalog.
func SHA256(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}
