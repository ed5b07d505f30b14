package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"testing"
	"time"

	"camrelay/internal/auth"
)

var errCrash = errors.New("crash")

// inode is a file's content as processes see it and as it would survive a loss
// of power.
type inode struct{ data, synced []byte }

// crashDisk is a disk in memory that stops at a step: with it and, if it is to
// stay down, at all later ones.
type crashDisk struct {
	live, durable map[string]*inode // the directory, and as it was last synced
	steps, failAt int               // count from 0; failAt < 0: never
	once          bool              // only that step fails, as on a full disk
}

func newCrashDisk() *crashDisk {
	return &crashDisk{live: map[string]*inode{}, durable: map[string]*inode{}, failAt: -1}
}

// arm makes the step fail, counted from now.
func (d *crashDisk) arm(step int, once bool) { d.steps, d.failAt, d.once = 0, step, once }

func (d *crashDisk) step() error {
	d.steps++
	at := d.steps - 1
	if d.failAt >= 0 && (at == d.failAt || at > d.failAt && !d.once) {
		return errCrash
	}
	return nil
}

func (d *crashDisk) Path(name string) string { return name }

func (d *crashDisk) Read(name string) ([]byte, error) {
	i, ok := d.live[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return append([]byte{}, i.data...), nil
}

func (d *crashDisk) Create(name string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	i, ok := d.live[name]
	if !ok {
		i = &inode{}
		d.live[name] = i
	}
	i.data = nil // O_TRUNC, which may reach the disk at any time
	i.synced = nil
	return &crashFile{d, i}, nil
}

func (d *crashDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	i, ok := d.live[from]
	if !ok {
		return fs.ErrNotExist
	}
	d.live[to] = i
	delete(d.live, from)
	return nil
}

func (d *crashDisk) Remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	delete(d.live, name)
	return nil
}

func (d *crashDisk) Sync() error {
	if err := d.step(); err != nil {
		return err
	}
	d.durable = maps.Clone(d.live)
	return nil
}

type crashFile struct {
	d *crashDisk
	i *inode
}

func (f *crashFile) Write(b []byte) (int, error) {
	if err := f.d.step(); err != nil {
		f.i.data = append(f.i.data, b[:len(b)/2]...)
		return len(b) / 2, err
	}
	f.i.data = append(f.i.data, b...)
	return len(b), nil
}

func (f *crashFile) Sync() error {
	if err := f.d.step(); err != nil {
		return err
	}
	f.i.synced = append([]byte{}, f.i.data...)
	return nil
}

func (f *crashFile) Close() error { return f.d.step() }

// views are the disks that a restart may find.
func (d *crashDisk) views() map[string]*crashDisk {
	disk := func(dir map[string]*inode, synced bool) *crashDisk {
		v := newCrashDisk()
		for name, i := range dir {
			data := i.data
			if synced {
				data = i.synced
			}
			v.live[name] = &inode{append([]byte{}, data...), append([]byte{}, data...)}
		}
		v.durable = maps.Clone(v.live)
		return v
	}
	return map[string]*crashDisk{
		"process killed": disk(d.live, false),
		"power lost":     disk(d.durable, true),
		"power lost, directory written before data": disk(d.live, true),
	}
}

