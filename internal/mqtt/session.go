package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	keepAlive   = 30 * time.Second
	pingTimeout = 10 * time.Second
	// quiesce is how long the last packet may take.
	quiesce = 250 * time.Millisecond
	// window is how many messages may be unconfirmed at a time.
	window = 32
)

// errRefused is the answer 0x80 to a subscription (MQTT 3.1.1 section 3.9.3).
const errRefused = 0x80

var errNoAnswer = errors.New("the broker does not answer")

// session is one connection to the broker.
type session struct {
	client *Client
	paho   paho.Client
	cancel context.CancelFunc
	lost   chan error
	subbed int // how many of the client's subscriptions the broker has
	echo   echo
}

// connect makes a connection and logs in.
func (c *Client) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &session{client: c, cancel: cancel, lost: make(chan error, 1)}
	opened := make(chan error, 1) // the library's error does not wrap this one
	opt := s.options()
	opt.SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
		conn, err := dial(ctx, u, c.tls)
		opened <- err
		return conn, err
	})
	s.paho = paho.NewClient(opt)
	token := s.paho.Connect()
	select {
	case <-token.Done():
	case <-c.stop:
		cancel()
		<-token.Done()
		s.end()
		return nil, ErrClosed
	}
	if token.Error() == nil {
		return s, nil
	}
	cancel()
	select {
	case err := <-opened:
		if err != nil {
			return nil, err
		}
	default:
	}
	return nil, token.Error()
}

func (s *session) options() *paho.ClientOptions {
	c := s.client
	opt := paho.NewClientOptions().AddBroker(c.url.String()).
		SetClientID("camrelay-"+c.opt.Relay).
		SetUsername(c.opt.Username).SetPassword(c.opt.Password).
		SetProtocolVersion(4). // 3.1.1, without a second try as 3.1
		SetCleanSession(true).
		SetWill(c.opt.Topics.RelayStatus(c.opt.Relay), offline, 1, true).
		SetConnectTimeout(connectTimeout).SetWriteTimeout(ackTimeout).
		SetKeepAlive(keepAlive).SetPingTimeout(pingTimeout).
		SetAutoReconnect(false).SetOrderMatters(true)
	opt.OnConnectionLost = func(_ paho.Client, err error) { s.lost <- err }
	return opt
}

// serve subscribes and publishes until the connection is lost or the client is
// closed and has nothing more to send.
func (s *session) serve(ctx context.Context) error {
	box := s.client.box
	box.connected()
	defer box.disconnected()
	if err := s.listenForEcho(ctx); err != nil {
		return err
	}
	defer s.echo.stop()
	stop := s.client.stop
	for {
		if err := s.subscribe(ctx); err != nil {
			return err
		}
		if err := s.flush(ctx); err != nil {
			return err
		}
		select {
		case <-s.client.stop:
			if box.empty() {
				return nil
			}
		default:
		}
		select {
		case <-box.wake:
		case <-s.echo.late():
			s.client.log.Warn("the MQTT broker takes the relay's messages but does not pass them on: check its access rules", "broker", s.client.name, "topic", s.echo.topic)
		case <-stop:
			stop = nil
		case err := <-s.lost:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// subscribe makes the subscriptions the broker does not have yet.
func (s *session) subscribe(ctx context.Context) error {
	for _, sub := range s.client.subscriptions(s.subbed) {
		token := s.paho.Subscribe(sub.filter, 1, s.receive(sub.filter))
		err := s.wait(ctx, token)
		if refused(token, sub.filter) {
			s.client.log.Error("the MQTT broker refuses a subscription: check its access rules", "broker", s.client.name, "filter", sub.filter)
			err = nil
		}
		if err != nil {
			return fmt.Errorf("subscribe to %q: %w", sub.filter, err)
		}
		s.subbed++
	}
	return nil
}

// receive handles the messages of one filter. The library knows one handler for
// each.
func (s *session) receive(filter string) paho.MessageHandler {
	return func(_ paho.Client, m paho.Message) {
		if filter == s.echo.topic {
			s.echo.hear()
		}
		s.client.deliver(filter, Message{Topic: m.Topic(), Payload: m.Payload(), Retained: m.Retained()})
	}
}

// refused reports whether the broker refused a subscription.
func refused(subscribe paho.Token, filter string) bool {
	t, ok := subscribe.(*paho.SubscribeToken)
	return ok && t.Result()[filter] == errRefused
}

// flush publishes what waits.
func (s *session) flush(ctx context.Context) error {
	box := s.client.box
	for {
		batch := box.next(window)
		if len(batch) == 0 {
			return nil
		}
		tokens := make([]paho.Token, len(batch))
		for i, m := range batch {
			tokens[i] = s.paho.Publish(m.topic, m.qos, m.retain, m.payload)
		}
		for i, token := range tokens {
			if err := s.wait(ctx, token); err != nil {
				box.fail(batch[i:])
				return fmt.Errorf("publish %s: %w", batch[i].topic, err)
			}
			box.confirm(batch[i])
			s.echo.published(batch[i])
		}
	}
}

// wait waits for the broker to confirm something.
func (s *session) wait(ctx context.Context, token paho.Token) error {
	timer := time.NewTimer(s.client.patience)
	defer timer.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case err := <-s.lost:
		return err
	case <-timer.C:
		return errNoAnswer
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end disconnects.
func (s *session) end() {
	s.paho.Disconnect(uint(quiesce.Milliseconds()))
	s.cancel()
}
