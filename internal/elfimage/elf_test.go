package elfimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/image"
)

// part is a section of an ELF file that is made here.
type part struct {
	name    string
	address uint32
	data    []byte
	size    uint32 // instead of data: SHT_NOBITS
	flags   elf.SectionFlag
}

// program describes an ELF file.
type program struct {
	entry   uint32
	machine elf.Machine
	parts   []part
	symbols map[string]uint32
}

// usual is a program as TinyGo links it.
func usual() program {
	data := bytes.Repeat([]byte{0xda}, 1000)
	rodata, text := bytes.Repeat([]byte{0xcc}, 70_000), bytes.Repeat([]byte{0xee}, 5_001)
	return program{
		entry: 0x40080040, machine: elf.EM_XTENSA,
		parts: []part{
			{name: ".rodata", address: 0x3f400000, data: rodata},
			{name: ".stack", address: 0x3ffb0000, size: 4096},
			{name: ".bss", address: 0x3ffb1000, size: 20_000},
			{name: ".rxring", address: 0x3fff0000, size: 9_600},
			{name: ".data", address: 0x3ffc0000, data: data},
			{name: ".iram", address: 0x40080000, data: bytes.Repeat([]byte{0x1a}, 2_002)},
			{name: ".text", address: 0x400d0000, data: text},
		},
		symbols: map[string]uint32{
			patchSymbol: 0x3ffc0000 + 996, "_rodata_start": 0x3f400000, "_rodata_end": 0x3f400000 + 70_000,
			"_text_start": 0x400d0000, "_text_end": 0x400d0000 + 5_001,
		},
	}
}

// with changes a section.
func (p program) with(name string, change func(*part)) program {
	parts := append([]part(nil), p.parts...)
	for i := range parts {
		if parts[i].name == name {
			change(&parts[i])
		}
	}
	p.parts = parts
	return p
}

// file is the ELF file of the program.
func (p program) file() []byte {
	const headSize, sectionSize, symbolSize = 52, 40, 16
	const ownName = ".shstrtab"
	names, body := []byte("\x00"+ownName+"\x00"), []byte{}
	name := func(s string) uint32 {
		if s == ownName {
			return 1
		}
		at := len(names)
		names = append(append(names, s...), 0)
		return uint32(at)
	}
	le := binary.LittleEndian
	sections := make([]byte, sectionSize) // the first is none
	section := func(n string, kind elf.SectionType, flags elf.SectionFlag, address uint32, data []byte, size, link, entry uint32) {
		if kind != elf.SHT_NOBITS {
			size = uint32(len(data))
		}
		for _, v := range []uint32{name(n), uint32(kind), uint32(flags), address, headSize + uint32(len(body)), size, link, 0, 1, entry} {
			sections = le.AppendUint32(sections, v)
		}
		body = append(body, data...)
	}
	for _, s := range p.parts {
		kind := elf.SHT_PROGBITS
		if s.data == nil {
			kind = elf.SHT_NOBITS
		}
		section(s.name, kind, elf.SHF_ALLOC|s.flags, s.address, s.data, s.size, 0, 0)
	}
	texts, symbols := []byte{0}, make([]byte, symbolSize)
	for s, v := range p.symbols {
		symbols = le.AppendUint32(symbols, uint32(len(texts)))
		symbols = le.AppendUint32(symbols, v)
		symbols = append(symbols, make([]byte, 4)...)
		symbols = append(symbols, byte(elf.STB_GLOBAL)<<4, 0, 0xf1, 0xff)
		texts = append(append(texts, s...), 0)
	}
	section(".comment", elf.SHT_PROGBITS, 0, 0, []byte("not loaded"), 0, 0, 0)
	if p.symbols != nil {
		at := uint32(len(p.parts) + 2)
		section(".symtab", elf.SHT_SYMTAB, 0, 0, symbols, 0, at+1, symbolSize)
		section(".strtab", elf.SHT_STRTAB, 0, 0, texts, 0, 0, 0)
	}
	own := uint16(len(sections) / sectionSize)
	section(ownName, elf.SHT_STRTAB, 0, 0, names, 0, 0, 0)
	head := append([]byte("\x7fELF"), byte(elf.ELFCLASS32), byte(elf.ELFDATA2LSB), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	head = le.AppendUint16(head, uint16(elf.ET_EXEC))
	head = le.AppendUint16(head, uint16(p.machine))
	for _, v := range []uint32{1, p.entry, 0, headSize + uint32(len(body)), 0} {
		head = le.AppendUint32(head, v)
	}
	for _, v := range []uint16{headSize, 0, 0, sectionSize, own + 1, own} {
		head = le.AppendUint16(head, v)
	}
	return append(append(head, body...), sections...)
}

func TestParse(t *testing.T) {
	p, err := Parse(usual().file())
	if err != nil {
		t.Fatal(err)
	}
	if p.Entry != 0x40080040 || p.Patch != 0x3ffc0000+996 || len(p.Data) != 70_000 || len(p.Code) != 5_001 || len(p.Segments) != 2 {
		t.Errorf("%+v", p)
	}
	for i, want := range []struct {
		address uint32
		size    int
	}{{0x3ffc0000, 1000}, {0x40080000, 2004}} {
		if s := p.Segments[i]; s.Address != want.address || len(s.Data) != want.size {
			t.Errorf("segment %d at %#x, %d bytes", i, s.Address, len(s.Data))
		}
	}
}

func TestParseJoins(t *testing.T) {
	p := usual()
	p.parts = append(p.parts, part{name: ".more", address: 0x400807d4, data: []byte{1, 2, 3, 4}},
		part{name: ".rodata2", address: 0x3f400000 + 70_016, data: []byte{5}})
	p.symbols["_rodata_end"] += 17
	got, err := Parse(p.file())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Segments) != 2 || len(got.Segments[1].Data) != 2008 || len(got.Data) != 70_017 || got.Data[70_016] != 5 || got.Data[70_001] != 0 {
		t.Errorf("%d segments, %d bytes of data", len(got.Segments), len(got.Data))
	}
}

