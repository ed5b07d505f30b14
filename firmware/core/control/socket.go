package control

import (
	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/json"
	"camrelay/firmware/core/text"
	"camrelay/firmware/core/ws"
)

// socket is a WebSocket client.
type socket struct {
	busy     bool
	ws       ws.Conn
	gate     gate
	statusAt int64 // when the next status is due
}

// gate keeps what has arrived from being read while there is no room for the
// answer: who sends commands and reads no answers has to wait.
type gate struct {
	hal.Stream
	shut bool
}

// Read implements hal.Stream.
func (g *gate) Read(p []byte) int {
	if g.shut {
		return 0
	}
	return g.Stream.Read(p)
}

// upgrade answers a handshake (RFC 6455 section 4.2). eager says that something
// came behind it, for which it is too early.
func (s *Server) upgrade(c *conn, eager bool, now int64) {
	r := &s.req
	upgrade, _ := r.Get("Upgrade")
	connection, _ := r.Get("Connection")
	version, _ := r.Get("Sec-WebSocket-Version")
	key, _ := r.Get("Sec-WebSocket-Key")
	switch {
	case r.Minor == 0 || !text.HasToken(upgrade, "websocket") || !text.HasToken(connection, "upgrade") || !text.Equal(version, "13"):
		s.refuse(c, notSocket, now)
		return
	case !ws.ValidKey(key):
		s.refuse(c, badSocketKey, now)
		return
	case eager:
		s.refuse(c, tooEager, now)
		return
	}
	for i := range s.sockets {
		if k := &s.sockets[i]; !k.busy {
			k.busy, c.socket = true, k
			c.switchOver(key, now)
			return
		}
	}
	s.refuse(c, noSocket, now)
}

// open begins the WebSocket, when the answer is written.
func (s *Server) open(c *conn, now int64) {
	k := c.socket
	c.phase = upgraded
	k.gate = gate{Stream: c.stream}
	k.statusAt = now
	k.ws.Open(ws.Server, &k.gate, s.random, ws.DefaultOptions(), nil, now)
}

// serve is a step of a WebSocket.
func (s *Server) serve(c *conn, now int64) bool {
	k := c.socket
	k.gate.shut = k.ws.State() == ws.Open && !k.ws.TextRoom()
	progress := k.ws.Step(now)
	switch op, p, ok := k.ws.Message(); {
	case !ok:
	case op == ws.Text:
		s.obey(c, p, now)
	default:
		k.ws.Close(ws.Unsupported, "commands are text")
	}
	if now >= k.statusAt && k.ws.TextRoom() {
		k.statusAt = now + statusTime
		s.pushStatus(c)
		progress = true
	}
	return progress
}

// pushStatus sends a status. Who does not take the last one misses this one.
func (s *Server) pushStatus(c *conn) {
	s.json = json.Begin(c.room())
	s.json.Object()
	s.json.KeyString("t", "status")
	s.device.Status(&s.json, true)
	s.json.End()
	if p, ok := s.json.Bytes(); ok {
		c.socket.ws.Text(p)
	}
}

// acknowledge answers a command; there is room, since serve sees to that.
func (s *Server) acknowledge(c *conn, id int64, hasID bool, why []byte) {
	s.json = json.Begin(c.room())
	s.json.Object()
	s.json.KeyString("t", "ack")
	if hasID {
		s.json.KeyInt("id", id)
	}
	s.json.KeyBool("ok", why == nil)
	if why != nil {
		s.json.KeyText("error", why[:min(len(why), maxWhy)])
	}
	s.json.End()
	p, _ := s.json.Bytes()
	c.socket.ws.Text(p)
}

// goAway tells a client that the server stops.
func (s *Server) goAway(c *conn) {
	if c.socket.ws.State() == ws.Open {
		c.socket.ws.Close(ws.GoingAway, "the control server stops")
	}
}
