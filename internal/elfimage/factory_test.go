package elfimage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strings"
	"testing"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
)

func newHash() hash.Hash { return sha256.New() }

// inFlash is a chip with an image in slot A.
func inFlash(t *testing.T, content []byte) flash.Device {
	t.Helper()
	chip := norsim.New(boot.ChipSize)
	if err := flash.Program(chip, boot.SlotAOffset, content); err != nil {
		t.Fatal(err)
	}
	return chip
}

// rom makes an image for the ROM, as TinyGo does.
func rom(entry uint32, segments ...Segment) []byte {
	p := make([]byte, romHead)
	p[0], p[1], p[2], p[3], p[romHashed] = romMagic, byte(len(segments)), 2, 0x1f, 1
	put(p[4:], entry)
	sum := byte(romChecksum)
	for _, s := range segments {
		p = binary.LittleEndian.AppendUint32(p, s.Address)
		p = binary.LittleEndian.AppendUint32(p, uint32(len(s.Data)))
		p = append(p, s.Data...)
		for _, b := range s.Data {
			sum ^= b
		}
	}
	p = append(p, make([]byte, 15-len(p)%16)...)
	p = append(p, sum)
	hash := sha256.Sum256(p)
	return append(p, hash[:]...)
}

func usualROM() []byte {
	return rom(0x40078010, Segment{0x3fff2000, bytes.Repeat([]byte{1}, 600)}, Segment{0x40078000, bytes.Repeat([]byte{2}, 4000)})
}

func TestSelector(t *testing.T) {
	in := usualROM()
	out, err := Selector(in)
	if err != nil {
		t.Fatal(err)
	}
	if out[romFlash] != flash4M80 || in[romFlash] != 0x1f || len(out) != len(in) {
		t.Errorf("flash %#x, was %#x", out[romFlash], in[romFlash])
	}
	if sum := sha256.Sum256(out[:len(out)-32]); !bytes.Equal(sum[:], out[len(out)-32:]) {
		t.Error("the SHA-256 is not that of what is before")
	}
	in[romFlash] = flash4M80
	if !bytes.Equal(out[:len(out)-32], in[:len(in)-32]) {
		t.Error("more has changed")
	}
	if again, err := Selector(out); err != nil || !bytes.Equal(again, out) {
		t.Errorf("again: %v", err)
	}
}

func TestSelectorRefused(t *testing.T) {
	code := Segment{0x40078000, make([]byte, 64)}
	damaged := usualROM()
	damaged[40] ^= 1
	rehashed := bytes.Clone(damaged[:len(damaged)-32])
	sum := sha256.Sum256(rehashed)
	for name, test := range map[string]struct {
		rom  []byte
		want string
	}{
		"nothing":           {nil, "no image for the ESP32's ROM"},
		"an ELF":            {usual().file(), "no image for the ESP32's ROM"},
		"an application":    {rom(0x40080000, Segment{0x3ffb0000, make([]byte, 64)}), "selector.ld"},
		"beyond its own":    {rom(0x40078000, Segment{0x4007ffc0, make([]byte, 68)}), "selector.ld"},
		"entry elsewhere":   {rom(0x40079000, code), "entry 0x40079000"},
		"entry in data":     {rom(0x3fff0000, code, Segment{0x3fff0000, make([]byte, 8)}), "entry"},
		"cut off":           {usualROM()[:300], "cut off"},
		"more behind":       {append(usualROM(), 0), "segments say"},
		"damaged":           {damaged, "checksum"},
		"damaged, rehashed": {append(rehashed, sum[:]...), "checksum"},
		"too large":         {rom(0x40078000, Segment{0x40078000, make([]byte, 28_700)}), "there is room for"},
		"no segments":       {rom(0x40078000), "0 segments"},
	} {
		if _, err := Selector(test.rom); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestFactory(t *testing.T) {
	p, err := Parse(usual().file())
	if err != nil {
		t.Fatal(err)
	}
	content, err := p.Image(header(), boot.SlotSize)
	if err != nil {
		t.Fatal(err)
	}
	selector, err := Selector(usualROM())
	if err != nil {
		t.Fatal(err)
	}
	var values config.Values
	if err := values.Set(config.SSID, []byte("home")); err != nil {
		t.Fatal(err)
	}
	data, err := FactoryData(&values)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Factory(selector, data, content)
	if err != nil {
		t.Fatal(err)
	}
	chip := norsim.New(boot.ChipSize)
	for at := 0; at < len(file); at += flash.Page {
		page := file[at:min(at+flash.Page, len(file))]
		if flash.Blank(page) {
			continue
		}
		if err := chip.Program(uint32(at), page); err != nil {
			t.Fatal(err)
		}
	}
	checkImage(t, file[boot.SlotAOffset:])
	if !bytes.Equal(file[boot.SelectorOffset:][:len(selector)], selector) || !flash.Blank(file[:boot.SelectorOffset]) || !flash.Blank(file[boot.RecordsOffset:boot.SlotAOffset]) {
		t.Error("things are not where they belong")
	}
	var store config.Store
	if err := store.Open(chip, boot.FactoryOffset); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, config.MaxSize)
	n, err := store.Load(got)
	if err != nil || !bytes.Equal(got[:n], values.Bytes()) {
		t.Errorf("factory data %x, %v", got[:n], err)
	}
	content[5000] ^= 1
	if _, err := Factory(selector, data, content); err == nil {
		t.Error("a damaged image is taken")
	}
}
