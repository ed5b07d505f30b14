package worldsim

import (
	"time"

	"camrelay/firmware/core/hal"
	"camrelay/firmware/core/haltest"
)

// network is what is between the camera and everybody else, and implements
// hal.Network. Its TCP never loses a byte and never changes their order: what is
// lost on the way comes later.
type network struct {
	*World
	up        bool  // the camera has a link
	moved     bool  // since the last Poll
	stillTill int64 // until then nothing gets through
	weather   radio
	dialled   [hal.Control]*end // by use
	listener  *listener
	conns     []*conn
	due       int64    // when something arrives next
	busyTill  [2]int64 // of the radio, from and to the camera
}

// radio is how good the link is.
type radio struct {
	latency   time.Duration
	jitter    time.Duration
	loss      int // one segment in so many has to be sent again; 0: none
	bandwidth int // bytes a second
}

var fineRadio = radio{latency: 4 * time.Millisecond, jitter: 3 * time.Millisecond, loss: 200, bandwidth: 400_000}

func newNetwork(w *World) *network {
	return &network{World: w, up: true, weather: fineRadio, due: never}
}

// server is what listens somewhere.
type server interface {
	// listens says what becomes of a SYN.
	listens() presence
	// accept takes a connection; the handler is called when there is news.
	accept(e *end) handler
}

type handler interface{ step() }

// presence is what is found at an address.
type presence uint8

const (
	listening presence = iota
	nobody             // a host that refuses
	nothing            // no host
)

func (n *network) at(host string) server {
	if host == brokerHost {
		return n.broker
	}
	return n.relay
}

// Up implements hal.Network.
func (n *network) Up() bool { return n.up && n.camera.behaviour.linked() }

// RSSI implements hal.Network.
func (n *network) RSSI() int { return -61 }

// Poll implements hal.Network.
func (n *network) Poll() bool {
	moved := n.moved
	n.moved = false
	return moved
}

// Dial implements hal.Network.
func (n *network) Dial(use hal.Use, host string, port uint16) (hal.Stream, error) {
	if use == hal.Download && !n.camera.behaviour.downloads() {
		return nil, hal.ErrRefused
	}
	for _, u := range sharing(use) {
		if s := n.dialled[u]; s != nil && s.state != hal.Closed {
			n.fail(exclusive, "a connection for %v is dialled while one for %v is %v", useName(use), useName(u), s.state)
			return nil, hal.ErrBusy
		}
	}
	if !n.Up() {
		return nil, hal.ErrDown
	}
	for _, u := range sharing(use) {
		if n.dialled[u] != nil {
			n.dialled[u].stale = true
		}
	}
	c := n.connect(haltest.For(use), haltest.Ample)
	n.dialled[use] = &c.near
	n.syn(c, n.at(host), 0)
	return &c.near, nil
}

// sharing are the uses that have one memory.
func sharing(use hal.Use) []hal.Use {
	if use == hal.Broker {
		return []hal.Use{hal.Broker}
	}
	return []hal.Use{hal.Relay, hal.Download}
}

func useName(u hal.Use) string {
	return [...]string{"the relay", "a download", "the broker", "control"}[min(u, hal.Control)]
}

// syns are when the next SYN is sent if there is no answer.
var syns = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 5 * time.Second}

// syn sends a SYN to a server.
func (n *network) syn(c *conn, s server, try int) {
	n.after(n.trip(), func() {
		switch {
		case c.near.state != hal.Dialing:
		case n.now < n.stillTill || s.listens() == nothing:
			if try == len(syns) {
				c.near.end(hal.ErrTimeout)
				return
			}
			n.after(syns[try], func() { n.syn(c, s, try+1) })
		case s.listens() == nobody:
			n.after(n.trip(), func() { c.near.end(hal.ErrRefused) })
		default:
			c.far.state = hal.Open
			c.handler = s.accept(&c.far)
			n.after(n.trip(), func() {
				if c.near.state == hal.Dialing {
					c.near.state, n.moved = hal.Open, true
				}
			})
		}
	})
}

// trip is how long something takes one way.
func (n *network) trip() time.Duration {
	return n.weather.latency + time.Duration(n.rnd.Int64N(int64(n.weather.jitter)+1))
}

// arrival is when size bytes arrive that are sent now, in direction 0 from the
// camera, 1 to it.
func (n *network) arrival(direction, size int) int64 {
	depart := max(n.now, n.busyTill[direction]) + int64(size+60)*int64(time.Second)/int64(n.weather.bandwidth)
	n.busyTill[direction] = depart
	at := depart + int64(n.trip())
	if n.weather.loss > 0 {
		for again := 200 * time.Millisecond; n.chance(n.weather.loss); again *= 2 {
			at += int64(again)
		}
	}
	return at
}

// next is when something happens by itself.
func (n *network) next() int64 {
	if n.due < n.stillTill {
		return n.stillTill
	}
	return n.due
}

// move lets arrive what is due, and calls those who have news.
func (n *network) move() {
	if n.now < n.due || n.now < n.stillTill {
		return
	}
	n.due = never
	open := n.conns[:0]
	for _, c := range n.conns {
		c.near.move()
		c.far.move()
		if c.far.news && c.handler != nil {
			c.far.news = false
			c.handler.step()
		}
		if !c.over() {
			open = append(open, c)
		}
	}
	n.conns = open
}

// wake makes sure that move is called by a time.
func (n *network) wake(at int64) { n.due = min(n.due, at) }

// setUp takes the link away or brings it back. The far ends do not notice.
func (n *network) setUp(up bool) {
	if n.up = up; !up {
		n.forget(hal.ErrDown)
	}
	n.moved = true
}

// forget ends all connections at the camera's side alone.
func (n *network) forget(why error) {
	for _, c := range n.conns {
		c.near.end(why)
	}
}

// restart is the camera's: nothing is left of its connections.
func (n *network) restart() {
	n.forget(hal.ErrReset)
	n.dialled = [hal.Control]*end{}
	n.listener = nil
}
