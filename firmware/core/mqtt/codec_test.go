package mqtt

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"camrelay/firmware/core/haltest"
)

func TestEncode(t *testing.T) {
	long := strings.Repeat("x", 200)
	options := Options{ClientID: "door", KeepAlive: 60}
	full := Options{
		Address: Address{User: "u", Password: "p"}, ClientID: "c",
		Will: Will{Topic: "w", Payload: "off", Flags: QoS1 | Retain},
	}
	filters := []Filter{{"a/#", 1}, {"b", 0}}
	for _, test := range []struct {
		name string
		got  []byte
		want string
	}{
		{"CONNECT", appendConnect(nil, &options), "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04door"},
		{"CONNECT with all", appendConnect(nil, &full), "\x10\x1b\x00\x04MQTT\x04\xee\x00\x1e\x00\x01c\x00\x01w\x00\x03off\x00\x01u\x00\x01p"},
		{"CONNECT with a password alone", appendConnect(nil, &Options{Address: Address{Password: "p"}, ClientID: "c"}),
			"\x10\x12\x00\x04MQTT\x04\xc2\x00\x1e\x00\x01c\x00\x00\x00\x01p"},
		{"SUBSCRIBE", appendSubscribe(nil, 0x102, filters), "\x82\x0c\x01\x02\x00\x03a/#\x01\x00\x01b\x00"},
		{"PUBLISH", appendPublish(nil, "a/b", []byte("hi"), 0, 7), "\x30\x07\x00\x03a/bhi"},
		{"PUBLISH QoS 1", appendPublish(nil, "a/b", nil, QoS1|Retain|Latest, 0x0203), "\x33\x07\x00\x03a/b\x02\x03"},
		{"PUBLISH of 203 bytes", appendPublish(nil, "a", []byte(long), 0, 0), "\x30\xcb\x01\x00\x01a" + long},
		{"PUBACK", appendPuback(nil, 0x1234), "\x40\x02\x12\x34"},
		{"PINGREQ", appendEmpty(nil, pingreq), "\xc0\x00"},
		{"DISCONNECT", appendEmpty(nil, disconnect), "\xe0\x00"},
	} {
		if string(test.got) != test.want {
			t.Errorf("%s: %q, want %q", test.name, test.got, test.want)
		}
	}
	for _, o := range []*Options{&options, &full} {
		if got, want := packetSize(connectLength(o)), len(appendConnect(nil, o)); got != want {
			t.Errorf("CONNECT has %d bytes, %d were counted", want, got)
		}
	}
}

// feed gives an intake a packet in pieces of a size.
func feed(p *intake, packet []byte, piece int) (id uint16, err error) {
	near, far := haltest.Pipe(haltest.Ample, haltest.Ample)
	p.next()
	for left := packet; ; {
		for {
			n, err := p.take(near)
			if err != nil {
				return 0, err
			}
			if p.complete() {
				if p.long() {
					return p.skipped()
				}
				return 0, nil
			}
			if n == 0 {
				break
			}
		}
		if len(left) == 0 {
			return 0, errShort
		}
		n := min(piece, len(left))
		far.Write(left[:n])
		left = left[n:]
	}
}

var errShort = fmt.Errorf("the packet is not complete")

// decode decodes a packet as Client does.
func decode(p *intake, packet []byte, piece int, filters []Filter) (m message, err error) {
	if m.id, err = feed(p, packet, piece); err != nil || p.long() {
		return m, err
	}
	switch p.kind() {
	case connack:
		err = decodeConnack(p.body())
	case publish:
		err = decodePublish(p.head, p.body(), &m)
	case puback:
		m.id, err = decodePuback(p.body())
	case suback:
		m.payload, err = decodeSuback(p.body(), 1, filters)
	case pingresp:
		if p.size != 0 {
			err = ErrMalformed
		}
	}
	return m, err
}

