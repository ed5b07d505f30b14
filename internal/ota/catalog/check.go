package catalog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"camrelay/firmware/core/image"
)

// stdVerifier is the standard library's Ed25519.
type stdVerifier struct{}

func (stdVerifier) Verify(public *[image.PublicKeySize]byte, message []byte, signature *[image.SignatureSize]byte) bool {
	return ed25519.Verify(public[:], message, signature[:])
}

// accept checks a header as a camera does: the signature before anything is
// interpreted.
func accept(raw []byte, ring []image.Key) (h image.Header, err error) {
	if err = image.Verify(raw, ring, stdVerifier{}); err == nil {
		err = image.Decode(raw, &h)
	}
	return h, refuse(err)
}

// checker checks a whole file as it comes, header first.
type checker struct {
	whole hash.Hash
	body  image.Body
}

func newChecker(raw []byte, h *image.Header) *checker {
	k := &checker{whole: sha256.New()}
	k.whole.Write(raw)
	k.body.Reset(h, sha256.New())
	return k
}

// Write takes bytes of the body. The error is image.Overlong.
func (k *checker) Write(p []byte) (int, error) {
	k.whole.Write(p)
	return k.body.Write(p)
}

// finish returns the SHA-256 of the whole file.
func (k *checker) finish() (sha string, err error) {
	if err := k.body.Check(); err != nil {
		return "", refuse(err)
	}
	return hex.EncodeToString(k.whole.Sum(nil)), nil
}

// errOtherContent means that a file has the name of another one.
var errOtherContent = errors.New("its SHA-256 is not that of its name")

// checkFile reads a whole file and checks that it is the image.
func (c *Catalog) checkFile(f Content, i Image) error {
	c.mu.RLock()
	ring := c.ring
	c.mu.RUnlock()
	h, err := readHeader(f, ring)
	if err != nil {
		return err
	}
	raw := make([]byte, image.HeaderSize)
	if _, err := f.ReadAt(raw, 0); err != nil {
		return fmt.Errorf("read image: %w", err)
	}
	k := newChecker(raw, &h)
	if _, err := io.Copy(k, io.NewSectionReader(f, image.HeaderSize, f.Size()-image.HeaderSize)); err != nil {
		return refuse(fmt.Errorf("read image: %w", err))
	}
	sha, err := k.finish()
	if err == nil && sha != i.SHA256 {
		err = errOtherContent
	}
	return err
}

// Content opens an image. Its whole file is hashed before, if it never was.
// Errors are ErrNotFound, ErrDamaged, or about reading.
func (c *Catalog) Content(sha string) (Content, error) {
	e, f, err := c.openEntry(sha)
	if err != nil {
		return nil, err
	}
	if err := c.checkOnce(e, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Recheck hashes the whole file of an image. Errors are like Content's.
func (c *Catalog) Recheck(sha string) error {
	e, f, err := c.openEntry(sha)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.check(e, f)
}

func (c *Catalog) openEntry(sha string) (*entry, Content, error) {
	c.mu.RLock()
	e := c.images[sha]
	c.mu.RUnlock()
	if e == nil {
		return nil, nil, notFound(sha)
	}
	f, err := c.disk.Open(sha + imageSuffix)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errIrregular) {
		return nil, nil, c.setAside(e, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open image: %w", err)
	}
	if f.Size() != e.Size() {
		return nil, nil, errors.Join(c.setAside(e, fmt.Errorf("it has %d bytes instead of %d", f.Size(), e.Size())), f.Close())
	}
	return e, f, nil
}

func (c *Catalog) checkOnce(e *entry, f Content) error {
	c.checking.Lock()
	defer c.checking.Unlock()
	c.mu.RLock()
	checked := e.checked
	c.mu.RUnlock()
	if checked {
		return nil
	}
	return c.check(e, f)
}

// check hashes an open file and notes the outcome. A file that cannot be read
// for another reason than its content stays in the catalog.
func (c *Catalog) check(e *entry, f Content) error {
	err := c.checkFile(f, e.Image)
	var refused *RefusedError
	switch {
	case err == nil:
		c.mu.Lock()
		e.checked = true
		c.mu.Unlock()
		return nil
	case errors.As(err, &refused), errors.Is(err, errOtherContent):
		return c.setAside(e, err)
	}
	return err
}

// setAside takes an image out of the catalog whose file is not what it was. An
// image that was removed meanwhile is none of that.
func (c *Catalog) setAside(e *entry, why error) error {
	name := e.SHA256 + imageSuffix
	c.mu.Lock()
	current := c.images[e.SHA256] == e
	if current {
		delete(c.images, e.SHA256)
		c.broken[name] = why
	}
	c.mu.Unlock()
	if !current {
		return notFound(e.SHA256)
	}
	c.opt.Logger.Error("firmware image is damaged on disk", "file", name, "err", why)
	c.notify()
	return fmt.Errorf("%w: %s: %w", ErrDamaged, name, why)
}
