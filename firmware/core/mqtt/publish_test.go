package mqtt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang/packets"

	"camrelay/firmware/core/haltest"
)

func TestPublish(t *testing.T) {
	r := newRig(t)
	publish := func(topic, payload string, flags Flags, want error) {
		t.Helper()
		if err := r.client.Publish(topic, []byte(payload), flags); err != want {
			t.Errorf("publishing to %s: %v, want %v", topic, err, want)
		}
	}
	publish("a", "early", QoS1, nil) // before Start
	publish("a", "early", 0, ErrOffline)
	r.start(options())
	p := r.ready()
	p.want("a=early id=1")
	p.ack(1)
	publish("", "x", 0, ErrTopic)
	publish("a/+", "x", 0, ErrTopic)
	publish("a\x00", "x", 0, ErrTopic)
	publish("\xff", "x", 0, ErrTopic)
	publish("a", strings.Repeat("x", 700), 0, ErrLong)
	publish("a", strings.Repeat("x", 699), QoS1|Retain, nil)
	r.run()
	p.want("a=" + strings.Repeat("x", 699) + " id=3 retain") // 2 was SUBSCRIBE
	p.ack(3)
	publish("b", "", 0, nil)
	publish("c", "1", QoS1, nil)
	publish("d", "2", Retain, nil)
	publish("e", "3", QoS1, nil)
	publish("f", "4", QoS1, ErrFull)
	r.run()
	p.want("b=", "c=1 id=4", "d=2 retain", "e=3 id=5")
	publish("f", "4", QoS1, nil)
	publish("g", "5", QoS1, nil)
	publish("h", "6", 0, ErrFull)
	if r.client.Pending() != 4 {
		t.Errorf("%d are pending", r.client.Pending())
	}
	r.run()
	p.want("f=4 id=6", "g=5 id=7")
	p.ack(6) // in whatever order
	p.ack(999)
	p.ack(4)
	p.ack(5)
	p.ack(5)
	p.ack(7)
	if r.client.State() != Ready || r.client.Pending() != 0 || r.client.Stats().Sent != 8 {
		t.Errorf("%v, %d pending, %+v", r.client.State(), r.client.Pending(), r.client.Stats())
	}
	publish("i", "7", QoS1, nil)
	r.client.Clear()
	r.run()
	p.want()
}

func TestIDsAreUnique(t *testing.T) {
	r := newRig(t)
	r.start(options())
	p := r.ready()
	r.client.Publish("slow", nil, QoS1)
	r.run()
	slow := p.next().(*paho.PublishPacket).MessageID
	for i := range 70_000 {
		if r.client.Publish("quick", nil, QoS1) != nil {
			t.Fatal("full")
		}
		r.run()
		id := p.next().(*paho.PublishPacket).MessageID
		if id == 0 || id == slow {
			t.Fatalf("message %d has the id %d", i, id)
		}
		p.ack(id)
	}
}

func TestQoS1IsSentAgain(t *testing.T) {
	r := newRig(t)
	r.start(options())
	p := r.ready()
	r.client.Publish("a", []byte("1"), QoS1)
	r.client.Publish("b", []byte("2"), QoS1)
	r.run()
	p.want("a=1 id=2", "b=2 id=3")
	p.ack(2)
	r.client.Publish("c", []byte("3"), QoS1)
	r.client.Publish("d", []byte("4"), 0)
	r.reset(p)
	if s := r.client.Stats(); s.Lost != 1 {
		t.Errorf("%d messages of QoS 0 were lost", s.Lost)
	}
	r.client.Publish("e", []byte("5"), QoS1)
	for range 2 {
		r.pass(backoffCap)
		p = r.ready()
		if r.client.Pending() != 3 {
			t.Errorf("%d are pending", r.client.Pending())
		}
		r.reset(p)
	}
	r.pass(backoffCap)
	p = r.ready()
	p.want("b=2 id=3 dup", "c=3 id=4 dup", "e=5 id=5 dup")
	for id := uint16(3); id < 6; id++ {
		p.ack(id)
	}
	if r.client.Pending() != 0 {
		t.Errorf("%d are pending", r.client.Pending())
	}
}

