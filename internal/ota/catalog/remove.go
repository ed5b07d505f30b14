package catalog

import (
	"errors"
	"fmt"
	"io/fs"
)

// Remove deletes an image, or the file of a broken one. Downloads that are
// under way go on. Errors are ErrNotFound, ErrPinned, or the disk's: then the
// image is still there, unless the error is about making the removal durable.
func (c *Catalog) Remove(sha string) error {
	c.change.Lock()
	defer c.change.Unlock()
	name := sha + imageSuffix
	c.mu.Lock()
	e, why := c.images[sha], c.broken[name]
	switch {
	case e == nil && why == nil:
		c.mu.Unlock()
		return notFound(sha)
	case e != nil && c.pins[sha] > 0:
		c.mu.Unlock()
		return fmt.Errorf("%w: %s", ErrPinned, e)
	}
	delete(c.images, sha) // before the file, so that nobody pins what goes
	delete(c.broken, name)
	c.mu.Unlock()
	if err := c.disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.mu.Lock()
		if e != nil {
			c.images[sha] = e
		} else {
			c.broken[name] = why
		}
		c.mu.Unlock()
		return fmt.Errorf("remove image: %w", err)
	}
	c.opt.Logger.Info("firmware image removed", "sha256", sha)
	defer c.notify()
	err := c.disk.Remove(sha + noteSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err := errors.Join(err, c.disk.Sync()); err != nil {
		return fmt.Errorf("remove image for good: %w", err)
	}
	return nil
}
