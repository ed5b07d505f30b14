package vcam

import (
	"errors"
	"fmt"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/flash"
)

// provision does what is done to a new camera at a bench: it writes an image into
// slot A, unless there is one in either slot, and the settings, unless they are
// there already.
func provision(dev flash.Device, m boot.Map, factory []byte, settings map[config.Tag]string) error {
	if blank, err := blankSlots(dev, m); err != nil {
		return err
	} else if blank {
		if err := writeImage(dev, m.Slots[boot.A], m.SlotSize, factory); err != nil {
			return fmt.Errorf("write the factory's firmware: %w", err)
		}
	}
	var store config.Store
	if err := store.Open(dev, boot.SettingsOffset); err != nil {
		return fmt.Errorf("open settings: %w", err)
	}
	var values config.Values
	stored := make([]byte, config.MaxSize)
	n, err := store.Load(stored)
	if err == nil {
		err = values.Decode(stored[:n])
	}
	if err != nil && !errors.Is(err, config.ErrEmpty) {
		return fmt.Errorf("read settings: %w", err)
	}
	for tag, value := range settings {
		if err := values.Set(tag, []byte(value)); err != nil {
			return fmt.Errorf("setting %q: %w", value, err)
		}
	}
	if err := store.Save(values.Bytes()); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

// blankSlots reports whether neither slot holds the beginning of an image.
func blankSlots(dev flash.Device, m boot.Map) (bool, error) {
	for _, base := range m.Slots {
		head := make([]byte, flash.Page)
		if err := dev.Read(base, head); err != nil {
			return false, fmt.Errorf("read slot: %w", err)
		}
		if !flash.Blank(head) {
			return false, nil
		}
	}
	return true, nil
}

// writeImage writes an image as a programmer does: its header's sector last.
func writeImage(dev flash.Device, base, size uint32, content []byte) error {
	if uint32(len(content)) > size {
		return fmt.Errorf("%d bytes do not fit a slot of %d", len(content), size)
	}
	for off := uint32(0); off < uint32(len(content)); off += flash.Sector {
		if err := dev.Erase(base + off); err != nil {
			return err
		}
	}
	if err := flash.Program(dev, base+flash.Sector, content[flash.Sector:]); err != nil {
		return err
	}
	return flash.Program(dev, base, content[:flash.Sector])
}
