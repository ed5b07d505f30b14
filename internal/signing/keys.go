package signing

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"camrelay/firmware/core/image"
)

// Types of the PEM blocks that keys are kept in.
const (
	PrivatePEM   = "PRIVATE KEY" // PKCS#8
	PublicPEM    = "PUBLIC KEY"  // PKIX
	encryptedPEM = "ENCRYPTED PRIVATE KEY"
)

// maxKeyFile is how much of a file is looked at, in bytes.
const maxKeyFile = 64 << 10

// LoadPrivate reads a signing key. It warns when others can read it.
func LoadPrivate(name string, warn io.Writer) (ed25519.PrivateKey, error) {
	block, err := readPEM(name)
	if err != nil {
		return nil, err
	}
	switch block.Type {
	case PrivatePEM:
	case PublicPEM:
		return nil, fmt.Errorf("%s is a public key; signing needs the private one", name)
	case encryptedPEM:
		return nil, fmt.Errorf("%s is protected by a passphrase; decrypt it first: openssl pkey -in %s -out plain.pem", name, name)
	default:
		return nil, fmt.Errorf("%s holds a %q; an Ed25519 key in PKCS#8 is needed, as of: openssl genpkey -algorithm ed25519", name, block.Type)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", name, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is not an Ed25519 key; make one with: relay image keygen", name)
	}
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(warn, "warning: others can read %s; chmod 600 keeps them out\n", name)
	}
	return private, nil
}

// LoadPublic reads the keys that images are checked with.
func LoadPublic(names []string) ([]image.Key, error) {
	var ring []image.Key
	for _, name := range names {
		block, err := readPEM(name)
		if err != nil {
			return nil, err
		}
		switch block.Type {
		case PublicPEM:
		case PrivatePEM, encryptedPEM:
			return nil, fmt.Errorf("%s is a private key, which is only for signing; its public half: openssl pkey -in %s -pubout", name, name)
		default:
			return nil, fmt.Errorf("%s holds a %q; a public key is needed", name, block.Type)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read key %s: %w", name, err)
		}
		public, ok := key.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("%s is not an Ed25519 key", name)
		}
		ring = append(ring, image.NewKey([image.PublicKeySize]byte(public)))
	}
	return ring, nil
}

// readPEM reads the first PEM block of a file.
func readPEM(name string) (*pem.Block, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s is not in PEM, which begins with -----BEGIN", name)
	}
	return block, nil
}
