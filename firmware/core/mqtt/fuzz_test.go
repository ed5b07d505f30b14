package mqtt

import (
	"bytes"
	"io"
	"strings"
	"testing"

	mochi "github.com/mochi-mqtt/server/v2/packets"

	paho "github.com/eclipse/paho.mqtt.golang/packets"
)

// FuzzDecode: whatever comes, Client and mochi's decoder agree whether it is a
// packet, and what it says.
func FuzzDecode(f *testing.F) {
	for _, packet := range []string{
		"\x20\x02\x00\x05", "\x90\x03\x00\x01\x80", "\x40\x02\x00\x01", "\xd0\x00", "\x30\x05\x00\x01ahi",
		"\x3b\x0a\x00\x03a/b\x12\x34off", "\x32\xff\xff\xff\x7f\x00\x01a\x00\x01",
	} {
		f.Add([]byte(packet), uint8(1))
	}
	p := new(intake)
	f.Fuzz(func(t *testing.T, packet []byte, piece uint8) {
		m, err := decode(p, packet, int(piece)+1, []Filter{{"a", 1}})
		if again, errAgain := decode(new(intake), packet, len(packet)+1, []Filter{{"a", 1}}); err != errAgain || again.id != m.id {
			t.Errorf("in pieces: %+v, %v; at once: %+v, %v", m, err, again, errAgain)
		}
		if len(packet) < 2 {
			return
		}
		reader := bytes.NewReader(packet[1:])
		theirs := mochi.Packet{ProtocolVersion: 4}
		errHead := theirs.FixedHeader.Decode(packet[0])
		size, used, errSize := mochi.DecodeLength(reader)
		if errSize == io.EOF || used > 4 || size > reader.Len() || p.long() {
			return
		}
		theirs.FixedHeader.Remaining = size
		body := packet[1+used:][:size]
		switch theirs.FixedHeader.Type {
		case mochi.Publish:
			errBody := theirs.PublishDecode(body)
			ok := errHead == nil && errSize == nil && errBody == nil && theirs.PublishValidate(0) == mochi.CodeSuccess && theirs.FixedHeader.Qos < 2
			if ok != (err == nil) {
				t.Fatalf("%v; mochi: %v, %v", err, errHead, errBody)
			}
			if ok && (string(m.topic) != theirs.TopicName || !bytes.Equal(m.payload, theirs.Payload) || m.id != theirs.PacketID ||
				m.retained != theirs.FixedHeader.Retain || m.dup != theirs.FixedHeader.Dup) {
				t.Errorf("%+v; mochi: %+v", m, theirs)
			}
		case mochi.Puback:
			// mochi takes id 0 and what follows.
			if err == nil && (theirs.PubackDecode(body) != nil || theirs.PacketID != m.id) {
				t.Errorf("%+v; mochi: %+v", m, theirs)
			}
		case mochi.Suback:
			if err == nil && (theirs.SubackDecode(body) != nil || !bytes.Equal(theirs.ReasonCodes, m.payload)) {
				t.Errorf("%+v; mochi: %+v", m, theirs)
			}
		case mochi.Connack:
			if err == nil && (theirs.ConnackDecode(body) != nil || theirs.ReasonCode != 0) {
				t.Errorf("%v; mochi: %+v", err, theirs)
			}
		case mochi.Pingresp:
		default:
			if err == nil {
				t.Errorf("takes a packet of type %d", theirs.FixedHeader.Type)
			}
		}
	})
}

