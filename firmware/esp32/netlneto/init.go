package netlneto

import (
	"net/netip"
	"time"

	"github.com/soypat/lneto/tcp"
	"github.com/soypat/lneto/x/xnet"

	"camrelay/firmware/core/hal"
)

// Buffers of connections, in bytes: package hal.
const (
	relaySend, relayReceive       = 8192, 1024
	downloadSend, downloadReceive = 512, 6144
	brokerBuffer                  = 1024
	controlBuffer                 = 1024
)

// Config is what a Network needs.
type Config struct {
	Device Device
	Clock  hal.Clock
	Random hal.Random
	MAC    [6]byte
	Name   string // of the camera, for DHCP
	// Address, for networks without DHCP; the zero value asks for one.
	Address netip.Prefix
	DNS     netip.Addr // for an Address of one's own
	// TimeServer is a name or an address of a server for NTP; none: Unix is not
	// known.
	TimeServer string
}

// Init prepares a network that comes up as soon as its device does.
func (n *Network) Init(conf Config) error {
	n.conf = conf
	err := n.stack.Reset(xnet.StackConfig{
		DNSServer:         conf.DNS,
		HardwareAddress:   conf.MAC,
		Hostname:          conf.Name,
		RandSeed:          1 | int64(conf.Random.Uint32())<<31 | int64(conf.Random.Uint32()),
		MaxActiveTCPPorts: uint16(hal.Control) + 1,
		MaxActiveUDPPorts: 1,
		PassivePeers:      8,
		MTU:               MTU,
	})
	if err != nil {
		return err
	}
	n.dialled[hal.Relay].init(n, n.shared[:relaySend], n.shared[relaySend:], 16)
	n.dialled[hal.Download].init(n, n.shared[:downloadSend], n.shared[downloadSend:][:downloadReceive], 4)
	n.dialled[hal.Broker].init(n, n.broker[:brokerBuffer], n.broker[brokerBuffer:], 8)
	for i := range n.served {
		n.served[i].init(n, n.control[i][:controlBuffer], n.control[i][controlBuffer:], 4)
	}
	for i := range n.dialled {
		n.streams[i] = &n.dialled[i]
	}
	for i := range n.served {
		n.streams[int(hal.Control)+i] = &n.served[i]
	}
	n.listener.network = n
	n.lease.init(n)
	n.resolver.network = n
	n.clock.network = n
	return nil
}

func (s *Stream) init(n *Network, send, receive []byte, packets int) {
	s.network, s.size = n, len(send)
	err := s.conn.Configure(tcp.ConnConfig{
		TxBuf: send, RxBuf: receive, TxPacketQueueSize: packets,
		LossRecovery: &s.timer, Nanotime: n.conf.Clock.Now, RWBackoff: never,
	})
	if err != nil {
		panic("netlneto: " + err.Error()) // the sizes are ours
	}
	s.state = hal.Closed
}

// never is how lneto waits: it never has to, because nothing is read or written
// that cannot be.
func never(uint) time.Duration { return time.Millisecond }
