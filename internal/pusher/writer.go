package pusher

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"camrelay/internal/pusher/rawws"
)

// writer writes a camera's messages in fragments. Control frames go between
// the fragments of a message, other messages wait for its end (RFC 6455
// section 5.4).
type writer struct {
	conn     net.Conn
	fragment int           // payload bytes, or Whole
	emptyFin bool          // messages end with an empty fragment
	timeout  time.Duration // for one frame
	limit    func() (bytesPerSecond float64, slow bool)

	ended   atomic.Bool // nothing more may be written
	message sync.Mutex
	frame   sync.Mutex
	buf     []byte
	bucket  *rate.Limiter
}

var errEnded = errors.New("connection is closing")

// send writes one message.
func (w *writer) send(ctx context.Context, opcode byte, payload []byte) error {
	w.message.Lock()
	defer w.message.Unlock()
	size := w.fragment
	if size == Whole {
		size = max(len(payload), 1)
	}
	for {
		n := min(size, len(payload))
		fin := n == len(payload) && !w.emptyFin
		if err := w.write(ctx, rawws.Frame{Fin: fin, Opcode: opcode, Payload: payload[:n]}); err != nil {
			return err
		}
		opcode, payload = rawws.Continuation, payload[n:]
		if fin {
			return nil
		}
		if len(payload) == 0 {
			return w.write(ctx, rawws.Frame{Fin: true, Opcode: opcode})
		}
	}
}

// control writes a control frame as soon as the fragment on its way is out.
func (w *writer) control(ctx context.Context, opcode byte, payload []byte) error {
	return w.write(ctx, rawws.Frame{Fin: true, Opcode: opcode, Payload: payload})
}

func (w *writer) write(ctx context.Context, f rawws.Frame) error {
	w.frame.Lock()
	defer w.frame.Unlock()
	w.buf = f.Append(w.buf[:0])
	err := w.raw(ctx, w.buf)
	if f.Opcode == rawws.Close {
		w.ended.Store(true) // RFC 6455 section 5.5.1
	}
	return err
}

// burst is how much a slow link takes at once, in bytes.
const burst = 512

// raw writes bytes as they are, at the pace of a slow link if there is one.
// What is cut off in its middle is the last that is written. The caller holds
// frame.
func (w *writer) raw(ctx context.Context, b []byte) (err error) {
	if w.ended.Load() {
		return errEnded
	}
	defer func() {
		if err != nil {
			w.ended.Store(true)
		}
	}()
	for len(b) > 0 {
		n := len(b)
		if bytesPerSecond, slow := w.limit(); slow {
			n = min(n, burst)
			if w.bucket == nil {
				w.bucket = rate.NewLimiter(0, burst)
			}
			w.bucket.SetLimit(rate.Limit(bytesPerSecond))
			if err := w.bucket.WaitN(ctx, n); err != nil {
				return err
			}
		}
		w.conn.SetWriteDeadline(time.Now().Add(w.timeout))
		if _, err := w.conn.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// garbage writes a frame with reserved bits and a reserved opcode, after which
// both sides have lost the framing.
func (w *writer) garbage(ctx context.Context) error {
	w.frame.Lock()
	defer w.frame.Unlock()
	return w.raw(ctx, []byte{0xF3, 0xFF, 0x13, 0x37, 0xFF, 0xD8, 0xFF, 0xE0})
}
