package mqtt

import "errors"

// Errors of [Bus.Publish].
var (
	// ErrOffline means that the broker is away and the message is not of the
	// kind that can wait: it is not retained.
	ErrOffline = errors.New("mqtt: the broker is not connected")
	// ErrBusy means that the broker does not take messages as fast as they
	// come.
	ErrBusy = errors.New("mqtt: too many messages wait for the broker")
	// ErrClosed means that the bus was closed.
	ErrClosed = errors.New("mqtt: closed")
)

// Message is what a subscriber gets. Its payload must not be changed.
type Message struct {
	Topic   string
	Payload []byte
	// Retained is true if the message was, or is to be, kept by the broker. A
	// broker elsewhere only says so of messages that were there before the
	// subscription.
	Retained bool
}

// Bus is a way to publish and subscribe, whoever is the broker. It is safe for
// concurrent use.
type Bus interface {
	// Publish sends a message with QoS 0 or 1 and never blocks. A retained one
	// waits while the broker is away, the newest of each topic; an empty one
	// clears the topic. Without error it will be delivered as its QoS promises
	// for as long as the relay runs.
	Publish(topic string, payload []byte, qos byte, retain bool) error
	// Subscribe calls handle for each message that matches the filter, one
	// after another for the whole bus. It may publish, and should return soon.
	// It holds until Close, through all reconnections. Filters of one bus
	// should not overlap unless they are the same: other brokers may deliver a
	// message once for each.
	Subscribe(filter string, handle func(Message)) error
	// Close sends what still waits, for a short time, and disconnects.
	Close() error
}

var (
	_ Bus = (*Broker)(nil)
	_ Bus = (*Client)(nil)
)
