package pusher

import (
	"context"
	"fmt"
	"time"

	"camrelay/internal/pusher/rawws"
)

// stream sends frames as they become due. A frame that becomes due while the
// one before it is still being written is dropped: nothing is ever queued, so
// what arrives is always new.
func (s *session) stream(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buf []byte
	last := time.Time{} // when the frame before was due
	for {
		interval, wanted := s.pacer.interval()
		if !wanted {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.pacer.changed:
				last = time.Time{}
			}
			continue
		}
		due := last.Add(interval)
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.pacer.changed:
			continue
		case <-timer.C:
		}
		if late := time.Since(due); late > interval {
			due = time.Now() // after a pause, or a change of pace
		}
		var err error
		if buf, err = s.sendFrame(ctx, buf[:0]); err != nil {
			return err
		}
		last = due.Add(s.dropMissed(due, interval))
	}
}

// dropMissed counts the frames that became due while one was written, and
// returns how long they would have taken.
func (s *session) dropMissed(due time.Time, interval time.Duration) time.Duration {
	missed := time.Since(due) / interval
	if missed > 0 {
		s.cam.telemetry.count(func(t *telemetry) { t.dropped += uint64(missed) })
	}
	return missed * interval
}

func (s *session) sendFrame(ctx context.Context, buf []byte) ([]byte, error) {
	if s.silent() {
		return buf, nil
	}
	if s.cam.strikes(FaultGarbage) {
		return buf, s.out.garbage(ctx)
	}
	frame, err := s.cam.capture(buf)
	if err != nil {
		return buf, fmt.Errorf("capture frame: %w", err)
	}
	half := s.cam.strikes(FaultHalf)
	payload := frame
	if half {
		payload = frame[:len(frame)/2]
	}
	if err := s.out.send(ctx, rawws.Binary, payload); err != nil {
		return frame, fmt.Errorf("send frame: %w", err)
	}
	s.cam.telemetry.count(func(t *telemetry) {
		t.frameBytes = len(frame)
		if half {
			t.aborted++
		} else {
			t.sent++
		}
	})
	return frame, nil
}
