package egress

import (
	"errors"
	"net/http"
	"time"

	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

var errSilent = errors.New("viewer was not heard any more")

// plainLimit bounds the messages of a plain viewer, which are ignored.
const plainLimit = 4 << 10

// plainConn is a WebSocket whose every binary message is one JPEG.
type plainConn struct {
	wsConn
	hub    *stream.Hub
	viewer stream.Viewer
}

// ServePlain serves GET /ws/view/{camera}.
func (s *Server) ServePlain(w http.ResponseWriter, r *http.Request, hub *stream.Hub, who Access) {
	if !s.admit(w, hub) {
		return
	}
	c := &plainConn{wsConn: wsConn{srv: s, who: who}, hub: hub}
	if err := c.upgrade(w, r, s.plain); err != nil {
		return
	}
	c.tune(tuning(hub))
	if !s.add(c) {
		c.conn.Close()
		return
	}
	if !hub.JoinAs(&c.viewer, &c.out, stream.ViewerOptions{LiveOnly: true}) {
		c.goodbye(wire.CloseNoCamera, "no such camera")
	}
	s.checkIn(c)
	go c.serve() // with the smallest stack there is: it only reads
}

func (c *plainConn) serve() {
	defer c.srv.remove(c)
	c.read(plainLimit, nil)
}

func (c *plainConn) kind() string { return KindPlain }

func (c *plainConn) sweep(time.Time) {
	c.keepAlive()
	c.tune(tuning(c.hub))
}

func (c *plainConn) changed(*stream.Hub, func() []byte) {}

func (c *plainConn) removed(h *stream.Hub) {
	if c.hub == h {
		c.goodbye(wire.CloseNoCamera, "the camera was removed")
	}
}

// admit answers 503 when a camera has as many viewers as are allowed.
func (s *Server) admit(w http.ResponseWriter, hub *stream.Hub) bool {
	if hub.Viewers() < s.options().MaxViewers {
		return true
	}
	w.Header().Set("Retry-After", "10")
	writeError(w, http.StatusServiceUnavailable, hub.ID()+" has as many viewers as this relay allows; try again later")
	return false
}