// FuzzEncode: paho's decoder and mochi's read what is sent as it was meant, and
// what paho writes is read as it was meant.
func FuzzEncode(f *testing.F) {
	f.Add("door", "user", "secret", "will/topic", "offline", "a/b", []byte("payload"), uint8(7), uint16(30), uint16(1))
	f.Add("door", "", "", "", "", "a", []byte{}, uint8(0), uint16(0), uint16(65535))
	f.Fuzz(func(t *testing.T, id, user, password, willTopic, will, topic string, payload []byte, flags uint8, keepAlive, packetID uint16) {
		o := Options{
			Address: Address{Host: "relay", Port: 1883, User: user, Password: password}, ClientID: id, KeepAlive: keepAlive,
			Will:    Will{willTopic, will, Flags(flags)},
			Filters: []Filter{{topic, flags & 1}, {id, flags >> 1 & 1}},
		}
		if willTopic == "" {
			o.Will = Will{}
		}
		if o.check() == nil {
			checkConnect(t, &o)
			checkSubscribe(t, max(packetID, 1), o.Filters)
		}
		if validTopic(topic) && len(topic)+len(payload) <= MaxMessage {
			checkPublish(t, topic, payload, Flags(flags), max(packetID, 1))
		}
	})
}

// read decodes one packet with paho.
func read[P paho.ControlPacket](t *testing.T, b []byte) P {
	t.Helper()
	reader := bytes.NewReader(b)
	p, err := paho.ReadPacket(reader)
	if err != nil || reader.Len() > 0 {
		t.Fatalf("paho: %v, %d bytes left", err, reader.Len())
	}
	return p.(P)
}

// body is what follows the fixed header.
func body(t *testing.T, b []byte) (mochi.Packet, []byte) {
	t.Helper()
	pk := mochi.Packet{ProtocolVersion: 4}
	if err := pk.FixedHeader.Decode(b[0]); err != nil {
		t.Fatal(err)
	}
	n, used, err := mochi.DecodeLength(bytes.NewReader(b[1:]))
	if err != nil || 1+used+n != len(b) {
		t.Fatalf("length %d, %v", n, err)
	}
	pk.FixedHeader.Remaining = n
	return pk, b[1+used:]
}

func checkConnect(t *testing.T, o *Options) {
	b := appendConnect(nil, o)
	if len(b) != packetSize(connectLength(o)) || len(b) > maxGreeting {
		t.Errorf("CONNECT has %d bytes", len(b))
	}
	p := read[*paho.ConnectPacket](t, b)
	if p.Validate() != paho.Accepted || p.ClientIdentifier != o.ClientID || !p.CleanSession || p.Keepalive != o.keepAlive() ||
		p.Username != o.User || string(p.Password) != o.Password || p.WillTopic != o.Will.Topic || string(p.WillMessage) != o.Will.Payload ||
		p.WillFlag != (o.Will.Topic != "") || p.WillFlag && (p.WillQos != byte(o.Will.Flags&QoS1) || p.WillRetain != (o.Will.Flags&Retain != 0)) {
		t.Errorf("paho reads %+v", p)
	}
	pk, rest := body(t, b)
	code := mochi.CodeSuccess
	if o.Will.Topic != "" && o.Will.Payload == "" {
		code = mochi.ErrProtocolViolationWillFlagNoPayload // allowed by section 3.1.3.3
	}
	if err := pk.ConnectDecode(rest); err != nil || pk.ConnectValidate() != code {
		t.Errorf("mochi: %v, %v", err, pk.ConnectValidate())
	}
	if c := pk.Connect; c.ClientIdentifier != o.ClientID || string(c.Username) != o.User || string(c.Password) != o.Password || c.WillTopic != o.Will.Topic {
		t.Errorf("mochi reads %+v", c)
	}
	var theirs bytes.Buffer
	if err := p.Write(&theirs); err != nil || !bytes.Equal(theirs.Bytes(), b) {
		t.Errorf("%q; paho writes %q", b, theirs.Bytes())
	}
}

func checkSubscribe(t *testing.T, id uint16, filters []Filter) {
	b := appendSubscribe(nil, id, filters)
	p := read[*paho.SubscribePacket](t, b)
	if p.MessageID != id || len(p.Topics) != len(filters) {
		t.Fatalf("paho reads %+v", p)
	}
	for i, f := range filters {
		if p.Topics[i] != f.Topic || p.Qoss[i] != f.QoS {
			t.Errorf("paho reads %+v", p)
		}
	}
	pk, rest := body(t, b)
	if err := pk.SubscribeDecode(rest); err != nil || len(pk.Filters) != len(filters) {
		t.Errorf("mochi: %v, %+v", err, pk.Filters)
	}
}

