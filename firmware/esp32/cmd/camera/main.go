//go:build esp32 && (!qemu || wifi)

// Camera is the program of an ESP32-CAM by AI-Thinker: package engine on its
// hardware. With the tags qemu and wifi it runs in an emulator, which has no
// sensor: frames are then stored ones.
package main

import (
	"runtime"
	"time"
	"unsafe"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/config"
	"camrelay/firmware/core/engine"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/esp32/chip"
	"camrelay/firmware/esp32/netlneto"
	"camrelay/firmware/esp32/provision"
	"camrelay/firmware/esp32/radio"
	"camrelay/firmware/esp32/romflash"
)

// The FIFO for frames is memory for code that no code is in; it knows whole words
// only.
const (
	fifoAddress = 0x4009_0000
	fifoWords   = 16 << 10
)

// Times, in nanoseconds.
const (
	second    = 1_000_000_000
	faultTime = 10 * second // for somebody to read the message
	timeEvery = second      // between two looks at whether the time is known
)

// camera is all of it. It is at package level, so that it is made once and does
// not count as heap.
var camera struct {
	system  chip.System
	clock   chip.Clock
	random  chip.Random
	led     chip.LED
	flash   romflash.Chip
	values  config.Values
	queue   capture.Queue
	eye     eye
	station radio.Station
	network netlneto.Network
	timed   int64 // when the clock is set again
}

func main() {
	c := &camera
	c.system.Start()
	chip.Arm()
	c.clock.Start()
	c.led.Start()
	say("camera: slot", c.system.Slot().String()+", started by", c.system.Cause().String())
	if err := c.flash.Open(boot.ChipSize, chip.Feed); err != nil {
		fault("open flash", err)
	}
	if err := provision.Load(&c.flash, &c.values, bench()); err != nil {
		fault("load settings", err)
	}
	if err := c.queue.Init(unsafe.Slice((*uint32)(unsafe.Pointer(uintptr(fifoAddress))), fifoWords)); err != nil {
		fault("prepare frame memory", err)
	}
	if err := c.eye.Start(&c.queue, c.clock.Now); err != nil {
		fault("prepare sensor", err)
	}
	startNetwork()
	keys, err := provision.Ring(ring)
	if err != nil {
		fault("read keys", err)
	}
	board := hal.Board{
		Clock: &c.clock, Random: &c.random, Network: &c.network, Camera: &c.eye, Flash: &c.flash, System: &c.system, LED: &c.led,
	}
	e := engine.New(board, engine.Config{Map: boot.ESP32CAM(), Ring: keys, Queue: &c.queue})
	if err := e.Start(); err != nil {
		fault("start", err)
	}
	for {
		step(e)
	}
}

// startNetwork switches the radio on and begins to join.
func startNetwork() {
	c := &camera
	ssid, password := string(c.values.Get(config.SSID)), string(c.values.Get(config.Password))
	if ssid == "" {
		fault("join a network", config.ErrSSID)
	}
	if len(c.values.Get(config.Camera)) == 0 {
		fault("name itself", config.ErrCamera)
	}
	chip.Feed()
	if err := c.station.Start(ssid, password, &c.clock, chip.Reset); err != nil {
		fault("start radio", err)
	}
	chip.Arm() // the radio switches watchdogs off
	err := c.network.Init(netlneto.Config{
		Device: &c.station, Clock: &c.clock, Random: &c.random, MAC: c.station.MAC(), Name: string(c.values.Get(config.Camera)),
		TimeServer: "pool.ntp.org",
	})
	if err != nil {
		fault("start network", err)
	}
}

// step is one turn of the only loop there is.
func step(e *engine.Engine) {
	c := &camera
	chip.Feed()
	c.station.Step()
	c.eye.Step()
	progress := e.Step()
	if now := c.clock.Now(); now >= c.timed {
		c.timed = now + timeEvery
		if unix, ok := c.network.Unix(); ok {
			c.clock.Set(unix)
		}
	}
	if progress {
		runtime.Gosched()
		return
	}
	time.Sleep(time.Millisecond)
}

// fault says what is wrong and starts again after a while. A new image that gets
// here uses up its trials.
func fault(what string, err error) {
	say("camera: cannot", what+":", err.Error())
	chip.Failing()
	for end := camera.clock.Now() + faultTime; camera.clock.Now() < end; {
		chip.Feed()
		camera.led.Red(camera.clock.Now()/(second/4)%2 == 0)
		time.Sleep(10 * time.Millisecond)
	}
	chip.Reset()
}

func say(what ...string) {
	for i, s := range what {
		if i > 0 {
			print(" ")
		}
		print(s)
	}
	println()
}
