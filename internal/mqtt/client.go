package mqtt

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"camrelay/internal/auth"
)

const (
	connectTimeout = 10 * time.Second
	// ackTimeout is how long the broker may take to confirm something.
	ackTimeout = 10 * time.Second
	// backoffMin and backoffMax bound the pause before the next attempt.
	backoffMin = time.Second
	backoffMax = 30 * time.Second
	// closeTime is how long Close may take to send what still waits.
	closeTime = 2 * time.Second
	// shortLife and shortLives: so many connections in a row that lived no
	// longer mean that another client has the same id.
	shortLife  = 5 * time.Second
	shortLives = 3
)

// ClientOptions say which broker to use and how.
type ClientOptions struct {
	// URL is the broker: mqtt, tcp, mqtts, ssl, ws or wss, with a default port.
	URL string
	// Username and Password log in; empty: anonymous.
	Username, Password string
	// CA is a PEM file of authorities that replaces the system's; Cert and Key
	// are those of a client certificate.
	CA, Cert, Key string
	// Topics is the root of all topics, like "camrelay".
	Topics Topics
	// Relay is the relay's name. The client id is camrelay-{relay}; when the
	// relay vanishes, the broker says so in the relay's status topic.
	Relay string
	// Log gets a line per event.
	Log *slog.Logger
}

// Client is a connection to a broker elsewhere, made again whenever it is
// lost. It is a [Bus].
type Client struct {
	opt ClientOptions
	timing
	url   *url.URL
	name  string // the URL for logs
	tls   *tls.Config
	log   *slog.Logger
	box   *outbox
	stop  chan struct{} // closed by Close
	done  chan struct{} // closed when run has ended
	close sync.Once
	abort context.CancelFunc

	mu   sync.Mutex
	subs []subscription
}

type subscription struct {
	filter string
	handle func(Message)
}

// NewClient begins to connect. It does not wait for the broker: its errors are
// those of the options.
func NewClient(opt ClientOptions) (*Client, error) {
	return newClient(opt, timing{pause: backoffMin, patience: ackTimeout})
}

// timing is what tests cannot wait for.
type timing struct {
	pause    time.Duration // after a first failure; then it doubles
	patience time.Duration // for an answer of the broker
}

func newClient(opt ClientOptions, timing timing) (*Client, error) {
	u, secure, err := parseBroker(opt.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		opt: opt, url: u, name: auth.RedactURL(u.String()), log: opt.Log, box: newOutbox(), timing: timing,
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	if u.User != nil {
		c.opt.Username = u.User.Username()
		c.opt.Password, _ = u.User.Password()
		u.User = nil
	}
	if secure {
		if c.tls, err = tlsConfig(opt, u.Hostname()); err != nil {
			return nil, err
		}
	}
	ctx, abort := context.WithCancel(context.Background())
	c.abort = abort
	go c.run(ctx)
	return c, nil
}

// Publish is [Bus.Publish]: ErrOffline and ErrBusy are only returned for
// messages that are not retained.
func (c *Client) Publish(topic string, payload []byte, qos byte, retain bool) error {
	if err := c.box.put(topic, payload, min(qos, 1), retain); err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	return nil
}

// Subscribe is [Bus.Subscribe]. That the broker refuses a filter is logged.
func (c *Client) Subscribe(filter string, handle func(Message)) error {
	select {
	case <-c.stop:
		return ErrClosed
	default:
	}
	c.mu.Lock()
	c.subs = append(c.subs, subscription{filter, handle})
	c.mu.Unlock()
	c.box.nudge()
	return nil
}

// subscriptions are those after the first n.
func (c *Client) subscriptions(n int) []subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs[n:len(c.subs):len(c.subs)]
}

// deliver gives a message to the handlers of a filter.
func (c *Client) deliver(filter string, m Message) {
	for _, sub := range c.subscriptions(0) {
		if sub.filter == filter {
			sub.handle(m)
		}
	}
}

// Close sends what still waits if the broker is there, for two seconds at most,
// and disconnects. It must not be called by a handler.
func (c *Client) Close() error {
	c.close.Do(func() {
		c.box.close()
		close(c.stop)
	})
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
	}
	c.abort()
	<-c.done
	return nil
}

// run keeps the connection until Close.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	defer c.abort()
	journal := journal{log: c.log, broker: c.name, now: time.Now}
	pause := c.pause
	for {
		began := time.Now()
		s, err := c.connect(ctx)
		if err == nil {
			journal.up()
			err = s.serve(ctx)
			s.end()
		}
		select {
		case <-c.stop:
			return
		default:
		}
		short := s != nil && time.Since(began) < shortLife
		journal.down(err, short)
		if s != nil && !short {
			pause = c.pause
		}
		if !c.sleep(pause) {
			return
		}
		pause = min(2*pause, backoffMax)
	}
}

// sleep waits about the given time; false if Close was called.
func (c *Client) sleep(d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.stop:
		return false
	}
}