func checkPublish(t *testing.T, topic string, payload []byte, flags Flags, id uint16) {
	b := appendPublish(nil, topic, payload, flags, id)
	p := read[*paho.PublishPacket](t, b)
	qos := byte(flags & QoS1)
	if p.TopicName != topic || !bytes.Equal(p.Payload, payload) || p.Qos != qos || p.Retain != (flags&Retain != 0) || p.Dup || qos > 0 && p.MessageID != id {
		t.Errorf("paho reads %+v", p)
	}
	pk, rest := body(t, b)
	if err := pk.PublishDecode(rest); err != nil || pk.PublishValidate(0) != mochi.CodeSuccess || pk.TopicName != topic || !bytes.Equal(pk.Payload, payload) {
		t.Errorf("mochi: %v, %+v", err, pk)
	}
	var theirs bytes.Buffer
	if err := p.Write(&theirs); err != nil || !bytes.Equal(theirs.Bytes(), b) {
		t.Errorf("%q; paho writes %q", b, theirs.Bytes())
	}
	m, err := decode(new(intake), theirs.Bytes(), 100, nil)
	if err != nil || string(m.topic) != topic || !bytes.Equal(m.payload, payload) || qos > 0 && m.id != id {
		t.Errorf("%+v, %v", m, err)
	}

	var c cell
	c.fill(topic, payload, flags, id)
	if !bytes.Equal(c.packet(), b) || string(c.name()) != topic {
		t.Errorf("a cell holds %q, with the topic %q", c.packet(), c.name())
	}
}

func TestOptions(t *testing.T) {
	good := func() Options {
		return Options{Address: Address{Host: "relay", Port: 1883}, ClientID: "door"}
	}
	for _, test := range []struct {
		name   string
		change func(*Options)
		want   error
	}{
		{"good", func(*Options) {}, nil},
		{"no host", func(o *Options) { o.Host = "" }, ErrURL},
		{"no port", func(o *Options) { o.Port = 0 }, ErrURL},
		{"no id", func(o *Options) { o.ClientID = "" }, ErrClientID},
		{"long id", func(o *Options) { o.ClientID = strings.Repeat("x", 129) }, ErrClientID},
		{"id with a zero", func(o *Options) { o.ClientID = "a\x00" }, ErrClientID},
		{"user in Latin 1", func(o *Options) { o.User = "\xe4" }, ErrLogin},
		{"long password", func(o *Options) { o.Password = strings.Repeat("x", 257) }, ErrLogin},
		{"will", func(o *Options) { o.Will = Will{"a", "", Retain} }, nil},
		{"will without a topic", func(o *Options) { o.Will = Will{"", "x", 0} }, ErrWill},
		{"will with a wildcard", func(o *Options) { o.Will = Will{"a/+", "x", 0} }, ErrWill},
		{"long will", func(o *Options) { o.Will = Will{"a", strings.Repeat("x", 700), 0} }, ErrWill},
		{"filters", func(o *Options) { o.Filters = []Filter{{"a/+/#", 1}, {"b", 0}} }, nil},
		{"filter of QoS 2", func(o *Options) { o.Filters = []Filter{{"a", 2}} }, ErrFilters},
		{"empty filter", func(o *Options) { o.Filters = []Filter{{"", 0}} }, ErrFilters},
		{"filter in Latin 1", func(o *Options) { o.Filters = []Filter{{"\xe4", 0}} }, ErrFilters},
		{"nine filters", func(o *Options) { o.Filters = make([]Filter, 9) }, ErrFilters},
		{"long filters", func(o *Options) { o.Filters = []Filter{{strings.Repeat("x", 600), 0}, {strings.Repeat("x", 600), 0}} }, ErrLong},
		{"long CONNECT", func(o *Options) {
			o.User, o.Password, o.Will = strings.Repeat("u", 256), strings.Repeat("p", 256), Will{"a", strings.Repeat("x", 699), 0}
		}, ErrLong},
	} {
		o := good()
		test.change(&o)
		if err := o.check(); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}
