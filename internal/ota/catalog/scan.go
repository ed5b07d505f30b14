package catalog

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"camrelay/firmware/core/image"
)

// How files are called: what an image's SHA-256 is followed by, and what
// a file has at its end that is being written.
const (
	imageSuffix = ".img"
	noteSuffix  = ".json"
	asideSuffix = ".tmp"
	uploadStem  = "upload-"
)

// IsSHA256 reports whether a text is a SHA-256 in lower-case hexadecimal.
func IsSHA256(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 64 && s == strings.ToLower(s)
}

// shaOf is the SHA-256 in the name of a file with the suffix.
func shaOf(name, suffix string) (sha string, ok bool) {
	sha, ok = strings.CutSuffix(name, suffix)
	return sha, ok && IsSHA256(sha)
}

// tidy removes what a crash left: files that were being written and notes
// without images. What cannot be removed stays, such as on a read-only disk.
func (c *Catalog) tidy() error {
	names, err := c.disk.Names()
	if err != nil {
		return fmt.Errorf("read directory of images: %w", err)
	}
	for _, name := range names {
		stem, aside := strings.CutSuffix(name, asideSuffix)
		_, isNote := shaOf(stem, noteSuffix)
		sha, lonely := shaOf(name, noteSuffix)
		lonely = lonely && !slices.Contains(names, sha+imageSuffix)
		if aside && (isNote || strings.HasPrefix(stem, uploadStem)) || lonely {
			if err := c.disk.Remove(name); err != nil {
				c.opt.Logger.Warn("left-over of an upload stays", "file", name, "err", err)
			}
		}
	}
	return nil
}

// Rescan reads the directory again and takes a new ring into force. Images that
// are signed by none of its keys go from List to Broken, pinned or not, and
// come back with the key. When it fails, all stays as it was.
func (c *Catalog) Rescan(ring []image.Key) error {
	c.change.Lock()
	defer c.change.Unlock()
	names, err := c.disk.Names()
	if err != nil {
		return fmt.Errorf("read directory of images: %w", err)
	}
	ring = slices.Clone(ring)
	images, broken := make(map[string]*entry), make(map[string]error)
	for _, name := range names {
		if ours(name) {
			continue
		}
		i, err := c.load(name, ring)
		if err != nil {
			broken[name] = err
			c.opt.Logger.Warn("firmware image is not used", "file", name, "err", err)
			continue
		}
		images[i.SHA256] = &entry{Image: i}
	}
	c.mu.Lock()
	c.ring, c.images, c.broken = ring, images, broken
	c.mu.Unlock()
	c.notify()
	return nil
}

// ours reports whether a file may be there beside images.
func ours(name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, asideSuffix) {
		return true
	}
	_, isNote := shaOf(name, noteSuffix)
	return isNote
}

// load reads what an image's header and note say.
func (c *Catalog) load(name string, ring []image.Key) (Image, error) {
	sha, ok := shaOf(name, imageSuffix)
	if !ok {
		return Image{}, errors.New("its name is not that of an image in a catalog; images are added, not copied here")
	}
	f, err := c.disk.Open(name)
	if err != nil {
		return Image{}, err
	}
	defer f.Close()
	i := Image{SHA256: sha}
	if i.Header, err = readHeader(f, ring); err != nil {
		return Image{}, err
	}
	if text, err := readAll(c.disk, sha+noteSuffix, maxNote); err == nil {
		n := decodeNote(text)
		i.Added, i.By = n.Added, n.By
	}
	return i, nil
}

// readHeader reads and checks the header of a file, and the file's length.
func readHeader(f Content, ring []image.Key) (image.Header, error) {
	raw := make([]byte, image.HeaderSize)
	n, err := f.ReadAt(raw, 0)
	if err != nil && err != io.EOF {
		return image.Header{}, fmt.Errorf("read image: %w", err)
	}
	h, err := accept(raw[:n], ring)
	switch {
	case err != nil:
		return image.Header{}, err
	case f.Size() < int64(h.Length):
		return image.Header{}, &RefusedError{image.Truncated}
	case f.Size() > int64(h.Length):
		return image.Header{}, &RefusedError{image.Overlong}
	}
	return h, nil
}
