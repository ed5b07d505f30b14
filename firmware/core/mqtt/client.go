package mqtt

import (
	"camrelay/firmware/core/backoff"
	"camrelay/firmware/core/hal"
)

// State is how far a Client has come.
type State uint8

// States of a Client.
const (
	Stopped State = iota
	Waiting
	Connecting
	Subscribing
	Ready // subscribed, or refused to
	Stopping
)

func (s State) String() string {
	switch s {
	case Stopped:
		return "stopped"
	case Waiting:
		return "waiting"
	case Connecting:
		return "connecting"
	case Subscribing:
		return "subscribing"
	case Ready:
		return "ready"
	case Stopping:
		return "stopping"
	}
	return "unknown"
}

// Handler is told what happens, from within Step. It may call every method of
// the Client but Step and Init.
type Handler interface {
	// OnMessage hands on a message. Topic and payload are good until it returns;
	// then a message of QoS 1 is acknowledged. retained: it was published before
	// the subscription. dup: it may have come before.
	OnMessage(topic, payload []byte, retained, dup bool)
	// OnState tells that the state has changed. At Waiting the error says why the
	// last connection or attempt ended; at Stopped it is nil if the broker was
	// told, so that it keeps the will to itself, or there was no connection.
	OnState(s State, err error)
	// OnTrouble tells what does not end the connection: ErrSkipped with the
	// length of a packet, ErrSubscription with the index of a filter.
	OnTrouble(err error, n int)
}

// Stats counts what happened since Init.
type Stats struct {
	Sessions uint32 // times it became Ready
	Sent     uint32 // messages written, with those that were sent again
	Received uint32 // messages handed on
	Skipped  uint32 // messages longer than MaxPacket
	Lost     uint32 // messages of QoS 0 that a connection took with it
}

// Client is a connection to a broker that comes back by itself. It begins
// with Init; nothing is allocated after that.
type Client struct {
	network hal.Network
	random  hal.Random
	handler Handler
	options Options
	pause   backoff.Backoff

	state    State
	stop     bool // Stop was called
	live     bool // subscribed on this connection: messages go out
	closing  bool // DISCONNECT is written
	owed     byte // connect or subscribe: to be written before anything else
	stream   hal.Stream
	deadline int64 // of the state; of Waiting: when to dial
	drain    int64 // when Stop says goodbye, whatever waits
	began    int64 // when it became Ready
	heard    int64 // when something last came
	pingAt   int64 // when the next PINGREQ is due
	pingBy   int64 // when an answer is, 0: none is expected
	subID    uint16
	stats    Stats
	err      error

	small [4]byte
	in    intake
	out   outbox
}

// Init sets the client up. It is called once, before everything else.
func (c *Client) Init(network hal.Network, random hal.Random, handler Handler) {
	c.network, c.random, c.handler = network, random, handler
	c.pause = backoff.Backoff{Base: backoffBase, Cap: backoffCap}
	c.out.clear()
}

// Start begins to connect at the next Step; there is no event for it. The error
// says what is wrong with the options, or is ErrRunning.
func (c *Client) Start(o *Options) error {
	if c.state != Stopped {
		return ErrRunning
	}
	if err := o.check(); err != nil {
		return err
	}
	c.options = *o
	c.pause.Reset()
	c.state, c.stop, c.deadline, c.err = Waiting, false, 0, nil
	return nil
}

// Stop ends the connection: what waits is sent, for one second at most, then
// the broker is told, so that it does not publish the will. The state is Stopped
// within two seconds of the next Step. Messages of QoS 1 that were not
// acknowledged stay for the next Start.
func (c *Client) Stop() { c.stop = c.state != Stopped }

// State is how far the client has come.
func (c *Client) State() State { return c.state }

// Err is why the last connection or attempt ended, nil if none did since Start.
func (c *Client) Err() error { return c.err }

// Retry is when the client connects next, in the state Waiting; in nanoseconds
// of hal.Clock.
func (c *Client) Retry() int64 { return c.deadline }

// Stats counts.
func (c *Client) Stats() Stats { return c.stats }

// Pending is how many messages wait or are not acknowledged.
func (c *Client) Pending() int { return c.out.used }

// Publish takes a message, topic and payload of at most MaxMessage bytes
// together, and copies it. Messages of QoS 1 and of Latest wait for a
// connection; others are refused without one (ErrOffline). ErrFull: MaxQueue
// messages wait, and nothing was taken; try again when Pending is smaller.
func (c *Client) Publish(topic string, payload []byte, flags Flags) error {
	switch {
	case !validTopic(topic):
		return ErrTopic
	case len(topic)+len(payload) > MaxMessage:
		return ErrLong
	case flags&(QoS1|Latest) == 0 && !c.live:
		return ErrOffline
	case !c.out.put(topic, payload, flags):
		return ErrFull
	}
	return nil
}

// Clear forgets all messages that wait or are not acknowledged.
func (c *Client) Clear() { c.out.clear() }
