package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"camrelay/internal/ota/imagetest"
)

// inode is a file's content as processes see it and as it would survive a loss
// of power.
type inode struct{ data, synced []byte }

// operation is a change of a directory that may have reached the disk or not.
type operation func(dir map[string]*inode)

// crashDisk is a disk in memory that stops at a step: with it and, if it is to
// stay down, at all later ones.
type crashDisk struct {
	live, durable map[string]*inode // the directory, and as it was last synced
	since         []operation       // between the two
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
		return syscall.ENOSPC
	}
	return nil
}

func (d *crashDisk) do(op operation) {
	op(d.live)
	d.since = append(d.since, op)
}

func (d *crashDisk) Names() ([]string, error) { return slices.Sorted(maps.Keys(d.live)), nil }

func (d *crashDisk) Open(name string) (Content, error) {
	i, ok := d.live[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return &crashReader{*bytes.NewReader(bytes.Clone(i.data))}, nil
}

type crashReader struct{ bytes.Reader }

func (*crashReader) Close() error { return nil }

func (d *crashDisk) Create(name string) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	i := new(inode)
	d.do(func(dir map[string]*inode) { dir[name] = i })
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
	d.do(func(dir map[string]*inode) {
		dir[to] = i
		delete(dir, from)
	})
	return nil
}

func (d *crashDisk) Remove(name string) error {
	if err := d.step(); err != nil {
		return err
	}
	if d.live[name] == nil {
		return fs.ErrNotExist
	}
	d.do(func(dir map[string]*inode) { delete(dir, name) })
	return nil
}

func (d *crashDisk) Sync() error {
	if err := d.step(); err != nil {
		return err
	}
	d.durable, d.since = maps.Clone(d.live), nil
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
	f.i.synced = bytes.Clone(f.i.data)
	return nil
}

func (f *crashFile) Close() error { return f.d.step() }

// views are the disks that a restart may find: after the process was killed, as
// it was; after a loss of power, only content that was synced, and any of the
// changes of the directory since it was.
func (d *crashDisk) views() map[string]*crashDisk {
	disk := func(dir map[string]*inode, survives func(i *inode) []byte) *crashDisk {
		v := newCrashDisk()
		for name, i := range dir {
			data := survives(i)
			v.live[name] = &inode{bytes.Clone(data), bytes.Clone(data)}
		}
		v.durable = maps.Clone(v.live)
		return v
	}
	views := map[string]*crashDisk{"process killed": disk(d.live, func(i *inode) []byte { return i.data })}
	for set := range 1 << len(d.since) {
		dir := maps.Clone(d.durable)
		for k, op := range d.since {
			if set>>k&1 != 0 {
				op(dir)
			}
		}
		views[fmt.Sprintf("power lost, changes %b", set)] = disk(dir, func(i *inode) []byte { return i.synced })
	}
	return views
}

const crashBody = 100_000 // a few pieces

func crashImage(t *testing.T, build uint32) []byte {
	return signer.Image(t, "vcam", fmt.Sprint(build), build, crashBody)
}

// prepared is a disk with a catalog of images 1 and 2, of which 2 is damaged if
// that is wanted.
func prepared(t *testing.T, damaged bool) (*crashDisk, *Catalog) {
	t.Helper()
	d := newCrashDisk()
	c := reopen(t, d)
	for build := range uint32(2) {
		mustAdd(t, c, crashImage(t, build+1))
	}
	if damaged {
		sha := imagetest.SHA256(crashImage(t, 2))
		i := d.live[sha+".img"]
		i.data = bytes.Clone(i.data)
		i.data[5000]++
		i.synced = i.data
		if err := c.Recheck(sha); !errors.Is(err, ErrDamaged) {
			t.Fatal(err)
		}
	}
	return d, c
}

