// Package catalog keeps the firmware images that the relay may give to cameras.
//
// It is a directory with a file <sha256>.img for each image, named after its
// whole content. What the image is for, its header says; who brought it and
// when is in a small <sha256>.json beside it, which may be missing. An image
// gets its name when it is complete, checked and on the disk, so after a crash
// the directory holds the images of before or of after.
//
// Only images whose header is signed by a key of the ring are in the catalog,
// and none is given out before its whole file has been hashed. Files that do
// not pass are left where they are, and named by Broken.
package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"camrelay/firmware/core/image"
)

// Options are the limits of a Catalog. Zero values mean the defaults.
type Options struct {
	MaxImages int              // default 64
	MaxBytes  int64            // of all images together; default 256 MiB
	Now       func() time.Time // default time.Now
	Logger    *slog.Logger     // default none
}

func (o *Options) setDefaults() {
	o.MaxImages = cmp.Or(o.MaxImages, 64)
	o.MaxBytes = cmp.Or(o.MaxBytes, 256<<20)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Catalog is the images in one directory, which no other program changes
// meanwhile. It is safe for concurrent use. It runs no goroutines.
type Catalog struct {
	disk disk
	opt  Options

	change   sync.Mutex // one change of the directory at a time; before mu
	checking sync.Mutex // one file is hashed for the first time at a time; before mu

	mu        sync.RWMutex
	ring      []image.Key
	images    map[string]*entry // by SHA256
	broken    map[string]error  // by file name
	pins      map[string]int    // by SHA256
	coming    reserved          // images that are being added
	uploads   int               // for names of temporary files
	observers []*observer
}

// entry is an image in the catalog.
type entry struct {
	Image
	checked bool // its whole file was hashed
}

// observer has an address, by which it is taken out again.
type observer struct{ changed func() }

// Open reads the catalog in a directory, or makes it, with mode 0700. The ring
// has the public keys whose images are taken. Headers and signatures are
// checked now, whole files when they are first used or by Check. A file that
// does not pass is no error: see Broken.
func Open(dir string, ring []image.Key, opt Options) (*Catalog, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of images: %w", err)
	}
	return open(osDisk{dir}, ring, opt)
}

// open is Open on any disk.
func open(d disk, ring []image.Key, opt Options) (*Catalog, error) {
	opt.setDefaults()
	c := &Catalog{disk: d, opt: opt, pins: make(map[string]int)}
	if err := c.tidy(); err != nil {
		return nil, err
	}
	if err := c.Rescan(ring); err != nil {
		return nil, err
	}
	return c, nil
}

// List returns all images: by board and chip, the highest build first.
func (c *Catalog) List() []Image {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]Image, 0, len(c.images))
	for _, e := range c.images {
		list = append(list, e.Image)
	}
	slices.SortFunc(list, compare)
	return list
}

// Get returns the image whose file has the SHA-256, in lower-case hexadecimal.
func (c *Catalog) Get(sha string) (Image, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.images[sha]
	if !ok {
		return Image{}, false
	}
	return e.Image, true
}

// Broken is a file in the directory that is not in the catalog.
type Broken struct {
	Name string
	Err  error // why
}

// Broken returns the files that are not given to cameras, by name. Those that
// have the name of an image can be removed with Remove or mended with Add.
func (c *Catalog) Broken() []Broken {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []Broken
	for _, name := range slices.Sorted(maps.Keys(c.broken)) {
		list = append(list, Broken{name, c.broken[name]})
	}
	return list
}

// Observe has changed called after each change of List or Broken, from the
// goroutine that made it, which holds no lock; it must not block. The function
// that is returned ends that.
func (c *Catalog) Observe(changed func()) (stop func()) {
	o := &observer{changed}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observers = append(slices.Clone(c.observers), o)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.observers = slices.DeleteFunc(slices.Clone(c.observers), func(x *observer) bool { return x == o })
	}
}

func (c *Catalog) notify() {
	c.mu.RLock()
	observers := c.observers
	c.mu.RUnlock()
	for _, o := range observers {
		o.changed()
	}
}

// Pin keeps an image from being removed until release is called, once or more
// often. The error is ErrNotFound.
func (c *Catalog) Pin(sha string) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.images[sha] == nil {
		return nil, notFound(sha)
	}
	c.pins[sha]++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.pins[sha]--; c.pins[sha] == 0 {
			delete(c.pins, sha)
		}
	}), nil
}

// Check hashes every image that has not been since it was found, until ctx
// ends. Damaged ones go from List to Broken; the error is about others that
// could not be read, or ctx's.
func (c *Catalog) Check(ctx context.Context) error {
	var list []error
	for _, i := range c.List() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f, err := c.Content(i.SHA256)
		switch {
		case err == nil:
			f.Close()
		case !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotFound):
			list = append(list, err)
		}
	}
	return errors.Join(list...)
}
