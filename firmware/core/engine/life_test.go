package engine

import (
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	"camrelay/firmware/core/wsclient"
	"camrelay/internal/wire"
)

// The bright LED goes off by itself, and the relay is told.
func TestFlashGoesOff(t *testing.T) {
	r, relay := started(t, usual())
	relay.hello()
	relay.order(wire.Command{T: wire.KindSet, ID: 1, Settings: wire.Settings{"led_intensity": 200}})
	if ack := relay.ack(1); ack.Settings["led_intensity"] != 200 || r.led.flash != 200 {
		t.Errorf("%+v, %d", ack, r.led.flash)
	}
	r.run(29 * time.Second)
	if relay.read(); r.led.flash != 200 {
		t.Error("it is off already")
	}
	r.run(2 * time.Second)
	if r.led.flash != 0 || relay.hello().Settings["led_intensity"] != 0 {
		t.Error("it is still on")
	}
}

// share is how much of the time the red LED is on, in percent, and how often it
// is switched on in a second.
func (r *rig) share(also func()) (percent int, rate float64) {
	const d = 20 * time.Second
	on, switched, was := 0, 0, r.led.red
	for range d / (10 * time.Millisecond) {
		r.tick(10 * time.Millisecond)
		also()
		if r.led.red {
			on++
			if !was {
				switched++
			}
		}
		was = r.led.red
	}
	return on * 100 / int(d/(10*time.Millisecond)), float64(switched) / d.Seconds()
}

func TestPattern(t *testing.T) {
	r := newRig(t, usual())
	r.must(r.e.Start())
	nobody := func() {
		if c := r.net.Next(); c != nil {
			c.Fail(hal.ErrRefused)
		}
	}
	if p, rate := r.share(nobody); p < 45 || p > 55 || rate < 0.9 || rate > 1.1 {
		t.Errorf("without the relay: %d %%, %g times a second", p, rate)
	}
	relay := r.connect()
	if p, rate := r.share(relay.read); p != 1 || rate < 0.15 || rate > 0.25 {
		t.Errorf("all is well: %d %%, %g times a second", p, rate)
	}
	controlled{r.e}.LED(-1, 1)
	if p, _ := r.share(relay.read); p < 99 {
		t.Errorf("as its user wants: %d %%", p)
	}
	controlled{r.e}.LED(-1, 0)
	if p, _ := r.share(relay.read); p > 1 {
		t.Errorf("as its user wants: %d %%", p)
	}
	r.e.lights.own = -1
	r.net.SetUp(false)
	if p, _ := r.share(func() {}); p < 99 {
		t.Errorf("without a network: %d %%", p)
	}
}

// Told to stay away for an update that does not come, the camera is back after
// five minutes.
func TestAway(t *testing.T) {
	r, relay := started(t, usual())
	relay.hello()
	relay.closeWith(wire.CloseUpdate)
	if s := r.e.client.State(); s != wsclient.Away {
		t.Fatal(s)
	}
	var call *haltest.Call
	took := r.until(6*time.Minute, "it comes back", func() bool { call = r.net.Next(); return call != nil })
	if took < 299*time.Second || took > 301*time.Second {
		t.Error(took)
	}
	r.shake(call).fresh(5)
}

// A network that does not come back is a reason to restart.
func TestLinkLost(t *testing.T) {
	r, relay := started(t, usual())
	relay.hello()
	r.net.SetUp(false)
	r.run(9 * time.Minute)
	r.net.SetUp(true)
	relay = r.connect()
	relay.fresh(5)
	r.net.SetUp(false)
	took := r.until(11*time.Minute, "a restart", func() bool { return r.sys.resets > 0 })
	if took < 10*time.Minute || took > 10*time.Minute+3*time.Second {
		t.Error(took)
	}
	if r.sys.fed == 0 || !r.sys.stayed {
		t.Error("the watchdog was not fed, or the start counts as a crash")
	}
}

func TestStayed(t *testing.T) {
	r, relay := started(t, usual())
	r.run(295 * time.Second)
	if relay.read(); r.sys.stayed {
		t.Error("too early")
	}
	if r.run(10 * time.Second); !r.sys.stayed {
		t.Error("it is not said")
	}
}

// The relay restarts: the connection is gone, and there is another one.
func TestRelayRestarts(t *testing.T) {
	r, relay := started(t, usual())
	relay.fresh(10)
	relay.s.Abort()
	relay = r.connect()
	relay.hello()
	relay.fresh(10)
}

// A relay that takes nothing any more is left after a while.
func TestRelayTakesNothing(t *testing.T) {
	r, relay := started(t, usual())
	relay.fresh(5)
	relay.s.Hold(true)
	began := r.clock.Now()
	again := r.connect()
	if took := time.Duration(r.clock.Now() - began); took > 35*time.Second {
		t.Error(took)
	}
	again.fresh(10)
}
