package hal

// Network is the camera's only interface. How many connections there may be, and
// how large their buffers are, is fixed per Use.
type Network interface {
	// Up reports whether there is a link and an address.
	Up() bool
	// RSSI is the strength of the link in dBm, 0 if it is not known.
	RSSI() int
	// Dial begins a connection. There is one of each Use at a time, and one of
	// Relay and Download together, which share their memory; the error is ErrBusy
	// until the other's state is Closed. The Stream is good until the next Dial.
	Dial(use Use, host string, port uint16) (Stream, error)
	// Listen begins to accept connections; their Use is Control.
	Listen(port uint16) (Listener, error)
	// Poll moves what has arrived and what is to leave. It reports whether there
	// was anything.
	Poll() bool
}

// Use says what a connection is for.
type Use uint8

// What connections are for, and the buffers they have: bytes to send, bytes to
// receive.
const (
	Relay    Use = iota // 8192, 1024
	Download            // 512, 6144
	Broker              // 1024, 1024
	Control             // 1024, 1024; MaxControl of them
)

// MaxControl is how many connections a Listener has open at a time; the others
// wait or are refused.
const MaxControl = 4

// Listener accepts connections.
type Listener interface {
	// Accept returns the next connection, nil if there is none.
	Accept() Stream
	// Close stops accepting: who tries to connect from now on is refused.
	// Connections go on.
	Close()
}

// Stream is a TCP connection. Nothing here waits.
type Stream interface {
	State() State
	// Err is why the connection failed: set once the state is Closed, nil if it
	// ended in order or by Abort.
	Err() error
	// Read takes what has arrived; 0 if there is nothing now, or nothing any more:
	// the State before the call says which.
	Read(p []byte) int
	// Space is how many bytes Write takes now; 0 unless the State is Open or
	// PeerClosed.
	Space() int
	// Write takes min(len(p), Space()) bytes.
	Write(p []byte) int
	// Unacked is how many bytes were written that the peer has not acknowledged.
	Unacked() int
	// Close ends the connection when what was written has been delivered. What
	// arrives after that is thrown away. The state is Closed when the peer has
	// ended it too; a peer may never do so, so Abort after a while.
	Close()
	// Abort ends the connection at once (RST). The state is Closed on return.
	Abort()
}

// State is that of a Stream. It only ever grows.
type State uint8

// States of a Stream.
const (
	Dialing State = iota + 1 // resolving a name included
	Open
	PeerClosed // the peer will send nothing more; what has arrived can still be read
	Closed     // over
)

func (s State) String() string {
	return [...]string{"", "dialing", "open", "closed by peer", "closed"}[min(s, Closed)]
}

// Error is why there is no connection. It allocates nothing.
type Error uint8

// Errors of Network and Stream.
const (
	ErrBusy    Error = iota + 1 // no memory for another connection
	ErrDown                     // no link
	ErrName                     // the host's name has no address
	ErrRefused                  // nothing listens there
	ErrTimeout                  // no answer
	ErrReset                    // the peer broke the connection
)

func (e Error) Error() string {
	switch e {
	case ErrBusy:
		return "all connections are in use"
	case ErrDown:
		return "no network"
	case ErrName:
		return "unknown host"
	case ErrRefused:
		return "connection refused"
	case ErrTimeout:
		return "no answer"
	case ErrReset:
		return "connection reset"
	}
	return "network error"
}
