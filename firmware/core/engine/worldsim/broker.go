package worldsim

import (
	"bytes"
	"encoding/binary"
	"time"

	"camrelay/firmware/core/hal"
)

// Topics of the camera.
const (
	topicCommand  = "camrelay/cam/" + cameraID + "/ota/cmd"
	topicAck      = "camrelay/cam/" + cameraID + "/ota/ack"
	topicPresence = "camrelay/cam/" + cameraID + "/presence"
)

// broker is an MQTT 3.1.1 broker for the camera and for the desk, which is told
// directly.
type broker struct {
	*World
	state    presence
	session  *session
	presence string // what is retained
}

func newBroker(w *World) *broker { return &broker{World: w} }

func (b *broker) listens() presence { return b.state }

func (b *broker) accept(e *end) handler {
	s := &session{broker: b, end: e, heard: b.now}
	b.after(10*time.Second, func() {
		if !s.welcome {
			e.Abort()
		}
	})
	return s
}

// restart ends the broker and begins it again after a while.
func (b *broker) restart(as presence, d time.Duration) {
	b.BrokerRestarts++
	b.note("the broker is gone for %v", d)
	b.state = as
	if s := b.session; s != nil {
		if as == nobody {
			s.end.Abort()
		} else {
			s.end.end(nil)
		}
		b.session = nil
	}
	b.presence = "" // it has lost what it had
	b.after(d, func() { b.state = listening; b.note("the broker is back") })
}

// publish sends an order to the camera. It reports whether there is somebody.
func (b *broker) publish(payload []byte) bool {
	s := b.session
	if s == nil || !s.ready {
		return false
	}
	body := append(binary.BigEndian.AppendUint16(nil, uint16(len(topicCommand))), topicCommand...)
	if b.chance(3) {
		s.send(0x30, append(body, payload...))
		return true
	}
	s.id = s.id%60000 + 1
	s.send(0x32, append(binary.BigEndian.AppendUint16(body, s.id), payload...))
	return true
}

// session is the camera's connection.
type session struct {
	*broker
	end     *end
	in      []byte
	welcome bool
	ready   bool // it has subscribed
	will    string
	heard   int64
	id      uint16
}

// step takes what has come.
func (s *session) step() {
	var piece [1024]byte
	for n := s.end.Read(piece[:]); n > 0; n = s.end.Read(piece[:]) {
		s.in = append(s.in, piece[:n]...)
		s.heard = s.now
	}
	for len(s.in) > 1 {
		size, n := binary.Uvarint(s.in[1:])
		if n <= 0 || len(s.in) < 1+n+int(size) {
			break
		}
		s.packet(s.in[0], s.in[1+n:1+n+int(size)])
		s.in = s.in[:copy(s.in, s.in[1+n+int(size):])]
	}
	if s.end.state >= hal.PeerClosed {
		s.over()
	}
}

// over is for the end of the connection: the will is published.
func (s *session) over() {
	s.end.Close()
	if s.broker.session == s {
		s.broker.session = nil
	}
	if s.will != "" {
		s.broker.presence, s.will = s.will, ""
		s.told()
	}
}

// told tells a brain of the presence.
func (s *session) told() {
	if s.thinks() {
		s.brain.Presence(s.broker.presence == "online")
	}
}

func (s *session) send(head byte, body []byte) {
	s.end.Write(append(binary.AppendUvarint([]byte{head}, uint64(len(body))), body...))
}

func (s *session) packet(head byte, body []byte) {
	switch head >> 4 {
	case 1:
		s.connect(body)
	case 3:
		s.message(head, body)
	case 8:
		s.ready = true
		s.send(0x90, []byte{body[0], body[1], 1})
	case 12:
		s.send(0xd0, nil)
	case 14:
		s.will = ""
	case 4:
	default:
		s.fail(honest, "MQTT packet %#x", head)
	}
}

func (s *session) connect(body []byte) {
	if old := s.broker.session; old != nil {
		old.end.Abort()
		old.over()
	}
	s.broker.session, s.welcome, s.will = s, true, "offline"
	if !bytes.HasSuffix(body, []byte(cameraKey)) || body[7]&4 == 0 {
		s.fail(honest, "CONNECT without the key, or without a will")
	}
	s.send(0x20, []byte{0, 0})
	s.watch()
}

// watch ends a connection that says nothing for one and a half times the
// keep-alive.
func (s *session) watch() {
	switch {
	case s.end.state == hal.Closed:
	case s.now-s.heard > int64(45*time.Second):
		s.end.Abort()
		s.over()
	default:
		s.after(5*time.Second, s.watch)
	}
}

// message is something the camera publishes.
func (s *session) message(head byte, body []byte) {
	n := 2 + int(binary.BigEndian.Uint16(body))
	topic, rest := string(body[2:n]), body[n:]
	if head&6 != 0 {
		s.send(0x40, rest[:2])
		rest = rest[2:]
	}
	s.secret("message", rest)
	switch topic {
	case topicPresence:
		s.broker.presence = string(rest)
		s.told()
	case topicAck:
		s.desk.published(rest)
	default:
		s.fail(honest, "something is published as %s", topic)
	}
}
