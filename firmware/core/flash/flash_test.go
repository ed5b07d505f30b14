package flash_test

import (
	"bytes"
	"errors"
	"testing"

	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
)

func TestProgramSplitsAtPages(t *testing.T) {
	chip := norsim.New(flash.Sector)
	p := bytes.Repeat([]byte{0x5a}, 600)
	if err := flash.Program(chip, 100, p); err != nil {
		t.Fatal(err)
	}
	if n := chip.Counts().Programs; n != 3 {
		t.Errorf("%d pages programmed, want 3", n)
	}
	scratch := make([]byte, 64)
	if err := flash.Verify(chip, 100, p, scratch); err != nil {
		t.Error(err)
	}
	chip.Bytes()[699] &^= 0x40
	if err := flash.Verify(chip, 100, p, scratch); err != flash.ErrVerify {
		t.Errorf("a wrong byte: %v", err)
	}
	if !flash.Blank(chip.Bytes()[:100]) || flash.Blank(chip.Bytes()[:101]) {
		t.Error("Blank does not see what is programmed")
	}
	if err := flash.Program(chip, flash.Sector-256, p); !errors.Is(err, flash.ErrRange) {
		t.Errorf("past the end: %v", err)
	}
}

func TestLimits(t *testing.T) {
	const size = 2 * flash.Sector
	for _, c := range []struct {
		name string
		got  error
		want error
	}{
		{"read all", flash.CheckRead(size, 0, size), nil},
		{"read nothing at the end", flash.CheckRead(size, size, 0), nil},
		{"read past the end", flash.CheckRead(size, size-4, 8), flash.ErrRange},
		{"read far away", flash.CheckRead(size, 0xfffffffc, 8), flash.ErrRange},
		{"read at a byte", flash.CheckRead(size, 2, 4), flash.ErrAlign},
		{"read half a word", flash.CheckRead(size, 0, 2), flash.ErrAlign},
		{"program a page", flash.CheckProgram(size, 256, 256), nil},
		{"program nothing", flash.CheckProgram(size, 256, 0), nil},
		{"program two pages", flash.CheckProgram(size, 256, 512), flash.ErrAlign},
		{"program over a border", flash.CheckProgram(size, 252, 8), flash.ErrAlign},
		{"program past the end", flash.CheckProgram(size, size, 4), flash.ErrRange},
		{"erase the last", flash.CheckErase(size, flash.Sector), nil},
		{"erase past the end", flash.CheckErase(size, size), flash.ErrRange},
		{"erase in a sector", flash.CheckErase(size, 256), flash.ErrAlign},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}
