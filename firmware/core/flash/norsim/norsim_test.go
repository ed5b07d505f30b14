package norsim

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"camrelay/firmware/core/flash"
)

func TestFlashOnlyClearsBits(t *testing.T) {
	f := New(2 * flash.Sector)
	if err := f.Program(0, []byte{0xf0, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	if err := f.Program(0, []byte{0x30, 0xff, 0xff, 0xff}); err != nil {
		t.Errorf("clearing more bits: %v", err)
	}
	if err := f.Program(0, []byte{0x70, 0, 0, 0}); !errors.Is(err, flash.ErrBits) {
		t.Errorf("setting a bit: %v", err)
	}
	p := make([]byte, 4)
	if err := f.Read(0, p); err != nil || !bytes.Equal(p, []byte{0x30, 0xff, 0xff, 0xff}) {
		t.Errorf("%x %v", p, err)
	}
	if err := f.Erase(0); err != nil || !flash.Blank(f.Bytes()) {
		t.Errorf("erasing: %v", err)
	}
	if err := f.Erase(1); !errors.Is(err, flash.ErrAlign) {
		t.Errorf("erasing off a sector: %v", err)
	}
	if err := f.Program(254, p); !errors.Is(err, flash.ErrAlign) {
		t.Errorf("programming off a word: %v", err)
	}
	if err := f.Read(2*flash.Sector, p); !errors.Is(err, flash.ErrRange) {
		t.Errorf("reading past the end: %v", err)
	}
	if f.Wear(0) != 1 || f.Wear(flash.Sector) != 0 {
		t.Error("wear is not counted")
	}
	if c := f.Counts(); c != (Counts{Reads: 1, Programs: 2, Erases: 1, Steps: 3}) {
		t.Errorf("%+v", c)
	}
}

// Each tear of programming four words, in each of them.
func TestTornProgram(t *testing.T) {
	want := bytes.Repeat([]byte{0}, 16)
	for tear := range Tears {
		for step := range uint64(4) {
			f := New(flash.Sector)
			f.CutAfter(step, tear, 1)
			if err := f.Program(0, want); !errors.Is(err, ErrPower) {
				t.Fatalf("%v %d: %v", tear, step, err)
			}
			for _, err := range []error{f.Read(0, want), f.Program(0, want), f.Erase(0)} {
				if err != ErrPower {
					t.Errorf("without power: %v", err)
				}
			}
			if !f.PowerOn() || f.PowerOn() {
				t.Error("the loss of power is not told")
			}
			at := int(step) * flash.Word
			m := f.Bytes()
			whole := at
			if tear == After {
				whole += flash.Word
			}
			if tear != Scatter && !bytes.Equal(m[:whole], want[:whole]) {
				t.Errorf("%v %d: %x", tear, step, m[:16])
			}
			if rest := m[at+flash.Word:]; tear != Scatter && !flash.Blank(rest) {
				t.Errorf("%v %d: %x", tear, step, m[:16])
			}
			if word := m[at:][:flash.Word]; tear == Partial && (flash.Blank(word) || bytes.Equal(word, want[:flash.Word])) {
				t.Errorf("%v %d: the word is %x", tear, step, word)
			}
			if err := f.Program(0, make([]byte, 16)); err != nil {
				t.Errorf("%v %d: programming again: %v", tear, step, err)
			}
		}
	}
}

func TestTornErase(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(20) {
		for tear := range Tears {
			f := New(2 * flash.Sector)
			clear(f.Bytes())
			f.CutAfter(0, tear, seed)
			if err := f.Erase(flash.Sector); !errors.Is(err, ErrPower) {
				t.Fatal(err)
			}
			first, second := f.Bytes()[:flash.Sector], f.Bytes()[flash.Sector:]
			if !bytes.Equal(first, make([]byte, flash.Sector)) {
				t.Fatal("another sector has changed")
			}
			switch {
			case bytes.Equal(second, first):
				seen[tear.String()+" unchanged"] = true
			case flash.Blank(second):
				seen[tear.String()+" blank"] = true
			default:
				seen[tear.String()+" torn"] = true
			}
		}
	}
	for _, want := range []string{"before unchanged", "after blank", "partial torn"} {
		if !seen[want] {
			t.Errorf("no %s: %v", want, seen)
		}
	}
	if seen["before torn"] || seen["after torn"] {
		t.Errorf("%v", seen)
	}
}

func TestFileOutlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flash.bin")
	f, err := Open(path, 2*flash.Sector)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Program(4, []byte("word")), f.Program(flash.Sector, []byte("gone")), f.Erase(flash.Sector)); err != nil {
		t.Fatal(err)
	}
	f.CutAfter(1, Partial, 1)
	torn := f.Program(8, []byte("twowords"))
	if !errors.Is(torn, ErrPower) {
		t.Fatal(torn)
	}
	left := bytes.Clone(f.Bytes())
	if err := f.Close(); err != nil { // a killed process does not even do that
		t.Fatal(err)
	}
	g, err := Open(path, 2*flash.Sector)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if !bytes.Equal(g.Bytes(), left) || string(g.Bytes()[4:12]) != "wordtwow" {
		t.Errorf("%q came back", g.Bytes()[:16])
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, 2*flash.Sector); err == nil {
		t.Error("a file of another size is taken")
	}
}
