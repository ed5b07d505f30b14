// Package durable writes files so that a crash at any moment leaves the old
// content or the new one, whole.
package durable

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// Replace puts new content in place of a file's, or makes it. It is on the disk
// when Replace returns nil.
func Replace(path string, content []byte, mode os.FileMode) error {
	aside := path + ".tmp"
	f, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(aside)) // a full disk needs its space
	}
	if err := os.Rename(aside, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes names in a directory durable, where the file system can.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // such as some network ones, which cannot
	}
	return errors.Join(err, d.Close())
}
