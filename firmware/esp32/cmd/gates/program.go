package main

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"camrelay/firmware/esp32/xtensa"
)

// program is an ELF file.
type program struct {
	file      *elf.File
	functions []function // in ascending order of their addresses
	symbols   map[string]uint32
	content   map[*elf.Section][]byte
}

type function struct {
	name       string
	start, end uint32
}

func open(content []byte) (*program, error) {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	p := &program{file: f, symbols: map[string]uint32{}, content: map[*elf.Section][]byte{}}
	for _, s := range symbols {
		p.symbols[s.Name] = uint32(s.Value)
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Size > 0 {
			p.functions = append(p.functions, function{s.Name, uint32(s.Value), uint32(s.Value + s.Size)})
		}
	}
	slices.SortFunc(p.functions, func(a, b function) int { return cmp.Compare(a.start, b.start) })
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 || s.Type == elf.SHT_NOBITS {
			continue
		}
		if p.content[s], err = s.Data(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *program) symbol(name string) (uint32, bool) {
	v, ok := p.symbols[name]
	return v, ok
}

// section is how long a section is.
func (p *program) section(name string) uint64 {
	if s := p.file.Section(name); s != nil {
		return s.Size
	}
	return 0
}

// at returns n bytes of memory, nil if the file does not have them.
func (p *program) at(address uint32, n uint32) []byte {
	for s, content := range p.content {
		if at := uint64(address) - s.Addr; uint64(address) >= s.Addr && at+uint64(n) <= uint64(len(content)) {
			return content[at:][:n]
		}
	}
	return nil
}

// function returns the one that an address is in.
func (p *program) function(address uint32) (function, bool) {
	i, found := slices.BinarySearchFunc(p.functions, address, func(f function, a uint32) int { return cmp.Compare(f.start, a) })
	if !found {
		i--
	}
	if i < 0 || address >= p.functions[i].end {
		return function{}, false
	}
	return p.functions[i], true
}

// named returns the function of a name.
func (p *program) named(name string) (function, error) {
	for _, f := range p.functions {
		if f.name == name {
			return f, nil
		}
	}
	return function{}, fmt.Errorf("there is no function %s: it may have been inlined", name)
}

// step is an instruction with what it calls, where that is known.
type step struct {
	xtensa.Instruction
	pc    uint32
	known bool // Target holds
}

// steps decodes a function. What a register holds is known after an l32r until
// the next one.
func (p *program) steps(f function) ([]step, error) {
	code := p.at(f.start, f.end-f.start)
	if code == nil {
		return nil, fmt.Errorf("the code of %s is not in the file", f.name)
	}
	var all []step
	var registers [16]struct {
		value uint32
		known bool
	}
	for pc := f.start; pc < f.end; {
		in := xtensa.Decode(code[pc-f.start:], pc)
		if in.Kind == xtensa.Illegal {
			if f.end-pc < 3 { // padding
				break
			}
			return nil, fmt.Errorf("%s has no instruction at %#x", f.name, pc)
		}
		s := step{Instruction: in, pc: pc}
		switch in.Kind {
		case xtensa.Const:
			word := p.at(in.Target, 4)
			if word == nil {
				return nil, errors.New("an l32r in " + f.name + " reads what the file does not have")
			}
			registers[in.Register] = struct {
				value uint32
				known bool
			}{binary.LittleEndian.Uint32(word), true}
		case xtensa.Call, xtensa.Jump:
			s.known = true
		case xtensa.CallX, xtensa.JumpX:
			s.Target, s.known = registers[in.Register].value, registers[in.Register].known
		}
		all = append(all, s)
		pc += in.Size
	}
	return all, nil
}
