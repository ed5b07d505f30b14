package mqtt

import "camrelay/firmware/core/text"

// maxCell is the length of the longest PUBLISH that is sent.
const maxCell = 3 + 2 + 2 + MaxMessage

// cell holds a message as it is sent.
type cell struct {
	flags Flags
	sent  bool   // written to this connection, and not acknowledged
	id    uint16 // of QoS 1
	topic uint16 // where it ends in buf
	n     uint16
	since int64 // when it was written
	buf   [maxCell]byte
}

func (m *cell) packet() []byte { return m.buf[:m.n] }

// name is the topic.
func (m *cell) name() []byte {
	at := 4
	if m.n > 2+127 { // the remaining length takes two bytes
		at = 5
	}
	return m.buf[at:m.topic]
}

// fill makes the cell a new message.
func (m *cell) fill(topic string, payload []byte, flags Flags, id uint16) {
	m.flags, m.sent, m.id = flags, false, id
	m.n = uint16(len(appendPublish(m.buf[:0], topic, payload, flags, id)))
	m.topic = m.n - uint16(len(payload))
	if flags&QoS1 != 0 {
		m.topic -= 2
	}
}

// outbox keeps messages in the order in which they were published.
type outbox struct {
	used   int
	order  [MaxQueue]uint8 // numbers of cells: those in use, oldest first, then the others
	lastID uint16
	cells  [MaxQueue]cell
}

// clear forgets everything.
func (o *outbox) clear() {
	o.used = 0
	for i := range o.order {
		o.order[i] = uint8(i)
	}
}

// at is the i-th message.
func (o *outbox) at(i int) *cell { return &o.cells[o.order[i]] }

// put appends a message. One that it replaces goes, so what is sent is in the
// order of publishing.
func (o *outbox) put(topic string, payload []byte, flags Flags) bool {
	if flags&Latest != 0 {
		o.replace(topic)
	}
	if o.used == MaxQueue {
		return false
	}
	id := uint16(0)
	if flags&QoS1 != 0 {
		id = o.nextID()
	}
	o.used++
	o.at(o.used-1).fill(topic, payload, flags, id)
	return true
}

// replace removes the message that a new one of Latest replaces. It may have
// been sent; then it does not matter any more whether it arrives.
func (o *outbox) replace(topic string) {
	for i := range o.used {
		if m := o.at(i); m.flags&Latest != 0 && text.Equal(m.name(), topic) {
			o.remove(i)
			return // there is one at most
		}
	}
}

// remove makes the i-th message's cell the first free one.
func (o *outbox) remove(i int) {
	freed := o.order[i]
	o.used--
	copy(o.order[i:o.used], o.order[i+1:])
	o.order[o.used] = freed
}

// nextID returns a packet identifier that is not in use (section 2.3.1).
func (o *outbox) nextID() uint16 {
	for {
		o.lastID++
		if o.lastID != 0 && !o.has(o.lastID) {
			return o.lastID
		}
	}
}

func (o *outbox) has(id uint16) bool {
	for i := range o.used {
		if m := o.at(i); m.flags&QoS1 != 0 && m.id == id {
			return true
		}
	}
	return false
}

// next is the place of the oldest message that is not sent, -1 if there is none.
func (o *outbox) next() int {
	for i := range o.used {
		if !o.at(i).sent {
			return i
		}
	}
	return -1
}

// wrote notes that the i-th message was written.
func (o *outbox) wrote(i int, now int64) {
	m := o.at(i)
	if m.flags&QoS1 == 0 {
		o.remove(i)
		return
	}
	m.sent, m.since = true, now
}

// acknowledge removes the message that was sent with id. There is none if it was
// replaced or cleared meanwhile.
func (o *outbox) acknowledge(id uint16) {
	for i := range o.used {
		if m := o.at(i); m.sent && m.id == id {
			o.remove(i)
			return
		}
	}
}

// overdue reports whether a message was sent at or before a time.
func (o *outbox) overdue(since int64) bool {
	for i := range o.used {
		if m := o.at(i); m.sent && m.since <= since {
			return true
		}
	}
	return false
}

// disconnected makes ready for the next connection: what was sent is sent again,
// marked as such. It returns how many messages were given up.
func (o *outbox) disconnected() (lost uint32) {
	for i := 0; i < o.used; {
		m := o.at(i)
		if m.sent {
			m.sent = false
			m.buf[0] |= dupBit
		}
		if m.flags&(QoS1|Latest) != 0 {
			i++
			continue
		}
		o.remove(i)
		lost++
	}
	return lost
}