func TestRefused(t *testing.T) {
	move := func(name string, to uint32) program { return usual().with(name, func(p *part) { p.address = to }) }
	symbol := func(name string, v uint32) program {
		p := usual()
		p.symbols[name] = v
		return p
	}
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"no ELF":               {[]byte("#!/bin/sh"), "read ELF file"},
		"another machine":      {program{machine: elf.EM_ARM, parts: usual().parts, symbols: usual().symbols}.file(), "no program for an ESP32"},
		"stripped":             {program{entry: 0x40080040, machine: elf.EM_XTENSA, parts: usual().parts}.file(), "must not be stripped"},
		"entry in flash":       {program{entry: 0x400d0000, machine: elf.EM_XTENSA, parts: usual().parts, symbols: usual().symbols}.file(), "entry 0x400d0000"},
		"code in the FIFO":     {usual().with(".iram", func(p *part) { p.data = make([]byte, 65_540) }).file(), "memory from 0x40090000 on is for frames"},
		"data on the ROM's":    {move(".data", 0x3ffe0000-8).file(), "no memory for it"},
		"over the selector":    {move(".data", 0x3fff0000).file(), "over the boot selector"},
		"in the selector":      {move(".iram", 0x40078000).file(), "no memory for it"},
		"variables anywhere":   {usual().with(".bss", func(p *part) { p.address, p.size = 0x3ffe8000, 8 }).file(), "no memory for it"},
		"overlap":              {move(".iram", 0x3ffc0100).file(), "overlap"},
		"odd address":          {move(".data", 0x3ffc0002).file(), "not a multiple of 4"},
		"constants later":      {move(".rodata", 0x3f410000).file(), "should at 0x3f400000"},
		"no constants":         {usual().with(".rodata", func(p *part) { p.data, p.size, p.address = nil, 4, 0x3ffb8000 }).file(), "there is no data in flash"},
		"no code":              {usual().with(".text", func(p *part) { p.data, p.size, p.address = nil, 4, 0x3ffb8000 }).file(), "there is no code in flash"},
		"patched word odd":     {symbol(patchSymbol, 0x3ffc0001).file(), "not a word of data"},
		"patched word beyond":  {symbol(patchSymbol, 0x3ffc0000+1000).file(), "not a word of data"},
		"patched word in code": {symbol(patchSymbol, 0x40080000).file(), "not a word of data"},
		"pages miscounted":     {symbol("_rodata_end", 0x3f400000+65_536).file(), "_rodata_start and _rodata_end enclose 65536"},
	} {
		if _, err := Parse(test.file); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	missing := usual()
	delete(missing.symbols, patchSymbol)
	if _, err := Parse(missing.file()); err == nil || !strings.Contains(err.Error(), "no symbol "+patchSymbol) {
		t.Error(err)
	}
	many := usual()
	for i := range uint32(8) {
		many.parts = append(many.parts, part{name: ".x", address: 0x40081000 + 16*i, data: []byte{1}})
	}
	if _, err := Parse(many.file()); err == nil || !strings.Contains(err.Error(), "10 parts") {
		t.Error(err)
	}
}

