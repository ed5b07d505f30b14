// Package netlneto is the network of a camera: hal.Network over lneto, a TCP/IP
// stack for microcontrollers. It adds what lneto leaves to who uses it: which
// connections there are, retransmission, and the ends of connections.
//
// lneto's own timer (tcp.RTO) covers data. SYN and FIN, resets, and the probing of
// a window that stays closed are here; see flow.
package netlneto

import (
	"net/netip"
	"time"

	"github.com/soypat/lneto/x/xnet"

	"camrelay/firmware/core/hal"
)

const (
	millisecond = 1_000_000
	second      = 1000 * millisecond
)

// MTU is the largest IP packet, in bytes.
const MTU = 1500

// frameSize is a packet with its Ethernet header, and room for a checksum.
const frameSize = MTU + 18

// rounds is how many frames Poll takes and gives at most, so that a step stays
// short.
const rounds = 8

// Device sends and receives Ethernet frames without their checksum.
type Device interface {
	// Receive takes the next frame, 0 if there is none.
	Receive(p []byte) int
	// Send gives a frame away. Lost ones are sent again, as if the air had lost
	// them.
	Send(p []byte)
	// Up reports whether there is a link.
	Up() bool
	// RSSI is in dBm, 0 if it is not known.
	RSSI() int
}

// Network implements hal.Network. It is large, so it is made once. Init first; it
// is not to be copied.
type Network struct {
	conf     Config
	stack    xnet.StackAsync
	lease    lease
	resolver resolver
	clock    ntpClock
	now      int64
	polls    uint32
	up       bool

	dialled  [hal.Control]Stream // by Use
	served   [hal.MaxControl]Stream
	streams  [hal.Control + hal.MaxControl]*Stream // all of those
	listener listener
	stranger struct { // who sent the last segment that is of no connection
		addr     [4]byte
		hardware [6]byte
	}
	shared  [relaySend + relayReceive]byte // of Relay and Download
	broker  [brokerBuffer * 2]byte
	control [hal.MaxControl][controlBuffer * 2]byte
	frame   [frameSize]byte
	own     [minFrame]byte // a frame without data
	waste   [64]byte       // what comes after Close
	stats   Stats
}

// Stats counts what a Network has done beyond lneto, since it was made.
type Stats struct {
	Resent uint32 // data, by lneto's timer or after duplicate acknowledgements
	Syns   uint32 // sent again
	Fins   uint32 // sent again
	Probes uint32 // of closed windows
	Resets uint32 // sent
}

// Up implements hal.Network.
func (n *Network) Up() bool { return n.up }

// RSSI implements hal.Network.
func (n *Network) RSSI() int { return n.conf.Device.RSSI() }

// Address is that of the camera, invalid while it has none.
func (n *Network) Address() netip.Addr {
	if !n.up {
		return netip.Addr{}
	}
	return netip.AddrFrom4(n.stack.Addr4())
}

// Stats returns the counters.
func (n *Network) Stats() Stats { return n.stats }

// Unix is the time in microseconds since 1970 UTC; ok is false while it is not
// known.
func (n *Network) Unix() (microseconds int64, ok bool) {
	return time.Now().UnixMicro() + n.clock.offset, n.clock.known
}

// Dial implements hal.Network.
func (n *Network) Dial(use hal.Use, host string, port uint16) (hal.Stream, error) {
	open := func(use hal.Use) bool { return n.dialled[use].state != hal.Closed }
	switch {
	case use >= hal.Control, open(use), use == hal.Relay && open(hal.Download), use == hal.Download && open(hal.Relay):
		return nil, hal.ErrBusy
	case !n.up:
		return nil, hal.ErrDown
	}
	s := &n.dialled[use]
	s.dial(host, port)
	return s, nil
}

// Listen implements hal.Network. There is one listener.
func (n *Network) Listen(port uint16) (hal.Listener, error) {
	if err := n.listener.open(port); err != nil {
		return nil, err
	}
	return &n.listener, nil
}

// Poll implements hal.Network.
func (n *Network) Poll() bool {
	n.now = n.conf.Clock.Now()
	n.polls++
	n.checkLink()
	progress := false
	if n.conf.Device.Up() {
		for range rounds {
			if !n.exchange() {
				break
			}
			progress = true
		}
	}
	n.resolver.step()
	n.clock.step()
	for _, s := range n.streams {
		s.step()
	}
	return progress
}

// checkLink follows the device, and asks for an address.
func (n *Network) checkLink() {
	up := n.lease.step(n.conf.Device.Up())
	if n.up && !up {
		for _, s := range n.streams {
			s.fail(hal.ErrDown)
		}
	}
	n.up = up
}

// exchange moves a frame in and a frame out, if there are any.
func (n *Network) exchange() bool {
	size := n.conf.Device.Receive(n.frame[:])
	if size > 0 {
		n.receive(n.frame[:size])
	}
	left, _ := n.stack.EgressEthernet(n.frame[:])
	if left > 0 {
		n.sent(n.frame[:left])
		n.conf.Device.Send(n.frame[:left])
	}
	return size > 0 || left > 0
}

// receive hands a frame to the stack. Frames that it does not want are errors to
// it, and usual.
func (n *Network) receive(frame []byte) {
	seg, ok := parse(frame)
	var s *Stream
	if ok {
		if s = n.find(seg.to, seg.from, seg.source(frame)); s != nil {
			if s.flow.received(frame, seg) {
				s.transmit(flagACK, s.flow.nxt)
			}
		}
	}
	_ = n.stack.IngressEthernet(frame)
	if s == nil && ok {
		s = n.find(seg.to, seg.from, seg.source(frame)) // it may have just been made
	}
	if s != nil {
		s.hardware = [6]byte(frame[6:12])
		s.update()
	} else if ok {
		n.stranger.addr, n.stranger.hardware = seg.source(frame), [6]byte(frame[6:12])
	}
}

// sent takes note of a frame that leaves, and addresses it: lneto sends broadcasts
// to the router once it knows one, and answers of the listener where it learned to,
// from the first eight peers.
func (n *Network) sent(frame []byte) {
	if len(frame) >= tcpAt && frame[12] == 8 && frame[13] == 0 && [4]byte(frame[ipAt+16:]) == everybody {
		copy(frame, broadcast[:])
	}
	seg, ok := parse(frame)
	if !ok {
		return
	}
	to := seg.destination(frame)
	if to == n.stranger.addr {
		copy(frame, n.stranger.hardware[:])
	}
	if s := n.find(seg.from, seg.to, to); s != nil {
		if s.hardware != ([6]byte{}) {
			copy(frame, s.hardware[:])
		}
		if s.flow.sent(frame, seg) {
			n.stats.Resent++
		}
		s.update()
	}
}

// find returns the connection between two ports.
func (n *Network) find(local, remote uint16, peer [4]byte) *Stream {
	for _, s := range n.streams {
		if s.state != hal.Closed && s.conn.LocalPort() == local && s.conn.RemotePort() == remote && string(s.conn.RemoteAddr()) == string(peer[:]) {
			return s
		}
	}
	return nil
}
