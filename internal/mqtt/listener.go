package mqtt

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
)

const (
	// maxStrangers is how many connections of one address may not have logged
	// in yet.
	maxStrangers = 16
	// maxConnections is how many connections one camera or token may have.
	maxConnections = 16
	// acceptPause is how long to wait when no connection can be accepted, as
	// when there are no file descriptors left.
	acceptPause = 100 * time.Millisecond
)

// listener accepts the broker's clients, within limits.
type listener struct {
	net     net.Listener
	max     int           // connections
	timeout time.Duration // until a client has logged in
	log     *slog.Logger

	wg     sync.WaitGroup
	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
	full   time.Time // when it was last logged that there are too many
}

var _ listeners.Listener = (*listener)(nil)

func newListener(l net.Listener, max int, timeout time.Duration, log *slog.Logger) *listener {
	return &listener{net: l, max: max, timeout: timeout, log: log, conns: map[*conn]struct{}{}}
}

// ID, Address, Protocol and Init are what the broker's library asks for.
func (l *listener) ID() string              { return "tcp" }
func (l *listener) Address() string         { return l.net.Addr().String() }
func (l *listener) Protocol() string        { return "tcp" }
func (l *listener) Init(*slog.Logger) error { return nil }

// Serve accepts clients until Close.
func (l *listener) Serve(establish listeners.EstablishFn) {
	for {
		c, err := l.net.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.log.Error("cannot accept MQTT client", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		l.take(newConn(c), establish)
	}
}

// take serves a connection, or closes it if there are too many.
func (l *listener) take(c *conn, establish listeners.EstablishFn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if why := l.crowded(c); why != "" {
		if now := time.Now(); now.Sub(l.full) > time.Minute {
			l.full = now
			l.log.Warn("MQTT client refused", "remote", c.RemoteAddr(), "error", why)
		}
		_ = c.Conn.Close()
		return
	}
	l.conns[c] = struct{}{}
	_ = c.SetReadDeadline(time.Now().Add(l.timeout))
	l.wg.Go(func() {
		c.send()
		l.mu.Lock()
		delete(l.conns, c)
		l.mu.Unlock()
	})
	l.wg.Go(func() {
		defer l.end(c)
		if err := establish(l.ID(), c); err != nil {
			l.log.Debug("MQTT connection ended", "remote", c.RemoteAddr(), "error", err)
		}
	})
}

// end closes a connection, also when the library panicked: what a stranger
// sends must not end the relay.
func (l *listener) end(c *conn) {
	if p := recover(); p != nil {
		l.log.Error("MQTT connection dropped", "remote", c.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
	}
	_ = c.Close()
}

// crowded says why there is no room for a connection. Called with mu held.
func (l *listener) crowded(c *conn) string {
	if l.closed {
		return "the broker stops"
	}
	if len(l.conns) >= l.max {
		return fmt.Sprintf("there are %d connections already", l.max)
	}
	address, strangers := addressKey(c.RemoteAddr().String()), 0
	for other := range l.conns {
		if other.who.Load() == nil && addressKey(other.RemoteAddr().String()) == address {
			strangers++
		}
	}
	if strangers >= maxStrangers {
		return fmt.Sprintf("%d connections of this address have not logged in yet", strangers)
	}
	return ""
}

// admit notes who a connection belongs to.
func (l *listener) admit(c *conn, client *mochi.Client, who identity) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	same := 0
	for other := range l.conns {
		if w := other.who.Load(); w != nil && w.key() == who.key() {
			same++
		}
	}
	if same >= maxConnections && who.hash != "" {
		return fmt.Errorf("%s has %d connections already", who, same)
	}
	c.client = client
	c.who.Store(&who)
	return nil
}

// members lists the connections that have logged in.
func (l *listener) members() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	var members []*conn
	for c := range l.conns {
		if c.who.Load() != nil {
			members = append(members, c)
		}
	}
	return members
}

// Close stops accepting, ends all connections and waits for them. It does not
// ask the library to end them: that takes the same read lock twice, and hangs
// when a client leaves in between.
func (l *listener) Close(listeners.CloseFn) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	_ = l.net.Close()
	l.mu.Lock()
	for c := range l.conns {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}
