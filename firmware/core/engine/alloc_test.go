//go:build !race

package engine

import (
	"testing"
	"time"
)

// While the camera streams, and says what it says, nothing is allocated: not by
// frames, stats, pings, commands and MQTT.
func TestNothingIsAllocatedWhileStreaming(t *testing.T) {
	r := newRig(t, withMQTT(withServer(usual())))
	r.must(r.e.Start())
	relay, b := r.both()
	r.until(3*time.Second, "the broker", func() bool { b.read(); return r.e.brokerReady() })
	relay.fresh(20)

	var in [4096]byte
	command := []byte("\x81\x36" + `{"t":"set","id":7,"settings":{"quality":11,"hmirror":1}}`)
	command[1] = byte(len(command) - 2)
	ping := []byte{0x89, 0}
	status := []byte{0x30, 0, 0, 25}
	status = append(status, `camrelay/cam/door/ota/cmd{"t":"ota","cmd":"status"}`...)
	status[1] = byte(len(status) - 2)
	sent, ticks := r.e.streamer.Stats(r.e.now).Sent, 0
	step := func() {
		r.tick(5 * time.Millisecond)
		for relay.s.Read(in[:]) > 0 {
		}
		b.s.Read(in[:])
		switch ticks++; {
		case ticks%100 == 0:
			relay.s.Write(command)
		case ticks%100 == 50:
			relay.s.Write(ping)
		case ticks%500 == 20:
			b.s.Write(status)
		}
		r.sensor.Log()
	}
	// One run, since AllocsPerRun rounds down: an allocation per frame would be
	// less than one per step.
	allocs := testing.AllocsPerRun(1, func() {
		for range 2000 {
			step()
		}
	})
	frames := r.e.streamer.Stats(r.e.now).Sent - sent
	if frames < 200 {
		t.Errorf("%d frames", frames)
	}
	if allocs > 0 {
		t.Errorf("%g allocations over %d frames", allocs, frames)
	}
}
