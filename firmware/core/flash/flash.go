// Package flash says what the firmware needs of NOR flash, and does the little
// that all who write to it have in common.
package flash

// Geometry of serial NOR flash, in bytes.
const (
	Sector = 4096 // what is erased at once
	Page   = 256  // what is programmed at once, at most
	Word   = 4    // offsets and lengths are multiples of it
)

// Device is a flash chip, or a part of one. Erasing sets all bits of a sector;
// programming only clears bits: what is stored is old AND new.
//
// Offsets and lengths are multiples of Word. An implementation refuses others,
// and what lies outside the chip, with an error, and changes nothing then.
type Device interface {
	// Size is in bytes, a multiple of Sector.
	Size() uint32
	// Read fills p from offset off.
	Read(off uint32, p []byte) error
	// Program clears bits. p must not cross a border between pages.
	Program(off uint32, p []byte) error
	// Erase sets all bits of the sector at off, a multiple of Sector.
	Erase(off uint32) error
}

// Error is why an operation was not done. It allocates nothing.
type Error uint8

// Errors of a Device and of the functions here.
const (
	ErrRange  Error = iota + 1 // outside the chip
	ErrAlign                   // not at a word, page or sector
	ErrBits                    // programming would have to set a bit
	ErrVerify                  // what was read back is not what was programmed
	ErrDevice                  // the chip says that it failed, or is protected
)

func (e Error) Error() string {
	switch e {
	case ErrRange:
		return "flash: outside the chip"
	case ErrAlign:
		return "flash: offset or length does not fit words, a page or a sector"
	case ErrBits:
		return "flash: a bit that is clear cannot be set without erasing its sector"
	case ErrVerify:
		return "flash: what was read back is not what was written"
	case ErrDevice:
		return "flash: the chip failed or is protected"
	}
	return "flash: unknown error"
}

// Program programs p at off, page by page, in ascending order.
func Program(d Device, off uint32, p []byte) error {
	for len(p) > 0 {
		n := min(int(Page-off%Page), len(p))
		if err := d.Program(off, p[:n]); err != nil {
			return err
		}
		off += uint32(n)
		p = p[n:]
	}
	return nil
}

// Verify compares p with what is stored at off. scratch is as long as the
// pieces it reads; a multiple of Word.
func Verify(d Device, off uint32, p, scratch []byte) error {
	for len(p) > 0 {
		n := min(len(scratch), len(p))
		if err := d.Read(off, scratch[:n]); err != nil {
			return err
		}
		if !Equal(scratch[:n], p[:n]) {
			return ErrVerify
		}
		off += uint32(n)
		p = p[n:]
	}
	return nil
}

// Equal reports whether a and b are the same. TinyGo copies what is compared as
// strings, as bytes.Equal does.
func Equal(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Blank reports whether all bits of p are set.
func Blank(p []byte) bool {
	for _, b := range p {
		if b != 0xff {
			return false
		}
	}
	return true
}

// CheckErase returns the error of erasing at off on a chip of size bytes.
func CheckErase(size, off uint32) error {
	switch {
	case off%Sector != 0:
		return ErrAlign
	case off >= size:
		return ErrRange
	}
	return nil
}

// CheckProgram returns the error of programming n bytes at off.
func CheckProgram(size, off uint32, n int) error {
	if err := CheckRead(size, off, n); err != nil {
		return err
	}
	if n > Page || off/Page != (off+uint32(max(n, 1))-1)/Page {
		return ErrAlign
	}
	return nil
}

// CheckRead returns the error of reading n bytes at off.
func CheckRead(size, off uint32, n int) error {
	switch {
	case off%Word != 0, n%Word != 0:
		return ErrAlign
	case off > size, n < 0, uint64(n) > uint64(size-off):
		return ErrRange
	}
	return nil
}
