package engine

import (
	"runtime"
	"testing"
	"unsafe"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// mostMemory is what there is for the engine with all its buffers, in bytes.
const mostMemory = 64 << 10

func TestMemory(t *testing.T) {
	r := newRig(t, withMQTT(withServer(usual())))
	board := hal.Board{Clock: r.clock, Random: haltest.NewRandom(1), Network: r.net, Camera: r.sensor, Flash: r.flash, System: r.sys, LED: r.led}
	conf := Config{Map: boot.ESP32CAM(), Ring: ring(), Queue: &r.queue}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	e := New(board, conf)
	err := e.Start()
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	used := after.TotalAlloc - before.TotalAlloc
	t.Logf("Engine has %d bytes; New and Start allocate %d in %d pieces", unsafe.Sizeof(*e), used, after.Mallocs-before.Mallocs)
	t.Logf("client %d, broker %d, server %d, updater %d, trial %d, settings and state %d, sensor %d, outbox %d", unsafe.Sizeof(*e.client), unsafe.Sizeof(e.broker),
		unsafe.Sizeof(*e.control), unsafe.Sizeof(e.updater), unsafe.Sizeof(e.trial), unsafe.Sizeof(e.set)+unsafe.Sizeof(e.state), unsafe.Sizeof(e.sensor), unsafe.Sizeof(e.out))
	if used > mostMemory {
		t.Errorf("%d bytes are allocated", used)
	}
	if n := after.Mallocs - before.Mallocs; n > 40 {
		t.Errorf("%d pieces", n)
	}
	runtime.KeepAlive(e)
}
