package mqtt

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	// maxPacket is the longest packet taken from a client, in bytes.
	maxPacket = 64 << 10
	// maxPending is how many messages wait for one client, and how many it may
	// leave unacknowledged: the retained ones of a thousand cameras come at
	// once. What is more is lost to that client.
	maxPending = 4096
	// maxReceive is how many messages of a client may be unacknowledged.
	maxReceive = 64
	// figuresEvery is the time between the broker's own figures, in seconds.
	figuresEvery = 60
)

// BrokerOptions say how the embedded broker works.
type BrokerOptions struct {
	// Listen is the TCP address, like ":1883"; port 0 picks a free one. What
	// crosses it is not encrypted.
	Listen string
	// Topics is the root of all topics, like "camrelay".
	Topics Topics
	// Lab lets clients in without a password, as admins, and cameras with any.
	Lab bool
	// Auth knows who may log in.
	Auth Authenticator
	// Limiter slows down those who guess.
	Limiter Limiter
	// MaxClients is the most connections at a time. Default 1000.
	MaxClients int
	// LoginTimeout is how long a connection may take to log in. Default 10 s.
	LoginTimeout time.Duration
	// Log gets a line per event.
	Log *slog.Logger
}

// Broker is the MQTT broker in the relay. It is a [Bus].
type Broker struct {
	topics   Topics
	acl      acl
	doorman  doorman
	log      *slog.Logger
	server   *mochi.Server
	listener *listener
	inbox    *inbox
	next     atomic.Int64 // number of the next subscription
	ctx      context.Context
	cancel   context.CancelFunc
}

// NewBroker starts a broker. The error names the address if it cannot listen.
func NewBroker(opt BrokerOptions) (*Broker, error) {
	tcp, err := net.Listen("tcp", opt.Listen)
	if err != nil {
		return nil, fmt.Errorf("start MQTT broker: %w (another address: mqtt.listen; none: mqtt.listen: \"\")", err)
	}
	b := &Broker{
		topics: opt.Topics, acl: acl{opt.Topics}, log: opt.Log, inbox: newInbox(),
		doorman: doorman{auth: opt.Auth, limiter: opt.Limiter, lab: opt.Lab},
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	max := cmp.Or(opt.MaxClients, 1000)
	b.listener = newListener(tcp, max, cmp.Or(opt.LoginTimeout, 10*time.Second), opt.Log)
	b.server = mochi.New(&mochi.Options{
		InlineClient:           true,
		Logger:                 slog.New(quiet{opt.Log.Handler()}),
		SysTopicResendInterval: figuresEvery,
		Capabilities:           capabilities(max),
	})
	err = errors.Join(b.server.AddHook(&hook{broker: b, log: opt.Log}, nil), b.server.AddListener(b.listener), b.server.Serve())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start MQTT broker: %w", err), b.Close())
	}
	b.announce(opt)
	return b, nil
}

func capabilities(clients int) *mochi.Capabilities {
	c := mochi.NewDefaultServerCapabilities()
	c.MaximumClients = int64(clients)
	c.MaximumMessageExpiryInterval = 0 // else retained messages vanish after a day
	c.MaximumClientWritesPending = maxPending
	c.MaximumInflight = maxPending
	c.ReceiveMaximum = maxReceive
	c.MaximumSessionExpiryInterval = 0
	c.MaximumPacketSize = maxPacket
	c.TopicAliasMaximum = 0
	c.SharedSubAvailable = 0
	return c
}

// announce tells who can reach the broker, and how far that is safe.
func (b *Broker) announce(opt BrokerOptions) {
	addr, _ := b.Addr().(*net.TCPAddr)
	open := addr == nil || !addr.IP.IsLoopback()
	b.log.Info("MQTT broker listens", "address", b.Addr(), "topics", string(opt.Topics)+"/#", "tls", false)
	if open && opt.Lab {
		b.log.Warn("lab mode: everybody who reaches the MQTT broker is an admin", "address", b.Addr())
	}
}

// Addr is the address the broker listens on.
func (b *Broker) Addr() net.Addr { return b.listener.net.Addr() }

// Publish is [Bus.Publish]. It fails only when the broker is closed.
func (b *Broker) Publish(topic string, payload []byte, qos byte, retain bool) error {
	if b.ctx.Err() != nil {
		return ErrClosed
	}
	if err := b.server.Publish(topic, bytes.Clone(payload), retain, min(qos, 1)); err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	return nil
}

// Subscribe is [Bus.Subscribe].
func (b *Broker) Subscribe(filter string, handle func(Message)) error {
	if b.ctx.Err() != nil {
		return ErrClosed
	}
	var live atomic.Bool // what was retained before is delivered within Subscribe
	deliver := func(_ *mochi.Client, _ packets.Subscription, pk packets.Packet) {
		b.inbox.put(delivery{handle, Message{Topic: pk.TopicName, Payload: pk.Payload, Retained: pk.FixedHeader.Retain}},
			live.Load() && pk.Origin != mochi.InlineClientId)
	}
	if err := b.server.Subscribe(filter, int(b.next.Add(1)), deliver); err != nil {
		return fmt.Errorf("subscribe to %q: %w", filter, err)
	}
	live.Store(true)
	return nil
}

// Recheck drops the clients whose token or key is no longer valid: to be called
// when tokens, keys or cameras changed.
func (b *Broker) Recheck() {
	for _, c := range b.listener.members() {
		if who := c.who.Load(); !b.doorman.valid(*who) {
			b.log.Info("MQTT client dropped: its password is no longer valid", "client", who, "remote", c.RemoteAddr())
			_ = c.Close()
		}
	}
}

// goodbye tells clients why they are disconnected; MQTT 3.1.1 has no way to.
func (b *Broker) goodbye() {
	for _, c := range b.listener.members() {
		if c.client.Properties.ProtocolVersion >= 5 {
			_ = b.server.DisconnectClient(c.client, packets.ErrServerShuttingDown)
		}
	}
}

// Close disconnects all clients and stops. It must not be called by a handler.
func (b *Broker) Close() error {
	if b.ctx.Err() != nil {
		return nil
	}
	b.cancel()
	handled := b.inbox.stop()
	b.goodbye()
	err := b.server.Close()
	<-handled
	return err
}
