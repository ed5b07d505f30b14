package listener

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen starts a listener whose connections are kept until they are closed by
// the other side.
func listen(t *testing.T, addr string, limits Limits) *Listener {
	t.Helper()
	ln, err := Listen(t.Context(), addr, limits)
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer conn.Close()
				conn.Write([]byte("+"))
				io.Copy(io.Discard, conn)
				conn.Close() // a second time counts nothing
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		tasks.Wait()
	})
	return ln
}

// dial connects from an address of this machine and reports whether the
// listener took the connection.
func dial(t *testing.T, ln *Listener, from string) (conn net.Conn, taken bool) {
	t.Helper()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := dialer.Dial("tcp", ln.Addr().String())
	if err != nil {
		if errors.Is(err, syscall.ECONNRESET) {
			return nil, false
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, err = conn.Read(make([]byte, 1))
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("refused connection ends with %v, want a reset", err)
	}
	return conn, err == nil
}

func TestLimitPerAddress(t *testing.T) {
	ln := listen(t, "127.0.0.1:0", Limits{
		Sockets: 100, PerAddress: 3,
		Exempt: func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.9") },
	})
	var first net.Conn
	for i := range 3 {
		conn, ok := dial(t, ln, "")
		if !ok {
			t.Fatalf("connection %d was refused", i)
		}
		first = conn
	}
	if _, ok := dial(t, ln, ""); ok {
		t.Error("a fourth connection of one address was taken")
	}
	if n := ln.Refused.Address.Load(); n != 1 {
		t.Errorf("%d connections were refused by address, want 1", n)
	}
	if _, ok := dial(t, ln, "127.0.0.2"); !ok {
		t.Error("another address was refused")
	}
	for range 5 {
		if _, ok := dial(t, ln, "127.0.0.9"); !ok {
			t.Error("an exempt address was refused")
		}
	}
	if n := ln.Open(); n != 9 {
		t.Errorf("%d connections are open, want 9", n)
	}
	first.Close()
	testkit.Eventually(t, 5*time.Second, func() bool { return ln.Open() == 8 }, "a closed connection is no longer counted")
	if _, ok := dial(t, ln, ""); !ok {
		t.Error("there is room again and a connection was refused")
	}
	ln.SetPerAddress(4)
	if _, ok := dial(t, ln, ""); !ok {
		t.Error("a fourth connection was refused with a limit of 4")
	}
	ln.SetPerAddress(1) // those that are open stay
	if _, ok := dial(t, ln, ""); ok {
		t.Error("a connection was taken with a limit of 1")
	}
}

func TestLimitInAll(t *testing.T) {
	ln := listen(t, "127.0.0.1:0", Limits{Sockets: 4, PerAddress: 100, Exempt: func(netip.Addr) bool { return true }})
	for range 4 {
		if _, ok := dial(t, ln, ""); !ok {
			t.Fatal("a connection was refused")
		}
	}
	if _, ok := dial(t, ln, "127.0.0.2"); ok {
		t.Error("a fifth connection was taken")
	}
	if full, address := ln.Refused.Full.Load(), ln.Refused.Address.Load(); full != 1 || address != 0 {
		t.Errorf("refused: %d full, %d by address", full, address)
	}
}

func TestIPv6CountsByNetwork(t *testing.T) {
	ln := &Listener{limits: Limits{Sockets: 10, PerAddress: 1}, of: map[string]int{}}
	for _, c := range []struct {
		addr string
		ok   bool
	}{{"2001:db8::1", true}, {"2001:db8::2", false}, {"2001:db8:0:1::1", true}, {"::ffff:192.0.2.1", true}, {"192.0.2.1", false}} {
		if _, ok := ln.enter(netip.MustParseAddr(c.addr).Unmap()); ok != c.ok {
			t.Errorf("%s: taken is %v", c.addr, ok)
		}
	}
}

func TestNothingIsLeftOfConnections(t *testing.T) {
	ln := listen(t, "127.0.0.1:0", Limits{Sockets: 10, PerAddress: 10})
	for range 300 {
		conn, ok := dial(t, ln, "")
		if !ok {
			t.Fatal("a connection was refused")
		}
		conn.Close()
		testkit.Eventually(t, 5*time.Second, func() bool { return ln.Open() == 0 }, "the connection is no longer counted")
	}
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if len(ln.of) != 0 {
		t.Errorf("addresses are remembered: %v", ln.of)
	}
}

func TestPortTaken(t *testing.T) {
	ln := listen(t, "127.0.0.1:0", Limits{Sockets: 1, PerAddress: 1})
	_, err := Listen(context.Background(), ln.Addr().String(), Limits{})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("error is %v", err)
	}
}
