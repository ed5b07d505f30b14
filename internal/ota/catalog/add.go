package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"camrelay/firmware/core/image"
)

// Add reads an image and keeps it. The header is checked before anything else
// is read, and nothing is read but one byte after its end. What is in the
// catalog already is no error: the first who brought it stays noted, and if its
// file was damaged, it is mended. With an error, all is as before; it is a
// *RefusedError, ErrFull, ctx's, r's or the disk's.
//
// While r blocks, ctx is not looked at: who cancels ctx ends r too.
func (c *Catalog) Add(ctx context.Context, r io.Reader, by string) (Image, error) {
	r = &readerOf{ctx, r}
	raw := make([]byte, image.HeaderSize)
	n, err := fill(r, raw)
	if err != nil {
		return Image{}, err
	}
	c.mu.RLock()
	ring := c.ring
	c.mu.RUnlock()
	h, err := accept(raw[:n], ring)
	if err != nil {
		return Image{}, err
	}
	i, err := c.take(ctx, r, raw, &h, oneLine(by))
	if err != nil {
		return Image{}, err
	}
	c.opt.Logger.Info("firmware image added", "sha256", i.SHA256, "board", i.Board(), "chip", i.Chip(), "version", i.Version(), "build", i.Build(), "by", i.By)
	c.notify()
	return i, nil
}

// take stores an image whose header was accepted.
func (c *Catalog) take(ctx context.Context, r io.Reader, raw []byte, h *image.Header, by string) (Image, error) {
	aside, release, err := c.reserve(h)
	if err != nil {
		return Image{}, err
	}
	defer release()
	sha, err := c.receive(r, aside, raw, h)
	i := Image{SHA256: sha, Header: *h, Added: c.opt.Now().UTC().Truncate(time.Second), By: by}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		i, err = c.commit(aside, i)
	}
	if err != nil {
		_ = c.disk.Remove(aside) // a full disk needs its space
		return Image{}, err
	}
	return i, nil
}

// readerOf is a reader that ends with a context.
type readerOf struct {
	ctx context.Context
	r   io.Reader
}

func (r *readerOf) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read image: %w", err)
	}
	return n, err
}

// fill reads until p is full or r ends, which is no error here. It can be told
// from an io.ErrUnexpectedEOF of r's own, which is a broken connection.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// reserved is what images take of the limits that are not in the catalog yet.
type reserved struct {
	images int
	bytes  int64
}

// reserve keeps room for an image that is about to come, and a name for it.
func (c *Catalog) reserve(h *image.Header) (aside string, release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	want, used := reserved{1, int64(h.Length)}, c.coming
	for _, e := range c.images {
		if e.Header == *h {
			want = reserved{} // it is there already
		}
		used.images++
		used.bytes += e.Size()
	}
	switch {
	case want.images == 0:
	case used.images+want.images > c.opt.MaxImages:
		return "", nil, fmt.Errorf("%w: it holds %d images, and %d is the limit; remove one first", ErrFull, used.images, c.opt.MaxImages)
	case used.bytes+want.bytes > c.opt.MaxBytes:
		return "", nil, fmt.Errorf("%w: it holds %d bytes, this image has %d, and %d is the limit; remove one first", ErrFull, used.bytes, h.Length, c.opt.MaxBytes)
	}
	c.coming.images += want.images
	c.coming.bytes += want.bytes
	c.uploads++
	return fmt.Sprintf("%s%d%s", uploadStem, c.uploads, asideSuffix), func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.coming.images -= want.images
		c.coming.bytes -= want.bytes
	}, nil
}

// receive writes the rest of an image to a file aside and checks it. When it
// returns without error, the content is on the disk.
func (c *Catalog) receive(r io.Reader, aside string, raw []byte, h *image.Header) (sha string, err error) {
	f, err := c.disk.Create(aside)
	if err != nil {
		return "", fmt.Errorf("store image: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(raw); err != nil {
		return "", fmt.Errorf("store image: %w", err)
	}
	k := newChecker(raw, h)
	piece := make([]byte, 32<<10)
	for left := int(h.BodySize()); left > 0; {
		n, err := fill(r, piece[:min(left, len(piece))])
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", &RefusedError{image.Truncated}
		}
		k.Write(piece[:n]) // there is no more than Left
		if _, err := f.Write(piece[:n]); err != nil {
			return "", fmt.Errorf("store image: %w", err)
		}
		left -= n
	}
	switch n, err := fill(r, piece[:1]); {
	case err != nil:
		return "", err
	case n > 0:
		return "", &RefusedError{image.Overlong}
	}
	if sha, err = k.finish(); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", fmt.Errorf("store image: %w", err)
	}
	return sha, nil
}

// commit gives a complete file its name.
func (c *Catalog) commit(aside string, i Image) (Image, error) {
	c.change.Lock()
	defer c.change.Unlock()
	name := i.SHA256 + imageSuffix
	c.mu.RLock()
	have := c.images[i.SHA256]
	_, broken := c.broken[name]
	c.mu.RUnlock()
	if have != nil {
		i.Added, i.By = have.Added, have.By
	} else if err := c.writeNote(i); err != nil {
		return Image{}, fmt.Errorf("store image: %w", err)
	}
	err := c.disk.Rename(aside, name)
	if err == nil {
		err = c.disk.Sync()
	}
	if err != nil {
		if have == nil && !broken {
			_ = c.disk.Remove(name)
			_ = c.disk.Remove(i.SHA256 + noteSuffix)
		}
		return Image{}, fmt.Errorf("store image: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.images[i.SHA256] = &entry{Image: i, checked: true}
	delete(c.broken, name)
	return i, nil
}

func (c *Catalog) writeNote(i Image) error {
	name := i.SHA256 + noteSuffix
	aside := name + asideSuffix
	err := write(c.disk, aside, note{i.Added, i.By}.encode())
	if err == nil {
		err = c.disk.Rename(aside, name)
	}
	if err != nil {
		_ = c.disk.Remove(aside)
	}
	return err
}
