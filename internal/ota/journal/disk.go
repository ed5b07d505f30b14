package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"camrelay/internal/durable"
)

// disk is the directory. Tests make it fail.
type disk interface {
	Path(name string) string // for messages
	List() ([]string, error)
	Exists(name string) bool
	Read(name string) ([]byte, error)
	// Open opens a file, made with mode 0600 if it does not exist.
	Open(name string) (f file, created bool, err error)
	// Replace leaves the old content or the new one, whole.
	Replace(name string, content []byte) error
	Rename(from, to string) error
	Remove(name string) error
	Sync() error // makes names durable
}

type file interface {
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// osDisk is a directory of the operating system.
type osDisk struct{ dir string }

func openDisk(dir string) (osDisk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return osDisk{}, err
	}
	return osDisk{dir}, nil
}

func (d osDisk) Path(name string) string { return filepath.Join(d.dir, name) }

func (d osDisk) List() ([]string, error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (d osDisk) Exists(name string) bool {
	_, err := os.Lstat(d.Path(name))
	return err == nil
}

func (d osDisk) Read(name string) ([]byte, error) { return os.ReadFile(d.Path(name)) }

func (d osDisk) Open(name string) (file, bool, error) {
	created := !d.Exists(name)
	f, err := os.OpenFile(d.Path(name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	return f, created, nil
}

func (d osDisk) Replace(name string, content []byte) error {
	return durable.Replace(d.Path(name), content, 0o600)
}

func (d osDisk) Rename(from, to string) error {
	if err := os.Rename(d.Path(from), d.Path(to)); err != nil {
		return err
	}
	return d.Sync()
}

func (d osDisk) Remove(name string) error {
	if err := os.Remove(d.Path(name)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return d.Sync()
}

func (d osDisk) Sync() error { return durable.SyncDir(d.dir) }
