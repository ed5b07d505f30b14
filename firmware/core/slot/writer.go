// Package slot writes an image into a slot of the flash, in an order in which a
// power cut leaves either no image there or a complete one: the header's sector
// is erased first and written last, after the body has been read back.
package slot

import (
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/image"
)

// Error is why a Writer refuses. It allocates nothing.
type Error uint8

// ErrOrder is the error of a step whose predecessor is not complete.
const ErrOrder Error = 1

func (e Error) Error() string { return "slot: the step before is not complete" }

// phase is what a Writer does next.
type phase uint8

const (
	idle phase = iota
	erasing
	writing
	checking
	committing
)

// Writer writes one image at a time: Begin, Erase until done, Write until Left
// is 0, Check until done, Commit. Erase and Check do one sector at a call, so
// that a program with one thread can do other things in between. After an error
// of the chip, or to give up, Begin again.
type Writer struct {
	dev    flash.Device
	base   uint32
	phase  phase
	at     uint32 // offset in the image of what is erased or written next
	filled int    // bytes in page
	header image.Header
	body   image.Body
	head   [image.UsedSize]byte
	page   [flash.Page]byte
	buf    [flash.Sector]byte
}

// Begin takes the header of the image, whose signature has been checked, and
// the slot of size bytes at base. It touches nothing yet. The error is an
// image.Reason.
func (w *Writer) Begin(dev flash.Device, base, size uint32, header []byte, hash image.Hash) error {
	w.phase = idle
	if err := image.Decode(header, &w.header); err != nil {
		return err
	}
	if w.header.Length > size {
		return image.TooLarge
	}
	w.dev, w.base, w.at, w.filled = dev, base, 0, 0
	copy(w.head[:], header)
	w.body.Reset(&w.header, hash)
	w.phase = erasing
	return nil
}

// Header is that of the image.
func (w *Writer) Header() *image.Header { return &w.header }

// Erase erases the next sector, beginning with the header's: from then on the
// old image is none. It reports whether all that is needed is erased.
func (w *Writer) Erase() (done bool, err error) {
	if w.phase != erasing {
		return false, ErrOrder
	}
	if err := w.dev.Erase(w.base + w.at); err != nil {
		return false, w.fail(err)
	}
	if w.at += flash.Sector; w.at < w.header.Length {
		return false, nil
	}
	w.at, w.phase = image.HeaderSize, writing
	return true, nil
}

// Offset is where in the image the next byte for Write is from, for a download
// that goes on after an interruption.
func (w *Writer) Offset() uint32 { return w.at + uint32(w.filled) }

// Left is how many bytes Write still wants.
func (w *Writer) Left() uint32 { return w.header.Length - w.Offset() }

// Write takes the next bytes of the body, programs them page by page, and reads
// each page back. Bytes beyond the end are not taken; the error is then
// image.Overlong.
func (w *Writer) Write(p []byte) (int, error) {
	if w.phase != writing && !(w.phase == checking && w.Left() == 0) {
		return 0, ErrOrder
	}
	taken := 0
	for taken < len(p) && w.Left() > 0 {
		n := min(copy(w.page[w.filled:], p[taken:]), int(w.Left()))
		w.filled += n
		taken += n
		if w.filled < flash.Page && w.Left() > 0 {
			break
		}
		if err := w.program(); err != nil {
			return taken, w.fail(err)
		}
	}
	if taken < len(p) {
		return taken, image.Overlong
	}
	return taken, nil
}

func (w *Writer) program() error {
	page := w.page[:w.filled]
	if err := w.dev.Program(w.base+w.at, page); err != nil {
		return err
	}
	if err := flash.Verify(w.dev, w.base+w.at, page, w.buf[:flash.Page]); err != nil {
		return err
	}
	w.at += uint32(w.filled)
	w.filled = 0
	if w.at == w.header.Length {
		w.phase = checking
	}
	return nil
}

// Check reads the next sector of the body back and hashes it. It reports
// whether that was all, and that the body is what the header says. An
// image.Reason says that it is not: the image was damaged on its way here.
func (w *Writer) Check() (done bool, err error) {
	if w.phase != checking {
		return false, ErrOrder
	}
	done, err = w.body.Next(w.dev, w.base, w.buf[:])
	if err == nil && done {
		err = w.body.Check()
	}
	if err != nil {
		return false, w.fail(err)
	}
	if done {
		w.phase = committing
	}
	return done, nil
}

// Commit writes the header, its first page last: then the slot holds an image.
// What is to be started, the boot record says.
func (w *Writer) Commit() error {
	if w.phase != committing {
		return ErrOrder
	}
	for at := (len(w.head) - 1) / flash.Page * flash.Page; at >= 0; at -= flash.Page {
		part := w.head[at:min(at+flash.Page, len(w.head))]
		if err := w.dev.Program(w.base+uint32(at), part); err != nil {
			return w.fail(err)
		}
	}
	w.phase = idle
	return flash.Verify(w.dev, w.base, w.head[:], w.buf[:])
}

func (w *Writer) fail(err error) error {
	w.phase = idle
	return err
}
