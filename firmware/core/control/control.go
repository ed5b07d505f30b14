// Package control is the small server on the camera itself: HTTP/1.1 and
// WebSocket on one port, for the person at home with curl or a page. It serves
// no pictures; those go to the relay.
//
// Its rule is that it can be stopped: no client, whatever it does or leaves
// undone, holds a connection longer than a limit of this package, and Stop is
// over after a second.
package control

import (
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/ws"
)

// Times, in nanoseconds.
const (
	second = 1_000_000_000

	headTime   = 5 * second  // from the connection to the end of the request's head
	bodyTime   = 5 * second  // for its body
	writeTime  = 5 * second  // for the client to take some of the answer
	answerTime = 20 * second // for the client to take all of it
	endTime    = 2 * second  // for the client to close, once it has everything
	stopTime   = 1 * second  // from Stop to the end of all connections
	rebootTime = second / 2  // from the answer to the restart
	statusTime = 2 * second  // between two statuses on a WebSocket
)

// Sizes, in bytes, and counts.
const (
	MaxHead    = 1024       // head of a request
	MaxBody    = 512        // body of a request
	MaxStatus  = ws.MaxText // a status, as JSON; one that does not fit is not sent
	MaxSockets = 2          // WebSocket clients; the other connections are for requests

	answerHead = 256 // head of an answer, at most
	maxWhy     = 128 // what a Device says of settings; the rest is cut off
)

// defaultPort is that of HTTP.
const defaultPort = 80

// Device is the camera that is controlled. Its methods return soon.
type Device interface {
	// Status writes members of the status object: of all that there is to say,
	// or of what everybody may know: id, version and uptime.
	Status(w *json.Writer, all bool)
	// Set changes settings, an object as in docs/protocol.md, and saves them. It
	// returns nil, or what is wrong, appended to why[:0]; then nothing was
	// changed.
	Set(settings []byte, save bool, why []byte) []byte
	// LED sets the bright LED (0 to 255) and the red one (0, 1); -1 leaves one
	// as it is.
	LED(flash, red int)
	// Reboot restarts the camera. Who asked for it has had half a second to
	// read the answer.
	Reboot()
}

// Options say where the server is and who may use it.
type Options struct {
	// Port is 80 if it is 0.
	Port uint16
	// ID is the camera's id; the server answers to the names ID and ID.local,
	// to localhost, and to any IP address.
	ID string
	// Token is what clients prove themselves with, the camera's key. Without
	// one nothing but GET / and GET /status is served.
	Token string
}

// Error is why a server does not start. It allocates nothing. Errors of the
// network are those of package hal.
type Error uint8

// ErrRunning is the error of Start before the server has stopped.
const ErrRunning Error = 1

func (e Error) Error() string { return "the control server is running: stop it first" }

// Server is the control server. It is made once and started and stopped any
// number of times. All of its memory is in it.
type Server struct {
	network hal.Network
	random  hal.Random
	device  Device
	id      string

	listener hal.Listener // nil: stopping, or stopped
	deadline int64        // while stopping: when what is open is aborted
	rebootAt int64        // 0: no
	guard    guard
	conns    [hal.MaxControl]conn
	sockets  [MaxSockets]socket

	req  http.Request
	json json.Writer  // here, because what is given to a Device would be allocated
	why  [maxWhy]byte // what is wrong with a command
}

// New returns a server that has stopped.
func New(network hal.Network, random hal.Random, device Device) *Server {
	return &Server{network: network, random: random, device: device}
}

// Start begins to accept connections.
func (s *Server) Start(opt Options) error {
	if !s.Stopped() {
		return ErrRunning
	}
	if opt.Port == 0 {
		opt.Port = defaultPort
	}
	l, err := s.network.Listen(opt.Port)
	if err != nil {
		return err
	}
	s.listener, s.id, s.rebootAt = l, opt.ID, 0
	s.guard.reset(opt.Token)
	return nil
}

// Stop ends the server: from now on nobody is accepted. WebSocket clients are
// told (1001), answers that have begun may still be read, everybody else is cut
// off; Step aborts what is open after a second. A restart that a client asked
// for and that has not begun is forgotten.
func (s *Server) Stop(now int64) {
	if s.listener == nil {
		return
	}
	s.listener.Close()
	s.listener = nil
	s.deadline = now + stopTime
	s.rebootAt = 0
}

// Stopped reports whether there is no listener and no connection.
func (s *Server) Stopped() bool { return s.listener == nil && s.Open() == 0 }

// Open is how many connections there are.
func (s *Server) Open() int {
	n := 0
	for i := range s.conns {
		if s.conns[i].stream != nil {
			n++
		}
	}
	return n
}

// Step does what there is to do. It reports whether there was anything.
func (s *Server) Step(now int64) (progress bool) {
	for i := range s.conns {
		if c := &s.conns[i]; c.stream != nil && s.step(c, now) {
			progress = true
		}
	}
	// Now no closed stream is held, and Accept may use its memory again.
	for i := range s.conns {
		if c := &s.conns[i]; c.stream == nil && s.listener != nil {
			if c.stream = s.listener.Accept(); c.stream != nil {
				c.begin(now)
				progress = true
			}
		}
	}
	if s.rebootAt != 0 && now >= s.rebootAt {
		s.rebootAt = 0
		s.device.Reboot()
		progress = true
	}
	return progress
}

// step is one step of one connection.
func (s *Server) step(c *conn, now int64) (progress bool) {
	if s.listener == nil {
		s.end(c, now)
	}
	if c.stream.State() != hal.Closed {
		progress = s.advance(c, now)
	}
	if c.stream.State() == hal.Closed {
		s.release(c)
		return true
	}
	return progress
}

func (s *Server) advance(c *conn, now int64) (progress bool) {
	switch c.phase {
	case readingHead:
		return s.readHead(c, now)
	case readingBody:
		return s.readBody(c, now)
	case answering:
		return s.write(c, now)
	case ending:
		return c.wait(now)
	}
	return s.serve(c, now)
}

// end ends a connection because the server stops.
func (s *Server) end(c *conn, now int64) {
	switch {
	case now >= s.deadline:
		c.stream.Abort()
	case c.phase == readingHead, c.phase == readingBody:
		c.close(now)
	case c.phase == upgraded:
		s.goAway(c)
	}
}
