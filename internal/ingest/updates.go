package ingest

import (
	"sync"

	"camrelay/internal/wire"
)

// Updates hears of what concerns the firmware of cameras that push by WebSocket
// (docs/protocol.md section 7). Its methods return soon.
type Updates interface {
	// StreamOpened and StreamClosed bound each connection; of two connections of
	// one camera the newer is opened before the older is closed. host is what the
	// camera calls the relay, with its port.
	StreamOpened(camera, host string)
	StreamClosed(camera string)
	// Hello and Ack take what the camera says.
	Hello(camera string, h wire.Hello)
	Ack(camera string, a wire.UpdateAck)
	// Streams says that the first frame of a connection has come.
	Streams(camera string)
}

// noUpdates hears of nothing.
type noUpdates struct{}

func (noUpdates) StreamOpened(string, string) {}
func (noUpdates) StreamClosed(string)         {}
func (noUpdates) Hello(string, wire.Hello)    {}
func (noUpdates) Ack(string, wire.UpdateAck)  {}
func (noUpdates) Streams(string)              {}

// orders are the connections that take orders, by camera.
type orders struct {
	mu    sync.Mutex
	conns map[string]*pushConn
}

func (o *orders) add(camera string, c *pushConn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conns == nil {
		o.conns = map[string]*pushConn{}
	}
	o.conns[camera] = c
}

func (o *orders) remove(camera string, c *pushConn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conns[camera] == c {
		delete(o.conns, camera)
	}
}

// Order sends a text to a camera by its WebSocket. It reports whether there is
// one that takes orders, and has room.
func (s *Server) Order(camera string, text []byte) bool {
	s.orders.mu.Lock()
	c := s.orders.conns[camera]
	s.orders.mu.Unlock()
	return c != nil && c.out.putCommand(text)
}
