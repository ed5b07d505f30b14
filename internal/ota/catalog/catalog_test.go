package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/firmware/core/image"
	"camrelay/internal/ota/imagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var signer = imagetest.NewSigner(1)

func fixedNow() time.Time { return time.Unix(1_795_166_000, 0) }

func mustOpen(t *testing.T, dir string, opt Options) *Catalog {
	t.Helper()
	opt.Now = fixedNow
	c, err := Open(dir, signer.Ring(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustAdd(t *testing.T, c *Catalog, p []byte) Image {
	t.Helper()
	i, err := c.Add(context.Background(), bytes.NewReader(p), "anna")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// files are the names in a directory.
func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// brokenNames are the names of broken files.
func brokenNames(c *Catalog) string {
	var names []string
	for _, b := range c.Broken() {
		names = append(names, b.Name)
	}
	return strings.Join(names, " ")
}

// content reads an image as a download does.
func content(t *testing.T, c *Catalog, sha string) []byte {
	t.Helper()
	f, err := c.Content(sha)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAddKeepsAnImageWithWhoBroughtIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "images")
	c := mustOpen(t, dir, Options{})
	p := signer.Image(t, "vcam", "1.5.0", 1050, 1000)
	added := mustAdd(t, c, p)
	if added.SHA256 != imagetest.SHA256(p) || added.Board() != "vcam" || added.Chip() != "host" || added.Version() != "1.5.0" || added.Build() != 1050 ||
		added.Size() != int64(len(p)) || added.By != "anna" || !added.Added.Equal(fixedNow()) || !added.Made().Equal(fixedNow()) {
		t.Errorf("added %+v", added)
	}
	if want := added.SHA256 + ".img " + added.SHA256 + ".json"; files(t, dir) != want {
		t.Errorf("the directory has %s", files(t, dir))
	}
	for _, name := range []string{".img", ".json"} {
		if info, err := os.Stat(filepath.Join(dir, added.SHA256+name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	for _, again := range []*Catalog{c, mustOpen(t, dir, Options{})} {
		if list := again.List(); len(list) != 1 || list[0] != added || len(again.Broken()) != 0 {
			t.Errorf("list %+v, broken %v", list, again.Broken())
		}
		if got, ok := again.Get(added.SHA256); !ok || got != added {
			t.Errorf("get %+v", got)
		}
		if !bytes.Equal(content(t, again, added.SHA256), p) {
			t.Error("another content")
		}
	}
	if _, ok := c.Get(strings.ToUpper(added.SHA256)); ok {
		t.Error("found by a name in upper case")
	}
}

func TestAddOfTheSameImageKeepsWhoWasFirst(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, Options{MaxImages: 1})
	p := signer.Image(t, "vcam", "1.5.0", 1050, 1000)
	first := mustAdd(t, c, p)
	again, err := c.Add(context.Background(), bytes.NewReader(p), "bert")
	if err != nil || again != first {
		t.Errorf("%+v, %v", again, err)
	}
	if list := mustOpen(t, dir, Options{}).List(); len(list) != 1 || list[0] != first {
		t.Errorf("list %+v", list)
	}
}

func TestNamesOfPeopleAreOneLine(t *testing.T) {
	c := mustOpen(t, t.TempDir(), Options{})
	i, err := c.Add(context.Background(), bytes.NewReader(signer.Image(t, "vcam", "1", 1, 4)), "an\nna\x1b[2J\xff"+strings.Repeat("é", 200))
	if err != nil || i.By != "anna[2J\ufffd"+strings.Repeat("é", 92) {
		t.Errorf("%q, %v", i.By, err)
	}
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, Options{MaxImages: 2, MaxBytes: 12_000})
	mustAdd(t, c, signer.Image(t, "vcam", "1", 1, 1000))
	_, err := c.Add(context.Background(), bytes.NewReader(signer.Image(t, "vcam", "2", 2, 4000)), "")
	if !errors.Is(err, ErrFull) || Code(err) != "full" || !strings.Contains(err.Error(), "it holds 5096 bytes, this image has 8096, and 12000 is the limit") {
		t.Error(err)
	}
	mustAdd(t, c, signer.Image(t, "vcam", "2", 2, 1000))
	_, err = c.Add(context.Background(), bytes.NewReader(signer.Image(t, "vcam", "3", 3, 4)), "")
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "it holds 2 images, and 2 is the limit; remove one first") {
		t.Error(err)
	}
	if list := mustOpen(t, dir, Options{MaxImages: 1}).List(); len(list) != 2 {
		t.Errorf("a lower limit lost images: %v", list)
	}
	if strings.Contains(files(t, dir), "tmp") {
		t.Error(files(t, dir))
	}
}

// Images that come at the same time share the limits.
func TestLimitsOfConcurrentAdds(t *testing.T) {
	c := mustOpen(t, t.TempDir(), Options{MaxImages: 1})
	first := signer.Image(t, "vcam", "1", 1, 4)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := c.Add(context.Background(), r, "")
		done <- err
	}()
	w.Write(first[:image.HeaderSize])
	w.Write(first[image.HeaderSize:][:1]) // it has been reserved when the next byte is read
	if _, err := c.Add(context.Background(), bytes.NewReader(signer.Image(t, "vcam", "2", 2, 4)), ""); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	w.CloseWithError(errors.New("gone"))
	if err := <-done; err == nil || Code(err) != "internal" {
		t.Error(err)
	}
	mustAdd(t, c, signer.Image(t, "vcam", "2", 2, 4))
}

func TestRemoveAndPin(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, Options{})
	p := signer.Image(t, "vcam", "1.5.0", 1050, 100_000)
	i := mustAdd(t, c, p)
	first, err := c.Pin(i.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := c.Pin(i.SHA256)
	first()
	first() // again is nothing
	if err := c.Remove(i.SHA256); !errors.Is(err, ErrPinned) || Code(err) != "pinned" || !strings.Contains(err.Error(), i.String()) {
		t.Errorf("removed while pinned: %v", err)
	}
	second()
	f, err := c.Content(i.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := c.Remove(i.SHA256); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size())); err != nil || !bytes.Equal(got, p) {
		t.Errorf("an open image ends with its removal: %v", err)
	}
	_, openErr := c.Content(i.SHA256)
	_, pinErr := c.Pin(i.SHA256)
	for _, err := range []error{c.Remove(i.SHA256), c.Recheck(i.SHA256), openErr, pinErr, c.Remove("../" + i.SHA256)} {
		if !errors.Is(err, ErrNotFound) || Code(err) != "not_found" {
			t.Errorf("of a removed image: %v", err)
		}
	}
	if names := files(t, dir); names != "" {
		t.Errorf("the directory has %s", names)
	}
}

func TestObserversHearOfChanges(t *testing.T) {
	c := mustOpen(t, t.TempDir(), Options{})
	var heard int
	stop := c.Observe(func() { heard += 1 + len(c.List()) })
	i := mustAdd(t, c, signer.Image(t, "vcam", "1", 1, 4))
	if err := c.Remove(i.SHA256); err != nil || heard != 3 {
		t.Errorf("heard %d, %v", heard, err)
	}
	stop()
	mustAdd(t, c, signer.Image(t, "vcam", "1", 1, 4))
	if heard != 3 {
		t.Error("heard after the end")
	}
}

// What lies in the directory and is no good image is named, left alone and not
// given out; a new catalog says the same.
func TestBrokenFiles(t *testing.T) {
	dir := t.TempDir()
	good := signer.Image(t, "vcam", "1", 1, 1000)
	put := func(name string, p []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flipped := bytes.Clone(good)
	flipped[image.HeaderSize+500] ^= 1
	stranger := imagetest.NewSigner(2).Image(t, "vcam", "2", 2, 1000)
	sha := func(i int) string { return fmt.Sprintf("%064x", i) }
	put(imagetest.SHA256(good)+".img", good)
	put(sha(1)+".img", flipped)
	put(sha(2)+".img", signer.Image(t, "vcam", "2", 2, 1000))
	put(imagetest.SHA256(stranger)+".img", stranger)
	put(sha(3)+".img", good[:len(good)-1])
	put(sha(4)+".img", append(bytes.Clone(good), 0))
	put(sha(5)+".img", nil)
	put("camera.img", good)
	put(strings.ToUpper(imagetest.SHA256(good))+".img", good)
	put(".hidden", nil)
	put(sha(6)+".json", []byte(`{"by":"gone"}`)) // without an image
	put(sha(7)+".json.tmp", nil)
	put("upload-3.tmp", nil)
	if err := syscall.Mkfifo(filepath.Join(dir, sha(8)+".img"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(imagetest.SHA256(good)+".img", filepath.Join(dir, sha(9)+".img")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, dir, Options{})
	if n := len(c.List()); n != 3 {
		t.Errorf("%d images, whose headers are good", n)
	}
	if err := c.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	if list := c.List(); len(list) != 1 || list[0].SHA256 != imagetest.SHA256(good) {
		t.Errorf("list %v", list)
	}
	want := map[string]string{
		sha(1): "bad_sha256", sha(2): "SHA-256 is not that of its name", imagetest.SHA256(stranger): "unknown_key", sha(3): "truncated",
		sha(4): "overlong", sha(5): "short", sha(8): "not a regular file", sha(9): "not a regular file",
		"camera": "not that of an image", strings.ToUpper(imagetest.SHA256(good)): "not that of an image",
	}
	for _, b := range c.Broken() {
		stem := strings.TrimSuffix(b.Name, ".img")
		if want[stem] == "" || !strings.Contains(b.Err.Error(), want[stem]) {
			t.Errorf("%s: %v", b.Name, b.Err)
		}
		delete(want, stem)
		if _, err := os.Lstat(filepath.Join(dir, b.Name)); err != nil {
			t.Error(err)
		}
		if _, err := c.Content(stem); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s is given out: %v", b.Name, err)
		}
	}
	if len(want) > 0 {
		t.Errorf("not named: %v", want)
	}
	if names := files(t, dir); strings.Contains(names, ".tmp") || strings.Contains(names, ".json") || !strings.Contains(names, ".hidden") {
		t.Errorf("the directory has %s", names)
	}
	for i := range 9 { // 6 and 7 are not there
		if err := c.Remove(sha(i + 1)); err != nil != (i == 5 || i == 6) {
			t.Errorf("remove %d: %v", i+1, err)
		}
	}
	if got := brokenNames(c); strings.Contains(got, "000000") {
		t.Errorf("broken: %s", got)
	}
}

// An image that changes on the disk is found out, taken out, and mended by
// adding it again.
func TestDamageAfterwards(t *testing.T) {
	p := signer.Image(t, "vcam", "1", 1, 1000)
	for name, damage := range map[string]func(path string) error{
		"bit": func(path string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte{^p[4500]}, 4500)
			return errors.Join(err, f.Close())
		},
		"header":  func(path string) error { return os.WriteFile(path, append([]byte("x"), p[1:]...), 0o600) },
		"shorter": func(path string) error { return os.Truncate(path, 5000) },
		"longer":  func(path string) error { return os.Truncate(path, 6000) },
		"gone":    os.Remove,
		"pipe":    func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := mustOpen(t, dir, Options{})
			i := mustAdd(t, c, p)
			if err := c.Recheck(i.SHA256); err != nil {
				t.Fatal(err)
			}
			changes := 0
			defer c.Observe(func() { changes++ })()
			if err := damage(filepath.Join(dir, i.SHA256+".img")); err != nil {
				t.Fatal(err)
			}
			if err := c.Recheck(i.SHA256); !errors.Is(err, ErrDamaged) || Code(err) != "damaged" || !strings.Contains(err.Error(), i.SHA256) {
				t.Errorf("recheck: %v", err)
			}
			if len(c.List()) != 0 || brokenNames(c) != i.SHA256+".img" || changes != 1 {
				t.Errorf("list %v, broken %v, %d changes", c.List(), c.Broken(), changes)
			}
			mustAdd(t, c, p)
			if !bytes.Equal(content(t, c, i.SHA256), p) || len(c.Broken()) != 0 {
				t.Error("not mended")
			}
			if again := mustOpen(t, dir, Options{}); len(again.List()) != 1 || len(again.Broken()) != 0 {
				t.Error("not mended for good")
			}
		})
	}
}

