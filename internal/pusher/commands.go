package pusher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/pusher/rawws"
	"camrelay/internal/wire"
)

// handle says how control frames are answered.
func (s *session) handle(ctx context.Context) {
	s.link.SetReadLimit(wire.MaxCommand)
	s.link.SetPingHandler(func(payload string) error {
		if _, deaf := s.cam.fault(FaultNoPong); deaf || s.silent() {
			return nil
		}
		return s.out.control(ctx, rawws.Pong, []byte(payload))
	})
	s.link.SetPongHandler(func(string) error {
		s.unanswered.Store(false)
		return s.link.SetReadDeadline(time.Time{})
	})
	s.link.SetCloseHandler(func(code int, _ string) error {
		var body []byte // esp_websocket_client answers without one
		if !s.cam.ESPIDF && code != websocket.CloseNoStatusReceived {
			body = closeBody(code)
		}
		if !s.silent() {
			s.out.control(ctx, rawws.Close, body) // the relay may not wait for it
		}
		return nil
	})
}

// read takes what the relay says until the connection ends.
func (s *session) read(ctx context.Context) error {
	for {
		kind, body, err := s.link.ReadMessage()
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if kind != websocket.TextMessage || !s.commands {
			continue
		}
		if err := s.obey(ctx, body); err != nil {
			return err
		}
	}
}

// obey does what a command says and acknowledges it if it has an id.
func (s *session) obey(ctx context.Context, body []byte) error {
	command, err := wire.ParseCommand(body)
	if err != nil {
		s.cam.log.Warn("command not understood", "reason", err)
		var head struct {
			ID uint32 `json:"id"`
		}
		json.Unmarshal(body, &head)
		return s.ack(ctx, wire.Ack{ID: head.ID, Error: err.Error()})
	}
	s.cam.log.Debug("command", "kind", command.T, "id", command.ID)
	ack := wire.Ack{ID: command.ID, OK: true}
	switch command.T {
	case wire.KindSet:
		ack.Settings, err = s.set(command.Settings)
	case wire.KindPace:
		err = s.setPace(command.Pace)
	case wire.KindPause:
		s.pacer.update(func(p *pacer) { p.paused = true })
	case wire.KindResume:
		s.pacer.update(func(p *pacer) { p.paused = false })
	default:
		err = fmt.Errorf("command %.40q is not known", command.T)
	}
	if err != nil {
		ack.OK, ack.Error = false, err.Error()
	}
	return s.ack(ctx, ack)
}

func (s *session) ack(ctx context.Context, a wire.Ack) error {
	if a.ID == 0 {
		return nil
	}
	return s.sendText(ctx, wire.KindAck, a)
}

func (s *session) set(wanted wire.Settings) (wire.Settings, error) {
	applied, err := s.cam.set(wanted)
	if err != nil {
		return nil, err
	}
	if fps, ok := applied["fps"]; ok {
		s.pacer.update(func(p *pacer) { p.fps = fps })
	}
	return applied, nil
}

func (s *session) setPace(pace *wire.Pace) error {
	if pace == nil || !(pace.FPS >= 0) || !(pace.Still >= 0) {
		return errors.New("pace needs fps and still, 0 or more")
	}
	s.pacer.update(func(p *pacer) { p.pace = *pace })
	return nil
}
