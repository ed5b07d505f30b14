package imageserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/time/rate"
)

// pieceSize is how much is written at a time: little enough for progress that
// people can watch and for clients at MinRate to take within WriteStall.
const pieceSize = 8 << 10

// bucket is a token bucket for a rate: it evens out what timers are late, and
// has room for a piece.
func bucket(bytesPerSecond int64) (limit rate.Limit, burst int) {
	if bytesPerSecond < 0 {
		return rate.Inf, pieceSize
	}
	return rate.Limit(bytesPerSecond), int(max(pieceSize, min(bytesPerSecond/20, 1<<20)))
}

// floor finds clients that read too slowly. Only the time that a client was
// waited for counts, not that of the relay's own limits.
type floor struct {
	rate  int64
	over  time.Duration
	bytes int64
	took  time.Duration
}

// add reports whether the client was fast enough so far.
func (f *floor) add(n int64, took time.Duration) bool {
	f.bytes += n
	f.took += took
	if f.rate < 0 || f.took < f.over {
		return true
	}
	enough := float64(f.bytes) >= float64(f.rate)*f.took.Seconds()
	f.bytes, f.took = 0, 0
	return enough
}

// send writes a part of a file, until all is sent, the client fails, or the
// download is cut. What it returns as sent has left the relay's own buffers.
func (s *Server) send(w http.ResponseWriter, control *http.ResponseController, content io.ReaderAt, part byteRange, t *ticket, opt *Options) (sent int64, err error) {
	stop := s.watch(control, t)
	defer stop()
	limit, burst := bucket(rateOf(t.who, opt))
	own := rate.NewLimiter(limit, burst)
	slow := floor{rate: opt.MinRate, over: opt.MinRateOver}
	buffer := make([]byte, pieceSize)
	for at := part.first; at < part.end; {
		piece := buffer[:min(int64(len(buffer)), part.end-at)]
		if err := s.next(t.ctx, own, content, piece, at); err != nil {
			return sent, err
		}
		began := time.Now()
		if err := t.write(w, control, piece, began.Add(opt.WriteStall)); err != nil {
			return sent, err
		}
		n := int64(len(piece))
		if t.who.Progress != nil {
			t.who.Progress(at, n)
		}
		at += n
		sent += n
		if !slow.add(n, time.Since(began)) {
			return sent, ErrSlow
		}
	}
	return sent, nil
}

// rateOf is the limit of one download.
func rateOf(who Download, opt *Options) int64 {
	if who.Rate != 0 {
		return who.Rate
	}
	return opt.Rate
}

// next waits until a piece may be sent and reads it.
func (s *Server) next(ctx context.Context, own *rate.Limiter, content io.ReaderAt, piece []byte, at int64) error {
	for _, l := range []*rate.Limiter{own, s.total} {
		if err := l.WaitN(ctx, len(piece)); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return fmt.Errorf("wait for the rate limit: %w", err)
		}
	}
	if n, err := content.ReadAt(piece, at); n < len(piece) {
		return fmt.Errorf("read image at %d: %w", at, err)
	}
	return nil
}

// write gives a piece to the network stack, within its time.
func (t *ticket) write(w io.Writer, control *http.ResponseController, piece []byte, until time.Time) error {
	if err := control.SetWriteDeadline(until); err != nil {
		return fmt.Errorf("bound the time of writing: %w", err)
	}
	if cause := context.Cause(t.ctx); cause != nil { // from here on, watch ends the write
		return cause
	}
	t.waiting.Store(time.Now().UnixNano())
	_, err := w.Write(piece)
	if err == nil {
		err = control.Flush()
	}
	t.waiting.Store(0)
	switch {
	case err == nil:
		return nil
	case context.Cause(t.ctx) != nil:
		return context.Cause(t.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrStalled
	}
	return fmt.Errorf("send image: %w", err)
}

// watch ends a download, also in the middle of a write, when it is called off,
// replaced, or the server closes. stop ends the watch before the handler does.
func (s *Server) watch(control *http.ResponseController, t *ticket) (stop func()) {
	finished, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-finished:
			return
		case <-t.who.Done:
			t.cut(ErrEnded)
		case <-s.closing:
			t.cut(ErrClosed)
		case <-t.ctx.Done():
		}
		_ = control.SetWriteDeadline(time.Unix(1, 0))
	}()
	return func() {
		close(finished)
		<-gone
		t.cut(nil)
	}
}
