package mqtt

// Error is what went wrong. It allocates nothing. Errors of the network are
// those of package hal.
type Error uint8

// Errors of ParseURL, Client.Start and Client.Publish: nothing was done.
const (
	ErrURL      Error = iota + 1
	ErrTLS            // mqtts://
	ErrRunning        // Start before the client has stopped
	ErrClientID       // none, too long, or not UTF-8
	ErrLogin          // user name or password is not UTF-8 or too long
	ErrWill           // its topic is none, or it is too long
	ErrFilters        // more than MaxFilters, or one that is empty, not UTF-8 or with a QoS above 1
	ErrLong           // CONNECT or SUBSCRIBE, or a message of more than MaxMessage
	ErrTopic          // empty, not UTF-8, or with a wildcard
	ErrFull           // MaxQueue messages wait: try again later
	ErrOffline        // QoS 0 is not kept for later

	// Why the broker refused the connection (section 3.2.2.3).

	ErrVersion       // 1: it does not speak MQTT 3.1.1
	ErrIdentifier    // 2: it does not like the client id
	ErrUnavailable   // 3
	ErrCredentials   // 4: wrong user name or password
	ErrNotAuthorized // 5
	ErrRefused       // a reserved code

	// Why a connection ended.

	ErrClosed    // by the broker
	ErrTimeout   // no CONNACK or no SUBACK
	ErrPing      // silence, also after PINGREQ
	ErrAck       // no PUBACK
	ErrMalformed // a packet that breaks the format
	ErrProtocol  // a packet that has no place here
	ErrStop      // Stop could not say goodbye in time: the broker sends the will

	// What OnTrouble tells.

	ErrSkipped      // a message was longer than MaxPacket
	ErrSubscription // the broker refuses a subscription
)

func (e Error) Error() string {
	if int(e) < len(errorText) && e > 0 {
		return errorText[e]
	}
	return "mqtt: unknown error"
}

var errorText = [...]string{
	ErrURL:           "mqtt: the broker's address is not mqtt://[user:password@]host[:port]",
	ErrTLS:           "mqtt: mqtts:// does not work: a camera has no TLS; use mqtt:// in a network you trust",
	ErrRunning:       "mqtt: the client is running: stop it first",
	ErrClientID:      "mqtt: the client id is not 1 to 128 bytes of UTF-8",
	ErrLogin:         "mqtt: user name or password is not UTF-8 or longer than 256 bytes",
	ErrWill:          "mqtt: the last will has no proper topic or is too long",
	ErrFilters:       "mqtt: a subscription is empty, not UTF-8 or of QoS 2, or there are too many",
	ErrLong:          "mqtt: too long to be sent",
	ErrTopic:         "mqtt: a topic is empty, not UTF-8 or has a wildcard",
	ErrFull:          "mqtt: as many messages wait as can be kept",
	ErrOffline:       "mqtt: not connected",
	ErrVersion:       "mqtt: the broker does not speak MQTT 3.1.1",
	ErrIdentifier:    "mqtt: the broker refuses the client id",
	ErrUnavailable:   "mqtt: the broker is not available",
	ErrCredentials:   "mqtt: wrong user name or password",
	ErrNotAuthorized: "mqtt: not authorized by the broker",
	ErrRefused:       "mqtt: the broker refuses the connection",
	ErrClosed:        "mqtt: the broker closed the connection",
	ErrTimeout:       "mqtt: the broker does not answer",
	ErrPing:          "mqtt: nothing heard from the broker",
	ErrAck:           "mqtt: the broker does not acknowledge a message",
	ErrMalformed:     "mqtt: the broker sent a malformed packet",
	ErrProtocol:      "mqtt: the broker sent a packet out of place",
	ErrStop:          "mqtt: stopped without a goodbye",
	ErrSkipped:       "mqtt: a message was too long and skipped",
	ErrSubscription:  "mqtt: the broker refuses a subscription",
}

// refusal is the error of a return code of CONNACK.
func refusal(code byte) error {
	switch {
	case code == 0:
		return nil
	case code <= 5:
		return ErrVersion + Error(code-1)
	}
	return ErrRefused
}
