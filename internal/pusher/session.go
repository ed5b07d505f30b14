package pusher

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"camrelay/internal/pusher/rawws"
	"camrelay/internal/wire"
)

var errDied = errors.New("fault die: connection reset")

// session is one connection of a camera.
type session struct {
	cam      *camera
	link     *link
	out      *writer
	pacer    *pacer
	began    time.Time
	commands bool // the relay speaks wire.CameraProtocol

	unanswered atomic.Bool // there is a ping without its pong
}

func newSession(cam *camera, l *link) *session {
	s := &session{
		cam: cam, link: l, began: time.Now(),
		pacer:    newPacer(cam.settings["fps"]),
		commands: l.Subprotocol() == wire.CameraProtocol,
	}
	s.out = &writer{
		conn: l.NetConn(), fragment: cam.Fragment, emptyFin: cam.ESPIDF, timeout: cam.Timing.Write,
		limit: func() (float64, bool) {
			f, slow := cam.fault(FaultSlow)
			return f.Rate, slow
		},
	}
	return s
}

// run returns why the connection ended; what the relay said counts more than
// what failed because of it.
func (s *session) run(ctx context.Context) error {
	group, inner := errgroup.WithContext(ctx)
	s.handle(inner)
	var said error
	heard := make(chan struct{})
	group.Go(func() error {
		defer close(heard)
		said = s.read(inner)
		return said
	})
	group.Go(func() error { return s.stream(inner) })
	group.Go(func() error { return s.keepAlive(inner) })
	if !s.cam.ESPIDF {
		group.Go(func() error { return s.report(inner) })
	}
	if len(s.cam.Faults) > 0 {
		group.Go(func() error { return s.die(inner) })
	}
	group.Go(func() error {
		<-inner.Done()
		s.close(ctx.Err() != nil, heard)
		return nil
	})
	err := group.Wait()
	if closed := (*websocket.CloseError)(nil); errors.As(said, &closed) {
		return said
	}
	return err
}

// close ends the connection, after a CLOSE frame if it is the camera that
// goes. It first waits a moment for what the relay still has to say, which may
// be a CLOSE frame that explains why a write failed.
func (s *session) close(goodbye bool, heard <-chan struct{}) {
	const patience = 250 * time.Millisecond
	s.link.NetConn().SetWriteDeadline(time.Now().Add(patience)) // for who is writing
	if goodbye && !s.silent() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.out.control(ctx, rawws.Close, closeBody(websocket.CloseGoingAway))
	}
	s.out.ended.Store(true)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-heard:
	case <-timer.C:
	}
	s.link.Close()
}

func closeBody(code int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(code)) }

// silent says whether the camera is frozen: it keeps its connection, and takes
// what comes, but says nothing.
func (s *session) silent() bool {
	f, ok := s.cam.fault(FaultFreeze)
	return ok && time.Since(s.began) >= f.After
}

// sendText sends a JSON text with its kind.
func (s *session) sendText(ctx context.Context, kind string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	text := fmt.Appendf(nil, `{"t":%q`, kind)
	if len(body) > len("{}") {
		text = append(append(text, ','), body[1:]...)
	} else {
		text = append(text, '}')
	}
	if s.silent() {
		return nil
	}
	if err := s.out.send(ctx, rawws.Text, text); err != nil {
		return fmt.Errorf("send %s: %w", kind, err)
	}
	return nil
}

// report says hello, and then how the camera does.
func (s *session) report(ctx context.Context) error {
	if err := s.sendText(ctx, wire.KindHello, s.cam.hello()); err != nil {
		return err
	}
	return every(ctx, s.cam.Timing.Stats, func() error {
		return s.sendText(ctx, wire.KindStats, s.cam.telemetry.stats())
	})
}

// keepAlive pings, and gives the relay until Timing.Pong to answer.
func (s *session) keepAlive(ctx context.Context) error {
	return every(ctx, s.cam.Timing.Ping, func() error {
		if s.silent() {
			return nil
		}
		if s.unanswered.CompareAndSwap(false, true) {
			s.link.SetReadDeadline(time.Now().Add(s.cam.Timing.Pong))
		}
		return s.out.control(ctx, rawws.Ping, nil)
	})
}

// die resets the connection when the fault says so.
func (s *session) die(ctx context.Context) error {
	const step = 20 * time.Millisecond
	return every(ctx, step, func() error {
		f, ok := s.cam.fault(FaultDie)
		if !ok || time.Since(s.began) < f.After {
			return nil
		}
		s.link.reset()
		return errDied
	})
}

// every calls do once a period until it fails or ctx ends.
func every(ctx context.Context, period time.Duration, do func() error) error {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := do(); err != nil {
				return err
			}
		}
	}
}