func TestFirstSendingIsNotMarked(t *testing.T) {
	r := newRig(t)
	r.client.Publish("a", []byte("1"), QoS1)
	r.start(options())
	p := r.accept()
	r.reset(p)
	r.pass(backoffCap)
	r.ready().want("a=1 id=1")
}

func TestLatest(t *testing.T) {
	const status = QoS1 | Retain | Latest
	r := newRig(t)
	r.client.Publish("status", []byte("1"), QoS1) // not of this kind
	r.client.Publish("status", []byte("starting"), status)
	r.client.Publish("level", []byte("7"), Latest) // QoS 0, kept all the same
	r.client.Publish("status", []byte("online"), status)
	r.client.Publish("event", []byte("2"), QoS1)
	if err := r.client.Publish("other", nil, Latest); err != ErrFull {
		t.Errorf("%v", err)
	}
	long := strings.Repeat("x", 200)
	for _, topic := range []string{"levels", "level", long, long + "x"} { // other topics
		if err := r.client.Publish(topic, []byte(long), Latest); (err == nil) != (topic == "level") {
			t.Fatalf("%s: %v", topic, err)
		}
	}
	for i := range 10 { // there is no room for more, but for what replaces
		if err := r.client.Publish("level", fmt.Append(nil, i), Latest); err != nil {
			t.Fatal(err)
		}
	}
	r.start(options())
	p := r.ready()
	p.want("status=1 id=1", "status=online id=3 retain", "event=2 id=4", "level=9")
	r.client.Publish("status", []byte("busy"), status) // the one before is on its way
	r.run()
	p.want("status=busy id=6 retain")
	p.ack(1)
	p.ack(3) // means nothing
	p.ack(4)
	if r.client.Pending() != 1 {
		t.Errorf("%d are pending", r.client.Pending())
	}
	r.reset(p)
	r.pass(backoffCap)
	r.client.Publish("status", []byte("idle"), status|QoS1)
	p = r.ready() // the one before is of no use any more
	p.want("status=idle id=7 retain")

	r.reset(p)
	r.pass(backoffCap)
	r.ready().want("status=idle id=7 retain dup")
}

// Nothing that is to be said is lost when there is no room for it at first.
func TestNoRoom(t *testing.T) {
	r := newRig(t)
	r.start(options())
	p := r.accept()
	p.want("CONNECT")
	end := p.full(reserve)
	p.say("\x20\x02\x00\x00")
	end()
	p.grant()

	end = p.full(0)
	r.pass(22500 * time.Millisecond)
	r.pass(time.Second)
	end()
	p.want("PINGREQ")
	p.say("\xd0\x00")

	end = p.full(0)
	r.client.Publish("level", []byte("7"), Latest)
	r.client.Publish("plain", nil, 0)
	r.run()
	r.reset(p)
	if lost := r.client.Stats().Lost; lost != 1 {
		t.Errorf("%d are lost", lost)
	}
	r.pass(backoffCap)
	p = r.ready()
	p.want("level=7")

	end = p.full(0)
	r.client.Stop()
	r.pass(time.Second)
	end()
	p.want("DISCONNECT")
}

// A message is written whole or not yet.
func TestNoRoomToPublish(t *testing.T) {
	r := newRig(t)
	r.start(options())
	p := r.ready()
	near := r.client.stream.(*haltest.Stream)
	for _, room := range []int{0, 1, 100, 312, 313 + reserve - 1} {
		end := p.full(room)
		_ = r.client.Publish("status", make([]byte, 300), Latest|QoS1)
		r.run()
		if near.Space() != room {
			t.Errorf("with room for %d bytes it wrote %d", room, room-near.Space())
		}
		end()
		if m, ok := p.next().(*paho.PublishPacket); !ok || len(m.Payload) != 300 {
			t.Errorf("with room for %d bytes came %v", room, m)
		}
	}
}

func TestNoPuback(t *testing.T) {
	r := newRig(t)
	r.start(options())
	p := r.ready()
	r.client.Publish("a", nil, QoS1)
	r.pass(0)
	r.pass(19999 * time.Millisecond)
	p.want("a= id=2")
	r.logged()
	r.pass(time.Millisecond)
	r.wantLog("waiting: " + ErrAck.Error())
	r.pass(backoffCap)
	r.ready().want("a= id=2 dup")
}
