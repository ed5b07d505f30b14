package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/image"
)

// smallELF is a program for an ESP32, as small as it can be.
func smallELF(entry uint32) []byte {
	const head, section, symbol = 52, 40, 16
	le := binary.LittleEndian
	names := "\x00.data\x00.iram\x00.rodata\x00.text\x00.symtab\x00.strtab\x00.shstrtab\x00"
	texts := "\x00_drom_flash_addr\x00_rodata_start\x00_rodata_end\x00_text_start\x00_text_end\x00"
	var symbols []byte
	for _, s := range []struct {
		name  string
		value uint32
	}{{"", 0}, {"_drom_flash_addr", 0x3ffb0004}, {"_rodata_start", 0x3f400000}, {"_rodata_end", 0x3f400008}, {"_text_start", 0x400d0000}, {"_text_end", 0x400d0008}} {
		symbols = le.AppendUint32(symbols, uint32(max(0, strings.Index(texts, "\x00"+s.name+"\x00")))+1)
		symbols = le.AppendUint32(symbols, s.value)
		symbols = append(symbols, 0, 0, 0, 0, byte(elf.STB_GLOBAL)<<4, 0, 0xf1, 0xff)
	}
	body, table := []byte{}, make([]byte, section)
	for i, s := range []struct {
		name    string
		kind    elf.SectionType
		flags   elf.SectionFlag
		address uint32
		data    []byte
	}{
		{".data", elf.SHT_PROGBITS, elf.SHF_ALLOC, 0x3ffb0000, make([]byte, 8)}, {".iram", elf.SHT_PROGBITS, elf.SHF_ALLOC, 0x40080000, make([]byte, 8)},
		{".rodata", elf.SHT_PROGBITS, elf.SHF_ALLOC, 0x3f400000, make([]byte, 8)}, {".text", elf.SHT_PROGBITS, elf.SHF_ALLOC, 0x400d0000, make([]byte, 8)},
		{".symtab", elf.SHT_SYMTAB, 0, 0, symbols}, {".strtab", elf.SHT_STRTAB, 0, 0, []byte(texts)}, {".shstrtab", elf.SHT_STRTAB, 0, 0, []byte(names)},
	} {
		link, size := uint32(0), uint32(0)
		if s.kind == elf.SHT_SYMTAB {
			link, size = uint32(i+2), symbol
		}
		for _, v := range []uint32{
			uint32(strings.Index(names, "\x00"+s.name+"\x00")) + 1, uint32(s.kind), uint32(s.flags), s.address, head + uint32(len(body)), uint32(len(s.data)), link, 0, 1, size,
		} {
			table = le.AppendUint32(table, v)
		}
		body = append(body, s.data...)
	}
	out := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 9)...)
	out = le.AppendUint16(out, uint16(elf.ET_EXEC))
	out = le.AppendUint16(out, uint16(elf.EM_XTENSA))
	for _, v := range []uint32{1, entry, 0, head + uint32(len(body)), 0} {
		out = le.AppendUint32(out, v)
	}
	for _, v := range []uint16{head, 0, 0, section, 8, 7} {
		out = le.AppendUint16(out, v)
	}
	return append(append(out, body...), table...)
}

func TestBuildELF(t *testing.T) {
	b := newImageBench(t)
	b.write("camera.elf", smallELF(0x40080000))
	build := []string{"build", "--elf", "@camera.elf", "--board", "esp32-cam", "--version", "1.0.0", "--build", "3", "--out", "@camera.img"}
	b.ok(build...)
	content, err := os.ReadFile(b.path("camera.img"))
	if err != nil {
		t.Fatal(err)
	}
	var h image.Header
	if err := image.Decode(content, &h); err != nil || !h.Chip.Is("esp32") || h.Layout != image.ESP32 || h.Load.Entry != 0x40080000 {
		t.Errorf("%v, %+v", err, h)
	}
	b.ok("inspect", "@camera.img")
	if code, out := b.image(append(build, "--chip", "host")...); code == 0 || !strings.Contains(out, "leave --chip out") {
		t.Errorf("for another chip: %d %s", code, out)
	}
	b.write("camera.elf", smallELF(0x400d0000))
	if code, out := b.image(build...); code == 0 || !strings.Contains(out, "camera.elf") || !strings.Contains(out, "entry") {
		t.Errorf("a bad program: %d %s", code, out)
	}
	b.write("camera.elf", []byte("nothing"))
	if code, out := b.image(build...); code == 0 || !strings.Contains(out, "read ELF file") {
		t.Errorf("no program: %d %s", code, out)
	}
}

func TestFactoryRefused(t *testing.T) {
	b := newImageBench(t)
	b.write("camera.elf", smallELF(0x40080000))
	b.write("selector.bin", []byte("no selector"))
	build := []string{"build", "--elf", "@camera.elf", "--board", "esp32-cam", "--version", "1.0.0", "--build", "3", "--out", "@camera.img"}
	for want, words := range map[string][]string{
		"needs --selector":             {"--factory", "@f.bin"},
		"are for --factory":            {"--selector", "@selector.bin"},
		"no image for the ESP32's ROM": {"--factory", "@f.bin", "--selector", "@selector.bin"},
		"read selector":                {"--factory", "@f.bin", "--selector", "@missing.bin"},
	} {
		if code, out := b.image(append(build[:len(build):len(build)], words...)...); code == 0 || !strings.Contains(out, want) {
			t.Errorf("%q: %d %s", words, code, out)
		}
		if _, err := os.Stat(b.path("camera.img")); err == nil {
			t.Errorf("%q: an image was left", words)
		}
	}
	b.write("payload", []byte("x"))
	if code, out := b.image("build", "@payload", "--board", "vcam", "--chip", "host", "--version", "1", "--build", "3", "--out", "@v.img", "--factory", "@f.bin"); code == 0 || !strings.Contains(out, "needs --elf") {
		t.Errorf("%d %s", code, out)
	}
}

func TestReadSettings(t *testing.T) {
	b := newImageBench(t)
	const good = "# home\nssid = my = network \npassword=secretsecret\r\n\nrelay = ws://10.0.0.1:8080\ncamera = door\nkey = 0123456789abcdef\n"
	b.write("s", []byte(good))
	v, err := readSettings(b.path("s"))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Get(config.SSID); !bytes.Equal(got, []byte("my = network")) || string(v.Get(config.Password)) != "secretsecret" {
		t.Errorf("%q", got)
	}
	for text, want := range map[string]string{
		good + "ssid = again":                  "s:8: ssid is set twice",
		good + "colour = red":                  `s:8: there is no setting "colour"`,
		good + "word":                          "s:8: a line is like",
		"ssid = x\nrelay = wss://10.0.0.1\n":   "s:2: relay: ",
		"ssid = x\ncamera = door\nkey = abc\n": "s:3: key: ",
		"ssid = x\n":                           "relay is missing",
	} {
		b.write("s", []byte(text))
		if _, err := readSettings(b.path("s")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if boot.FactoryOffset != 0x8000 {
		t.Error("docs/firmware.md says otherwise")
	}
}
