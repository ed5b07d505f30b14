package mqtt

import (
	"bytes"
	"errors"
	"log/slog"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"camrelay/internal/auth"
)

const (
	// maxClientID is the longest client id, in bytes.
	maxClientID = 128
	// maxKeepAlive is the longest time a client may be silent, in seconds, as
	// far as it can be told (MQTT 5 section 3.2.2.3.14).
	maxKeepAlive = 600
	// maxRetained and maxRetainedSize bound what a client may leave in the
	// broker: topics per camera, and bytes of each.
	maxRetained     = 32
	maxRetainedSize = 4 << 10
)

// hook is what the broker's library asks about its clients.
type hook struct {
	mochi.HookBase
	broker *Broker
	log    *slog.Logger
}

func (h *hook) ID() string { return "camrelay" }

func (h *hook) Provides(b byte) bool {
	return bytes.IndexByte([]byte{
		mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnSessionEstablished,
		mochi.OnDisconnect, mochi.OnACLCheck, mochi.OnPublish,
	}, b) >= 0
}

// OnConnect lets a client in, or says why not.
func (h *hook) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return packets.ErrNotAuthorized
	}
	code, who, err := h.admit(c, cl, pk)
	if err != nil {
		level, limited := slog.LevelWarn, new(auth.LimitedError)
		if errors.As(err, &limited) {
			level = slog.LevelDebug // the failures before it were logged
		}
		h.log.Log(h.broker.ctx, level, "MQTT client refused", "remote", cl.Net.Remote, "client", shorten(cl.ID), "user", shorten(string(pk.Connect.Username)), "error", err)
		if cl.Properties.ProtocolVersion < 5 {
			if old, ok := packets.V5CodesToV3[code]; ok {
				code = old
			}
		}
		return errors.Join(err, h.broker.server.SendConnack(cl, code, false, nil))
	}
	// Client ids belong to who uses them: nobody can take over the session of
	// somebody else, or of the relay's own client, by choosing its id.
	cl.ID = who.key() + "/" + cl.ID
	if cl.Properties.ProtocolVersion < 5 {
		cl.Properties.Clean = true // sessions end with the connection
	} else if k := cl.State.Keepalive; k == 0 || k > maxKeepAlive {
		cl.State.Keepalive, cl.State.ServerKeepalive = maxKeepAlive, true
	}
	return nil
}

func (h *hook) admit(c *conn, cl *mochi.Client, pk packets.Packet) (packets.Code, identity, error) {
	if len(cl.ID) > maxClientID {
		return packets.ErrClientIdentifierNotValid, identity{}, errors.New("the client id is too long")
	}
	who, err := h.broker.doorman.login(string(pk.Connect.Username), string(pk.Connect.Password), cl.Net.Remote)
	if err != nil {
		return packets.ErrBadUsernameOrPassword, who, err
	}
	if w := cl.Properties.Will; pk.Connect.WillFlag {
		if !h.broker.acl.publish(who, w.TopicName) {
			return packets.ErrBadUsernameOrPassword, who, errors.New("its will is for a topic it may not publish to: " + shorten(w.TopicName))
		}
		if len(w.Payload) > maxRetainedSize {
			return packets.ErrBadUsernameOrPassword, who, errors.New("its will is too long")
		}
	}
	if err := h.broker.listener.admit(c, cl, who); err != nil {
		return packets.ErrServerUnavailable, who, err
	}
	return packets.CodeSuccess, who, nil
}

// OnConnectAuthenticate is asked after OnConnect.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, _ packets.Packet) bool {
	_, ok := h.who(cl)
	return ok
}

func (h *hook) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) {
	h.log.Info("MQTT client connected", "client", cl.ID, "remote", cl.Net.Remote)
}

func (h *hook) OnDisconnect(cl *mochi.Client, err error, _ bool) {
	if err == nil {
		err = cl.StopCause()
	}
	if errors.Is(err, packets.CodeDisconnect) {
		err = nil // it said goodbye
	}
	if c, ok := cl.Net.Conn.(*conn); ok && c.blame() != nil {
		err = c.blame()
	}
	h.log.Info("MQTT client disconnected", "client", cl.ID, "remote", cl.Net.Remote, "reason", err)
}

// OnACLCheck judges publishing, subscriptions, and each message to a client.
// The library asks about the last two in the same way.
func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	who, ok := h.who(cl)
	if !ok {
		return false
	}
	acl := h.broker.acl
	switch {
	case write:
		ok = acl.publish(who, topic)
		if !ok {
			h.deny(cl, "publish to "+shorten(topic))
		}
	case bytes.ContainsAny([]byte(topic), "+#"):
		ok = acl.subscribe(who, topic)
		if !ok {
			h.deny(cl, "subscribe to "+shorten(topic))
		}
	default: // a filter without wildcards is a topic
		ok = acl.receive(who, topic)
	}
	return ok
}

// OnPublish bounds what clients can leave behind.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	who, ok := h.who(cl)
	if !ok || !pk.FixedHeader.Retain || len(pk.Payload) == 0 {
		return pk, nil
	}
	kept := h.broker.server.Topics
	if len(pk.Payload) > maxRetainedSize {
		h.deny(cl, "retain so long a message in "+shorten(pk.TopicName))
		pk.FixedHeader.Retain = false
	} else if _, again := kept.Retained.Get(pk.TopicName); !again && who.camera != "" &&
		len(kept.Messages(h.broker.topics.Camera(who.camera)+"/#")) >= maxRetained {
		h.deny(cl, "retain so many messages")
		pk.FixedHeader.Retain = false
	}
	return pk, nil
}

// who is the identity of a client; false for the relay's own.
func (h *hook) who(cl *mochi.Client) (identity, bool) {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return identity{}, false
	}
	who := c.who.Load()
	if who == nil {
		return identity{}, false
	}
	return *who, true
}

// deny logs, once for each connection, that a client was not allowed
// something: MQTT 3.1.1 has no way to tell it (section 3.3.5).
func (h *hook) deny(cl *mochi.Client, what string) {
	level := slog.LevelDebug
	if c, ok := cl.Net.Conn.(*conn); ok && !c.denied.Swap(true) {
		level = slog.LevelWarn
	}
	h.log.Log(h.broker.ctx, level, "MQTT client may not "+what, "client", cl.ID, "remote", cl.Net.Remote)
}

// shorten keeps a stranger's text from filling the log.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
