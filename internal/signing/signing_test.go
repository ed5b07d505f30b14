package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"camrelay/firmware/core/image"
)

func text(s string) image.Text {
	t, _ := image.NewText(s)
	return t
}

func TestPackAndSign(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	for size := 1; size < 10; size++ {
		h := image.Header{Build: 7, Board: text("vcam"), Chip: text("host"), Version: text("1.0.0")}
		payload := bytes.Repeat([]byte{1}, size)
		content := Pack(&h, payload)
		Sign(&h, content, private)
		var got image.Header
		if err := image.Decode(content, &got); err != nil || got != h {
			t.Fatalf("%d bytes: %v\n%+v\n%+v", size, err, got, h)
		}
		ring := []image.Key{image.NewKey([image.PublicKeySize]byte(public))}
		if err := image.Verify(content, ring, Verifier{}); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		var body image.Body
		body.Reset(&got, sha256.New())
		body.Write(content[image.HeaderSize:])
		if err := body.Check(); err != nil || !bytes.HasPrefix(content[image.HeaderSize:], payload) {
			t.Errorf("%d bytes: %v", size, err)
		}
		content[10] ^= 1
		if image.Verify(content, ring, Verifier{}) == nil {
			t.Error("a changed header is good")
		}
	}
}

func TestKeys(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	secret, _ := x509.MarshalPKCS8PrivateKey(private)
	open, _ := x509.MarshalPKIXPublicKey(public)
	file := func(name string, mode os.FileMode, kind string, content []byte) string {
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	var warned strings.Builder
	key := file("a.pem", 0o600, PrivatePEM, secret)
	if got, err := LoadPrivate(key, &warned); err != nil || !got.Equal(private) || warned.Len() > 0 {
		t.Errorf("%v, %q", err, warned.String())
	}
	if _, err := LoadPrivate(file("b.pem", 0o644, PrivatePEM, secret), &warned); err != nil || !strings.Contains(warned.String(), "chmod 600") {
		t.Errorf("%v, %q", err, warned.String())
	}
	pub := file("a.pub.pem", 0o644, PublicPEM, open)
	ring, err := LoadPublic([]string{pub, pub})
	if err != nil || len(ring) != 2 || ring[0].ID != KeyID(public) {
		t.Errorf("%v, %v", ring, err)
	}
	for want, f := range map[string]func() error{
		"signing needs the private one": func() error { _, err := LoadPrivate(pub, &warned); return err },
		"only for signing":              func() error { _, err := LoadPublic([]string{key}); return err },
		"passphrase":                    func() error { _, err := LoadPrivate(file("c", 0o600, encryptedPEM, secret), &warned); return err },
		"read key":                      func() error { _, err := LoadPrivate(file("d", 0o600, PrivatePEM, secret[1:]), &warned); return err },
		"no such file":                  func() error { _, err := LoadPublic([]string{key + "x"}); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
