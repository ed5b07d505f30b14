// Package elfimage turns the ELF file that TinyGo makes for an ESP32 into what
// the camera's flash holds: an image for a slot, and the file that is written to
// a new board. It refuses a program that the boot selector could not start.
package elfimage

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"camrelay/firmware/core/image"
)

// Memory of the ESP32, as TinyGo's linker script for it uses it. Ends are the
// first address behind.
const (
	dataFlashLow, dataFlashHigh = 0x3f400000, 0x3f800000 // constants, mapped by the cache
	codeFlashLow, codeFlashHigh = 0x400d0000, 0x40400000 // code, mapped by the cache
	dataLow, dataHigh           = 0x3ffb0000, 0x3ffe0000
	topLow, topHigh             = 0x3fff0000, 0x40000000 // the selector's; the radio's when the program runs
	codeLow, codeHigh           = 0x40080000, 0x40090000 // above is the FIFO for frames
	mapPage                     = 64 << 10
)

// patchSymbol names the word that holds where in the flash the mapped data is.
const patchSymbol = "_drom_flash_addr"

// MaxELF is the largest ELF file that Parse takes, in bytes; debugging
// information is most of it.
const MaxELF = 128 << 20

// Segment is a part of a program that is loaded to memory; its length is a
// multiple of 4.
type Segment struct {
	Address uint32
	Data    []byte
}

func (s Segment) end() uint32 { return s.Address + uint32(len(s.Data)) }

// Program is what an ELF file holds for an ESP32.
type Program struct {
	Entry      uint32
	Patch      uint32    // address of the word for the flash offset of Data
	Segments   []Segment // in ascending order of their addresses, joined where they touch
	Data, Code []byte    // mapped by the cache, from the beginning of their ranges
}

// Parse reads a program and checks that the boot selector can start it. The
// error lists everything that is wrong.
func Parse(file []byte) (*Program, error) {
	f, err := open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var p Program
	if err := errors.Join(p.readSections(f, file), p.readSymbols(f)); err != nil {
		return nil, err
	}
	return &p, p.check()
}

func open(file []byte) (*elf.File, error) {
	if len(file) > MaxELF {
		return nil, fmt.Errorf("the ELF file has more than %d bytes", MaxELF)
	}
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("read ELF file: %w", err)
	}
	if f.Class != elf.ELFCLASS32 || f.Data != elf.ELFDATA2LSB || f.Machine != elf.EM_XTENSA || f.Type != elf.ET_EXEC {
		f.Close()
		return nil, fmt.Errorf("this is no program for an ESP32: its ELF header says %v, %v, %v, %v; tinygo build -target=esp32-generic -o camera.elf makes one",
			f.Class, f.Data, f.Machine, f.Type)
	}
	return f, nil
}

// readSections sorts what is to be in memory by its address.
func (p *Program) readSections(f *elf.File, file []byte) error {
	p.Entry = uint32(f.Entry)
	var data, code, ram []Segment
	var problems []error
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Size == 0 {
			continue
		}
		content, err := sectionContent(s, file)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		seg := Segment{uint32(s.Addr), content}
		switch a := s.Addr; {
		case within(a, s.Size, dataFlashLow, dataFlashHigh):
			data = append(data, seg)
		case within(a, s.Size, codeFlashLow, codeFlashHigh):
			code = append(code, seg)
		case within(a, s.Size, dataLow, dataHigh), within(a, s.Size, codeLow, codeHigh):
			ram = append(ram, seg)
		case s.Type == elf.SHT_NOBITS && within(a, s.Size, topLow, topHigh):
		default:
			problems = append(problems, fmt.Errorf("section %s at %#x, %d bytes, %s", s.Name, a, s.Size, misplaced(a, s.Size)))
		}
	}
	var errs [3]error
	p.Data, errs[0] = join("data in flash", dataFlashLow, data)
	p.Code, errs[1] = join("code in flash", codeFlashLow, code)
	p.Segments, errs[2] = merge(ram)
	return errors.Join(append(problems, errs[:]...)...)
}

// misplaced says what is wrong with where a section is.
func misplaced(address, size uint64) string {
	switch {
	case address >= codeLow && address < codeFlashLow:
		return fmt.Sprintf("ends at %#x: memory from %#x on is for frames", address+size, codeHigh)
	case within(address, size, topLow, topHigh):
		return "would be loaded over the boot selector, which loads it"
	}
	return "is where an ESP32 has no memory for it"
}

// sectionContent is a section's bytes; nil if it has none and only takes place.
func sectionContent(s *elf.Section, file []byte) ([]byte, error) {
	if s.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	if s.Flags&elf.SHF_COMPRESSED != 0 || s.Offset > uint64(len(file)) || s.Size > uint64(len(file))-s.Offset {
		return nil, fmt.Errorf("section %s is not whole", s.Name)
	}
	return file[s.Offset : s.Offset+s.Size], nil
}

