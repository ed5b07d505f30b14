package wsclient

import "camrelay/firmware/core/ws"

// Handler hears what happens. It is called from Step, and may call all methods
// of the Client but Step and New; what Start, Stop and Close do happens in the
// next Step. What the event points to is valid during the call.
type Handler interface {
	OnEvent(e *Event)
}

// Event is something that happened. Each Start has one Stopped, each Connecting
// one Disconnected, and all the others come between those two.
type Event struct {
	Kind Kind

	// Of EventConnecting: the number of the attempt since the last connection,
	// from 1. A handler may change the Config, for this attempt already.
	Attempt uint32
	// Delay is how long the Client has waited (EventConnecting) or will wait
	// (EventDisconnected), in nanoseconds. It is -1 if it will not come back.
	Delay int64

	Name, Value []byte    // of EventHeader: a line of the answer, also of one that refuses
	Op          ws.Opcode // of EventMessage
	Data        []byte    // of EventMessage, whole, at most ws.MaxMessage bytes

	Failure Failure // of EventError
	Err     error   // of EventError; of EventClosed: ws.ErrNoAnswer if the server did not answer
	Status  int     // of EventError: of the answer to the handshake; 0 if there was none

	Code   uint16 // of EventClosed, and of EventError if there was a CLOSE frame
	Reason []byte // of EventClosed, if the server began
	ByPeer bool   // of EventClosed: the server began
}

// Kind is what kind of event it is.
type Kind uint8

// Kinds of events.
const (
	EventStart        Kind = iota + 1
	EventConnecting        // an attempt begins
	EventHeader            // one for each header of the answer
	EventOpen              // the WebSocket is open
	EventMessage           // one has been received
	EventError             // the attempt or the connection has failed, or the server ended it
	EventClosed            // there was a CLOSE frame
	EventDisconnected      // the attempt or the connection is over
	EventStopped           // the Client does nothing until Start
)

func (k Kind) String() string {
	return [...]string{"", "start", "connecting", "header", "open", "message", "error", "closed", "disconnected", "stopped"}[min(k, EventStopped)]
}

// Failure is what failed.
type Failure uint8

// Failures.
const (
	FailName      Failure = iota + 1 // the name of the host has no address
	FailDial                         // TCP
	FailClock                        // there is no date for CamHMAC
	FailHandshake                    // Status has the answer's, if there was one
	FailPong                         // a ping was not answered
	FailStall                        // nothing was acknowledged
	FailProtocol                     // the server broke RFC 6455
	FailLost                         // TCP ended or broke
	FailClosed                       // the server sent CLOSE
)

func (f Failure) String() string {
	return [...]string{"", "name", "dial", "clock", "handshake", "pong", "stall", "protocol", "lost", "closed"}[min(f, FailClosed)]
}