func TestDecode(t *testing.T) {
	filters := []Filter{{"a", 1}, {"b", 0}}
	body := func(head string, size int, rest string) string {
		return head + string([]byte{byte(size)&0x7f | 0x80, byte(size >> 7)}) + rest + strings.Repeat("x", max(0, size-len(rest)))
	}
	for _, test := range []struct {
		name, packet string
		want         error
	}{
		{"CONNACK", "\x20\x02\x00\x00", nil},
		{"CONNACK of a kept session", "\x20\x02\x01\x00", ErrProtocol},
		{"CONNACK of a kept session that refuses", "\x20\x02\x01\x05", ErrMalformed},
		{"CONNACK with reserved bits", "\x20\x02\x02\x00", ErrMalformed},
		{"CONNACK with flags", "\x21\x02\x00\x00", ErrMalformed},
		{"CONNACK, short", "\x20\x01\x00", ErrMalformed},
		{"CONNACK, MQTT 5", "\x20\x03\x00\x00\x00", ErrMalformed},
		{"CONNACK 1", "\x20\x02\x00\x01", ErrVersion},
		{"CONNACK 2", "\x20\x02\x00\x02", ErrIdentifier},
		{"CONNACK 3", "\x20\x02\x00\x03", ErrUnavailable},
		{"CONNACK 4", "\x20\x02\x00\x04", ErrCredentials},
		{"CONNACK 5", "\x20\x02\x00\x05", ErrNotAuthorized},
		{"CONNACK 6", "\x20\x02\x00\x06", ErrRefused},
		{"CONNACK 255", "\x20\x02\x00\xff", ErrRefused},
		{"SUBACK", "\x90\x04\x00\x01\x01\x00", nil},
		{"SUBACK, one refused", "\x90\x04\x00\x01\x80\x00", nil},
		{"SUBACK, less granted", "\x90\x04\x00\x01\x00\x00", nil},
		{"SUBACK, more granted", "\x90\x04\x00\x01\x01\x01", ErrMalformed},
		{"SUBACK with a reserved code", "\x90\x04\x00\x01\x03\x00", ErrMalformed},
		{"SUBACK with a code missing", "\x90\x03\x00\x01\x01", ErrMalformed},
		{"SUBACK with a code too many", "\x90\x05\x00\x01\x01\x01\x01", ErrMalformed},
		{"SUBACK of something else", "\x90\x04\x00\x02\x01\x00", ErrProtocol},
		{"PUBACK", "\x40\x02\x00\x01", nil},
		{"PUBACK of id 0", "\x40\x02\x00\x00", ErrMalformed},
		{"PUBACK, long", "\x40\x03\x00\x01\x00", ErrMalformed},
		{"PUBACK, much too long", body("\x40", 1600, ""), ErrMalformed},
		{"PINGRESP", "\xd0\x00", nil},
		{"PINGRESP, long", "\xd0\x01\x00", ErrMalformed},
		{"PUBLISH", "\x30\x05\x00\x03a/b", nil},
		{"PUBLISH with an ineptly long length", "\x30\x85\x80\x80\x00\x00\x03a/b", nil},
		{"PUBLISH QoS 1", "\x32\x07\x00\x03a/b\x00\x01", nil},
		{"PUBLISH QoS 1 of id 0", "\x32\x07\x00\x03a/b\x00\x00", ErrMalformed},
		{"PUBLISH QoS 1 without id", "\x32\x06\x00\x03a/b\x00", ErrMalformed},
		{"PUBLISH again", "\x3a\x07\x00\x03a/b\x00\x01", nil},
		{"PUBLISH QoS 0 again", "\x38\x05\x00\x03a/b", ErrMalformed},
		{"PUBLISH QoS 2", "\x34\x07\x00\x03a/b\x00\x01", ErrProtocol},
		{"PUBLISH QoS 3", "\x36\x07\x00\x03a/b\x00\x01", ErrMalformed},
		{"PUBLISH without a topic", "\x30\x02\x00\x00", ErrMalformed},
		{"PUBLISH of nothing", "\x30\x00", ErrMalformed},
		{"PUBLISH of one byte", "\x30\x01\x00", ErrMalformed},
		{"PUBLISH whose topic is longer than it", "\x30\x05\x00\x04a/b", ErrMalformed},
		{"PUBLISH with a +", "\x30\x05\x00\x03a/+", ErrMalformed},
		{"PUBLISH with a #", "\x30\x03\x00\x01#", ErrMalformed},
		{"PUBLISH with a zero", "\x30\x05\x00\x03a/\x00", ErrMalformed},
		{"PUBLISH with Latin 1", "\x30\x05\x00\x03a/\xe4", ErrMalformed},
		{"PUBLISH with a surrogate", "\x30\x05\x00\x03\xed\xa0\x80", ErrMalformed},
		{"PUBLISH with UTF-8", "\x30\x05\x00\x03\xe2\x82\xac", nil},
		{"PUBLISH of 1500 bytes", body("\x30", 1497, "\x00\x01a"), nil},
		{"PUBLISH of 1501 bytes", body("\x30", 1498, "\x00\x01a"), nil},
		{"PUBLISH QoS 1 of 1501 bytes", body("\x32", 1498, "\x00\x01a\x00\x07"), nil},
		{"PUBLISH QoS 1 of 1501 bytes of id 0", body("\x32", 1498, "\x00\x01a\x00\x00"), ErrMalformed},
		{"PUBLISH QoS 1 of 16000 bytes without an id", body("\x32", 16000, "\x3e\x80"), ErrMalformed},
		{"PUBLISH QoS 1 of 16000 bytes with half an id", body("\x32", 16000, "\x3e\x7d"), ErrMalformed},
		{"PUBLISH QoS 0 of 16000 bytes with all a topic", body("\x30", 16000, "\x3e\x7e"), nil},
		{"PUBLISH QoS 0 of 16000 bytes with too long a topic", body("\x30", 16000, "\x3e\x7f"), ErrMalformed},
		{"a length of five bytes", "\x30\xff\xff\xff\xff\x01", ErrMalformed},
		{"CONNECT", "\x10\x00", ErrProtocol},
		{"PUBREC", "\x50\x02\x00\x01", ErrProtocol},
		{"PUBREL", "\x62\x02\x00\x01", ErrProtocol},
		{"PUBCOMP", "\x70\x02\x00\x01", ErrProtocol},
		{"SUBSCRIBE", "\x82\x00", ErrProtocol},
		{"UNSUBSCRIBE", "\xa2\x00", ErrProtocol},
		{"UNSUBACK", "\xb0\x02\x00\x01", ErrProtocol},
		{"PINGREQ", "\xc0\x00", ErrProtocol},
		{"DISCONNECT", "\xe0\x00", ErrClosed},
		{"type 0", "\x00\x00", ErrMalformed},
		{"type 15", "\xf0\x00", ErrMalformed},
	} {
		for _, piece := range []int{1, 3, 1000, 1 << 20} {
			if _, err := decode(new(intake), []byte(test.packet), piece, filters); err != test.want {
				t.Errorf("%s, %d bytes at a time: %v, want %v", test.name, piece, err, test.want)
			}
		}
	}
}

