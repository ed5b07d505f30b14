package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"camrelay/internal/durable"
	"camrelay/internal/signing"
	"camrelay/internal/vcam"
)

// releases are what a lab has to update its cameras to.
var releases = []struct {
	version   string
	build     uint32
	behaviour vcam.Behaviour
}{
	{"1.1.0", 2, vcam.Good},
	{"1.2.0-crashes", 3, vcam.Panics},
	{"1.3.0", 4, vcam.Good},
}

// makeLab fills a directory with a signing key and signed firmware, unless they
// are there.
func makeLab(args []string, stderr io.Writer) int {
	if len(args) != 1 || args[0] == "" || args[0][0] == '-' {
		fmt.Fprintln(stderr, "vcam: lab wants one directory: vcam lab DIR")
		return exitUsage
	}
	if err := fillLab(args[0]); err != nil {
		fmt.Fprintf(stderr, "vcam: %v\n", err)
		return exitFail
	}
	return exitOK
}

func fillLab(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	key := filepath.Join(dir, "release.pem")
	if err := makeKey(key, filepath.Join(dir, "release.pub.pem")); err != nil {
		return err
	}
	private, err := signing.LoadPrivate(key, io.Discard)
	if err != nil {
		return err
	}
	for _, r := range releases {
		name := filepath.Join(dir, r.version+".img")
		if _, err := os.Stat(name); err == nil {
			continue
		}
		content, h, err := vcam.NewImage(r.version, r.build, r.behaviour, vcam.UsualSize)
		if err != nil {
			return err
		}
		signing.Sign(&h, content, private)
		if err := durable.Replace(name, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// makeKey makes a key and its public half, unless there is one.
func makeKey(private, public string) error {
	if _, err := os.Stat(public); err == nil { // it was written last
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	open, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return err
	}
	if err := durable.Replace(private, pem.EncodeToMemory(&pem.Block{Type: signing.PrivatePEM, Bytes: secret}), 0o600); err != nil {
		return err
	}
	return durable.Replace(public, pem.EncodeToMemory(&pem.Block{Type: signing.PublicPEM, Bytes: open}), 0o644)
}
