package config

import "camrelay/firmware/core/le"

// Tag says what a value is. A firmware keeps the values whose tags it does not
// know: a newer one wrote them, and may run again.
type Tag uint8

// Settings, which people make.
const (
	SSID     Tag = 1  // name of the wireless network
	Password Tag = 2  // its password; none: an open network
	Relay    Tag = 3  // address of the relay, like ws://192.168.1.10:8080
	Camera   Tag = 4  // the camera's id
	Key      Tag = 5  // the camera's key
	MQTT     Tag = 6  // address of the broker, like mqtt://192.168.1.10:1883; none: no MQTT
	Topic    Tag = 7  // first part of MQTT topics; none: camrelay
	Scheme   Tag = 8  // how the key is shown: bearer, basic or hmac; none: bearer
	Port     Tag = 9  // number: port of the camera's own server; none: 80, 65536: no server
	Picture  Tag = 10 // settings of the sensor, as package ov2640 keeps them
)

// NoServer as Port says that the camera has no server of its own.
const NoServer = 65536

// State, which the firmware keeps for itself.
const (
	Floor   Tag = 64 // number: lowest build that may be installed
	Job     Tag = 65 // the last update's id
	Outcome Tag = 66 // how it ended, in words: see firmware/core/update
)

// MaxValues is how long a set of values may be when stored, in bytes. Each
// takes two bytes more than its own.
const MaxValues = 1024

// MaxValue is how long one value may be, in bytes.
const MaxValue = 255

// Values is a set of tagged values, as it is stored: for each value its tag, its
// length and its bytes, in ascending order of the tags. The zero value is empty.
type Values struct {
	n   int
	buf [MaxValues]byte
}

// Decode replaces the set by a stored one. If that is malformed, the set is
// empty afterwards.
func (v *Values) Decode(p []byte) error {
	v.n = 0
	if len(p) > MaxValues {
		return ErrLong
	}
	last := byte(0)
	for at := 0; at < len(p); at += 2 + int(p[at+1]) {
		if len(p)-at < 2 || p[at] <= last || p[at+1] == 0 || len(p)-at-2 < int(p[at+1]) {
			return ErrMalformed
		}
		last = p[at]
	}
	v.n = copy(v.buf[:], p)
	return nil
}

// Bytes is the set as it is stored, until the set changes.
func (v *Values) Bytes() []byte { return v.buf[:v.n] }

// Get returns a value until the set changes, nil if there is none.
func (v *Values) Get(t Tag) []byte {
	at, size := v.find(t)
	if size == 0 {
		return nil
	}
	return v.buf[at+2 : at+size]
}

// Set makes p the value of t; no bytes remove it. What the tag is known to want
// is checked. If it does not return nil, nothing has changed.
func (v *Values) Set(t Tag, p []byte) error {
	if len(p) > 0 {
		if err := check(t, p); err != nil {
			return err
		}
	}
	at, size := v.find(t)
	need := 0
	if len(p) > 0 {
		need = 2 + len(p)
	}
	if v.n-size+need > MaxValues {
		return ErrLong
	}
	copy(v.buf[at+need:], v.buf[at+size:v.n])
	v.n += need - size
	if need > 0 {
		v.buf[at], v.buf[at+1] = byte(t), byte(len(p))
		copy(v.buf[at+2:], p)
	}
	return nil
}

// Number returns a value that is a number, 0 if there is none.
func (v *Values) Number(t Tag) uint32 {
	p := v.Get(t)
	if len(p) != 4 {
		return 0
	}
	return le.U32(p)
}

// SetNumber makes n the value of t.
func (v *Values) SetNumber(t Tag, n uint32) error {
	var p [4]byte
	le.Put32(p[:], n)
	return v.Set(t, p[:])
}

// find returns where t is or would be, and how much it takes there.
func (v *Values) find(t Tag) (at, size int) {
	for at < v.n && v.buf[at] < byte(t) {
		at += 2 + int(v.buf[at+1])
	}
	if at < v.n && v.buf[at] == byte(t) {
		size = 2 + int(v.buf[at+1])
	}
	return at, size
}

// check says what is wrong with a value, which is not empty.
func check(t Tag, p []byte) error {
	switch {
	case t == 0:
		return ErrTag
	case len(p) > MaxValue:
		return ErrLong
	}
	switch t {
	case SSID:
		return unless(len(p) <= 32, ErrSSID)
	case Password:
		return unless(len(p) >= 8 && len(p) <= 63 && printable(p, ' ') || len(p) == 64 && each(p, hex), ErrPassword)
	case Relay:
		return unless((prefix(p, "ws://") || prefix(p, "http://")) && printable(p, '!'), ErrURL)
	case MQTT:
		return unless(prefix(p, "mqtt://") && printable(p, '!'), ErrURL)
	case Camera:
		return unless(len(p) <= 32 && p[0] != '-' && each(p, idByte), ErrCamera)
	case Key:
		return unless(len(p) >= 8 && len(p) <= 128 && printable(p, '!'), ErrKey)
	case Topic:
		return unless(len(p) <= 64 && each(p, topicByte) && p[0] != '/' && p[len(p)-1] != '/', ErrTopic)
	case Scheme:
		return unless(string(p) == "bearer" || string(p) == "basic" || string(p) == "hmac", ErrScheme)
	case Port:
		return unless(len(p) == 4 && le.U32(p) >= 1 && le.U32(p) <= NoServer, ErrNumber)
	case Floor:
		return unless(len(p) == 4, ErrNumber)
	}
	return nil
}

func unless(ok bool, e Error) error {
	if ok {
		return nil
	}
	return e
}

// prefix reports whether p begins with s and goes on.
func prefix(p []byte, s string) bool {
	for i := range len(s) {
		if i >= len(p) || p[i] != s[i] {
			return false
		}
	}
	return len(p) > len(s)
}

// printable reports whether p is ASCII from low to ~.
func printable(p []byte, low byte) bool {
	for _, b := range p {
		if b < low || b > '~' {
			return false
		}
	}
	return true
}

func each(p []byte, ok func(byte) bool) bool {
	for _, b := range p {
		if !ok(b) {
			return false
		}
	}
	return true
}

func hex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

func idByte(b byte) bool { return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b == '-' }

// topicByte leaves out what means something in MQTT, but for the separator.
func topicByte(b byte) bool { return b > ' ' && b <= '~' && b != '+' && b != '#' && b != '$' }
