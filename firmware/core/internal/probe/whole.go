package main

import (
	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/capture"
	"camrelay/firmware/core/engine"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/image"
)

// nothing is a board without anything on it.
type nothing struct {
	ticks int64
	note  [hal.NoteSize]byte
}

func (n *nothing) Now() int64 {
	n.ticks += 1_000_000
	return n.ticks
}

func (n *nothing) Unix() int64                                      { return 0 }
func (n *nothing) Uint32() uint32                                   { return uint32(n.ticks) }
func (n *nothing) Up() bool                                         { return n.ticks > 1_000_000_000 }
func (n *nothing) RSSI() int                                        { return 0 }
func (n *nothing) Dial(hal.Use, string, uint16) (hal.Stream, error) { return nil, hal.ErrRefused }
func (n *nothing) Listen(uint16) (hal.Listener, error)              { return nil, hal.ErrBusy }
func (n *nothing) Poll() bool                                       { return false }
func (n *nothing) Power(bool)                                       {}
func (n *nothing) WriteRegister(byte, byte) error                   { return nil }
func (n *nothing) ReadRegister(byte) (byte, error)                  { return 0, nil }
func (n *nothing) Receive(bool)                                     {}
func (n *nothing) Feed()                                            {}
func (n *nothing) Reset()                                           {}
func (n *nothing) Cause() hal.Cause                                 { return hal.PowerOn }
func (n *nothing) Slot() boot.Slot                                  { return boot.A }
func (n *nothing) Memory() hal.Memory                               { return hal.Memory{} }
func (n *nothing) Heap() hal.Memory                                 { return hal.Memory{} }
func (n *nothing) Stayed()                                          {}
func (n *nothing) Note() []byte                                     { return n.note[:] }
func (n *nothing) Flash(uint8)                                      {}
func (n *nothing) Red(bool)                                         {}

// whole starts the whole camera and lets it run for a while. Without settings it
// does not start; what counts is that all of it is there.
func whole(chip *memory) error {
	n := new(nothing)
	queue := new(capture.Queue)
	if err := queue.Init(make([]uint32, 512)); err != nil {
		return err
	}
	board := hal.Board{Clock: n, Random: n, Network: n, Camera: n, Flash: chip, System: n, LED: n}
	e := engine.New(board, engine.Config{Map: boot.Map{Slots: [2]uint32{0, 4096}, SlotSize: 4096}, Ring: []image.Key{{}}, Queue: queue})
	if err := e.Start(); err != nil {
		return err
	}
	for range 1000 {
		e.Step()
	}
	return nil
}