// text is the state in force.
func (s *Store) text(t *testing.T) string {
	t.Helper()
	text, err := s.state.Load().encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func fixedNow() time.Time { return time.Unix(1_795_166_000, 0) }

// prepared is a disk with a store that was changed before, so that there is a
// backup.
func prepared(t *testing.T) (*crashDisk, *Store) {
	t.Helper()
	d := newCrashDisk()
	s, _, err := open(d, fixedNow)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddCamera(push("old")); err != nil {
		t.Fatal(err)
	}
	return d, s
}

func changes() map[string]func(*Store) error {
	return map[string]func(*Store) error{
		"add camera":    func(s *Store) error { return s.AddCamera(push("new")) },
		"update camera": func(s *Store) error { return s.UpdateCamera("old", func(c *Camera) error { c.Name = "x"; return nil }) },
		"remove camera": func(s *Store) error { return s.RemoveCamera("old") },
		"add token":     func(s *Store) error { _, _, err := s.AddToken("t", auth.RoleViewer); return err },
		"share":         func(s *Store) error { _, err := s.EnsureShareEpoch("old"); return err },
	}
}

// A crash at any step of a change leaves the state before or after it.
func TestCrash(t *testing.T) {
	for name, change := range changes() {
		for step := 0; ; step++ {
			d, s := prepared(t)
			before := s.text(t)
			d.arm(step, false)
			err := change(s)
			if err != nil && s.text(t) != before {
				t.Fatalf("%s: the failed change is in force", name)
			}
			for view, disk := range d.views() {
				again, token, openErr := open(disk, fixedNow)
				if openErr != nil || token != "" {
					t.Fatalf("%s, crash at step %d, %s: %v, first token %q", name, step, view, openErr, token)
				}
				after := again.text(t)
				if err == nil && after != s.text(t) {
					t.Errorf("%s, %s: a change that was reported done is lost", name, view)
				}
				if after != before {
					checkChanged(t, name, again)
				}
				if err := again.AddCamera(push("next")); err != nil {
					t.Errorf("%s, crash at step %d, %s: %v", name, step, view, err)
				}
			}
			if err == nil {
				if step < 10 {
					t.Errorf("%s was done in %d steps", name, step)
				}
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
		}
	}
}

// checkChanged makes sure that a state that is not the old one is the new one.
func checkChanged(t *testing.T, change string, s *Store) {
	t.Helper()
	old, hasOld := s.Camera("old")
	_, hasNew := s.Camera("new")
	_, shared := s.ShareEpoch("old")
	got := fmt.Sprint(hasOld, hasNew, old.Name == "x", len(s.Tokens()), shared)
	want := map[string]string{
		"add camera": "true true false 1 false", "update camera": "true false true 1 false", "remove camera": "false false false 1 false",
		"add token": "true false false 2 false", "share": "true false false 1 true",
	}[change]
	if got != want {
		t.Errorf("%s left a state that is neither old nor new: %s", change, got)
	}
}

// A crash at the first start leaves nothing, and the next start is the first,
// or a whole state.
func TestCrashAtFirstStart(t *testing.T) {
	for step := 0; ; step++ {
		d := newCrashDisk()
		d.arm(step, false)
		_, _, err := open(d, fixedNow)
		for view, disk := range d.views() {
			s, _, openErr := open(disk, fixedNow)
			if openErr != nil {
				t.Fatalf("crash at step %d, %s: %v", step, view, openErr)
			}
			if len(s.Tokens()) != 1 || len(s.Secret()) != secretBytes {
				t.Errorf("crash at step %d, %s: half a state", step, view)
			}
		}
		if err == nil {
			return
		}
	}
}

// A step that fails once, as on a full disk, loses the change and nothing else.
func TestFailedWrite(t *testing.T) {
	for name, change := range changes() {
		for step := 0; ; step++ {
			d, s := prepared(t)
			before := s.text(t)
			d.arm(step, true)
			err := change(s)
			if d.steps <= step {
				break
			}
			if !errors.Is(err, errCrash) || s.text(t) != before {
				t.Fatalf("%s, step %d: %v", name, step, err)
			}
			if err := s.AddCamera(push("next")); err != nil {
				t.Fatalf("%s, after step %d failed: %v", name, step, err)
			}
			for view, disk := range d.views() {
				again, _, err := open(disk, fixedNow)
				if err != nil || again.text(t) != s.text(t) {
					t.Fatalf("%s, step %d, %s: %v", name, step, view, err)
				}
				if b, err := decode(disk.live[backupFile].data); err != nil || len(b.Cameras) != 1 {
					t.Fatalf("%s, step %d, %s: the backup is not the state before: %v", name, step, view, err)
				}
			}
		}
	}
}

// crashDirVariable makes the test program a writer; see TestKill.
const crashDirVariable = "STORE_TEST_CRASH_DIR"

// writeUntilKilled adds cameras and says so after each.
func writeUntilKilled(dir string) {
	s, _, err := Open(dir)
	for i := 0; err == nil; i++ {
		if err = s.AddCamera(push(fmt.Sprintf("c%06d", i))); err == nil {
			fmt.Println(i)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// A real process is killed while it writes to a real disk: what it reported
// done is there, and at most one change more.
func TestKill(t *testing.T) {
	for _, lines := range []int{1, 4, 9} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDirVariable+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := 0
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			if done++; done == lines {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the writer ended by itself")
		}
		s, token := mustOpen(t, dir) // the lock went with the process
		if n := len(s.Cameras()); n < done || n > done+1 || token != "" {
			t.Errorf("%d cameras, %d were reported", n, done)
		}
	}
}
