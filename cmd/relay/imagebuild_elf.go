package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/image"
	"camrelay/internal/elfimage"
)

// elfChip is the chip that programs are for.
const elfChip = "esp32"

// packELF returns the image with a program for an ESP32.
func packELF(h *image.Header, name string, slot uint64) ([]byte, error) {
	file, err := readAtMost(name, elfimage.MaxELF)
	if err != nil {
		return nil, fmt.Errorf("read program: %w", err)
	}
	program, err := elfimage.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", name, err)
	}
	content, err := program.Image(h, slot)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", name, err)
	}
	return content, nil
}

// factoryFlags are about the file for the flash of a new board.
type factoryFlags struct {
	selector, settings, out string
}

func (f *factoryFlags) register(set *flag.FlagSet) {
	set.StringVar(&f.out, "factory", "", "also write a `file` for the flash of a new board: esptool write_flash 0x0 FILE; needs --elf and --selector")
	set.StringVar(&f.selector, "selector", "", "boot selector for --factory: the `file` selector.bin that TinyGo made")
	set.StringVar(&f.settings, "settings", "", "settings for --factory: a `file` with lines like ssid = NAME (default: none)")
}

// check says what is missing.
func (f *factoryFlags) check(program bool) error {
	switch {
	case f.out == "" && (f.selector != "" || f.settings != ""):
		return fmt.Errorf("--selector and --settings are for --factory, which is missing, like --factory factory.bin")
	case f.out != "" && !program:
		return fmt.Errorf("--factory %s needs --elf: only an ESP32 has a flash to write it to", f.out)
	case f.out != "" && f.selector == "":
		return fmt.Errorf("--factory %s needs --selector, like --selector selector.bin", f.out)
	}
	return nil
}

// make returns the file, nil if none is wanted.
func (f *factoryFlags) make(content []byte) ([]byte, error) {
	if f.out == "" {
		return nil, nil
	}
	rom, err := readAtMost(f.selector, boot.ChipSize)
	if err != nil {
		return nil, fmt.Errorf("read selector: %w", err)
	}
	selector, err := elfimage.Selector(rom)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.selector, err)
	}
	var data []byte
	if f.settings != "" {
		values, err := readSettings(f.settings)
		if err != nil {
			return nil, err
		}
		if data, err = elfimage.FactoryData(values); err != nil {
			return nil, err
		}
	}
	return elfimage.Factory(selector, data, content)
}

// write writes the file. With settings it holds secrets, so only its owner may
// read it.
func (f *factoryFlags) write(content []byte, stdout io.Writer) error {
	if err := writeAside(f.out, content, 0o600, os.Rename); err != nil {
		return fmt.Errorf("write factory file: %w", err)
	}
	_, err := fmt.Fprintf(stdout, "%s: %d bytes for the flash of a new board: esptool --chip esp32 write_flash --flash_mode keep --flash_size keep 0x0 %s\n", f.out, len(content), f.out)
	return err
}

// settingTags are the names of settings in a file.
var settingTags = map[string]config.Tag{
	"ssid": config.SSID, "password": config.Password, "relay": config.Relay, "camera": config.Camera, "key": config.Key,
	"mqtt": config.MQTT, "topic": config.Topic, "scheme": config.Scheme,
}

// readSettings reads a file with lines like ssid = NAME. Empty lines and those
// that begin with # are left out.
func readSettings(name string) (*config.Values, error) {
	content, err := readAtMost(name, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	var values config.Values
	seen := map[string]bool{}
	for i, line := range bytes.Split(content, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		left, right, ok := bytes.Cut(line, []byte("="))
		setting, value := string(bytes.TrimSpace(left)), bytes.TrimSpace(right)
		tag, known := settingTags[setting]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s:%d: a line is like ssid = NAME", name, i+1)
		case !known:
			return nil, fmt.Errorf("%s:%d: there is no setting %q: ssid, password, relay, camera, key, mqtt, topic and scheme are", name, i+1, setting)
		case seen[setting]:
			return nil, fmt.Errorf("%s:%d: %s is set twice", name, i+1, setting)
		}
		seen[setting] = true
		if err := values.Set(tag, value); err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", name, i+1, setting, err)
		}
	}
	for _, needed := range []string{"ssid", "relay", "camera", "key"} {
		if !seen[needed] {
			return nil, fmt.Errorf("%s: %s is missing; a camera needs ssid, relay, camera and key", name, needed)
		}
	}
	return &values, nil
}
