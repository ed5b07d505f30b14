package netlneto

import "net/netip"

// Times, in nanoseconds.
const (
	timeAgain  = 10 * second // after a failure
	timeAnswer = 3 * second  // for the server to answer
	timeEvery  = 6 * 3600 * second
)

// ntpClock asks a server for the time: at first, and every six hours.
type ntpClock struct {
	network *Network
	next    int64
	asked   int64 // 0: not now
	offset  int64 // microseconds from the system's clock to 1970
	known   bool
}

func (c *ntpClock) step() {
	n := c.network
	switch {
	case !n.up || n.conf.TimeServer == "" || n.now < c.next:
	case c.asked == 0:
		addr, ok := n.resolver.lookup(n.conf.TimeServer)
		if !ok {
			c.next = n.now + second // while the name is asked for
			return
		}
		c.asked = n.now
		if n.stack.StartNTP(netip.AddrFrom4(addr)) != nil {
			c.again()
		}
	default:
		if offset, done := n.stack.ResultNTPOffset(); done {
			c.offset, c.known = offset.Microseconds(), true
			c.asked, c.next = 0, n.now+timeEvery
		} else if n.now-c.asked > timeAnswer {
			c.again()
		}
	}
}

func (c *ntpClock) again() { c.asked, c.next = 0, c.network.now+timeAgain }
