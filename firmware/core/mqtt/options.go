package mqtt

import "unicode/utf8"

// Flags say how a message is published. The zero value is QoS 0.
type Flags uint8

// Flags of a message.
const (
	// QoS1 keeps the message until the broker has acknowledged it; it may be
	// delivered more than once.
	QoS1 Flags = 1 << iota
	// Retain has the broker keep it for who subscribes later.
	Retain
	// Latest replaces a message with this flag and the same topic that waits or
	// is not acknowledged. It is for what says how things are now, and is kept
	// while there is no connection, also with QoS 0.
	Latest
)

// Options say where to connect and as whom.
type Options struct {
	Address
	// ClientID is 1 to 128 bytes. The broker ends an older connection with the
	// same one.
	ClientID string
	// KeepAlive is in seconds, 0 for 30. PINGREQ is sent after three quarters of
	// it, always.
	KeepAlive uint16
	// Will is published by the broker when the connection ends without a
	// goodbye; none without a topic.
	Will Will
	// Filters are subscribed to after each connect. The slice belongs to the
	// client until it has stopped.
	Filters []Filter
}

// Will is the message a broker publishes on behalf of who is gone.
type Will struct {
	Topic, Payload string
	Flags          Flags // QoS1, Retain
}

// Filter is a subscription. Its topic may have wildcards.
type Filter struct {
	Topic string
	QoS   uint8 // 0 or 1, at most
}

const (
	maxClientID = 128
	maxLogin    = 256
)

// check says what is wrong with the options.
func (o *Options) check() error {
	switch {
	case o.Host == "" || o.Port == 0:
		return ErrURL
	case o.ClientID == "" || len(o.ClientID) > maxClientID || !validString(o.ClientID):
		return ErrClientID
	case !validString(o.User) || !validString(o.Password) || len(o.User) > maxLogin || len(o.Password) > maxLogin:
		return ErrLogin
	case o.Will.Topic == "" && o.Will != Will{}, o.Will.Topic != "" && !validTopic(o.Will.Topic), len(o.Will.Topic)+len(o.Will.Payload) > MaxMessage:
		return ErrWill
	case len(o.Filters) > MaxFilters:
		return ErrFilters
	}
	for i := range o.Filters {
		if f := &o.Filters[i]; f.Topic == "" || !validString(f.Topic) || f.QoS > 1 {
			return ErrFilters
		}
	}
	if packetSize(connectLength(o)) > maxGreeting || packetSize(subscribeLength(o.Filters)) > maxGreeting {
		return ErrLong
	}
	return nil
}

// keepAlive is in seconds.
func (o *Options) keepAlive() uint16 {
	if o.KeepAlive == 0 {
		return defaultKeepAlive
	}
	return o.KeepAlive
}

// validString reports whether s may be sent as a string (section 1.5.3).
func validString(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return len(s) <= 65535 && utf8.ValidString(s)
}

// validTopic reports whether a message can have the topic s (section 4.7.1).
func validTopic(s string) bool {
	for i := range len(s) {
		if s[i] == '+' || s[i] == '#' {
			return false
		}
	}
	return s != "" && validString(s)
}

// validName is validTopic of what comes in.
func validName(p []byte) bool {
	for _, b := range p {
		if b == 0 || b == '+' || b == '#' {
			return false
		}
	}
	return len(p) > 0 && utf8.Valid(p)
}
