package worldsim

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"camrelay/firmware/core/image"
	"camrelay/internal/signing"
	"camrelay/internal/vcam"
)

// images are the firmware images there are.
type images struct {
	private ed25519.PrivateKey
	ring    []image.Key
	list    []*firmware
	last    uint32 // build
}

// firmware is one image.
type firmware struct {
	image.Header
	behaviour vcam.Behaviour
	content   []byte
	path      string
	refused   string // the code with which a camera must refuse it; "": it must not
}

func newImages() (*images, error) {
	m := &images{private: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
	m.ring = []image.Key{image.NewKey([image.PublicKeySize]byte(m.private.Public().(ed25519.PublicKey)))}
	_, err := m.release(vcam.Good, 64<<10)
	return m, err
}

// release makes the next image.
func (m *images) release(b vcam.Behaviour, size int) (*firmware, error) {
	m.last++
	content, h, err := vcam.NewImage(fmt.Sprintf("1.%d.0", m.last), m.last, b, size)
	if err != nil {
		return nil, err
	}
	signing.Sign(&h, content, m.private)
	return m.add(h, b, content), nil
}

func (m *images) add(h image.Header, b vcam.Behaviour, content []byte) *firmware {
	f := &firmware{Header: h, behaviour: b, content: content, path: pathOf(content)}
	m.list = append(m.list, f)
	return f
}

// pathOf is where the relay has an image.
func pathOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "/ota/images/" + hex.EncodeToString(sum[:]) + ".img"
}

// spoil makes an image one that no camera takes.
func (m *images) spoil(f *firmware, how int) {
	switch how {
	case 0:
		f.content[0x205] ^= 1 // the signature
		f.refused = "bad_signature"
	case 1:
		f.content[len(f.content)-9] ^= 1
		f.refused = "bad_sha256"
	default:
		f.content[0x10] ^= 0x40 // the build
		f.refused = "bad_header_crc"
	}
}

// file is what is downloaded.
func (m *images) file(path string) []byte {
	if f := m.at(path); f != nil {
		return f.content
	}
	return nil
}

// whose is the image with this header.
func (m *images) whose(h *image.Header) *firmware {
	for _, f := range m.list {
		if f.Sum == h.Sum && f.refused == "" {
			return f
		}
	}
	return nil
}
