package engine

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
	"camrelay/internal/wire"
)

// broker is the far end of the camera's connection to MQTT.
type broker struct {
	r         *rig
	s         *haltest.Stream
	in        []byte
	connect   []byte // body of CONNECT
	filters   []string
	published []message
	goodbye   bool
}

type message struct {
	topic, payload string
	retain         bool
	qos            byte
}

func (r *rig) broker() *broker {
	r.t.Helper()
	return &broker{r: r, s: r.dialled(hal.Broker, 70*time.Second).Accept()}
}

// read takes what has come, and answers.
func (b *broker) read() {
	b.in = append(b.in, b.s.ReadAll()...)
	for len(b.in) > 1 {
		size, n := binary.Uvarint(b.in[1:])
		if n <= 0 || len(b.in) < 1+n+int(size) {
			return
		}
		head, body := b.in[0], b.in[1+n:1+n+int(size)]
		b.in = b.in[1+n+int(size):]
		b.packet(head, body)
	}
}

func (b *broker) packet(head byte, body []byte) {
	switch head >> 4 {
	case 1:
		b.connect = body
		b.s.Write([]byte{0x20, 2, 0, 0})
	case 8:
		topic, rest := cut(body[2:])
		b.filters = append(b.filters, topic)
		b.s.Write([]byte{0x90, 3, body[0], body[1], rest[0]})
	case 3:
		m := message{retain: head&1 != 0, qos: head >> 1 & 3}
		m.topic, body = cut(body)
		if m.qos > 0 {
			b.s.Write([]byte{0x40, 2, body[0], body[1]})
			body = body[2:]
		}
		m.payload = string(body)
		b.published = append(b.published, m)
	case 12:
		b.s.Write([]byte{0xd0, 0})
	case 14:
		b.goodbye = true
	}
}

// cut takes a string of MQTT.
func cut(p []byte) (string, []byte) {
	n := 2 + int(binary.BigEndian.Uint16(p))
	return string(p[2:n]), p[n:]
}

// publish sends a message with QoS 1.
func (b *broker) publish(topic, payload string, retain byte) {
	body := binary.BigEndian.AppendUint16(nil, uint16(len(topic)))
	body = append(append(body, topic...), 0, 9)
	body = append(body, payload...)
	b.s.Write(append(binary.AppendUvarint([]byte{0x32 | retain}, uint64(len(body))), body...))
}

// wait waits for a message with a topic.
func (b *broker) wait(limit time.Duration, topic string) message {
	b.r.t.Helper()
	var found message
	b.r.until(limit, topic, func() bool {
		b.read()
		for i, m := range b.published {
			if m.topic == topic {
				found = m
				b.published = b.published[i+1:]
				return true
			}
		}
		return false
	})
	return found
}

// ack waits for an ack with a phase.
func (b *broker) ack(limit time.Duration, phase string) wire.UpdateAck {
	b.r.t.Helper()
	for {
		var a wire.UpdateAck
		b.r.must(json.Unmarshal([]byte(b.wait(limit, "camrelay/cam/door/ota/ack").payload), &a))
		if a.Phase == phase {
			return a
		}
	}
}

// dialledAs sorts the next two calls.
func (r *rig) both() (*relay, *broker) {
	r.t.Helper()
	var b *broker
	var p *haltest.Call
	r.until(5*time.Second, "two calls", func() bool {
		switch c := r.net.Next(); {
		case c == nil:
		case c.Use == hal.Broker:
			b = &broker{r: r, s: c.Accept()}
		case c.Use == hal.Relay:
			p = c
		}
		return b != nil && p != nil
	})
	return r.shake(p), b
}

func TestBroker(t *testing.T) {
	r := newRig(t, withMQTT(usual()))
	r.must(r.e.Start())
	_, b := r.both()
	presence := b.wait(time.Second, "camrelay/cam/door/presence")
	if presence.payload != "online" || !presence.retain || presence.qos != 1 {
		t.Errorf("%+v", presence)
	}
	booted := b.ack(time.Second, wire.PhaseBooted)
	if h := booted.Hello(); h.Firmware != "1.4.2" || h.Build != 1042 || h.Board != "ai-thinker" || h.Chip != "esp32sim" || h.State != wire.StateConfirmed || h.Reset != "power" || h.Slot != "A" {
		t.Errorf("%+v", h)
	}
	if len(b.filters) != 1 || b.filters[0] != "camrelay/cam/door/ota/cmd" {
		t.Errorf("%q", b.filters)
	}
	// Client id, will, user, password.
	_, rest := cut(b.connect)
	if rest[0] != 4 || rest[1] != 0x80|0x40|0x20|0x08|0x04|0x02 {
		t.Errorf("version %d, flags %#x", rest[0], rest[1])
	}
	rest = rest[4:]
	for _, want := range []string{"cam-door", "camrelay/cam/door/presence", "offline", "door", testKey} {
		var got string
		if got, rest = cut(rest); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if r.e.updater.Active() {
		t.Error("an update goes on")
	}
	// A retained order is an old one.
	b.publish("camrelay/cam/door/ota/cmd", `{"t":"ota","cmd":"status"}`, 1)
	r.run(time.Second)
	if b.read(); len(b.published) > 0 {
		t.Errorf("%v", b.published)
	}
	b.publish("camrelay/cam/door/ota/cmd", `{"t":"ota","cmd":"status"}`, 0)
	b.ack(time.Second, wire.PhaseBooted)
}

func TestTopicOfTheBroker(t *testing.T) {
	values := withMQTT(usual())
	values[7], values[6] = "home/cams", "mqtt://ann:secret@broker.example:2883"
	r := newRig(t, values)
	r.must(r.e.Start())
	_, b := r.both()
	b.wait(time.Second, "home/cams/cam/door/presence")
	if !strings.Contains(string(b.connect), "\x00\x03ann\x00\x06secret") || strings.Contains(string(b.connect), testKey) {
		t.Errorf("%q", b.connect)
	}
}

// The broker keeps the will of a camera that says goodbye to itself, so the
// camera says that it goes.
func TestPresenceOverARestart(t *testing.T) {
	r := newRig(t, withMQTT(usual()))
	r.must(r.e.Start())
	_, b := r.both()
	b.wait(time.Second, "camrelay/cam/door/presence")
	r.e.reboot()
	r.until(2*time.Second, "a reset", func() bool { b.read(); return r.sys.resets > 0 })
	if m := b.wait(0, "camrelay/cam/door/presence"); m.payload != "offline" || !m.retain {
		t.Errorf("%+v", m)
	}
	if !b.goodbye {
		t.Error("no DISCONNECT")
	}
	r.run(5 * time.Second)
	if r.sys.resets > 6 {
		t.Errorf("%d resets", r.sys.resets)
	}
}

// Presence and what is true are said again by each connection.
func TestBrokerComesBack(t *testing.T) {
	r := newRig(t, withMQTT(usual()))
	r.must(r.e.Start())
	relay, b := r.both()
	b.wait(time.Second, "camrelay/cam/door/presence")
	b.s.Abort()
	b = r.broker()
	b.wait(time.Second, "camrelay/cam/door/presence")
	b.ack(time.Second, wire.PhaseBooted)
	relay.fresh(5) // none of which concerns the stream
}
