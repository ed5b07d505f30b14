package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"camrelay/internal/durable"
)

// Names in the data directory.
const (
	stateFile  = "state.json"
	backupFile = "state.json.bak"
	lockFile   = "lock"
)

// disk is the directory the state lives in. Tests make it fail.
type disk interface {
	// Path is where a name is, for messages.
	Path(name string) string
	Read(name string) ([]byte, error)
	// Create opens a file for writing, emptied, with mode 0600.
	Create(name string) (file, error)
	Rename(from, to string) error
	Remove(name string) error
	// Sync makes renames durable.
	Sync() error
}

type file interface {
	io.WriteCloser
	Sync() error
}

// replace puts new content in place of a file's so that a crash at any moment
// leaves the old or the new one, whole: write aside, fsync, rename, fsync the
// directory.
func replace(d disk, name string, content []byte) error {
	aside := name + ".tmp"
	if err := write(d, aside, content); err != nil {
		_ = d.Remove(aside) // a full disk needs its space
		return err
	}
	if err := d.Rename(aside, name); err != nil {
		return err
	}
	return d.Sync()
}

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

// load reads the state; nil at the first start.
func load(d disk) ([]byte, error) {
	text, err := d.Read(stateFile)
	if err == nil {
		return text, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read state: %w", err)
	}
	switch _, err := d.Read(backupFile); {
	case err == nil:
		return nil, fmt.Errorf("%s is missing, but its backup %s is there. Rename the backup to go on with it, or move it away to start anew; "+
			"then tokens and cameras added on the pages are lost", d.Path(stateFile), d.Path(backupFile))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read backup of state: %w", err)
	}
	return nil, nil
}

// corrupt names the way out of a state that cannot be read.
func corrupt(d disk, err error) error {
	state, backup := d.Path(stateFile), d.Path(backupFile)
	if text, readErr := d.Read(backupFile); readErr == nil {
		if _, decodeErr := decode(text); decodeErr == nil {
			return fmt.Errorf("%s cannot be used: %w. It was left as it is. Its backup is good and one change older; go on with it by: cp %s %s", state, err, backup, state)
		}
	}
	return fmt.Errorf("%s cannot be used: %w. It was left as it is, and there is no good backup. Mend it, or move %s and %s away to start anew; "+
		"then tokens and cameras added on the pages are lost", state, err, state, backup)
}

// osDisk is a directory of the operating system.
type osDisk struct{ dir string }

func (d osDisk) Path(name string) string { return filepath.Join(d.dir, name) }

func (d osDisk) Read(name string) ([]byte, error) { return os.ReadFile(d.Path(name)) }

func (d osDisk) Create(name string) (file, error) {
	f, err := os.OpenFile(d.Path(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil { // one left over may have had another mode
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tighten takes away what others may do with files that somebody copied in.
func (d osDisk) tighten() error {
	for _, name := range []string{stateFile, backupFile} {
		if err := os.Chmod(d.Path(name), 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("protect state: %w", err)
		}
	}
	return nil
}

func (d osDisk) Rename(from, to string) error { return os.Rename(d.Path(from), d.Path(to)) }

func (d osDisk) Remove(name string) error { return os.Remove(d.Path(name)) }

func (d osDisk) Sync() error { return durable.SyncDir(d.dir) }

// lockDir takes the directory for this process, until the file is closed or the
// process ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		owner, _ := io.ReadAll(io.LimitReader(f, 200))
		return nil, errors.Join(fmt.Errorf("data directory %s is in use by another relay (%s); stop that one or give this one a directory of its own (key data)",
			dir, strings.TrimSpace(string(owner))), f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock data directory %s: %w; it must be on a file system with locks", dir, err), f.Close())
	}
	host, _ := os.Hostname()
	owner := fmt.Sprintf("process %d on %s\n", os.Getpid(), host)
	if err := errors.Join(f.Truncate(0), writeAt(f, owner)); err != nil {
		return nil, errors.Join(fmt.Errorf("lock data directory: %w", err), f.Close())
	}
	return f, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}
