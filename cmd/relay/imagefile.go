package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"camrelay/firmware/core/image"
	"camrelay/internal/durable"
)

// imageFile is an image as it was read.
type imageFile struct {
	name    string
	content []byte
	header  image.Header
	reasons image.Reasons // why a camera would refuse it, its signature aside
}

// readImage reads an image and checks all but its signature. The error is about
// the file.
func readImage(name string) (*imageFile, error) {
	content, err := readAtMost(name, image.MaxLength)
	if err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	f := &imageFile{name: name, content: content}
	f.reasons = image.Scan(content, &f.header)
	if f.readable() && !f.reasons.Has(image.BadLength) {
		var body image.Body
		body.Reset(&f.header, sha256.New())
		_, err := body.Write(content[image.HeaderSize:])
		var reason image.Reason
		if errors.As(errors.Join(err, body.Check()), &reason) {
			f.reasons |= 1 << reason
		}
	}
	return f, nil
}

// readable reports whether header holds anything.
func (f *imageFile) readable() bool {
	for _, r := range []image.Reason{image.Short, image.BadMagic, image.BadFormat, image.BadCRC} {
		if f.reasons.Has(r) {
			return false
		}
	}
	return true
}

// refuse prints the reasons and returns the error of a command that wants an
// image without any.
func (f *imageFile) refuse(w io.Writer) error {
	for r := range f.reasons.All {
		fmt.Fprintf(w, "refused (%s): %s\n", r.Code(), r.Text())
	}
	if f.reasons.Has(image.Short) || f.reasons.Has(image.BadMagic) {
		return fmt.Errorf("%s is no firmware image; relay image build makes one from a payload", f.name)
	}
	return fmt.Errorf("a camera would refuse %s", f.name)
}

// title names an image in a line.
func (f *imageFile) title() string {
	h := &f.header
	return fmt.Sprintf("%s: version %s, build %d, for board %s with chip %s, %d bytes", f.name, h.Version.String(), h.Build, h.Board.String(), h.Chip.String(), h.Length)
}

// readAtMost reads a file that may have size bytes.
func readAtMost(name string, size int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, size+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > size {
		return nil, fmt.Errorf("%s has more than %d bytes", name, size)
	}
	return content, nil
}

// replaceFile puts content in a file's place: after a crash there is the old
// file or the new one, whole.
func replaceFile(name string, content []byte) error {
	return writeAside(name, content, 0o644, os.Rename)
}

// createFile makes a file that must not exist yet, whole or not at all.
func createFile(name string, content []byte, mode os.FileMode) error {
	return writeAside(name, content, mode, func(aside, name string) error {
		err := os.Link(aside, name)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		if _, err := os.Lstat(name); err == nil { // a file system without hard links
			return fs.ErrExist
		}
		return os.Rename(aside, name)
	})
}

// writeAside writes a file under another name in the same directory and has
// place give it its own.
func writeAside(name string, content []byte, mode os.FileMode, place func(aside, name string) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := place(f.Name(), name); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(name))
}
