package ingest

import (
	"fmt"
	"slices"

	"camrelay/internal/wire"
)

// sizeTable is framesize_t of one generation of esp32-camera: the name of each
// number. Sizes that the relay has no name for are empty.
type sizeTable []string

// sizeTables are the generations, newest first. /control and /status speak in
// numbers, and the numbers shifted whenever a size was added in the middle.
func sizeTables() []sizeTable {
	return []sizeTable{
		{"96X96", "QQVGA", "128X128", "QCIF", "HQVGA", "240X240", "QVGA", "320X320", "CIF", "HVGA", "VGA", "SVGA", "XGA", "HD", "SXGA", "UXGA"},
		{"96X96", "QQVGA", "QCIF", "HQVGA", "240X240", "QVGA", "CIF", "HVGA", "VGA", "SVGA", "XGA", "HD", "SXGA", "UXGA"},
		{"QQVGA", "", "QCIF", "HQVGA", "QVGA", "CIF", "VGA", "SVGA", "XGA", "SXGA", "UXGA"},
	}
}

// sizeNumbers works out which generation a camera is of, by comparing the
// number it says with the size of its pictures.
type sizeNumbers struct {
	candidates []sizeTable // that fit all that was seen; nil: nothing was
	number     int         // the last that was seen, for errors
	width      int
	height     int
}

// observe takes the camera's number for the size that its pictures have.
func (s *sizeNumbers) observe(number, width, height int) {
	s.number, s.width, s.height = number, width, height
	if width == 0 || height == 0 {
		return
	}
	fits := func(t sizeTable) bool {
		if number < 0 || number >= len(t) {
			return false
		}
		size, ok := wire.FrameSizeNamed(t[number])
		return ok && size.Width == width && size.Height == height
	}
	if s.candidates == nil {
		s.candidates = filter(sizeTables(), fits)
	} else if narrowed := filter(s.candidates, fits); len(narrowed) > 0 {
		s.candidates = narrowed
	} // else the size was just changed, and the pictures are still of the old one
}

func filter(tables []sizeTable, fits func(sizeTable) bool) []sizeTable {
	var out []sizeTable
	for _, t := range tables {
		if fits(t) {
			out = append(out, t)
		}
	}
	return out
}

// numberOf returns the camera's number for a size.
func (s *sizeNumbers) numberOf(name string) (int, error) {
	switch {
	case s.width == 0:
		return 0, fmt.Errorf("framesize: the camera has to be watched once before its size can be changed")
	case len(s.candidates) == 0:
		return 0, fmt.Errorf("framesize: the camera calls its %dx%d pictures number %d, which fits no known firmware: set the size on the camera's own page",
			s.width, s.height, s.number)
	}
	number := -1
	for _, t := range s.candidates {
		switch i := slices.Index(t, name); {
		case i < 0:
		case number >= 0 && i != number:
			return 0, fmt.Errorf("framesize: at %dx%d it cannot be told which number %s has in the camera's firmware: choose another size first",
				s.width, s.height, name)
		default:
			number = i
		}
	}
	if number < 0 {
		return 0, &RefusedError{"its firmware has no framesize " + name}
	}
	return number, nil
}

// nameOf returns the name of a number, if all candidates agree.
func (s *sizeNumbers) nameOf(number int) (string, bool) {
	name := ""
	for _, t := range s.candidates {
		if number < 0 || number >= len(t) || t[number] == "" || name != "" && t[number] != name {
			return "", false
		}
		name = t[number]
	}
	return name, name != ""
}
