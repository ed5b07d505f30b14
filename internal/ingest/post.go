package ingest

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"camrelay/internal/mpjpeg"
	"camrelay/internal/stream"
)

// maxBadParts is how many parts in a row may be no JPEG before a stream is
// given up.
const maxBadParts = 100

// ServePost takes frames for hub from the body of r (docs/protocol.md section
// 2), for as long as it lasts. The caller has authenticated the camera, and has
// put no limit on the length of the body.
func (s *Server) ServePost(w http.ResponseWriter, r *http.Request, hub *stream.Hub) {
	opt := *s.opt.Load()
	post := &post{server: s, hub: hub, opt: opt, began: time.Now(), intake: newIntake(s.pool, opt.MaxFPS, opt.Now)}
	post.body = body{r: r.Body, control: http.NewResponseController(w), idle: opt.PostIdle}
	defer post.body.finish()
	err := post.run(r.Header.Get("Content-Type"))
	if post.poster != nil {
		post.poster.ended(post, err)
		post.log(opt.Logger.With("camera", hub.ID(), "remote", r.RemoteAddr), err)
	}
	if status, sentence := post.answer(err); status != http.StatusNoContent {
		w.Header().Set("Connection", "close") // what is left of the body is not wanted
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		fail(w, status, sentence)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// log tells the end of a post; that of one picture is of no interest, as some
// cameras send each by itself.
func (p *post) log(log *slog.Logger, err error) {
	switch {
	case err != nil:
		log.Info("post ended", "frames", p.frames, "error", err)
	case p.frames > 1:
		log.Info("post ended", "frames", p.frames)
	default:
		log.Debug("picture posted")
	}
}

// post is one request.
type post struct {
	server *Server
	hub    *stream.Hub
	opt    Options
	body   body
	began  time.Time
	poster *poster // once there was a frame
	intake
	frames int               // whole JPEGs
	bad    *mpjpeg.PartError // the first part that was none
}

// Errors that end a request besides those of its body.
var (
	errRemoved     = errors.New("this camera was removed")
	errUnsupported = errors.New("the body is neither JPEG nor multipart/x-mixed-replace")
	errEmpty       = errors.New("the body is empty: it should hold a JPEG")
)

// run takes frames until the body ends.
func (p *post) run(contentType string) error {
	reader := mpjpeg.NewReader(&p.body, contentType, p.opt.MaxFrame)
	if !strings.HasPrefix(strings.ToLower(contentType), "multipart/") {
		ok, head, err := reader.Sniff()
		switch {
		case err != nil:
			return err
		case len(head) == 0:
			return errEmpty
		case !ok:
			return fmt.Errorf("%w: it is %q and begins with %q", errUnsupported, contentType, head)
		}
	}
	for badInRow := 0; badInRow < maxBadParts; {
		d := p.draft()
		part, err := reader.Next(&d)
		var bad *mpjpeg.PartError
		switch {
		case err == nil:
			badInRow = 0
			if err := p.take(&d, part); err != nil {
				return err
			}
			continue
		case errors.As(err, &bad):
			badInRow++
			p.refuse(bad)
		}
		d.Discard()
		switch {
		case bad != nil:
		case err == io.EOF && p.frames == 0 && p.bad == nil:
			return errEmpty
		case err == io.EOF:
			return nil
		default:
			return err
		}
	}
	return fmt.Errorf("%d parts in a row were no JPEG: %w", maxBadParts, p.bad)
}

// take publishes a frame. The camera's feed begins with its first one, so that
// a request which brings none does not end another connection of the camera.
func (p *post) take(d *stream.Draft, part mpjpeg.Part) error {
	p.frames++
	if p.poster == nil {
		if p.poster = p.server.attach(p); p.poster == nil {
			d.Discard()
			return errRemoved
		}
		p.feed = p.poster.feed
	}
	now := p.now()
	if !p.allow(now) {
		d.Discard()
		return nil
	}
	if !p.publish(d, part.Info, part.Time, now) {
		return p.body.cause()
	}
	return nil
}

// refuse counts a part that was no JPEG.
func (p *post) refuse(bad *mpjpeg.PartError) {
	if p.bad == nil {
		p.bad = bad
	}
	if p.feed != nil {
		p.feed.Fault(bad.Fault)
	}
}

// answer is the status of the response and, if it is an error, what it says.
func (p *post) answer(err error) (status int, sentence string) {
	var gone *detachedError
	var syntax *mpjpeg.SyntaxError
	switch {
	case err == nil && p.bad == nil:
		return http.StatusNoContent, ""
	case errors.As(err, &gone):
		status = gone.status
	case errors.Is(err, errRemoved):
		status = http.StatusNotFound
	case errors.Is(err, errUnsupported):
		status = http.StatusUnsupportedMediaType
	case isTimeout(err):
		status, err = http.StatusRequestTimeout, fmt.Errorf("no byte came for %v", p.opt.PostIdle)
	case errors.Is(err, io.ErrUnexpectedEOF):
		status, err = http.StatusBadRequest, fmt.Errorf("frame %d: the body ends in the middle of it", p.frames+1)
	case errors.As(err, &syntax), err != nil:
		status = http.StatusBadRequest
	default:
		status, err = http.StatusBadRequest, p.bad
		if p.bad.Fault == stream.FaultTooBig {
			status = http.StatusRequestEntityTooLarge
		}
	}
	if p.frames > 0 {
		return status, fmt.Sprintf("%v (%d frames were taken)", err, p.frames)
	}
	return status, err.Error()
}

// body reads a request's body with a deadline that moves on with it.
type body struct {
	r       io.Reader
	control *http.ResponseController
	idle    time.Duration

	mu    sync.Mutex
	until time.Time
	err   error // why there is no more to be read
	over  bool  // the request was answered
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if err := b.arm(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		if cause := b.cause(); cause != nil {
			err = cause
		}
	}
	return n, err
}

// arm moves the deadline, though not for every small read.
func (b *body) arm() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until := time.Now().Add(b.idle); b.err == nil && until.Sub(b.until) > b.idle/16 {
		b.until = until
		_ = b.control.SetReadDeadline(until)
	}
	return b.err
}

// abort makes the request end with err.
func (b *body) abort(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil && !b.over {
		b.err = err
		_ = b.control.SetReadDeadline(time.Unix(1, 0))
	}
}

func (b *body) cause() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// finish lets go of the connection, which may serve another request.
func (b *body) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	if b.err == nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
}
