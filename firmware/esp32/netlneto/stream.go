package netlneto

import (
	"net/netip"

	"github.com/soypat/lneto/tcp"

	"camrelay/firmware/core/hal"
)

// Times, in nanoseconds.
const (
	dialPatience = 15 * second // for a SYN that nobody answers
	finAgain     = second      // between two FINs
	probeFirst   = second      // for a window to open; the next ones after twice the time
	probeLast    = 8 * second
)

// Stream implements hal.Stream.
type Stream struct {
	network *Network
	conn    tcp.Conn
	timer   tcp.RTO
	flow    flow
	size    int // of the buffer for sending

	state   hal.State
	err     error
	closing bool   // Close was called
	fin     bool   // and lneto has been told
	ended   bool   // the peer has ended its side
	inHand  bool   // of a listener: Accept has returned it
	closed  uint32 // the Poll in which the state became Closed

	hardware [6]byte // where its frames come from, zero while that is not known

	host     string // while it is resolved
	peer     [4]byte
	port     uint16
	asked    int64 // when dialling began
	again    int64 // when SYN, FIN or probe is repeated
	interval int64 // to the next repetition
}

// dial begins a connection.
func (s *Stream) dial(host string, port uint16) {
	s.begin()
	s.host, s.port = host, port
	if addr, ok := parseAddr(host); ok {
		s.connect(addr)
	}
}

// begin makes the stream a new one.
func (s *Stream) begin() {
	n := s.network
	s.conn.Abort()
	s.flow, s.hardware = flow{}, [6]byte{}
	s.state, s.err = hal.Dialing, nil
	s.closing, s.fin, s.ended, s.inHand = false, false, false, false
	s.host, s.asked, s.interval = "", n.now, second
	s.again = n.now + s.interval
}

// connect sends a SYN, after the peer's hardware address has been found.
func (s *Stream) connect(peer [4]byte) {
	n := s.network
	s.host, s.peer = "", peer
	for range 4 { // a port may still be taken by a connection that ends
		local := 32768 + uint16(n.conf.Random.Uint32()&0x7fff)
		if n.stack.DialTCP4(&s.conn, local, peer, s.port) == nil {
			return
		}
	}
	s.fail(hal.ErrBusy)
}

// reconnect asks again for the peer's hardware address: lneto asks once.
func (s *Stream) reconnect() {
	s.conn.Abort()
	_ = s.network.stack.DiscardResolveHardwareAddress6(netip.AddrFrom4(s.peer))
	s.connect(s.peer)
}

// update follows lneto's state.
func (s *Stream) update() {
	if s.state == hal.Closed {
		return
	}
	switch s.conn.State() {
	case tcp.StateEstablished:
		s.advance(hal.Open)
	case tcp.StateCloseWait, tcp.StateLastAck:
		s.ended = true
		s.advance(hal.PeerClosed)
	case tcp.StateTimeWait:
		s.ended = true
		s.end(nil)
	case tcp.StateClosed:
		switch {
		case s.state == hal.Dialing && !s.flow.known: // until there is an address to send to
		case s.state == hal.Dialing:
			s.end(hal.ErrRefused)
		case s.ended && !s.closing && s.conn.BufferedInput() > 0: // can still be read
		case s.ended:
			s.end(nil)
		default:
			s.end(hal.ErrReset)
		}
	}
}

func (s *Stream) advance(to hal.State) { s.state = max(s.state, to) }

// step does what is due.
func (s *Stream) step() {
	if s.state == hal.Closed {
		return
	}
	s.update()
	n := s.network
	switch {
	case s.state == hal.Closed, s.host != "":
	case s.state == hal.Dialing:
		s.stepDial()
	case s.closing:
		s.stepClose()
	case s.conn.BufferedUnsent() > 0 && s.flow.una == s.flow.nxt:
		s.stepProbe()
	default:
		s.interval, s.again = probeFirst, n.now+probeFirst
	}
}

