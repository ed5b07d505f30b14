package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"camrelay/firmware/core/image"
)

const (
	privatePEM   = "PRIVATE KEY" // PKCS#8
	publicPEM    = "PUBLIC KEY"  // PKIX
	encryptedPEM = "ENCRYPTED PRIVATE KEY"
	maxKeyFile   = 64 << 10
)

// stdVerifier is the standard library's Ed25519.
type stdVerifier struct{}

func (stdVerifier) Verify(public *[image.PublicKeySize]byte, message []byte, signature *[image.SignatureSize]byte) bool {
	return ed25519.Verify(public[:], message, signature[:])
}

// imageKeygen makes a signing key.
func imageKeygen(args []string, stdout, stderr io.Writer) error {
	f := newImageFlags("keygen", "", "makes an Ed25519 signing key, which nobody but you can read, and a file with its public half.", stderr)
	out := f.String("out", "", "`file` of the private key; required")
	pub := f.String("pub", "", "`file` of the public key (default: like --out, with .pub.pem)")
	if _, err := f.parse(args); err != nil {
		return err
	}
	if *out == "" {
		return f.missing("out", "release.pem")
	}
	if *pub == "" {
		*pub = strings.TrimSuffix(*out, ".pem") + ".pub.pem"
	}
	if *pub == *out {
		return errors.New("--out and --pub name the same file")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	if err := writeKeys(*out, *pub, public, private); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s  private key %x: signs images; keep a copy in a safe place, and none on a relay\n%s  public key: goes into the firmware\n", *out, keyID(public), *pub)
	return nil
}

// writeKeys makes both files or none.
func writeKeys(out, pub string, public ed25519.PublicKey, private ed25519.PrivateKey) error {
	if _, err := os.Lstat(pub); err == nil {
		return existsError(pub)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	if err := createFile(out, pem.EncodeToMemory(&pem.Block{Type: privatePEM, Bytes: secret}), 0o600); err != nil {
		return keyFileError(out, err)
	}
	if err := createFile(pub, pem.EncodeToMemory(&pem.Block{Type: publicPEM, Bytes: open}), 0o644); err != nil {
		return errors.Join(keyFileError(pub, err), os.Remove(out))
	}
	return nil
}

func keyFileError(name string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return existsError(name)
	}
	return fmt.Errorf("write key: %w", err)
}

func existsError(name string) error {
	return fmt.Errorf("%s exists; a key is never written over, so move it away or choose another name", name)
}

func keyID(public ed25519.PublicKey) image.KeyID {
	return image.NewKey([image.PublicKeySize]byte(public)).ID
}

// loadPrivateKey reads a signing key. It warns when others can read it.
func loadPrivateKey(name string, stderr io.Writer) (ed25519.PrivateKey, error) {
	block, err := readPEM(name)
	if err != nil {
		return nil, err
	}
	switch block.Type {
	case privatePEM:
	case publicPEM:
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
		fmt.Fprintf(stderr, "warning: others can read %s; chmod 600 keeps them out\n", name)
	}
	return private, nil
}

// loadPublicKeys reads the keys that images are checked with.
func loadPublicKeys(names []string) ([]image.Key, error) {
	var ring []image.Key
	for _, name := range names {
		block, err := readPEM(name)
		if err != nil {
			return nil, err
		}
		switch block.Type {
		case publicPEM:
		case privatePEM, encryptedPEM:
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
	content, err := readAtMost(name, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s is not in PEM, which begins with -----BEGIN", name)
	}
	return block, nil
}
