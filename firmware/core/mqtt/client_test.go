package mqtt

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	paho "github.com/eclipse/paho.mqtt.golang/packets"

	"camrelay/firmware/core/hal"
)

func TestConnect(t *testing.T) {
	r := newRig(t)
	r.start(options())
	if err := r.client.Start(options()); err != ErrRunning {
		t.Errorf("starting again: %v", err)
	}
	p := r.accept()
	c := p.next().(*paho.ConnectPacket)
	if c.ClientIdentifier != "door" || c.Username != "door" || string(c.Password) != "secret" || !c.CleanSession || c.Keepalive != 30 ||
		c.WillTopic != "cam/door/status" || string(c.WillMessage) != "offline" || c.WillQos != 1 || !c.WillRetain {
		t.Errorf("CONNECT is %v", c)
	}
	r.wantLog("connecting")
	p.say("\x20\x02\x00\x00")
	r.wantLog("subscribing")
	s := p.next().(*paho.SubscribePacket)
	if len(s.Topics) != 2 || s.Topics[0] != "cam/door/cmd" || s.Topics[1] != "all" || s.Qoss[0] != 1 || s.Qoss[1] != 0 {
		t.Errorf("SUBSCRIBE is %v", s)
	}
	p.say("\x31\x07\x00\x03allhi") // may come before SUBACK
	r.wantLog("all=hi retained=true dup=false")
	p.say("\x90\x04\x00" + string(rune(s.MessageID)) + "\x01\x80")
	r.wantLog("mqtt: the broker refuses a subscription 1", "ready")
	if r.client.Err() != nil || r.client.Stats().Sessions != 1 {
		t.Errorf("%v, %+v", r.client.Err(), r.client.Stats())
	}
}

func TestConnectWithoutSubscriptions(t *testing.T) {
	r := newRig(t)
	o := options()
	o.Filters = nil
	r.start(o)
	p := r.accept()
	p.want("CONNECT")
	p.say("\x20\x02\x00\x00")
	p.want()
	r.wantLog("connecting", "ready")
}

func TestWaitsForTheNetwork(t *testing.T) {
	r := newRig(t)
	r.network.SetUp(false)
	r.start(options())
	r.pass(time.Hour)
	if r.network.Next() != nil || r.client.State() != Waiting {
		t.Error("dials without a network")
	}
	r.network.SetUp(true)
	r.ready()
	r.logged()
	r.network.SetUp(false)
	r.run()
	r.wantLog("waiting: " + hal.ErrDown.Error())
	r.pass(time.Hour)
	r.network.SetUp(true)
	r.ready()
}

// Every way in which an attempt fails.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name, say string
		close     bool
		want      error
	}{
		{"CONNACK 1", "\x20\x02\x00\x01", false, ErrVersion},
		{"CONNACK 2", "\x20\x02\x00\x02", false, ErrIdentifier},
		{"CONNACK 3", "\x20\x02\x00\x03", false, ErrUnavailable},
		{"CONNACK 4", "\x20\x02\x00\x04", true, ErrCredentials},
		{"CONNACK 5", "\x20\x02\x00\x05", false, ErrNotAuthorized},
		{"CONNACK 134", "\x20\x02\x00\x86", false, ErrRefused},
		{"a web server", "HTTP/1.1 400 Bad Request\r\n\r\n", true, ErrMalformed},
		{"closed", "", true, ErrClosed},
		{"closed within CONNACK", "\x20\x02\x00", true, ErrClosed},
		{"PUBLISH first", "\x30\x05\x00\x03abc", false, ErrProtocol},
		{"SUBACK first", "\x90\x03\x00\x01\x00", false, ErrProtocol},
		{"CONNACK and then closed", "\x20\x02\x00\x00", true, ErrClosed},
		{"CONNACK twice", "\x20\x02\x00\x00\x20\x02\x00\x00", false, ErrProtocol},
		{"silence", "", false, ErrTimeout},
		{"silence within CONNACK", "\x20", false, ErrTimeout},
		{"silence after CONNACK", "\x20\x02\x00\x00", false, ErrTimeout},
		{"SUBACK of something else", "\x20\x02\x00\x00\x90\x04\x99\x99\x01\x00", false, ErrProtocol},
		{"UNSUBACK for SUBACK", "\x20\x02\x00\x00\xb0\x02\x00\x01", false, ErrProtocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.start(options())
			p := r.accept()
			p.s.Write([]byte(test.say))
			if test.close {
				p.s.Close()
			}
			r.run()
			if test.want == ErrTimeout {
				r.pass(dialTimeout - 1)
				if r.client.Err() != nil {
					t.Errorf("gives up too early: %v", r.client.Err())
				}
				r.pass(1)
			}
			if r.client.State() != Waiting || r.client.Err() != test.want {
				t.Errorf("the client is %v: %v, want %v", r.client.State(), r.client.Err(), test.want)
			}
			if p.s.State() != hal.Closed {
				t.Error("the connection was not ended")
			}
			wait := r.client.Retry() - r.clock.Now()
			if long := test.want == ErrCredentials || test.want == ErrNotAuthorized; long && wait != 5*60*second || !long && (wait < 0 || wait > backoffBase) {
				t.Errorf("it waits for %v", time.Duration(wait))
			}
			r.pass(time.Duration(max(wait-1, 0)))
			if wait > 0 && r.network.Next() != nil {
				t.Error("it does not wait")
			}
			r.pass(1)
			r.ready()
		})
	}
}

