package mqtt

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// echo notices a broker that drops what the relay publishes or subscribes to:
// MQTT 3.1.1 gives it no way to say so (section 3.3.5). The relay therefore
// subscribes to its own status, too.
type echo struct {
	topic    string
	patience time.Duration

	mu    sync.Mutex
	heard bool
	timer *time.Timer // set when the status was published, and not heard yet
}

// listenForEcho subscribes to the relay's own status.
func (s *session) listenForEcho(ctx context.Context) error {
	s.echo.patience = s.client.patience
	s.echo.topic = s.client.opt.Topics.RelayStatus(s.client.opt.Relay)
	token := s.paho.Subscribe(s.echo.topic, 1, s.receive(s.echo.topic))
	if err := s.wait(ctx, token); err != nil && !refused(token, s.echo.topic) {
		return fmt.Errorf("subscribe to %q: %w", s.echo.topic, err)
	}
	return nil
}

func (e *echo) hear() {
	e.mu.Lock()
	e.heard = true
	e.mu.Unlock()
	e.stop()
}

// published begins to wait if the message is the relay's status.
func (e *echo) published(m outgoing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.topic == e.topic && !e.heard && e.timer == nil {
		e.timer = time.NewTimer(e.patience)
	}
}

// late fires, once, when the echo should have been heard.
func (e *echo) late() <-chan time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer == nil {
		return nil
	}
	return e.timer.C
}

func (e *echo) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
	}
}
