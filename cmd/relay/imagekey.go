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

	"camrelay/internal/signing"
)

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
	fmt.Fprintf(stdout, "%s  private key %x: signs images; keep a copy in a safe place, and none on a relay\n%s  public key: goes into the firmware\n", *out, signing.KeyID(public), *pub)
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
	if err := createFile(out, pem.EncodeToMemory(&pem.Block{Type: signing.PrivatePEM, Bytes: secret}), 0o600); err != nil {
		return keyFileError(out, err)
	}
	if err := createFile(pub, pem.EncodeToMemory(&pem.Block{Type: signing.PublicPEM, Bytes: open}), 0o644); err != nil {
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