func TestDialFails(t *testing.T) {
	r := newRig(t)
	other, err := r.network.Dial(hal.Broker, "other", 1)
	if err != nil {
		t.Fatal(err)
	}
	r.network.Next()
	r.start(options())
	r.run()
	r.wantLog("waiting: " + hal.ErrBusy.Error())
	other.Abort()
	r.pass(backoffBase)
	r.logged()
	r.network.Next().Fail(hal.ErrName)
	r.run()
	r.wantLog("waiting: " + hal.ErrName.Error())
	r.pass(2 * backoffBase)
	call := r.network.Next()
	r.pass(dialTimeout) // nobody answers
	r.wantLog("connecting", "waiting: "+ErrTimeout.Error())
	if call.Accept() != nil {
		t.Error("it still dials")
	}
}

// The pauses are random below a bound that doubles, and begin anew after a
// connection that held.
func TestBackoff(t *testing.T) {
	r := newRig(t)
	r.start(options())
	pause := func() int64 { return r.client.Retry() - r.clock.Now() }
	fail := func() int64 {
		r.run()
		r.network.Next().Fail(hal.ErrRefused)
		r.run()
		return pause()
	}
	bound, differ := int64(backoffBase), map[int64]bool{}
	for range 20 {
		p := fail()
		if p < 0 || p > bound {
			t.Errorf("%v, at most %v", time.Duration(p), time.Duration(bound))
		}
		differ[p] = true
		bound = min(2*bound, backoffCap)
		r.clock.Advance(time.Duration(p))
	}
	if len(differ) < 15 {
		t.Errorf("only %d different pauses", len(differ))
	}

	// The same id elsewhere: kicked after half a minute, again and again, a
	// client must not go back to short pauses.
	long := false
	for range 10 {
		peer := r.ready()
		for range 2 {
			r.pass(14 * time.Second)
		}
		peer.s.Close()
		r.run()
		long = long || pause() > 10*second
		r.clock.Advance(time.Duration(pause()))
	}
	if !long {
		t.Error("it fights")
	}
	peer := r.ready()
	for range 3 {
		r.pass(23 * time.Second)
		peer.want("PINGREQ")
		peer.say("\xd0\x00")
	}
	peer.s.Close()
	r.run()
	if p := pause(); p > backoffBase {
		t.Errorf("after a minute of peace it waits for %v", time.Duration(p))
	}
	for range 10 {
		r.clock.Advance(time.Duration(pause()))
		fail()
	}
	r.client.Stop()
	r.run()
	r.start(options())
	if p := fail(); p > backoffBase {
		t.Errorf("after Start it waits for %v", time.Duration(p))
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	r := newRig(t)
	r.quiet = true
	r.start(options())
	p := r.ready()
	payload := []byte(strings.Repeat("x", 500))
	in := appendPublish(nil, "all", payload, QoS1, 9)
	r.log = make([]string, 0, 10_000)
	r.act = func(_, p []byte) { _ = r.client.Publish("event", p, 0) }
	scratch := make([]byte, 4096)
	exchange := func() {
		_ = r.client.Publish("status", payload, QoS1|Retain|Latest)
		p.s.Write(in)
		for r.client.Step(r.clock.Advance(time.Second)) {
		}
		n := p.s.Read(scratch)
		for n < 4+506+509 {
			for r.client.Step(r.clock.Now()) {
			}
			n += p.s.Read(scratch[n:])
		}
		id := r.client.out.at(0).id
		p.s.Write(appendPuback(scratch[:0], id))
		p.s.Write([]byte{0xd0, 0})
		for r.client.Step(r.clock.Now()) {
		}
	}
	if n := testing.AllocsPerRun(500, exchange); n != 0 {
		t.Errorf("%v allocations for a message each way", n)
	}
	if r.client.State() != Ready || r.client.Pending() != 0 || r.client.Stats().Sent < 1000 {
		t.Errorf("%v, %d pending, %+v", r.client.State(), r.client.Pending(), r.client.Stats())
	}
}

// A camera has little memory.
func TestSize(t *testing.T) {
	if size := unsafe.Sizeof(Client{}); size > 5<<10 {
		t.Errorf("a client has %d bytes", size)
	} else {
		t.Logf("a client has %d bytes", size)
	}
}
