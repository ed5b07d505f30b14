// Package mqtt is an MQTT 3.1.1 client for one broker: it stays connected,
// subscribes, hands on what comes, and keeps what is published with QoS 1 until
// the broker has it. Step does the work and never waits.
//
// Sessions are always clean. A broker may find out that a connection is dead
// only when the client is back, and publish the will then: so the status
// that the will ends is to be published at every Ready.
//
// Section numbers are those of the OASIS standard.
package mqtt

// Limits, in bytes unless said otherwise.
const (
	MaxMessage = 700  // topic and payload of what is published
	MaxQueue   = 4    // messages that wait or are not acknowledged yet
	MaxPacket  = 1500 // of what comes in; longer messages are skipped
	MaxFilters = 8    // subscriptions

	// maxGreeting bounds CONNECT and SUBSCRIBE: each is written at once, and
	// hal.Broker takes so much.
	maxGreeting = 1024
)

// Times, in nanoseconds.
const (
	second = 1_000_000_000

	dialTimeout      = 10 * second // until CONNACK
	subscribeTimeout = 10 * second // until SUBACK
	pingTimeout      = 10 * second
	ackTimeout       = 20 * second // until PUBACK
	stopTimeout      = 2 * second
	drainTimeout     = 1 * second // of stopTimeout, for what is still to be sent

	backoffBase = second / 2
	backoffCap  = 60 * second
	stableTime  = 60 * second  // a connection that lived so long was none of a series of failures
	loginDelay  = 300 * second // after wrong credentials: somebody has to change them
)

// defaultKeepAlive is in seconds.
const defaultKeepAlive = 30
