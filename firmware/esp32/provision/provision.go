// Package provision is where a camera has its settings and keys from.
package provision

import (
	"errors"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/flash"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/text"
)

// Bench are settings for a camera that has none, which it was compiled with.
type Bench struct{ SSID, Password, Relay, Camera, Key, MQTT string }

// ErrRing is a ring that cannot be read.
var ErrRing = errors.New("the ring must be keys of 64 hexadecimal digits, with commas between")

// Load reads the settings of the flash. A camera without takes those it was given
// in the factory, or else those it was compiled with, and keeps them; v is empty if
// there are none either.
func Load(dev flash.Device, v *config.Values, bench *Bench) error {
	var store config.Store
	if err := store.Open(dev, boot.SettingsOffset); err != nil {
		return err
	}
	err := load(&store, v)
	if err != config.ErrEmpty {
		return err
	}
	var factory config.Store
	if err := factory.Open(firstSector{dev}, boot.FactoryOffset); err != nil {
		return err
	}
	if err = load(&factory, v); err == config.ErrEmpty {
		err = bench.take(v)
	}
	if err != nil || len(v.Bytes()) == 0 {
		return err
	}
	return store.Save(v.Bytes())
}

func load(s *config.Store, v *config.Values) error {
	var stored [config.MaxValues]byte
	n, err := s.Load(stored[:])
	if err != nil {
		return err
	}
	return v.Decode(stored[:n])
}

func (b *Bench) take(v *config.Values) error {
	for _, set := range [...]struct {
		tag   config.Tag
		value string
	}{
		{config.SSID, b.SSID}, {config.Password, b.Password}, {config.Relay, b.Relay}, {config.Camera, b.Camera}, {config.Key, b.Key}, {config.MQTT, b.MQTT},
	} {
		if set.value == "" {
			continue
		}
		if err := v.Set(set.tag, []byte(set.value)); err != nil {
			return err
		}
	}
	return nil
}

// firstSector is a store of one sector: the second is somebody else's, and reads
// as erased.
type firstSector struct{ flash.Device }

// Read implements flash.Device.
func (f firstSector) Read(off uint32, p []byte) error {
	if off < boot.FactoryOffset+flash.Sector {
		return f.Device.Read(off, p)
	}
	for i := range p {
		p[i] = 0xff
	}
	return nil
}

// Program implements flash.Device.
func (firstSector) Program(uint32, []byte) error { return flash.ErrRange }

// Erase implements flash.Device.
func (firstSector) Erase(uint32) error { return flash.ErrRange }

// Ring reads public keys: hexadecimal digits, with commas between.
func Ring(s string) ([]image.Key, error) {
	var keys []image.Key
	for len(s) > 0 {
		const digits = 2 * image.PublicKeySize
		if len(s) < digits || len(s) > digits && s[digits] != ',' {
			return nil, ErrRing
		}
		var public [image.PublicKeySize]byte
		if !text.DecodeHex(public[:], []byte(s[:digits])) {
			return nil, ErrRing
		}
		keys = append(keys, image.NewKey(public))
		s = s[min(len(s), digits+1):]
	}
	return keys, nil
}
