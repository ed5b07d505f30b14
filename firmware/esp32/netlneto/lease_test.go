package netlneto

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/soypat/lneto/dhcp/dhcpv4"
	"github.com/soypat/lneto/ipv4"
	"github.com/soypat/lneto/x/xnet"
)

// router is a network's other half: it gives addresses.
type router struct {
	end   *end
	stack xnet.StackAsync
	dhcp  dhcpv4.Server
	frame [frameSize]byte
}

func (r *router) poll() {
	if n := r.end.Receive(r.frame[:]); n > 0 {
		_ = r.stack.IngressEthernet(r.frame[:n])
	}
	if n, _ := r.stack.EgressEthernet(r.frame[:]); n > 0 {
		r.end.Send(r.frame[:n])
	}
}

func newRouter(t *testing.T, e *end) *router {
	r := &router{end: e}
	own := [4]byte{192, 168, 7, 1}
	subnet := netip.MustParsePrefix("192.168.7.0/24")
	err := r.stack.Reset(xnet.StackConfig{
		HardwareAddress: [6]byte{2, 0, 0, 0, 0, 1}, StaticAddress4: own, Hostname: "router1", RandSeed: 3, MaxActiveUDPPorts: 2, PassivePeers: 8, MTU: MTU,
		AcceptIPv4Broadcast: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.stack.SetSubnet4(own, 24)
	if err := r.dhcp.Configure(dhcpv4.ServerConfig{ServerAddr: own, Gateway: own, Subnet: ipv4.PrefixFromNetip(subnet)}); err != nil {
		t.Fatal(err)
	}
	if err := r.stack.RegisterUDP4(&r.dhcp, [4]byte{}, dhcpv4.DefaultClientPort); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLease gets an address though a third of the frames is lost, and again after
// the link was lost.
func TestLease(t *testing.T) {
	for seed := range uint64(5) {
		a := &air{now: second, random: rand.New(rand.NewPCG(seed, 1)), loss: 300, delay: millisecond}
		for i := range a.ends {
			a.ends[i] = &end{air: a, side: i}
		}
		n, r := new(Network), newRouter(t, a.ends[0])
		if err := n.Init(Config{Device: a.ends[1], Clock: a, Random: a, MAC: [6]byte{2, 0, 0, 0, 0, 2}, Name: "camera2"}); err != nil {
			t.Fatal(err)
		}
		for round := range 2 {
			for limit := a.now + 120*second; !n.Up(); a.now += millisecond {
				if a.now > limit {
					t.Fatalf("seed %d, round %d: no address; phase %d", seed, round, n.lease.phase)
				}
				n.Poll()
				r.poll()
			}
			if addr := n.Address(); !netip.MustParsePrefix("192.168.7.0/24").Contains(addr) {
				t.Errorf("seed %d: %v", seed, addr)
			}
			if n.lease.renew <= a.now || n.lease.expires <= n.lease.renew {
				t.Errorf("seed %d: renewed at %d, expires at %d", seed, n.lease.renew, n.lease.expires)
			}
			a.ends[1].down = true
			n.Poll()
			if n.Up() || n.Address().IsValid() {
				t.Error("up without a link")
			}
			a.ends[1].down = false
		}
	}
}

// TestRenewal keeps the address while its server answers, and gives it up when it
// does not.
func TestRenewal(t *testing.T) {
	a := &air{now: second, random: rand.New(rand.NewPCG(1, 1)), delay: millisecond}
	for i := range a.ends {
		a.ends[i] = &end{air: a, side: i}
	}
	n, r := new(Network), newRouter(t, a.ends[0])
	if err := n.Init(Config{Device: a.ends[1], Clock: a, Random: a, MAC: [6]byte{2, 0, 0, 0, 0, 2}, Name: "camera2"}); err != nil {
		t.Fatal(err)
	}
	step := func(until int64, answering bool) {
		for ; a.now < until; a.now += 10 * millisecond {
			n.Poll()
			if answering {
				r.poll()
			}
		}
	}
	step(30*second, true)
	first := n.lease.renew
	if !n.Up() || first == 0 {
		t.Fatal("no address")
	}
	step(first+60*second, true)
	if !n.Up() || n.lease.renew <= first {
		t.Fatalf("not renewed; phase %d", n.lease.phase)
	}
	step(n.lease.expires+10*second, false)
	if n.Up() {
		t.Error("the address has expired and is still used")
	}
}
