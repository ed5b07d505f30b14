package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"camrelay/internal/mpjpeg"
	"camrelay/internal/stream"
)

// ending is how a connection to a camera ended. Without an error it was one
// snapshot.
type ending struct {
	frames int
	lived  time.Duration // from the first frame
	err    error
}

// connect opens the stream and takes frames from it until it ends.
func (p *Puller) connect(parent context.Context, feed *stream.Feed) ending {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(errStopped)
	p.mu.Lock()
	p.cancel = cancel
	wanted := p.wanted()
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.cancel = nil
		p.mu.Unlock()
	}()
	if !wanted { // it changed just now
		return ending{err: errResting}
	}
	var first time.Time
	var end ending
	end.frames, end.err = p.stream(ctx, cancel, feed, &first)
	if !first.IsZero() {
		end.lived = time.Since(first)
	}
	if cause := context.Cause(ctx); cause != nil && end.err != nil {
		if end.err = cause; parent.Err() != nil {
			end.err = errStopped
		}
	}
	return end
}

// stream is one request; first becomes the time of the first frame.
func (p *Puller) stream(ctx context.Context, cancel context.CancelCauseFunc, feed *stream.Feed, first *time.Time) (frames int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "camrelay")
	req.Header.Set("Accept", "multipart/x-mixed-replace, image/jpeg")
	res, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	idle := time.AfterFunc(p.cfg.IdleTimeout, func() { cancel(errIdle) })
	defer idle.Stop()
	if res.StatusCode != http.StatusOK {
		return 0, newStatusError(res, p.cfg.Username != "" || p.cfg.Password != "")
	}
	contentType := res.Header.Get("Content-Type")
	multipart := strings.HasPrefix(strings.ToLower(contentType), "multipart/")
	reader := mpjpeg.NewReader(res.Body, contentType, p.cfg.MaxFrame)
	if !multipart {
		ok, head, err := reader.Sniff()
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, &notStreamError{contentType, head}
		}
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop() // before waiting
	frames, err = p.frames(reader, feed, func() {
		idle.Reset(p.cfg.IdleTimeout)
		if !first.IsZero() {
			return
		}
		*first = time.Now()
		if p.control != nil {
			asking.Go(func() { p.readStatus(ctx) })
		}
	})
	switch {
	case err == io.EOF && frames == 1 && !multipart:
		return frames, nil
	case err == io.EOF:
		return frames, errEnded
	}
	return frames, err
}

// frames publishes frames; after is called after each.
func (p *Puller) frames(reader *mpjpeg.Reader, feed *stream.Feed, after func()) (frames int, err error) {
	in := newIntake(p.pool, p.cfg.MaxFPS, p.cfg.Now)
	in.feed = feed
	var bad *mpjpeg.PartError // the last part that was none
	for badInRow := 0; badInRow < maxBadParts; {
		d := in.draft()
		part, err := reader.Next(&d)
		switch {
		case errors.As(err, &bad):
			d.Discard()
			feed.Fault(bad.Fault)
			badInRow++
			continue
		case err == io.EOF && frames == 0 && bad != nil:
			d.Discard()
			return 0, bad
		case err != nil:
			d.Discard()
			return frames, err
		}
		badInRow = 0
		if frames++; frames == 1 {
			feed.Up()
			p.log.Debug("camera is being read", "width", part.Width, "height", part.Height)
		}
		p.width.Store(int32(part.Width))
		p.height.Store(int32(part.Height))
		if now := p.cfg.Now(); in.allow(now) {
			in.publish(&d, part.Info, part.Time, now)
		} else {
			d.Discard()
		}
		after()
	}
	return frames, bad
}
