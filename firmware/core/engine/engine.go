// Package engine is a whole camera: it joins what the other packages do, in one
// loop of steps that never wait. What runs below it, it knows as package hal.
package engine

import (
	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/control"
	"camrelay/firmware/core/ed25519"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
	"camrelay/firmware/core/mqtt"
	"camrelay/firmware/core/ov2640"
	"camrelay/firmware/core/sha2"
	"camrelay/firmware/core/streamer"
	"camrelay/firmware/core/update"
	"camrelay/firmware/core/ws"
	"camrelay/firmware/core/wsclient"
)

// Times, in nanoseconds.
const (
	millisecond = 1_000_000
	second      = 1000 * millisecond
	minute      = 60 * second

	statsTime    = 2 * second  // between two reports of how the camera does
	finishTime   = second / 2  // for an open message, before the stream is closed
	linkPatience = 10 * minute // without a network, before a restart
	stayTime     = 5 * minute  // after which a start was no crash
	rebootTime   = second      // for connections to end before a restart
)

// Config is what differs between cameras.
type Config struct {
	Map   boot.Map
	Ring  []image.Key    // who may sign updates; none: the camera takes none
	Queue *capture.Queue // what hal.Board's Camera fills
}

// Engine is a camera. It is large (see its test), so it is made once. New, then
// Start, then Step for ever.
type Engine struct {
	board hal.Board
	conf  Config

	running  image.Header // of the image that runs
	settings config.Store
	set      config.Values // what the settings hold
	stateful config.Store
	state    config.Values
	log      boot.Log
	page     [image.HeaderSize]byte // for reading headers and settings

	id, key, root string // camera, its key, first part of MQTT topics
	version, kind string // of the image that runs, and its board
	sensor        ov2640.Driver
	picture       ov2640.Settings
	fps           int
	streamer      streamer.Streamer
	client        *wsclient.Client
	broker        mqtt.Client
	brokerOptions mqtt.Options
	hasBroker     bool
	filters       [1]mqtt.Filter
	topics        topics
	control       *control.Server
	port          uint32
	updater       update.Updater
	trial         update.Trial
	hash          sha2.Hash256
	verifier      ed25519.Verifier

	now      int64
	started  int64
	stayed   bool
	link     link
	stream   stream
	proof    update.Proof
	out      outbox
	lights   lights
	rebootAt int64 // 0: no
	saveAt   int64 // when changed settings are saved; 0: there are none
	text     [textSize]byte
	reply    [textSize]byte
	wanted   wanted
}

// New returns a camera that has not been started.
func New(board hal.Board, conf Config) *Engine {
	e := &Engine{board: board, conf: conf, lights: lights{own: -1}}
	e.control = control.New(board.Network, board.Random, controlled{e})
	e.broker.Init(board.Network, board.Random, brokerEvents{e})
	return e
}

// Start reads what the flash holds and begins. An error means that this camera
// cannot work: it has no settings, or its flash is not what it should be.
func (e *Engine) Start() error {
	e.now = e.board.Clock.Now()
	e.started, e.link.since = e.now, e.now
	if err := e.load(); err != nil {
		return err
	}
	if err := e.configure(); err != nil {
		return err
	}
	e.streamer.Init(e.conf.Queue, e.board.Clock)
	e.streamer.SetLimit(e.fps)
	e.sensor.Init(e.board.Camera, e.conf.Queue, &e.picture)
	host, port := e.client.Endpoint()
	e.updater.Init(&update.Config{
		Network: e.board.Network, Random: e.board.Random, System: e.board.System, Device: device{e}, Flash: e.board.Flash, Map: e.conf.Map,
		Log: &e.log, Store: &e.stateful, Values: &e.state, Hash: &e.hash, Verifier: &e.verifier, Ring: e.conf.Ring, Running: &e.running,
		Host: host, Port: port, Camera: []byte(e.id), Key: []byte(e.key),
	})
	mode := e.updater.Boot(e.now)
	e.trial.Begin(e.now, &e.updater)
	if e.hasBroker {
		if err := e.broker.Start(&e.brokerOptions); err != nil {
			return err
		}
	}
	if mode == update.UpdateOnly {
		e.stream.held = true
		return nil
	}
	e.sensor.Start()
	e.startServer()
	return nil
}

// Step does what there is to do now, mostly within two milliseconds. It reports
// whether there was anything; if not, the camera may sleep for a millisecond.
func (e *Engine) Step() (progress bool) {
	e.now = e.board.Clock.Now()
	progress = e.board.Network.Poll()
	e.stepLink()
	progress = e.sensor.Step(e.now) || progress
	progress = e.streamer.Step(e.now) || progress
	progress = e.stepStream() || progress
	progress = e.stepBroker() || progress
	progress = e.control.Step(e.now) || progress
	progress = e.updater.Step(e.now) || progress
	e.stepTrial()
	e.stepLights()
	e.stepSave()
	e.stepReboot()
	e.board.System.Feed()
	return progress
}

// Connected reports whether the stream's connection to the relay is open.
func (e *Engine) Connected() bool { return e.stream.open }

// stepReboot restarts the chip when connections have had time to end.
func (e *Engine) stepReboot() {
	if e.rebootAt != 0 && e.now >= e.rebootAt {
		e.rebootAt = e.now + rebootTime // where Reset does not return there is no again
		e.board.System.Reset()
	}
}

// reboot ends connections in order and restarts.
func (e *Engine) reboot() {
	if e.rebootAt != 0 {
		return
	}
	e.rebootAt = e.now + rebootTime
	e.board.System.Stayed() // what is meant is no crash
	e.saveChanges()
	e.stream.held = true
	e.client.Close(ws.GoingAway, "restart")
	e.sayPresence(offline) // a broker keeps the will of who says goodbye to itself
	e.broker.Stop()
	e.control.Stop(e.now)
}
