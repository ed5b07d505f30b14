package netlneto

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"camrelay/firmware/core/hal"
)

// oracle answers DNS and NTP on a network without anything else; of each it
// leaves the first question unanswered.
type oracle struct {
	t       *testing.T
	end     *end
	names   map[string][4]byte
	unix    int64 // seconds
	ignored [2]int
}

const udpAt = ipAt + 20

// poll answers a frame.
func (o *oracle) poll() {
	var frame [frameSize]byte
	n := o.end.Receive(frame[:])
	if n == 0 {
		return
	}
	f := frame[:n]
	switch {
	case binary.BigEndian.Uint16(f[12:]) == 0x0806 && f[21] == 1 && f[41] == 1: // ARP for 10.0.0.1
		copy(f[0:6], f[6:12])
		copy(f[6:12], []byte{2, 0, 0, 0, 0, 1})
		f[21] = 2
		asked := [4]byte(f[38:42])
		copy(f[32:42], f[22:32])
		copy(f[22:28], f[6:12])
		copy(f[28:32], asked[:])
		o.end.Send(f)
	case f[ipAt+9] != 17:
	case binary.BigEndian.Uint16(f[udpAt+2:]) == 53:
		o.reply(f, 0, o.dns(f[udpAt+8:]))
	case binary.BigEndian.Uint16(f[udpAt+2:]) == 123:
		o.reply(f, 1, o.ntp(f[udpAt+8:][:48]))
	}
}

// reply sends a UDP packet back where f came from.
func (o *oracle) reply(f []byte, kind int, data []byte) {
	if o.ignored[kind]++; o.ignored[kind] == 1 {
		return
	}
	p := make([]byte, udpAt+8, frameSize)
	copy(p[0:6], f[6:12])
	copy(p[6:12], f[0:6])
	copy(p[12:], f[12:udpAt])
	copy(p[ipAt+12:], f[ipAt+16:][:4])
	copy(p[ipAt+16:], f[ipAt+12:][:4])
	copy(p[udpAt:], f[udpAt+2:][:2])
	copy(p[udpAt+2:], f[udpAt:][:2])
	p = append(p, data...)
	binary.BigEndian.PutUint16(p[ipAt+2:], uint16(len(p)-ipAt))
	binary.BigEndian.PutUint16(p[ipAt+10:], 0)
	binary.BigEndian.PutUint16(p[ipAt+10:], checksum(0, p[ipAt:udpAt]))
	binary.BigEndian.PutUint16(p[udpAt+4:], uint16(len(p)-udpAt))
	pseudo := [4]byte{0, 17, p[udpAt+4], p[udpAt+5]}
	odd := uint32(0)
	if len(data)%2 == 1 {
		odd = uint32(data[len(data)-1]) << 8
	}
	binary.BigEndian.PutUint16(p[udpAt+6:], checksum(sum(sum(0, p[ipAt+12:udpAt]), pseudo[:])+odd, p[udpAt:]))
	for len(p) < minFrame {
		p = append(p, 0)
	}
	o.end.Send(p)
}

// dns answers a question for an address: RFC 1035.
func (o *oracle) dns(q []byte) []byte {
	name, at := "", 12
	for q[at] != 0 {
		if name != "" {
			name += "."
		}
		name += string(q[at+1:][:q[at]])
		at += 1 + int(q[at])
	}
	a := append([]byte(nil), q[:at+5]...)
	binary.BigEndian.PutUint16(a[2:], 0x8180)
	copy(a[6:12], []byte{0, 0, 0, 0, 0, 0})
	addr, ok := o.names[name]
	if !ok {
		a[3] |= 3 // no such name
		return a
	}
	a[7] = 1
	a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
	return append(a, addr[:]...)
}

// ntp answers with a fixed time: RFC 5905.
func (o *oracle) ntp(q []byte) []byte {
	a := make([]byte, 48)
	a[0], a[1] = 4<<3|4, 1
	copy(a[24:32], q[40:48])
	for _, at := range []int{16, 32, 40} {
		binary.BigEndian.PutUint32(a[at:], uint32(o.unix+2208988800))
	}
	return a
}

func newOracle(t *testing.T, conf Config) (*air, *Network, *oracle) {
	a := &air{now: second, random: rand.New(rand.NewPCG(1, 1)), delay: millisecond}
	for i := range a.ends {
		a.ends[i] = &end{air: a, side: i}
	}
	n := new(Network)
	conf.Device, conf.Clock, conf.Random, conf.MAC, conf.Name = a.ends[1], a, a, [6]byte{2, 0, 0, 0, 0, 2}, "camera2"
	conf.Address, conf.DNS = netip.MustParsePrefix("10.0.0.2/24"), netip.MustParseAddr("10.0.0.1")
	if err := n.Init(conf); err != nil {
		t.Fatal(err)
	}
	return a, n, &oracle{t: t, end: a.ends[0], names: map[string][4]byte{"relay.home": {10, 0, 0, 1}, "time.home": {10, 0, 0, 1}}}
}

func (o *oracle) run(a *air, n *Network, limit int64, done func() bool) {
	o.t.Helper()
	for end := a.now + limit; !done(); a.now += millisecond {
		if a.now > end {
			o.t.Fatalf("not done after %d s", limit/second)
		}
		n.Poll()
		o.poll()
	}
}

func TestNames(t *testing.T) {
	a, n, o := newOracle(t, Config{})
	o.run(a, n, second, n.Up)
	n.stack.SetGatewayHardwareAddr([6]byte{2, 0, 0, 0, 0, 1})
	s, err := n.Dial(hal.Relay, "relay.home", 80)
	if err != nil {
		t.Fatal(err)
	}
	stream := s.(*Stream)
	o.run(a, n, 10*second, func() bool { return stream.flow.known }) // a SYN left
	if stream.peer != [4]byte{10, 0, 0, 1} || o.ignored[0] < 2 {
		t.Errorf("%v, %d questions", stream.peer, o.ignored[0])
	}
	s.Abort()
	asked := o.ignored[0]
	if s, err = n.Dial(hal.Relay, "relay.home", 80); err != nil {
		t.Fatal(err)
	}
	o.run(a, n, 10*second, func() bool { return stream.flow.known })
	if o.ignored[0] != asked {
		t.Error("asked again within a minute")
	}
	b, err := n.Dial(hal.Broker, "nowhere.home", 1883)
	if err != nil {
		t.Fatal(err)
	}
	o.run(a, n, 20*second, func() bool { return b.State() == hal.Closed })
	if b.Err() != hal.ErrName {
		t.Errorf("a name that there is not: %v", b.Err())
	}
}

func TestTime(t *testing.T) {
	const unix = 1_795_166_000
	a, n, o := newOracle(t, Config{TimeServer: "time.home"})
	o.unix = unix
	if _, ok := n.Unix(); ok {
		t.Error("the time is known before anybody was asked")
	}
	o.run(a, n, second, n.Up)
	n.stack.SetGatewayHardwareAddr([6]byte{2, 0, 0, 0, 0, 1})
	known := func() bool { _, ok := n.Unix(); return ok }
	o.run(a, n, 60*second, known)
	if got, _ := n.Unix(); got/1_000_000 < unix-1 || got/1_000_000 > unix+5 {
		t.Errorf("%d s, want %d", got/1_000_000, unix)
	}
	if o.ignored[1] < 2 {
		t.Error("the first answer was lost, and it did not ask again")
	}
}
