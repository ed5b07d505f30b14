package mqtt

// message is an incoming PUBLISH.
type message struct {
	topic, payload []byte
	id             uint16 // 0: QoS 0
	retained, dup  bool
}

// checkHead checks the first byte of a packet: its type must be one a broker
// sends, and its flags one of those that the type has.
func checkHead(head byte) error {
	flags := head & 0x0f
	switch head >> 4 {
	case publish:
		// Only QoS 0 and 1 are subscribed to; QoS 0 is never sent again.
		switch {
		case flags&(qos1Bit|qos2Bit) == qos1Bit|qos2Bit:
			return ErrMalformed
		case flags&qos2Bit != 0:
			return ErrProtocol
		case flags&(dupBit|qos1Bit) == dupBit:
			return ErrMalformed
		}
		return nil
	case connack, puback, suback, pingresp:
		if flags != 0 {
			return ErrMalformed
		}
		return nil
	case disconnect:
		// Only MQTT 5 has it in this direction. Some brokers say it to every
		// client before they close: that another one has its id, or that they stop.
		return ErrClosed
	case 0, 15:
		return ErrMalformed
	}
	return ErrProtocol
}

// decodeConnack returns the reason if the broker refuses (section 3.2). It may
// not have kept a session, because none was asked for.
func decodeConnack(body []byte) error {
	if len(body) != 2 || body[0] > 1 || body[0] == 1 && body[1] != 0 {
		return ErrMalformed
	}
	if body[0] == 1 {
		return ErrProtocol
	}
	return refusal(body[1])
}

// decodePublish takes a PUBLISH apart (section 3.3). What it returns lies in
// body.
func decodePublish(head byte, body []byte, m *message) error {
	if len(body) < 2 {
		return ErrMalformed
	}
	at := 2 + int(get16(body))
	if at > len(body) {
		return ErrMalformed
	}
	m.topic, m.id = body[2:at], 0
	if !validName(m.topic) {
		return ErrMalformed
	}
	if head&qos1Bit != 0 {
		if at+2 > len(body) {
			return ErrMalformed
		}
		if m.id = get16(body[at:]); m.id == 0 {
			return ErrMalformed
		}
		at += 2
	}
	m.payload = body[at:]
	m.retained, m.dup = head&retainBit != 0, head&dupBit != 0
	return nil
}

// decodePuback returns the id of what is acknowledged (section 3.4).
func decodePuback(body []byte) (uint16, error) {
	if len(body) != 2 || get16(body) == 0 {
		return 0, ErrMalformed
	}
	return get16(body), nil
}

// refusedFilter is the return code of a subscription that is refused.
const refusedFilter = 0x80

// decodeSuback returns a code for each filter (section 3.9).
func decodeSuback(body []byte, id uint16, filters []Filter) ([]byte, error) {
	if len(body) != 2+len(filters) {
		return nil, ErrMalformed
	}
	if get16(body) != id {
		return nil, ErrProtocol
	}
	codes := body[2:]
	for i, code := range codes {
		if code > filters[i].QoS && code != refusedFilter {
			return nil, ErrMalformed
		}
	}
	return codes, nil
}

func get16(p []byte) uint16 { return uint16(p[0])<<8 | uint16(p[1]) }
