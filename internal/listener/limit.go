// Package listener takes TCP connections: so many in all, so many of one
// address, with or without TLS.
package listener

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"camrelay/internal/auth"
)

// Limits bound how many connections are open at a time.
type Limits struct {
	Sockets, PerAddress int
	// Exempt addresses have no limit of their own: proxies, which many clients
	// come through.
	Exempt func(netip.Addr) bool
}

// Refused counts connections that were closed at once.
type Refused struct {
	Full, Address atomic.Uint64
}

// Listener is a net.Listener with limits.
type Listener struct {
	net.Listener
	Refused Refused

	mu     sync.Mutex
	limits Limits
	open   int
	of     map[string]int // open connections by address
}

// Listen listens on a TCP address. Dead peers are noticed by TCP keep-alive
// within a minute.
func Listen(ctx context.Context, addr string, limits Limits) (*Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 20 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Listener{Listener: ln, limits: limits, of: make(map[string]int)}, nil
}

// SetPerAddress changes the limit for connections that come from now on.
func (l *Listener) SetPerAddress(n int) {
	l.mu.Lock()
	l.limits.PerAddress = n
	l.mu.Unlock()
}

// Open counts the open connections.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// Accept implements net.Listener. A connection over a limit is reset: whoever
// sent it has nothing of ours to lose, and we keep nothing of his.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp := nc.(*net.TCPConn)
		addr, _ := netip.ParseAddrPort(tcp.RemoteAddr().String())
		if key, ok := l.enter(addr.Addr().Unmap()); ok {
			return &conn{TCPConn: tcp, leave: sync.OnceFunc(func() { l.leave(key) })}, nil
		}
		tcp.SetLinger(0)
		tcp.Close()
	}
}

// enter counts a connection if there is room for it.
func (l *Listener) enter(addr netip.Addr) (key string, ok bool) {
	key = auth.AddressKey(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	exempt := l.limits.Exempt != nil && l.limits.Exempt(addr)
	switch {
	case l.open >= l.limits.Sockets:
		l.Refused.Full.Add(1)
		return "", false
	case !exempt && l.of[key] >= l.limits.PerAddress:
		l.Refused.Address.Add(1)
		return "", false
	}
	l.open++
	l.of[key]++
	return key, true
}

func (l *Listener) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.of[key]--; l.of[key] == 0 {
		delete(l.of, key)
	}
}

// conn gives its place free when it is closed.
type conn struct {
	*net.TCPConn
	leave func()
}

func (c *conn) Close() error {
	defer c.leave()
	return c.TCPConn.Close()
}
