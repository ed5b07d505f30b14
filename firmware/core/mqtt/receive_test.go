package mqtt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang/packets"

	"camrelay/firmware/core/hal"
)

func TestReceive(t *testing.T) {
	r := newRig(t)
	r.start(options())
	p := r.ready()
	r.logged()
	p.say("\x30\x05\x00\x03all")
	p.say("\x33\x09\x00\x03cmd\x00\x07go")
	p.say("\x3a\x09\x00\x03cmd\x00\x07go")
	r.wantLog("all= retained=false dup=false", "cmd=go retained=true dup=false", "cmd=go retained=false dup=true")
	p.want("PUBACK 7", "PUBACK 7")

	long := appendPublish(nil, "all", make([]byte, 2000), QoS1, 8)
	for i := range long { // byte by byte
		p.say(string(long[i : i+1]))
	}
	huge := appendPublish(nil, "all", make([]byte, 1_000_000), 0, 0)
	p.say(string(huge) + "\x30\x06\x00\x03all!")
	r.wantLog(fmt.Sprint(ErrSkipped, " ", len(long)), fmt.Sprint(ErrSkipped, " ", len(huge)), "all=! retained=false dup=false")
	p.want("PUBACK 8")
	if s := r.client.Stats(); s.Received != 4 || s.Skipped != 2 {
		t.Errorf("%+v", s)
	}
	exact := appendPublish(nil, "all", make([]byte, MaxPacket-8), 0, 0)
	if p.say(string(exact)); len(exact) != MaxPacket || r.client.Stats().Received != 5 {
		t.Errorf("a packet of %d bytes is not taken", len(exact))
	}
}

func TestViolationEndsConnection(t *testing.T) {
	for _, packet := range []string{"\x30\x05\x00\x03a/#", "\x30\x01\x00", "\x00\x00", "\x34\x05\x00\x01a\x00\x01", "\x20\x02\x00\x00", "\x90\x04\x00\x01\x00\x00"} {
		r := newRig(t)
		r.start(options())
		p := r.ready()
		p.say(packet)
		if err := r.client.Err(); err != ErrMalformed && err != ErrProtocol {
			t.Errorf("%q: %v", packet, err)
		}
		if p.s.State() != hal.Closed {
			t.Errorf("%q does not end the connection", packet)
		}
		r.pass(backoffCap)
		r.ready()
	}
}

// While there is no room for an acknowledgement, nothing is taken in.
func TestNoRoomToAcknowledge(t *testing.T) {
	r := newRig(t)
	r.start(options())
	p := r.ready()
	end := p.full(reserve - 1)
	p.say("\x32\x08\x00\x03all\x00\x07x")
	if r.client.Stats().Received != 0 {
		t.Error("took in what it cannot acknowledge")
	}
	end()
	p.want("PUBACK 7")
}

func TestHandlerPublishes(t *testing.T) {
	r := newRig(t)
	var failed int
	r.act = func(topic, payload []byte) {
		if r.client.Publish("answer", payload, QoS1) != nil {
			failed++
		}
	}
	r.start(options())
	p := r.ready()
	p.say(strings.Repeat("\x32\x08\x00\x03all\x00\x07x", 5))
	if failed != 1 {
		t.Errorf("%d answers are not taken", failed)
	}
	acks, answers := 0, 0
	for packet := p.next(); packet != nil; packet = p.next() {
		switch packet := packet.(type) {
		case *paho.PubackPacket:
			acks++
		case *paho.PublishPacket:
			answers++
			if string(packet.Payload) != "x" {
				t.Errorf("the answer is %q", packet.Payload)
			}
		}
	}
	if acks != 5 || answers != 4 {
		t.Errorf("%d acknowledgements, %d answers", acks, answers)
	}
}

func TestKeepAlive(t *testing.T) {
	r := newRig(t)
	r.start(options())
	p := r.ready()
	r.pass(22499 * time.Millisecond)
	p.want()
	for range 3 { // also when there is other traffic
		r.client.Publish("a", nil, 0)
		p.say("\x30\x05\x00\x03all")
		r.pass(22500 * time.Millisecond)
		p.want("a=", "PINGREQ")
		p.say("\xd0\x00")
	}
	r.pass(22500 * time.Millisecond)
	p.want("PINGREQ")
	r.logged()
	for range 30 { // a long message comes slowly
		p.s.Write(appendPublish(nil, "all", make([]byte, 99), 0, 0)[:1])
		p.s.ReadAll()
		r.pass(9 * time.Second)
		p.s.Write(appendPublish(nil, "all", make([]byte, 99), 0, 0)[1:])
	}
	if r.client.State() != Ready {
		t.Fatalf("the client is %v: %v", r.client.State(), r.client.Err())
	}
	r.run()
	r.logged()
	r.pass(9999 * time.Millisecond)
	r.wantLog()
	r.pass(time.Millisecond)
	r.wantLog("waiting: " + ErrPing.Error())
}

// A dead line: nothing can be written, nothing comes.
func TestSilentPeer(t *testing.T) {
	r := newRig(t)
	r.start(options())
	r.ready().full(0)
	r.pass(22500 * time.Millisecond)
	r.logged()
	r.pass(9999 * time.Millisecond)
	r.wantLog()
	r.pass(time.Millisecond)
	r.wantLog("waiting: " + ErrPing.Error())
}
