package mqtt

import (
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

func TestStop(t *testing.T) {
	t.Run("never started", func(t *testing.T) {
		r := newRig(t)
		r.client.Stop()
		r.run()
		r.wantLog()
		r.start(options())
		r.ready()
	})
	t.Run("waiting", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		r.client.Stop()
		r.run()
		r.wantLog("stopped")
		if r.network.Next() != nil {
			t.Error("it dials")
		}
	})
	t.Run("dialling", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		r.run()
		r.client.Stop()
		r.run()
		r.wantLog("connecting", "stopped")
		if r.network.Next().Accept() != nil {
			t.Error("it goes on dialling")
		}
	})
	t.Run("before CONNACK", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		p := r.accept()
		r.client.Publish("a", nil, QoS1) // has to wait for the next Start
		r.client.Stop()
		r.run()
		p.want("CONNECT", "DISCONNECT")
		p.s.Close()
		r.run()
		r.wantLog("connecting", "stopping", "stopped")
	})
	t.Run("before SUBACK", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		p := r.accept()
		p.say("\x20\x02\x00\x00")
		r.client.Stop()
		r.run()
		p.want("CONNECT", "SUBSCRIBE", "DISCONNECT")
	})
	t.Run("with messages", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		p := r.ready()
		r.logged()
		r.client.Publish("a", []byte("last"), QoS1)
		r.client.Publish("b", nil, 0)
		r.client.Stop()
		r.run()
		p.want("a=last id=2", "b=")
		p.ack(2)
		p.want("DISCONNECT")
		if p.s.State() != hal.PeerClosed {
			t.Errorf("the connection is %v", p.s.State())
		}
		p.s.Close()
		r.run()
		r.wantLog("stopping", "stopped")
		r.start(options()) // again
		r.ready()
	})
	t.Run("without PUBACK", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		p := r.ready()
		r.client.Publish("a", []byte("last"), QoS1)
		r.client.Stop()
		r.run()
		p.want("a=last id=2")
		r.pass(999 * time.Millisecond)
		p.want()
		r.pass(time.Millisecond)
		p.want("DISCONNECT")
		r.logged()
		r.pass(999 * time.Millisecond)
		r.wantLog()
		r.pass(time.Millisecond)
		r.wantLog("stopped") // the broker has it all, and does not close
		if p.s.State() != hal.Closed || r.client.Pending() != 1 {
			t.Errorf("%v, %d pending", p.s.State(), r.client.Pending())
		}
		r.start(options())
		r.ready().want("a=last id=2 dup")
	})
	t.Run("dead line", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		r.ready()
		r.client.stream.(*haltest.Stream).Hold(true)
		r.client.Stop()
		r.run()
		r.logged()
		r.pass(2 * time.Second)
		r.wantLog("stopped: " + ErrStop.Error())
	})
	t.Run("no room", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		r.ready().full(0)
		r.client.Stop()
		r.run()
		r.logged()
		r.pass(2 * time.Second)
		r.wantLog("stopped: " + ErrStop.Error())
	})
	t.Run("connection breaks", func(t *testing.T) {
		r := newRig(t)
		r.start(options())
		p := r.ready()
		r.client.Publish("a", nil, QoS1)
		r.client.Stop()
		r.run()
		r.logged()
		r.reset(p)
		r.wantLog("stopped: " + hal.ErrReset.Error())
	})
	t.Run("from the handler", func(t *testing.T) {
		r := newRig(t)
		r.act = func(_, _ []byte) {
			r.client.Stop()
			if err := r.client.Start(options()); err != ErrRunning {
				t.Errorf("starting: %v", err)
			}
		}
		again := true
		r.changed = func(s State) {
			if s == Stopped && again {
				again = false
				r.start(options())
			}
		}
		r.start(options())
		p := r.ready()
		p.say("\x32\x08\x00\x03all\x00\x07x")
		p.want("PUBACK 7", "DISCONNECT")
		p.s.Close()
		r.run()
		r.ready()
	})
}