// A damaged file is not given out even if nobody asked for a check; one that
// nobody noticed is mended by adding it again.
func TestFirstUseChecks(t *testing.T) {
	dir := t.TempDir()
	p := signer.Image(t, "vcam", "1", 1, 1000)
	i := mustAdd(t, mustOpen(t, dir, Options{}), p)
	bad := bytes.Clone(p)
	bad[5000] ^= 0x10
	path := filepath.Join(dir, i.SHA256+".img")
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, dir, Options{})
	if _, err := c.Content(i.SHA256); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
	c = mustOpen(t, dir, Options{})
	again, err := c.Add(context.Background(), bytes.NewReader(p), "bert")
	if err != nil || again.By != "anna" || !bytes.Equal(content(t, c, i.SHA256), p) {
		t.Errorf("%+v, %v", again, err)
	}
}

// An image that is removed while it is checked is not a broken one.
func TestRemovedWhileChecked(t *testing.T) {
	c := mustOpen(t, t.TempDir(), Options{})
	i := mustAdd(t, c, signer.Image(t, "vcam", "1", 1, 1000))
	e, f, err := c.openEntry(i.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := c.Remove(i.SHA256); err != nil {
		t.Fatal(err)
	}
	if err := c.setAside(e, errOtherContent); !errors.Is(err, ErrNotFound) || len(c.Broken()) != 0 {
		t.Errorf("%v, %v", err, c.Broken())
	}
}

// A ring that changes takes images out and brings them back.
func TestRescan(t *testing.T) {
	c := mustOpen(t, t.TempDir(), Options{})
	i := mustAdd(t, c, signer.Image(t, "vcam", "1", 1, 1000))
	if err := c.Rescan(imagetest.NewSigner(2).Ring()); err != nil {
		t.Fatal(err)
	}
	if len(c.List()) != 0 || brokenNames(c) != i.SHA256+".img" {
		t.Errorf("list %v, broken %v", c.List(), c.Broken())
	}
	if _, err := c.Add(context.Background(), bytes.NewReader(signer.Image(t, "vcam", "2", 2, 4)), ""); Code(err) != "unknown_key" {
		t.Error(err)
	}
	if err := c.Rescan(signer.Ring()); err != nil {
		t.Fatal(err)
	}
	if list := c.List(); len(list) != 1 || list[0] != i {
		t.Errorf("list %+v", list)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, nil, Options{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}

// Everybody does everything at once; in the end the directory is what the
// catalog says.
func TestConcurrentUse(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir, Options{MaxImages: 5})
	var images [8][]byte
	for i := range images {
		images[i] = signer.Image(t, "vcam", "1.0", uint32(i+1), 40_000)
	}
	var wg sync.WaitGroup
	var changes atomic.Int64
	defer c.Observe(func() { changes.Add(1) })()
	known := func(err error) {
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrPinned) && !errors.Is(err, ErrFull) {
			t.Error(err)
		}
	}
	for worker := range 8 {
		wg.Go(func() {
			for round := range 12 {
				p := images[(worker+round)%len(images)]
				sha := imagetest.SHA256(p)
				_, err := c.Add(context.Background(), bytes.NewReader(p), "anna")
				known(err)
				if release, err := c.Pin(sha); err == nil {
					if _, ok := c.Get(sha); !ok {
						t.Error("a pinned image is gone")
					}
					if f, err := c.Content(sha); err != nil {
						t.Error(err)
					} else {
						f.Close()
					}
					release()
				}
				known(c.Recheck(sha))
				c.List()
				_, _ = c.Find("vcam", "host", Latest)
				if round%4 == 3 {
					known(c.Rescan(signer.Ring()))
				}
				known(c.Remove(imagetest.SHA256(images[(worker+round+3)%len(images)])))
			}
		})
	}
	wg.Wait()
	again := mustOpen(t, dir, Options{})
	if err := again.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	got, want := again.List(), c.List()
	if fmt.Sprint(got) != fmt.Sprint(want) || len(want) > 5 || len(again.Broken())+len(c.Broken()) != 0 || changes.Load() == 0 {
		t.Errorf("on disk %v, in the catalog %v", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "upload-1.tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an upload is left over")
	}
}