// merge sorts segments and joins those that touch. Lengths become multiples of
// 4, as memory for code wants.
func merge(in []Segment) ([]Segment, error) {
	in = slices.DeleteFunc(in, func(s Segment) bool { return len(s.Data) == 0 })
	slices.SortStableFunc(in, func(a, b Segment) int { return cmp.Compare(a.Address, b.Address) })
	var out []Segment
	for _, s := range in {
		if s.Address%4 != 0 {
			return nil, fmt.Errorf("a section begins at %#x, which is not a multiple of 4", s.Address)
		}
		last := len(out) - 1
		if last >= 0 && s.Address < out[last].end() && s.Address+3 >= out[last].end() {
			return nil, fmt.Errorf("the section at %#x begins within the last word of the one before", s.Address)
		}
		if last >= 0 && s.Address < out[last].end() {
			return nil, fmt.Errorf("the sections at %#x and %#x overlap", out[last].Address, s.Address)
		}
		words := slices.Clone(s.Data)
		for len(words)%4 != 0 {
			words = append(words, 0)
		}
		if last >= 0 && s.Address == out[last].end() {
			out[last].Data = append(out[last].Data, words...)
			continue
		}
		out = append(out, Segment{s.Address, words})
	}
	return out, nil
}

// join puts sections in one piece that begins where the cache maps it.
func join(what string, start uint32, in []Segment) ([]byte, error) {
	slices.SortStableFunc(in, func(a, b Segment) int { return cmp.Compare(a.Address, b.Address) })
	var out []byte
	for _, s := range in {
		end := start + uint32(len(out))
		if s.Address < end || s.Address-end >= mapPage {
			return nil, fmt.Errorf("the %s continues at %#x, but should at %#x or soon after", what, s.Address, end)
		}
		out = append(out, make([]byte, s.Address-end)...)
		out = append(out, s.Data...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is no %s", what)
	}
	return out, nil
}

// readSymbols finds the word to patch, and checks what the start-up code will
// compute from the others.
func (p *Program) readSymbols(f *elf.File) error {
	symbols, err := f.Symbols()
	if err != nil {
		return fmt.Errorf("read symbols: %w; the program must not be stripped", err)
	}
	values := map[string]uint32{}
	for _, s := range symbols {
		switch s.Name {
		case patchSymbol, "_rodata_start", "_rodata_end", "_text_start", "_text_end":
			values[s.Name] = uint32(s.Value)
		}
	}
	var problems []error
	patch, ok := values[patchSymbol]
	if !ok {
		problems = append(problems, fmt.Errorf("there is no symbol %s: link with TinyGo's esp32.ld, of 0.42 or newer", patchSymbol))
	}
	p.Patch = patch
	for name, part := range map[string][]byte{"_rodata": p.Data, "_text": p.Code} {
		if size := values[name+"_end"] - values[name+"_start"]; len(part) > 0 && pages(size) != pages(uint32(len(part))) {
			problems = append(problems, fmt.Errorf("%s_start and %s_end enclose %d bytes, but the program has %d there", name, name, size, len(part)))
		}
	}
	return errors.Join(problems...)
}

func pages(size uint32) uint64 { return (uint64(size) + mapPage - 1) / mapPage }

// check looks at the segments as the selector will.
func (p *Program) check() error {
	var problems []error
	if n := len(p.Segments); n > image.MaxSegments {
		problems = append(problems, fmt.Errorf("the program has %d parts that are loaded; an image has room for %d", n, image.MaxSegments))
	}
	if at := p.find(p.Entry, 1); at == nil || p.Entry < codeLow {
		problems = append(problems, fmt.Errorf("the entry %#x is not in code that is loaded", p.Entry))
	}
	if word := p.find(p.Patch, 4); word == nil || p.Patch >= codeLow || p.Patch%4 != 0 {
		problems = append(problems, fmt.Errorf("%s, at %#x, is not a word of data that is loaded", patchSymbol, p.Patch))
	}
	return errors.Join(problems...)
}

// find returns n loaded bytes, nil if they are not.
func (p *Program) find(address uint32, n int) []byte {
	for _, s := range p.Segments {
		if at := uint64(address) - uint64(s.Address); address >= s.Address && at+uint64(n) <= uint64(len(s.Data)) {
			return s.Data[at:][:n]
		}
	}
	return nil
}

// within reports whether size bytes from address lie in a range.
func within(address, size, low, high uint64) bool {
	return address >= low && address <= high && size <= high-address
}

func put(p []byte, v uint32) { binary.LittleEndian.PutUint32(p, v) }