// stepDial sends a SYN again after 1, 2 and 4 s, as RFC 6298 has it.
func (s *Stream) stepDial() {
	n := s.network
	if n.now-s.asked > dialPatience {
		s.fail(hal.ErrTimeout)
		return
	}
	if n.now < s.again {
		return
	}
	s.interval *= 2
	s.again = n.now + s.interval
	n.stats.Syns++
	if s.conn.AwaitingSynSend() {
		s.reconnect()
		return
	}
	s.conn.RequeueControl()
}

// stepClose ends our side when all has been delivered: in the states after it
// lneto sends no data again. What still comes is thrown away.
func (s *Stream) stepClose() {
	n := s.network
	for s.conn.BufferedInput() > 0 {
		if got, err := s.conn.Read(n.waste[:]); got == 0 || err != nil {
			break
		}
	}
	switch {
	case !s.fin:
		if s.Unacked() == 0 {
			s.fin = true
			if !s.flow.finished { // lneto ends our side by itself when the peer has ended its own
				_ = s.conn.Close()
			}
			s.again = n.now + finAgain
		}
	case n.now >= s.again && s.flow.finished && s.flow.una != s.flow.nxt:
		n.stats.Fins++
		s.again = n.now + finAgain
		s.transmit(flagFIN|flagACK, s.flow.nxt-1)
	}
}

// stepProbe asks a peer that takes nothing for its window: the news that it has
// opened may have been lost, and are not repeated. The peer answers because it
// has had that byte: RFC 9293, 3.8.6.1 and 3.10.7.4.
func (s *Stream) stepProbe() {
	n := s.network
	if n.now < s.again {
		return
	}
	n.stats.Probes++
	s.interval = min(2*s.interval, probeLast)
	s.again = n.now + s.interval
	s.transmit(flagACK, s.flow.una-2)
}

// transmit sends a segment without data.
func (s *Stream) transmit(flags byte, seq uint32) {
	if n := s.network; s.flow.known {
		n.conf.Device.Send(s.flow.control(&n.own, flags, seq))
	}
}

// State implements hal.Stream.
func (s *Stream) State() hal.State { return s.state }

// Err implements hal.Stream.
func (s *Stream) Err() error { return s.err }

// Read implements hal.Stream.
func (s *Stream) Read(p []byte) int {
	if s.closing || s.state != hal.Open && s.state != hal.PeerClosed || len(p) == 0 || s.conn.BufferedInput() == 0 {
		return 0
	}
	got, _ := s.conn.Read(p)
	if s.state == hal.PeerClosed {
		s.update()
	}
	return got
}

// Space implements hal.Stream.
func (s *Stream) Space() int {
	if s.closing || s.state != hal.Open && s.state != hal.PeerClosed || !s.conn.State().TxDataOpen() {
		return 0
	}
	return s.conn.FreeOutput()
}

// Write implements hal.Stream.
func (s *Stream) Write(p []byte) int {
	p = p[:min(len(p), s.Space())]
	if len(p) == 0 {
		return 0
	}
	done, _ := s.conn.Write(p)
	return done
}

// Unacked implements hal.Stream.
func (s *Stream) Unacked() int {
	if s.state != hal.Open && s.state != hal.PeerClosed {
		return 0
	}
	return s.size - s.conn.FreeOutput()
}

// Close implements hal.Stream.
func (s *Stream) Close() {
	switch s.state {
	case hal.Dialing:
		s.Abort()
	case hal.Open, hal.PeerClosed:
		s.closing = true
		s.step()
	}
}

// Abort implements hal.Stream.
func (s *Stream) Abort() { s.fail(nil) }

// fail breaks the connection, and tells the peer.
func (s *Stream) fail(err error) {
	if s.state == hal.Closed {
		return
	}
	if s.flow.known {
		s.network.stats.Resets++
		s.transmit(flagRST|flagACK, s.flow.nxt)
	}
	s.end(err)
	s.conn.Abort()
}

// end is the end. lneto may have a last acknowledgement to send.
func (s *Stream) end(err error) {
	s.host = ""
	s.state, s.err, s.closed = hal.Closed, err, s.network.polls
}
