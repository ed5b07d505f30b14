package netlneto

import "net/netip"

// Times, in nanoseconds.
const (
	leaseAgain   = 4 * second // for an answer of the DHCP server
	routerAgain  = second     // for the router's hardware address
	routerTries  = 5
	leaseDefault = 3600 * second
)

// lease keeps the camera's address: from a DHCP server, renewed at half of its
// time, or set.
type lease struct {
	network *Network
	phase   phase
	again   int64
	tries   int
	renew   int64 // 0: never
	expires int64
	router  netip.Addr
}

type phase uint8

const (
	linkDown  phase = iota
	asking          // the DHCP server
	finding         // the router
	holding         // the address
	extending       // holding it, and asking
)

func (l *lease) init(n *Network) { l.network = n }

// step reports whether there is an address.
func (l *lease) step(link bool) bool {
	n := l.network
	if !link {
		l.phase = linkDown
		return false
	}
	switch l.phase {
	case linkDown:
		l.begin()
	case asking:
		l.stepAsking()
	case finding:
		l.stepFinding()
	case holding:
		if l.renew != 0 && n.now >= l.renew {
			l.phase, l.again = extending, n.now+leaseAgain
			_ = n.stack.StartDHCPv4Request(n.stack.Addr4())
		}
	case extending:
		l.stepExtending()
	}
	return l.phase >= holding
}

func (l *lease) begin() {
	n := l.network
	if a := n.conf.Address; a.IsValid() {
		_ = n.stack.SetAddr4(a.Addr().As4())
		n.stack.SetSubnet4(a.Addr().As4(), uint8(a.Bits()))
		n.stack.SetGatewayHardwareAddr(n.conf.MAC) // none, and not everybody
		l.phase, l.renew = holding, 0
		return
	}
	n.stack.SetGatewayHardwareAddr(broadcast)
	_ = n.stack.SetAddr4([4]byte{})
	_ = n.stack.StartDHCPv4Request([4]byte{})
	l.phase, l.again = asking, n.now+leaseAgain
}

func (l *lease) stepAsking() {
	n := l.network
	r, err := n.stack.ResultDHCP()
	if err != nil {
		if n.now >= l.again {
			l.begin()
		}
		return
	}
	if n.stack.AssimilateDHCPResults(r) != nil {
		l.begin()
		return
	}
	l.take(r.TLease)
	l.router, l.tries = r.Router, 0
	l.phase = finding
	l.find()
}

// take notes how long the address may be used.
func (l *lease) take(seconds uint32) {
	n := l.network
	span := int64(seconds) * second
	if seconds == 0 || seconds == 0xffffffff {
		span = leaseDefault
	}
	l.renew, l.expires = n.now+span/2, n.now+span
}

func (l *lease) find() {
	n := l.network
	_ = n.stack.DiscardResolveHardwareAddress6(l.router)
	_ = n.stack.StartResolveHardwareAddress6(l.router)
	l.again = n.now + routerAgain
	l.tries++
}

func (l *lease) stepFinding() {
	n := l.network
	mac, err := n.stack.ResultResolveHardwareAddress6(l.router)
	switch {
	case err == nil:
		n.stack.SetGatewayHardwareAddr(mac)
		l.phase = holding
	case n.now < l.again:
	case l.tries >= routerTries:
		n.stack.SetGatewayHardwareAddr(n.conf.MAC) // a network without a router is one, too
		l.phase = holding
	default:
		l.find()
	}
}

func (l *lease) stepExtending() {
	n := l.network
	if r, err := n.stack.ResultDHCP(); err == nil {
		if r.AssignedAddr4 != n.stack.Addr4() {
			l.phase = linkDown // with it all connections are lost
			return
		}
		l.take(r.TLease)
		l.phase = holding
		return
	}
	switch {
	case n.now >= l.expires:
		l.phase = linkDown
	case n.now >= l.again:
		l.again = n.now + leaseAgain
		_ = n.stack.StartDHCPv4Request(n.stack.Addr4())
	}
}
