package slot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/sha2"
)

const (
	base = 2 * flash.Sector
	size = 6 * flash.Sector
)

// newImage is an image with a body of n bytes.
func newImage(t *testing.T, n int) []byte {
	t.Helper()
	p := make([]byte, image.HeaderSize+n)
	for i := range p {
		p[i] = byte(i*i>>5 + i)
	}
	h := image.Header{Length: uint32(len(p)), Build: 3, Sum: sha256.Sum256(p[image.HeaderSize:]), Key: image.KeyID{1}}
	h.Board, _ = image.NewText("vcam")
	h.Chip, _ = image.NewText("host")
	h.Version, _ = image.NewText("3")
	image.Encode(&h, p)
	image.SetSignature(p, &[64]byte{1, 2, 3})
	return p
}

// usedChip is a chip with another image in the slot and something around it.
func usedChip() *norsim.Flash {
	chip := norsim.New(base + size + flash.Sector)
	clear(chip.Bytes())
	return chip
}

func begin(t *testing.T, chip flash.Device, img []byte) *Writer {
	t.Helper()
	w := new(Writer)
	if err := w.Begin(chip, base, size, img[:image.HeaderSize], new(sha2.Hash256)); err != nil {
		t.Fatal(err)
	}
	return w
}

// rest does all steps after Begin, the body in pieces.
func rest(w *Writer, body []byte, piece int) error {
	for done := false; !done; {
		var err error
		if done, err = w.Erase(); err != nil {
			return err
		}
	}
	for len(body) > 0 {
		n, err := w.Write(body[:min(piece, len(body))])
		if err != nil {
			return err
		}
		body = body[n:]
	}
	for done := false; !done; {
		var err error
		if done, err = w.Check(); err != nil {
			return err
		}
	}
	return w.Commit()
}

func TestImagesOfEverySize(t *testing.T) {
	for _, n := range []int{4, 252, 256, 260, 4092, 4096, 4100, 5000, 5 * flash.Sector} {
		for _, piece := range []int{1, 255, 256, 1460, 1 << 20} {
			if piece == 1 && n > 5000 {
				continue
			}
			chip, img := usedChip(), newImage(t, n)
			w := begin(t, chip, img)
			if err := rest(w, img[image.HeaderSize:], piece); err != nil {
				t.Fatalf("%d bytes in pieces of %d: %v", n, piece, err)
			}
			if !bytes.Equal(chip.Bytes()[base:][:len(img)], img) {
				t.Errorf("%d bytes in pieces of %d: the slot holds something else", n, piece)
			}
			erased := (len(img) + flash.Sector - 1) / flash.Sector * flash.Sector
			around := append(bytes.Clone(chip.Bytes()[:base]), chip.Bytes()[base+erased:]...)
			if !bytes.Equal(around, make([]byte, len(around))) {
				t.Errorf("%d bytes in pieces of %d: something else was touched", n, piece)
			}
		}
	}
}

func TestOffsetForResumption(t *testing.T) {
	img := newImage(t, 1000)
	w := begin(t, usedChip(), img)
	for done := false; !done; {
		var err error
		if done, err = w.Erase(); err != nil {
			t.Fatal(err)
		}
	}
	at := w.Offset()
	if at != image.HeaderSize {
		t.Fatalf("begins at %d", at)
	}
	for w.Left() > 0 {
		n, err := w.Write(img[w.Offset():][:min(37, w.Left())])
		if err != nil {
			t.Fatal(err)
		}
		at += uint32(n)
		if w.Offset() != at || w.Left() != uint32(len(img))-at {
			t.Fatalf("at %d, %d left, want %d", w.Offset(), w.Left(), at)
		}
	}
	if n, err := w.Write([]byte("x")); n != 0 || err != image.Overlong {
		t.Errorf("a byte more: %d %v", n, err)
	}
}

func TestRefusals(t *testing.T) {
	img := newImage(t, 1000)
	w := new(Writer)
	chip := usedChip()
	for name, step := range map[string]func() error{
		"erase":  func() error { _, err := w.Erase(); return err },
		"write":  func() error { _, err := w.Write(img); return err },
		"check":  func() error { _, err := w.Check(); return err },
		"commit": func() error { return w.Commit() },
	} {
		if err := step(); err != ErrOrder {
			t.Errorf("%s before all: %v", name, err)
		}
	}
	if err := w.Begin(chip, base, uint32(len(img)-4), img, new(sha2.Hash256)); err != image.TooLarge {
		t.Errorf("%v", err)
	}
	if err := w.Begin(chip, base, size, img[:100], new(sha2.Hash256)); err != image.Short {
		t.Errorf("%v", err)
	}
	if chip.Counts().Erases != 0 {
		t.Error("something was erased for an image that was refused")
	}
	damaged := bytes.Clone(img)
	damaged[len(img)-1]++
	if err := rest(begin(t, chip, img), damaged[image.HeaderSize:], 500); err != image.BadSum {
		t.Errorf("%v", err)
	}
	if !flash.Blank(chip.Bytes()[base:][:flash.Sector]) {
		t.Error("a damaged image has a header")
	}
	w = begin(t, chip, img)
	if err := rest(w, img[image.HeaderSize:], 500); err != nil {
		t.Errorf("after a damaged one: %v", err)
	}
	if err := w.Commit(); err != ErrOrder {
		t.Errorf("twice: %v", err)
	}
}

// worn is a chip that loses a bit in one place.
type worn struct {
	*norsim.Flash
	at uint32
}

func (w worn) Program(off uint32, p []byte) error {
	err := w.Flash.Program(off, p)
	if off <= w.at && w.at < off+uint32(len(p)) {
		w.Bytes()[w.at] ^= 1
	}
	return err
}

func TestWornChip(t *testing.T) {
	img := newImage(t, 1000)
	for _, at := range []uint32{base + 0x20, base + 0x210, base + image.HeaderSize, base + uint32(len(img)) - 1} {
		if err := rest(begin(t, worn{usedChip(), at}, img), img[image.HeaderSize:], 500); !errors.Is(err, flash.ErrVerify) {
			t.Errorf("a bad cell at %#x: %v", at, err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	chip, img, w, sum := usedChip(), newImage(t, 9000), new(Writer), new(sha2.Hash256)
	if n := testing.AllocsPerRun(20, func() {
		if err := errors.Join(w.Begin(chip, base, size, img, sum), rest(w, img[image.HeaderSize:], 1460)); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