func reopen(t *testing.T, d *crashDisk) *Catalog {
	t.Helper()
	c, err := open(d, signer.Ring(), Options{Now: fixedNow})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// builds are the images that can be given to cameras.
func builds(t *testing.T, c *Catalog) string {
	t.Helper()
	if err := c.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, i := range c.List() {
		list = append(list, i.Version())
	}
	return strings.Join(list, " ")
}

var changes = map[string]struct {
	damaged       bool
	before, after string
	change        func(t *testing.T, c *Catalog) error
}{
	"add":    {false, "2 1", "3 2 1", func(t *testing.T, c *Catalog) error { return add(c, crashImage(t, 3)) }},
	"again":  {false, "2 1", "2 1", func(t *testing.T, c *Catalog) error { return add(c, crashImage(t, 2)) }},
	"mend":   {true, "1", "2 1", func(t *testing.T, c *Catalog) error { return add(c, crashImage(t, 2)) }},
	"remove": {false, "2 1", "1", func(t *testing.T, c *Catalog) error { return c.Remove(imagetest.SHA256(crashImage(t, 2))) }},
	"remove damaged": {true, "1", "1", func(t *testing.T, c *Catalog) error {
		return c.Remove(imagetest.SHA256(crashImage(t, 2)))
	}},
}

func add(c *Catalog, p []byte) error {
	_, err := c.Add(context.Background(), bytes.NewReader(p), "anna")
	return err
}

// A crash at any step of a change leaves the images of before or of after, all
// of them good, and nothing that stands in the way of the next change.
func TestCrash(t *testing.T) {
	for name, x := range changes {
		for step := 0; ; step++ {
			d, c := prepared(t, x.damaged)
			d.arm(step, false)
			err := x.change(t, c)
			for view, disk := range d.views() {
				again := reopen(t, disk)
				got := builds(t, again)
				if got != x.before && got != x.after || err == nil && got != x.after {
					t.Fatalf("%s, crash at step %d, %s: %s", name, step, view, got)
				}
				for file := range disk.live {
					if strings.HasSuffix(file, ".tmp") {
						t.Errorf("%s, crash at step %d, %s: %s is left", name, step, view, file)
					}
				}
				if err := x.change(t, again); err != nil && !errors.Is(err, ErrNotFound) || builds(t, again) != x.after {
					t.Fatalf("%s, crash at step %d, %s: a second try: %v", name, step, view, err)
				}
			}
			if err == nil {
				if step < 2 {
					t.Errorf("%s was done in %d steps", name, step)
				}
				break
			}
			if Code(err) != "disk_full" {
				t.Fatal(err)
			}
		}
	}
}

// A step that fails once, as on a full disk, leaves the images of before, in
// the catalog and on the disk, and no waste; or, if only the removal is not
// known to be durable, those of after.
func TestFailedStep(t *testing.T) {
	for name, x := range changes {
		for step := 0; ; step++ {
			d, c := prepared(t, x.damaged)
			d.arm(step, true)
			err := x.change(t, c)
			if d.steps <= step {
				break
			}
			want := x.before
			if strings.HasPrefix(name, "remove") && step > 0 {
				want = x.after
			}
			if got := builds(t, c); err == nil || got != want {
				t.Fatalf("%s, step %d: %v, %s", name, step, err, got)
			}
			if got := builds(t, reopen(t, d)); got != want && (name != "mend" || got != x.after) {
				t.Fatalf("%s, step %d: on the disk are %s", name, step, got)
			}
			for file := range d.live {
				if strings.HasSuffix(file, ".tmp") {
					t.Errorf("%s, step %d: %s is left", name, step, file)
				}
			}
			if err := x.change(t, c); err != nil && !errors.Is(err, ErrNotFound) || builds(t, c) != x.after {
				t.Fatalf("%s, after step %d failed: %v", name, step, err)
			}
		}
	}
}

// An upload that breaks off at any piece leaves nothing, whoever's fault it is.
func TestBrokenUploadAtEveryPiece(t *testing.T) {
	p := crashImage(t, 3)
	for n := 0; n < len(p); n += 10_000 {
		d, c := prepared(t, false)
		ctx, cancel := context.WithCancel(context.Background())
		r := io.MultiReader(bytes.NewReader(p[:n]), readFunc(func([]byte) (int, error) { cancel(); return 0, nil }))
		if _, err := c.Add(ctx, r, ""); Code(err) != "cancelled" || len(d.live) != 4 {
			t.Errorf("%d bytes: %v, %d files", n, err, len(d.live))
		}
	}
}

// A file that cannot be read is reported and not taken for a damaged one.
func TestReadErrors(t *testing.T) {
	d := &badDisk{crashDisk: newCrashDisk()}
	c, err := open(d, signer.Ring(), Options{Now: fixedNow})
	if err != nil {
		t.Fatal(err)
	}
	i := mustAdd(t, c, crashImage(t, 1))
	for name, make := range map[string]func(){"open": func() { d.open = syscall.EMFILE }, "read": func() { d.open, d.read = nil, syscall.EIO }} {
		make()
		if err := c.Recheck(i.SHA256); Code(err) != "internal" || len(c.List()) != 1 || len(c.Broken()) != 0 {
			t.Errorf("%s: %v, %v", name, err, c.Broken())
		}
	}
	d.open, d.read = nil, nil
	if err := c.Recheck(i.SHA256); err != nil {
		t.Error(err)
	}
	d.open = syscall.EIO
	if err := c.Rescan(signer.Ring()); err != nil || len(c.Broken()) != 1 || !errors.Is(c.Broken()[0].Err, syscall.EIO) {
		t.Errorf("%v, %v", err, c.Broken())
	}
}

// badDisk cannot open or read.
type badDisk struct {
	*crashDisk
	open, read error
}

func (d *badDisk) Open(name string) (Content, error) {
	if d.open != nil {
		return nil, d.open
	}
	f, err := d.crashDisk.Open(name)
	if err != nil || d.read == nil {
		return f, err
	}
	return badContent{f, d.read}, nil
}

type badContent struct {
	Content
	err error
}

func (b badContent) ReadAt([]byte, int64) (int, error) { return 0, b.err }
