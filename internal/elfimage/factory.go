package elfimage

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/flash/norsim"
	"camrelay/firmware/core/image"
)

// FactoryData returns the sector with what a camera is given when it is made. It
// is in the format of settings, so that a camera without settings takes these.
func FactoryData(values *config.Values) ([]byte, error) {
	chip := norsim.New(2 * flash.Sector)
	var store config.Store
	if err := store.Open(chip, 0); err != nil {
		return nil, err
	}
	if err := store.Save(values.Bytes()); err != nil {
		return nil, fmt.Errorf("make factory data: %w", err)
	}
	sector := make([]byte, flash.Sector)
	if err := chip.Read(0, sector); err != nil {
		return nil, err
	}
	if flash.Blank(sector) {
		return nil, fmt.Errorf("make factory data: the store did not begin in its first sector")
	}
	return sector, nil
}

// Factory returns what is written to a new board's flash from its beginning: the
// selector that Selector returned, factory data if there are any, and an image
// for slot A. Its end is that of the image: all behind stays as it is, so a
// board that was in use has to be erased first.
func Factory(selector, data, content []byte) ([]byte, error) {
	var h image.Header
	if err := image.Decode(content, &h); err != nil {
		return nil, err
	}
	var body image.Body
	body.Reset(&h, sha256.New())
	if _, err := body.Write(content[image.HeaderSize:]); err != nil {
		return nil, err
	}
	if err := body.Check(); err != nil {
		return nil, err
	}
	switch {
	case h.Layout != image.ESP32:
		return nil, fmt.Errorf("the image is for chip %s, which has no boot selector", h.Chip.String())
	case len(content) > boot.SlotSize:
		return nil, fmt.Errorf("the image has %d bytes, and a slot %d", len(content), boot.SlotSize)
	case len(selector) > boot.SelectorSize:
		return nil, fmt.Errorf("the selector has %d bytes, and there is room for %d", len(selector), boot.SelectorSize)
	case len(data) > flash.Sector:
		return nil, fmt.Errorf("the factory data have %d bytes, and there is room for %d", len(data), flash.Sector)
	}
	out := bytes.Repeat([]byte{0xff}, boot.SlotAOffset)
	copy(out[boot.SelectorOffset:], selector)
	copy(out[boot.FactoryOffset:], data)
	return append(out, content...), nil
}