func text(s string) image.Text {
	t, _ := image.NewText(s)
	return t
}

func header() *image.Header {
	return &image.Header{Build: 7, Board: text("esp32-cam"), Chip: text("esp32"), Version: text("1.0.0")}
}

func TestImage(t *testing.T) {
	p, err := Parse(usual().file())
	if err != nil {
		t.Fatal(err)
	}
	h := header()
	content, err := p.Image(h, boot.SlotSize)
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, content)
	if h.Load.Data.Offset != 0x10000 || h.Load.Code.Offset != 0x30000 || len(content) != 0x30000+5_004 {
		t.Errorf("%+v, %d bytes", h.Load, len(content))
	}
	if _, err := p.Image(header(), uint64(len(content))-1); err == nil {
		t.Error("it fits a slot that is too small")
	}
}

// checkImage does what a selector does, and compares.
func checkImage(t *testing.T, content []byte) {
	t.Helper()
	var h image.Header
	if err := image.Decode(content, &h); err != nil {
		t.Fatal(err)
	}
	var s boot.Selector
	chip := inFlash(t, content)
	if err := s.Open(chip, boot.ESP32CAM(), newHash()); err != nil {
		t.Fatal(err)
	}
	c, ok := s.Select(0)
	if !ok || c.Slot != boot.A || c.Trial {
		t.Fatalf("the selector: %+v %v, %v", c, ok, s.Found(boot.A))
	}
}

// TestTinyGo makes an image of what TinyGo makes of a program, where it is there.
func TestTinyGo(t *testing.T) {
	tinygo, err := exec.LookPath("tinygo")
	if err != nil {
		t.Log("no tinygo on the PATH: only made-up programs were tried")
		return
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module hello\n\ngo 1.25\n", "main.go": "package main\n\nfunc main() { println(\"hello\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command(tinygo, "build", "-target=esp32-generic", "-o", "hello.elf", ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	file, err := os.ReadFile(filepath.Join(dir, "hello.elf"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if word := p.find(p.Patch, 4); binary.LittleEndian.Uint32(word) != 0x10000 {
		t.Errorf("the word to patch holds %x", word)
	}
	content, err := p.Image(header(), boot.SlotSize)
	if err != nil {
		t.Fatal(err)
	}
	checkImage(t, content)
}

func FuzzParse(f *testing.F) {
	small := usual()
	small = small.with(".rodata", func(p *part) { p.data = p.data[:64] }).with(".text", func(p *part) { p.data = p.data[:64] }).with(".iram", func(p *part) { p.data = p.data[:128] })
	small.symbols["_rodata_end"], small.symbols["_text_end"] = 0x3f400040, 0x400d0040
	f.Add(small.file())
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := Parse(file)
		if err != nil {
			return
		}
		h := header()
		content, err := p.Image(h, boot.SlotSize)
		if err != nil {
			return
		}
		if reasons := h.Check(); reasons != 0 {
			t.Fatalf("Parse took what a camera refuses: %v, %+v", reasons.First(), h.Load)
		}
		checkImage(t, content)
	})
}
