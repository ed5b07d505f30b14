package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func texts(lines [][]byte) []string {
	var s []string
	for _, l := range lines {
		s = append(s, string(l))
	}
	return s
}

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ota")
	j := open(t, dir)
	if lines, err := j.Read("door"); err != nil || lines != nil {
		t.Errorf("%q, %v", lines, err)
	}
	for i := range 3 {
		if err := j.Append("door", fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Append("yard", nil); err != nil {
		t.Fatal(err)
	}
	j.Close()
	j = open(t, dir)
	lines, err := j.Read("door")
	if got := strings.Join(texts(lines), ""); err != nil || got != `{"n":0}{"n":1}{"n":2}` {
		t.Fatalf("%s, %v", got, err)
	}
	if names, err := j.Names(); err != nil || !slices.Equal(names, []string{"door", "yard"}) {
		t.Errorf("%q, %v", names, err)
	}
	if err := j.Replace("door", lines[2:]); err != nil {
		t.Fatal(err)
	}
	if err := j.Append("door", []byte("more")); err != nil {
		t.Fatal(err)
	}
	if lines, err := open(t, dir).Read("door"); err != nil || !slices.Equal(texts(lines), []string{`{"n":2}`, "more"}) {
		t.Errorf("%q, %v", lines, err)
	}
	if err := errors.Join(j.Remove("door"), j.Remove("door")); err != nil {
		t.Error(err)
	}
	if lines, err := j.Read("door"); err != nil || lines != nil {
		t.Errorf("%q, %v", lines, err)
	}
	for _, name := range []string{"", "../x", "A", "a/b", "a.b"} {
		if j.Append(name, nil) == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

// A crash while a line is written leaves any part of it.
func TestTornLine(t *testing.T) {
	whole := append(encode([]byte("first")), encode([]byte("second"))...)
	last := encode([]byte("third"))
	for n := range last {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "door.journal"), append(slices.Clone(whole), last[:n]...), 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, dir)
		if n%2 == 0 { // with and without having been read before
			if lines, err := j.Read("door"); err != nil || !slices.Equal(texts(lines), []string{"first", "second"}) {
				t.Fatalf("%d bytes of the last line: %q, %v", n, lines, err)
			}
		}
		if err := j.Append("door", []byte("4")); err != nil {
			t.Fatal(err)
		}
		if lines, err := open(t, dir).Read("door"); err != nil || !slices.Equal(texts(lines), []string{"first", "second", "4"}) {
			t.Fatalf("%d bytes of the last line, then another: %q, %v", n, lines, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	content := append(encode([]byte("first")), encode([]byte("second"))...)
	content[10] ^= 1
	for n := 1; n <= 2; n++ {
		if err := os.WriteFile(filepath.Join(dir, "door.journal"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, dir)
		_, err := j.Read("door")
		aside := fmt.Sprintf("door.damaged-%d", n)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), aside) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%v", err)
		}
		if kept, err := os.ReadFile(filepath.Join(dir, aside)); err != nil || string(kept) != string(content) {
			t.Errorf("%q, %v", kept, err)
		}
		if err := j.Append("door", []byte("anew")); err != nil {
			t.Error(err)
		}
	}
}

// failing is a disk whose n-th call fails; a write leaves half.
type failing struct {
	disk
	n int
}

var errDisk = errors.New("no space left on device")

func (d *failing) fails() bool { d.n--; return d.n == -1 }

func (d *failing) Open(name string) (file, bool, error) {
	if d.fails() {
		return nil, false, errDisk
	}
	f, created, err := d.disk.Open(name)
	return failingFile{f, d}, created, err
}

func (d *failing) Replace(name string, content []byte) error {
	if d.fails() {
		return errDisk
	}
	return d.disk.Replace(name, content)
}

func (d *failing) Sync() error {
	if d.fails() {
		return errDisk
	}
	return d.disk.Sync()
}

type failingFile struct {
	file
	disk *failing
}

func (f failingFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.fails() {
		n, _ := f.file.WriteAt(p[:len(p)/2], off)
		return n, errDisk
	}
	return f.file.WriteAt(p, off)
}

func (f failingFile) Sync() error {
	if f.disk.fails() {
		return errDisk
	}
	return f.file.Sync()
}

func (f failingFile) Truncate(size int64) error {
	if f.disk.fails() {
		return errDisk
	}
	return f.file.Truncate(size)
}

// Whatever fails, what Append took is there and what it did not take is not.
func TestEveryFailure(t *testing.T) {
	for n := range 40 {
		dir := t.TempDir()
		d := &failing{osDisk{dir}, n}
		j := newJournal(d)
		var want []string
		failed := 0
		for i := range 8 {
			line := fmt.Sprint("line ", i)
			if i == 5 {
				if err := j.Replace("door", [][]byte{[]byte("short")}); err == nil {
					want = []string{"short"}
				} else {
					failed++
				}
			}
			if err := j.Append("door", []byte(line)); err == nil {
				want = append(want, line)
			} else if failed++; !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
		}
		if n < 15 && failed != 1 {
			t.Errorf("call %d: %d failures", n, failed)
		}
		j.Close()
		if lines, err := open(t, dir).Read("door"); err != nil || !slices.Equal(texts(lines), want) {
			t.Errorf("call %d: %q, %v; want %q", n, lines, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(append(encode([]byte("first")), encode([]byte("second"))...))
	f.Fuzz(func(t *testing.T, content []byte) {
		lines, size, err := decode(content)
		if err != nil {
			return
		}
		var again []byte
		for _, l := range lines {
			again = append(again, encode(l)...)
		}
		if size > int64(len(content)) || len(again) != int(size) {
			t.Errorf("%q: %q of %d bytes", content, lines, size)
		}
	})
}