func TestSkippedID(t *testing.T) {
	// Wherever the id is: at the start, across the border of the buffer, beyond.
	for _, topic := range []int{1, 1400, 1494, 1495, 1496, 1497, 1498, 1499, 3000, 65535} {
		packet := appendPublish(nil, strings.Repeat("t", topic), bytes.Repeat([]byte{0xff}, 1500), QoS1, 0xabcd)
		for _, piece := range []int{1, 7, 1 << 20} {
			if id, err := feed(new(intake), packet, piece); err != nil || id != 0xabcd {
				t.Errorf("topic of %d bytes, %d at a time: id %#x, %v", topic, piece, id, err)
			}
		}
	}
}

func TestDecodePublish(t *testing.T) {
	m, err := decode(new(intake), []byte("\x3b\x0a\x00\x03a/b\x12\x34off"), 2, nil)
	if err != nil || string(m.topic) != "a/b" || string(m.payload) != "off" || m.id != 0x1234 || !m.retained || !m.dup {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestErrors(t *testing.T) {
	seen := map[string]bool{}
	for e := ErrURL; e <= ErrSubscription; e++ {
		text := e.Error()
		if seen[text] && e != ErrSubscription || !strings.HasPrefix(text, "mqtt: ") || strings.Contains(text, "unknown") {
			t.Errorf("error %d: %q", e, text)
		}
		seen[text] = true
	}
	if Error(0).Error() != Error(255).Error() {
		t.Error("errors that are none have a text")
	}
}
