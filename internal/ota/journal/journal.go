// Package journal keeps what must not be forgotten: one file for each name, of
// lines that are on the disk when Append returns. After a crash a file holds all
// lines that were appended; of the one that was being appended, all or nothing.
package journal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// ErrDamaged means that a file holds what no crash leaves there. It has been
// renamed, and what it was about begins anew.
var ErrDamaged = errors.New("journal damaged")

// errName would be a mistake of the program.
var errName = errors.New("journal: bad name")

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

const suffix = ".journal"

// Journal is a directory of journals, which no other program changes meanwhile.
// It is safe for concurrent use, also of one name.
type Journal struct {
	disk disk

	mu    sync.Mutex
	files map[string]*log
}

// log is one file.
type log struct {
	sync.Mutex
	file file
	size int64 // of what is whole
	torn bool  // something is behind it
}

// Open opens the journals in a directory, or makes it, with mode 0700.
func Open(dir string) (*Journal, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return newJournal(d), nil
}

func newJournal(d disk) *Journal { return &Journal{disk: d, files: map[string]*log{}} }

// Close closes the files.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for name, l := range j.files {
		l.Lock()
		if l.file != nil {
			errs = append(errs, l.file.Close())
		}
		l.Unlock()
		delete(j.files, name)
	}
	return errors.Join(errs...)
}

// Names are those of all journals.
func (j *Journal) Names() ([]string, error) {
	all, err := j.disk.List()
	if err != nil {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	var names []string
	for _, file := range all {
		if name, ok := strings.CutSuffix(file, suffix); ok && validName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// Read returns the lines of a journal; none if it does not exist. A file that
// is damaged is set aside: the error is ErrDamaged, wrapped with its new name.
func (j *Journal) Read(name string) ([][]byte, error) {
	l, err := j.log(name)
	if err != nil {
		return nil, err
	}
	l.Lock()
	defer l.Unlock()
	content, err := j.disk.Read(name + suffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read journal of %s: %w", name, err)
	}
	lines, size, err := decode(content)
	if err != nil {
		return nil, j.setAside(name, err)
	}
	if l.file == nil { // else it is known better
		l.size, l.torn = size, size < int64(len(content))
	}
	return lines, nil
}

// Append adds a line, without a line feed. When it returns nil the line is on
// the disk; else nothing has changed.
func (j *Journal) Append(name string, line []byte) error {
	l, err := j.log(name)
	if err != nil {
		return err
	}
	l.Lock()
	defer l.Unlock()
	if l.file == nil {
		if err := j.open(name, l); err != nil {
			return fmt.Errorf("open journal of %s: %w", name, err)
		}
	}
	if l.torn {
		if err := l.file.Truncate(l.size); err != nil {
			return fmt.Errorf("mend journal of %s: %w", name, err)
		}
		l.torn = false
	}
	text := encode(line)
	_, err = l.file.WriteAt(text, l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		l.torn = true
		if l.file.Truncate(l.size) == nil { // a full disk needs its space
			l.torn = false
		}
		return fmt.Errorf("write journal of %s: %w", name, err)
	}
	l.size += int64(len(text))
	return nil
}

// open finds out where the whole lines end.
func (j *Journal) open(name string, l *log) error {
	content, err := j.disk.Read(name + suffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, size, err := decode(content)
	if err != nil {
		return err
	}
	f, created, err := j.disk.Open(name + suffix)
	if err != nil {
		return err
	}
	if created {
		if err := j.disk.Sync(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	l.file, l.size, l.torn = f, size, size < int64(len(content))
	return nil
}

// Size is how long a journal is, in bytes.
func (j *Journal) Size(name string) int64 {
	l, err := j.log(name)
	if err != nil {
		return 0
	}
	l.Lock()
	defer l.Unlock()
	return l.size
}

// Replace puts lines in place of all that a journal holds. When it returns nil
// they are on the disk; else it holds them or what it held before.
func (j *Journal) Replace(name string, lines [][]byte) error {
	l, err := j.log(name)
	if err != nil {
		return err
	}
	l.Lock()
	defer l.Unlock()
	var content []byte
	for _, line := range lines {
		content = append(content, encode(line)...)
	}
	if err := j.disk.Replace(name+suffix, content); err != nil {
		return fmt.Errorf("shorten journal of %s: %w", name, err)
	}
	if l.file != nil {
		l.file.Close() // it is the old file's
		l.file = nil
	}
	l.size, l.torn = int64(len(content)), false
	return nil
}

// Remove forgets a journal.
func (j *Journal) Remove(name string) error {
	l, err := j.log(name)
	if err != nil {
		return err
	}
	l.Lock()
	defer l.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	l.size, l.torn = 0, false
	if err := j.disk.Remove(name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove journal of %s: %w", name, err)
	}
	return nil
}

// setAside renames a damaged file, so that people can look at it.
func (j *Journal) setAside(name string, why error) error {
	for n := 1; ; n++ {
		aside := name + ".damaged-" + strconv.Itoa(n)
		if j.disk.Exists(aside) {
			continue
		}
		if err := j.disk.Rename(name+suffix, aside); err != nil {
			return fmt.Errorf("%w: %s: %w; it could not be renamed: %w", ErrDamaged, j.disk.Path(name+suffix), why, err)
		}
		return fmt.Errorf("%w: %w; it is kept as %s", ErrDamaged, why, j.disk.Path(aside))
	}
}

func (j *Journal) log(name string) (*log, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("%w %q", errName, name)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.files[name]
	if l == nil {
		l = new(log)
		j.files[name] = l
	}
	return l, nil
}

// encode makes a line: the CRC-32 of what follows, in hexadecimal.
func encode(line []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(line), line)
}

// decode returns the whole lines and how many bytes they take. Only the last
// one may be less than whole: that is what a crash leaves.
func decode(content []byte) (lines [][]byte, size int64, err error) {
	for rest := content; len(rest) > 0; {
		text, after, ended := bytes.Cut(rest, []byte("\n"))
		line, ok := check(text)
		switch {
		case ended && ok:
		case len(after) == 0:
			return lines, size, nil
		default:
			return nil, 0, fmt.Errorf("line %d is not what was written", len(lines)+1)
		}
		lines = append(lines, line)
		size += int64(len(text)) + 1
		rest = after
	}
	return lines, size, nil
}

func check(text []byte) (line []byte, ok bool) {
	sum, line, ok := bytes.Cut(text, []byte(" "))
	if !ok || len(sum) != 8 {
		return nil, false
	}
	want, err := strconv.ParseUint(string(sum), 16, 32)
	return line, err == nil && uint32(want) == crc32.ChecksumIEEE(line)
}
