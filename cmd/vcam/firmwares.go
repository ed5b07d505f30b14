package main

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"

	"camrelay/internal/signing"
	"camrelay/internal/vcam"
	"camrelay/internal/wire"
)

// firmwares are the configurations of cameras that run the firmware.
func (o options) firmwares(logger *slog.Logger) ([]vcam.Config, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	keys, err := o.keys()
	if err != nil {
		return nil, err
	}
	base := vcam.Config{Relay: o.relay, MQTT: o.mqtt, Topic: o.topic, Scheme: o.scheme, BootTime: o.bootTime, Logger: logger}
	if base.Settings, err = o.picture(); err != nil {
		return nil, err
	}
	if base.Ring, err = signing.LoadPublic(o.ring); err != nil {
		return nil, err
	}
	if base.Factory, err = o.factory(); err != nil {
		return nil, err
	}
	replay, err := o.files()
	if err != nil {
		return nil, err
	}
	if o.flash != "" {
		if err := os.MkdirAll(o.flash, 0o700); err != nil {
			return nil, fmt.Errorf("--flash: %w", err)
		}
	}
	var configs []vcam.Config
	for i, id := range o.ids() {
		cfg := base
		cfg.ID, cfg.Number, cfg.Key = id, uint8(i+1), keys.of(id)
		if o.port != 0 {
			cfg.Port = o.port + i
		}
		if o.flash != "" {
			cfg.Flash = filepath.Join(o.flash, id+".flash")
		}
		cfg.Replay = fork(replay)
		if err := cfg.Check(); err != nil {
			return nil, err
		}
		configs = append(configs, cfg)
	}
	return configs, nil
}

// factory is the firmware of a new camera.
func (o options) factory() ([]byte, error) {
	if o.build == 0 || o.build > math.MaxUint32 {
		return nil, fmt.Errorf("--build %d: builds are numbered from 1", o.build)
	}
	content, _, err := vcam.NewImage(o.firmware, uint32(o.build), vcam.Good, vcam.UsualSize)
	if err != nil {
		return nil, fmt.Errorf("--firmware: %w", err)
	}
	return content, nil
}

// picture are the settings that were given: those that were not stay as they are
// in the flash.
func (o options) picture() (wire.Settings, error) {
	settings, err := o.settings()
	if err != nil || !o.given["size"] && !o.given["fps"] && !o.given["quality"] {
		return nil, err
	}
	return settings, nil
}
