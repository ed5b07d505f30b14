package mqtt

// Types of packets (section 2.2.1).
const (
	connect    = 1
	connack    = 2
	publish    = 3
	puback     = 4
	subscribe  = 8
	suback     = 9
	pingreq    = 12
	pingresp   = 13
	disconnect = 14
)

// Flags of PUBLISH (section 3.3.1).
const (
	retainBit = 0x01
	qos1Bit   = 0x02
	qos2Bit   = 0x04
	dupBit    = 0x08
)

// packetSize is how long a packet is whose remaining length is n, which is
// below 16,384 in all that is sent.
func packetSize(n int) int {
	if n < 128 {
		return 2 + n
	}
	return 3 + n
}

// appendHeader appends a fixed header.
func appendHeader(b []byte, kind, flags byte, length int) []byte {
	b = append(b, kind<<4|flags)
	for length >= 128 {
		b = append(b, byte(length)|0x80)
		length >>= 7
	}
	return append(b, byte(length))
}

func append16(b []byte, v uint16) []byte { return append(b, byte(v>>8), byte(v)) }

func appendString(b []byte, s string) []byte {
	return append(append16(b, uint16(len(s))), s...)
}

// connectLength is the remaining length of CONNECT.
func connectLength(o *Options) int {
	n := 10 + 2 + len(o.ClientID)
	if o.Will.Topic != "" {
		n += 2 + len(o.Will.Topic) + 2 + len(o.Will.Payload)
	}
	if o.User != "" || o.Password != "" {
		n += 2 + len(o.User)
	}
	if o.Password != "" {
		n += 2 + len(o.Password)
	}
	return n
}

// appendConnect appends CONNECT (section 3.1).
func appendConnect(b []byte, o *Options) []byte {
	const clean, will, willQoS1, willRetain, password, user = 0x02, 0x04, 0x08, 0x20, 0x40, 0x80
	flags := byte(clean)
	if o.Will.Topic != "" {
		flags |= will
		if o.Will.Flags&QoS1 != 0 {
			flags |= willQoS1
		}
		if o.Will.Flags&Retain != 0 {
			flags |= willRetain
		}
	}
	if o.User != "" || o.Password != "" {
		flags |= user
	}
	if o.Password != "" {
		flags |= password
	}
	b = appendHeader(b, connect, 0, connectLength(o))
	b = appendString(b, "MQTT")
	b = append(b, 4, flags)
	b = append16(b, o.keepAlive())
	b = appendString(b, o.ClientID)
	if flags&will != 0 {
		b = appendString(b, o.Will.Topic)
		b = appendString(b, o.Will.Payload)
	}
	if flags&user != 0 {
		b = appendString(b, o.User)
	}
	if flags&password != 0 {
		b = appendString(b, o.Password)
	}
	return b
}

// subscribeLength is the remaining length of SUBSCRIBE.
func subscribeLength(filters []Filter) int {
	n := 2
	for i := range filters {
		n += 2 + len(filters[i].Topic) + 1
	}
	return n
}

// appendSubscribe appends SUBSCRIBE (section 3.8).
func appendSubscribe(b []byte, id uint16, filters []Filter) []byte {
	b = appendHeader(b, subscribe, 0x02, subscribeLength(filters))
	b = append16(b, id)
	for i := range filters {
		b = append(appendString(b, filters[i].Topic), filters[i].QoS)
	}
	return b
}

// appendPublish appends PUBLISH (section 3.3). The id is that of QoS 1.
func appendPublish(b []byte, topic string, payload []byte, flags Flags, id uint16) []byte {
	bits, length := byte(0), 2+len(topic)+len(payload)
	if flags&Retain != 0 {
		bits |= retainBit
	}
	if flags&QoS1 != 0 {
		bits |= qos1Bit
		length += 2
	}
	b = appendString(appendHeader(b, publish, bits, length), topic)
	if flags&QoS1 != 0 {
		b = append16(b, id)
	}
	return append(b, payload...)
}

// appendPuback appends PUBACK (section 3.4).
func appendPuback(b []byte, id uint16) []byte {
	return append16(append(b, puback<<4, 2), id)
}

// appendEmpty appends a packet that is only a type: PINGREQ, DISCONNECT.
func appendEmpty(b []byte, kind byte) []byte { return append(b, kind<<4, 0) }
