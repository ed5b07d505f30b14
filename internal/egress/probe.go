package egress

import "time"

// probe measures the path to a viewer without the frames on it. A ping that
// waits behind frames takes their time for the path's: the window grows, more
// frames are under way, the next ping waits longer, and on a thin line the
// frames are old for good. So when a viewer misses frames, which is when there
// may be a queue, all its cameras hold theirs back until those under way are
// acknowledged and a ping has been answered.
type probe struct {
	holding  bool
	since    time.Time // when it began to
	answered bool      // the ping before: to wait for a viewer that answers none is no use
	pings    int       // since the last probe
	skipped  uint64    // frames that the viewer had missed at the last ping
}

const (
	// probePatience bounds how long frames are held back.
	probePatience = time.Second
	// probeEvery is how many pings there are to a probe: few enough that one is
	// among the latest, of which the shortest counts.
	probeEvery = 5
)

// beginProbe is called for each acknowledgement before it lets the next frame
// go.
func (c *viewConn) beginProbe() {
	if !c.pingDue(c.srv.options().PingInterval / 2) {
		return
	}
	c.mu.Lock()
	skipped := uint64(0)
	for _, v := range c.viewers {
		skipped += v.Skipped()
	}
	ping := !c.probe.holding
	if c.probe.pings++; ping && c.probe.pings >= probeEvery && c.probe.answered && skipped > c.probe.skipped {
		ping = false
		c.probe = probe{since: time.Now()}
		c.hold(true)
	}
	c.probe.skipped = skipped
	c.mu.Unlock()
	if ping {
		c.ping()
	}
}

// continueProbe is called after acknowledgements: it pings when nothing is
// under way any more.
func (c *viewConn) continueProbe() {
	c.mu.Lock()
	send := c.probe.holding && c.pingDue(c.srv.options().PingInterval/2)
	for _, v := range c.viewers {
		send = send && v.Credit.Idle()
	}
	c.mu.Unlock()
	if send {
		c.ping()
	}
}

// path takes a round trip of the connection, which ends a probe.
func (c *viewConn) path(rtt time.Duration) {
	c.mu.Lock()
	held := c.probe.holding
	if c.rtt == 0 || rtt < c.rtt || held {
		c.rtt = rtt
	}
	for _, v := range c.viewers {
		v.Credit.Path(rtt)
	}
	c.hold(false)
	c.probe.answered = true
	c.mu.Unlock()
	if held {
		c.out.Wake()
	}
}

// giveUpProbe lets frames go again if no answer came in time.
func (c *viewConn) giveUpProbe(now time.Time) {
	c.mu.Lock()
	late := c.probe.holding && now.Sub(c.probe.since) > probePatience
	if late {
		c.hold(false)
	}
	c.mu.Unlock()
	if late {
		c.out.Wake()
	}
}

// hold holds frames back or lets them go. Called with mu held.
func (c *viewConn) hold(on bool) {
	c.probe.holding = on
	for _, v := range c.viewers {
		v.Credit.Hold(on)
	}
}
