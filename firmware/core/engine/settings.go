package engine

import (
	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/mqtt"
	"camrelay/firmware/core/ov2640"
	"camrelay/firmware/core/wsclient"
)

// Error is why a camera does not start. It allocates nothing.
type Error uint8

// Errors of Start.
const (
	ErrNoSettings Error = iota + 1 // relay, camera or key is missing
	ErrNoImage                     // the slot that runs has no header
)

func (e Error) Error() string {
	if e == ErrNoSettings {
		return "the camera is not set up: it needs a relay, an id and a key"
	}
	return "the running image has no header in its slot"
}

const (
	defaultRoot = "camrelay"
	defaultFPS  = 15
	userAgent   = "camrelay"
	protocol    = "camrelay.camera.v1"
)

// load reads the flash.
func (e *Engine) load() error {
	slot := e.board.System.Slot()
	if err := e.board.Flash.Read(e.conf.Map.Slots[slot], e.page[:]); err != nil {
		return err
	}
	if image.Decode(e.page[:], &e.running) != nil {
		return ErrNoImage
	}
	if err := e.log.Open(e.board.Flash, e.conf.Map.Records); err != nil {
		return err
	}
	if err := e.stateful.Open(e.board.Flash, boot.StateOffset); err != nil {
		return err
	}
	if err := e.settings.Open(e.board.Flash, boot.SettingsOffset); err != nil {
		return err
	}
	n, err := e.settings.Load(e.page[:])
	if err != nil {
		return err
	}
	e.version, e.kind = e.running.Version.String(), e.running.Board.String()
	return e.set.Decode(e.page[:n])
}

// configure turns settings into what the parts want. Strings are made here, once.
func (e *Engine) configure() error {
	relay, camera, key := e.set.Get(config.Relay), e.set.Get(config.Camera), e.set.Get(config.Key)
	if relay == nil || camera == nil || key == nil {
		return ErrNoSettings
	}
	e.id, e.key, e.root = string(camera), string(key), defaultRoot
	if root := e.set.Get(config.Topic); root != nil {
		e.root = string(root)
	}
	e.port = 80
	if p := e.set.Number(config.Port); p != 0 {
		e.port = p
	}
	if err := e.configureStream(string(relay)); err != nil {
		return err
	}
	e.loadPicture()
	return e.configureBroker()
}

// configureStream reads the relay's address: ws:// or http://, host and port.
func (e *Engine) configureStream(relay string) error {
	address := relay
	for _, scheme := range [...]string{"ws://", "http://"} {
		if len(relay) > len(scheme) && relay[:len(scheme)] == scheme {
			address = relay[len(scheme):]
		}
	}
	for len(address) > 0 && address[len(address)-1] == '/' {
		address = address[:len(address)-1]
	}
	c := wsclient.Default()
	c.URL, c.Protocol, c.UserAgent = "ws://"+address+"/ws/push/"+e.id, protocol, userAgent
	c.Auth = wsclient.Auth{Scheme: wsclient.Bearer, Secret: e.key}
	switch string(e.set.Get(config.Scheme)) {
	case "basic":
		c.Auth = wsclient.Auth{Scheme: wsclient.Basic, User: e.id, Secret: e.key}
	case "hmac":
		c.Auth = wsclient.Auth{Scheme: wsclient.CamHMAC, User: e.id, Secret: e.key}
	}
	var err error
	e.client, err = wsclient.New(c, e.board.Network, e.board.Clock, e.board.Random, streamEvents{e})
	return err
}

func (e *Engine) configureBroker() error {
	url := e.set.Get(config.MQTT)
	if e.hasBroker = url != nil; !e.hasBroker {
		return nil
	}
	address, err := mqtt.ParseURL(string(url))
	if err != nil {
		return err
	}
	if address.User == "" {
		address.User, address.Password = e.id, e.key
	}
	e.topics.make(e.root, e.id)
	e.filters[0] = mqtt.Filter{Topic: e.topics.command, QoS: 1}
	e.brokerOptions = mqtt.Options{
		Address: address, ClientID: "cam-" + e.id, Filters: e.filters[:],
		Will: mqtt.Will{Topic: e.topics.presence, Payload: offline, Flags: mqtt.QoS1 | mqtt.Retain},
	}
	return nil
}

// loadPicture reads the sensor's settings; damaged ones are the defaults. The
// frame rate stands behind them.
func (e *Engine) loadPicture() {
	e.picture, e.fps = ov2640.Defaults(), defaultFPS
	stored := e.set.Get(config.Picture)
	if len(stored) == 0 {
		return
	}
	if e.picture.Decode(stored[1:]) != nil {
		e.picture = ov2640.Defaults()
		return
	}
	e.fps = min(int(stored[0]), maxFPS)
}

// saveTime is how long after the last change settings of the picture are saved,
// in nanoseconds: people try out several, and flash wears.
const saveTime = 30 * second

// stepSave saves settings that have changed.
func (e *Engine) stepSave() {
	if e.saveAt != 0 && e.now >= e.saveAt {
		e.saveChanges()
	}
}

// saveChanges saves them now, if there are any: the camera is about to restart.
// What cannot be saved is tried again with the next change.
func (e *Engine) saveChanges() {
	if e.saveAt != 0 {
		_ = e.savePicture()
	}
}

// savePicture keeps the settings of the picture over a restart.
func (e *Engine) savePicture() error {
	e.saveAt = 0
	p := e.picture.Append(append(e.text[:0], byte(e.fps)))
	if err := e.set.Set(config.Picture, p); err != nil {
		return err
	}
	return e.settings.Save(e.set.Bytes())
}
