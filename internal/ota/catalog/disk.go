package catalog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"camrelay/internal/durable"
)

// Content is the open file of an image. It stays readable when the image is
// removed.
type Content = interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// disk is the directory of a catalog. Tests make it fail.
type disk interface {
	// Names are those of all entries but directories.
	Names() ([]string, error)
	// Open opens a regular file for reading.
	Open(name string) (Content, error)
	// Create opens a file for writing, emptied, with mode 0600.
	Create(name string) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	// Sync makes renames and removals durable.
	Sync() error
}

type file interface {
	io.WriteCloser
	Sync() error
}

// write writes a whole file that has not got its final name yet.
func write(d disk, name string, content []byte) error {
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// osDisk is a directory of the operating system.
type osDisk struct{ dir string }

func (d osDisk) path(name string) string { return filepath.Join(d.dir, name) }

func (d osDisk) Names() ([]string, error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (d osDisk) Open(name string) (Content, error) {
	// Without O_NONBLOCK, opening a pipe would wait for a writer.
	f, err := os.OpenFile(d.path(name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errIrregular
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &osFile{f, info.Size()}, nil
}

var errIrregular = errors.New("it is not a regular file")

type osFile struct {
	*os.File
	size int64
}

func (f *osFile) Size() int64 { return f.size }

func (d osDisk) Create(name string) (file, error) {
	return os.OpenFile(d.path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
}

func (d osDisk) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d osDisk) Remove(name string) error { return os.Remove(d.path(name)) }

func (d osDisk) Sync() error { return durable.SyncDir(d.dir) }

// readAll reads a small file.
func readAll(d disk, name string, most int) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Size() > int64(most) {
		return nil, fmt.Errorf("%s has more than %d bytes", name, most)
	}
	content := make([]byte, f.Size())
	if _, err := f.ReadAt(content, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return content, nil
}
