// Package vcam is a virtual camera: the firmware's own program, with the sockets
// of the host as its network, a file as its flash and a painted scene before its
// sensor. It is updated as a real one is: an image for it says how its program
// behaves, and the boot selector decides which one runs.
package vcam

import (
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/ov2640"
	"camrelay/internal/halnet"
	"camrelay/internal/pusher"
	"camrelay/internal/wire"
)

// Config is one virtual camera. Relay, ID and Key are needed.
type Config struct {
	Relay  string // address of the relay, ws:// or http://: the firmware has no TLS
	MQTT   string // address of the broker, mqtt://; "": none
	Topic  string // first part of its topics; "": camrelay
	ID     string
	Key    string
	Scheme string // bearer, basic or hmac; "": bearer
	Number uint8  // in the scene's marker

	Flash   string      // file; "": memory, which a restart of the program forgets
	Factory []byte      // image for a camera without one; nil: a good one, 1.0.0, build 1
	Ring    []image.Key // who may sign updates; none: it takes none
	Port    int         // of the camera's own server, on the loopback address; 0: none

	Settings wire.Settings  // of the picture, and fps; nil: as they are in the flash
	Replay   *pusher.Replay // JPEG files instead of the painted scene

	BootTime time.Duration    // of a start, with joining the network; default 1.5 s
	Clock    hal.Clock        // default the host's
	Now      func() time.Time // in the picture; default time.Now
	Net      halnet.Options
	Logger   *slog.Logger // default none
}

// prepare checks the configuration and fills in the defaults.
func (c Config) prepare() (Config, error) {
	if err := wire.CheckID(c.ID); err != nil {
		return c, err
	}
	if c.Key == "" {
		return c, fmt.Errorf("camera %s has no key: the relay gave one when the camera was added", c.ID)
	}
	u, err := url.Parse(c.Relay)
	if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		return c, fmt.Errorf("relay address %q: use ws://HOST:PORT; the firmware has no TLS", c.Relay)
	}
	if c.Port < 0 || c.Port > 65535 {
		return c, fmt.Errorf("port %d: 1 to 65535, or 0 for no server", c.Port)
	}
	if c.BootTime < 0 || c.BootTime > time.Minute {
		return c, fmt.Errorf("boot time %v: up to a minute, or 0 for the usual", c.BootTime)
	}
	if _, err := c.values(); err != nil {
		return c, err
	}
	if c.Factory == nil {
		if c.Factory, _, err = NewImage("1.0.0", 1, Good, UsualSize); err != nil {
			return c, err
		}
	}
	if c.BootTime == 0 {
		c.BootTime = 1500 * time.Millisecond
	}
	if c.Clock == nil {
		c.Clock = halnet.NewClock()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Net.RSSI == nil {
		c.Net.RSSI = wanderingRSSI()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Check says what is wrong with the configuration, if anything.
func (c Config) Check() error {
	_, err := c.prepare()
	return err
}

// values are the settings as they stand in the flash.
func (c Config) values() (map[config.Tag]string, error) {
	var set config.Values
	port := c.Port
	if port == 0 {
		port = config.NoServer
	}
	if err := set.SetNumber(config.Port, uint32(port)); err != nil {
		return nil, err
	}
	values := map[config.Tag]string{
		config.Relay: c.Relay, config.MQTT: c.MQTT, config.Topic: c.Topic, config.Camera: c.ID, config.Key: c.Key,
		config.Scheme: c.Scheme, config.Port: string(set.Get(config.Port)),
	}
	if c.Settings != nil {
		picture, err := encodePicture(c.Settings)
		if err != nil {
			return nil, err
		}
		values[config.Picture] = picture
	}
	for tag, value := range values {
		if err := set.Set(tag, []byte(value)); err != nil {
			return nil, fmt.Errorf("camera %s: %w", c.ID, err)
		}
	}
	return values, nil
}

// encodePicture is what the firmware stores of a picture's settings.
func encodePicture(settings wire.Settings) (string, error) {
	if err := settings.Check(); err != nil {
		return "", err
	}
	picture, fps := ov2640.Defaults(), 15
	for name, value := range settings {
		switch name {
		case "fps":
			fps = value
		case "framesize":
			size, _ := settings.FrameSize()
			if err := picture.SetSize([]byte(size.Name)); err != nil {
				return "", fmt.Errorf("framesize %s: %w", size.Name, err)
			}
		case "led_intensity":
		default:
			if err := picture.Set([]byte(name), value); err != nil {
				return "", fmt.Errorf("%s %d: %w", name, value, err)
			}
		}
	}
	return string(picture.Append([]byte{byte(fps)})), nil
}

// layout is the map of the flash.
func layout() boot.Map { return boot.ESP32CAM() }
