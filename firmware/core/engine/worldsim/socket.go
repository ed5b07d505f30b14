package worldsim

import (
	"bytes"
	"encoding/binary"
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/http"
	"camrelay/firmware/core/ws"
	"camrelay/internal/wire"
)

// socket is the relay's end of the stream.
type socket struct {
	*relay
	end     *end
	in      []byte
	message []byte
	op      ws.Opcode
	open    bool // a message is
	heard   int64
	closing bool
	frames  int // whole ones
	count   uint32
	from    int64 // when it began
	hello   *wire.Hello
	life    int // of the relay
	known   bool
}

// Times of the relay.
const (
	pingEvery = 10 * time.Second
	silence   = 30 * time.Second
)

// upgrade answers the handshake.
func (g *guest) upgrade(req *http.Request) {
	key, _ := req.Get("Sec-WebSocket-Key")
	auth, _ := req.Get("Authorization")
	switch {
	case string(auth) != "Bearer "+cameraKey:
		g.fail(honest, "the stream comes with %q", auth)
	case g.now < g.busyAt:
		g.role = finished{g.end}
		g.end.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		g.end.Close()
		return
	}
	s := &socket{relay: g.relay, end: g.end, heard: g.now, from: g.now, life: g.RelayRestarts}
	g.role = s
	if s.known = g.thinks(); s.known {
		g.brain.Opened(relayHost + ":8080")
	}
	head := append([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "), ws.AppendAccept(nil, key)...)
	g.end.Write(append(head, "\r\nSec-WebSocket-Protocol: camrelay.camera.v1\r\n\r\n"...))
	if old := g.socket; old != nil {
		old.goAway(wire.CloseSuperseded)
	}
	g.socket = s
	s.ping()
	g.command = 0
	pace := wire.Pace{Still: 2}
	if g.chance(4) {
		pace = wire.Pace{FPS: 5}
	}
	g.pace(pace)
}

// finished is a connection of which nothing is expected.
type finished struct{ end *end }

func (f finished) step() {
	f.end.in = f.end.in[:0]
	if f.end.state == hal.PeerClosed {
		f.end.Close()
	}
}

// ping looks after the connection every ten seconds.
func (s *socket) ping() {
	switch {
	case s.end.state >= hal.PeerClosed:
		return
	case s.now-s.heard > int64(silence):
		s.note("the relay has heard nothing for %v", silence)
		s.end.Abort()
		s.gone()
		return
	}
	s.send(ws.Ping, nil)
	s.after(pingEvery, s.ping)
}

// gone is for a connection that is over.
func (s *socket) gone() {
	if s.socket == s {
		s.relay.socket = nil
	}
	if s.known && s.life == s.RelayRestarts && s.thinks() {
		s.brain.Closed()
	}
	s.known = false
}

func (s *socket) send(op ws.Opcode, p []byte) {
	if s.closing {
		return
	}
	s.end.Write(append(ws.Header{Fin: true, Op: op, Length: uint64(len(p))}.Append(nil), p...))
}

// goAway ends the connection with a code.
func (s *socket) goAway(code uint16) {
	s.send(ws.CloseFrame, binary.BigEndian.AppendUint16(nil, code))
	s.closing = true
	s.after(5*time.Second, func() { s.end.Abort(); s.gone() })
	s.gone()
}

// step takes what has come.
func (s *socket) step() {
	var piece [4096]byte
	for n := s.end.Read(piece[:]); n > 0; n = s.end.Read(piece[:]) {
		s.in = append(s.in, piece[:n]...)
		s.heard = s.now
	}
	at := 0
	for {
		var h ws.Header
		n, err := h.Decode(s.in[at:])
		if err != nil || n <= len(s.in)-at && !h.Masked {
			s.fail(honest, "a frame of the stream: %v, masked %v", err, h.Masked)
			return
		}
		if n > len(s.in)-at || len(s.in)-at-n < int(h.Length) {
			break
		}
		body := s.in[at+n : at+n+int(h.Length)]
		ws.Mask(body, h.Key, 0)
		s.frame(h, body)
		at += n + int(h.Length)
	}
	s.in = s.in[:copy(s.in, s.in[at:])]
	if s.end.state >= hal.PeerClosed {
		s.gone()
		s.end.Close()
	}
}

func (s *socket) frame(h ws.Header, body []byte) {
	switch h.Op {
	case ws.Ping:
		s.send(ws.Pong, body)
	case ws.Pong:
	case ws.CloseFrame:
		if !s.closing {
			s.send(ws.CloseFrame, body)
			s.closing = true
		}
		s.end.Close()
		s.gone()
	default:
		s.part(h, body)
	}
}

// part is for a frame that belongs to a message.
func (s *socket) part(h ws.Header, body []byte) {
	if (h.Op == ws.Continuation) != s.open {
		s.fail(honest, "a fragment out of place")
	}
	if !s.open {
		s.op, s.message = h.Op, s.message[:0]
	}
	s.message = append(s.message, body...)
	if s.open = !h.Fin; s.open {
		return
	}
	if s.op == ws.Binary {
		s.picture(s.message)
		return
	}
	s.text(s.message)
}

// picture is one message of the stream: a whole frame as the sensor gave it, or
// one that was given up, which must not look like one.
func (s *socket) picture(p []byte) {
	if !bytes.HasSuffix(p, []byte{0xff, 0xd9}) {
		s.Aborted++
		return
	}
	c, ok := wire.ParseCapture(p)
	if !ok {
		s.fail(whole, "a frame without a capture time, of %d bytes", len(p))
		return
	}
	number, ok := s.camera.eye.same(p)
	switch {
	case !ok:
		s.fail(whole, "a frame of %d bytes is not what the sensor gave", len(p))
	case c.Count <= s.count && s.frames > 0, number <= s.lastNumber:
		s.fail(whole, "frame %d (%d) comes after %d (%d)", c.Count, number, s.count, s.lastNumber)
	case c.Time > s.Unix() || c.Time < s.Unix()-60e6:
		s.fail(whole, "a frame of %d us ago", s.Unix()-c.Time)
	}
	if s != s.socket && !s.closing {
		s.note("a frame on an old connection")
	}
	s.count, s.lastNumber = c.Count, number
	if s.frames++; s.frames == 1 && s.thinks() {
		s.brain.Streams()
	}
	s.Frames++
	s.lastFrame = s.now
}

// text is what the camera says.
func (s *socket) text(p []byte) {
	s.secret("text", p)
	t, err := wire.ParseCameraText(p)
	switch {
	case err != nil:
		s.fail(honest, "%v: %s", err, p)
	case t.Hello != nil:
		s.note("hello of %s build %d in slot %s, %s after %s, job %q", t.Hello.Firmware, t.Hello.Build, t.Hello.Slot, t.Hello.State, t.Hello.Reset, t.Hello.Job)
		if err := t.Hello.Settings.Check(); err != nil {
			s.fail(honest, "hello: %v", err)
		}
		s.desk.hello(t.Hello)
	case t.Ack != nil:
		if !t.Ack.OK {
			s.fail(honest, "command %d: %s", t.Ack.ID, t.Ack.Error)
		}
	case t.Update != nil:
		s.desk.ack(t.Update, "WebSocket")
	}
}
