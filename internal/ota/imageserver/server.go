// Package imageserver gives firmware images to cameras over HTTP.
//
// Its peers are small clients on bad links: answers have an exact length, are
// never chunked, encoded or multipart, can be resumed at any byte, and end with
// the connection, which the relay closes first so that the wait after a close
// (RFC 9293, TIME-WAIT) is not the camera's. Who may download is the caller's
// to decide.
package imageserver

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"camrelay/internal/ota/catalog"
)

// Images are what is served; a catalog.Catalog is one.
type Images interface {
	// Content opens an image for one download. An error that is
	// catalog.ErrNotFound or catalog.ErrDamaged means that there is none.
	Content(sha string) (catalog.Content, error)
}

// Options are the limits of a Server. Zero values mean the defaults; rates are
// in bytes a second, and negative ones mean no limit.
type Options struct {
	MaxDownloads int           // at a time; default 4
	Rate         int64         // of one download that has none of its own; default no limit
	TotalRate    int64         // of all together; default 2,000,000
	WriteStall   time.Duration // a client that took nothing for so long is dropped; default 15 s
	MinRate      int64         // a client that is slower is dropped; default 5,000
	MinRateOver  time.Duration // MinRate is a mean over so long; default 30 s
	Takeover     time.Duration // a download that was not taken from for so long gives way to another of its camera; default 3 s
	Logger       *slog.Logger  // default none
}

func (o *Options) setDefaults() {
	o.MaxDownloads = cmp.Or(o.MaxDownloads, 4)
	o.Rate = cmp.Or(o.Rate, -1)
	o.TotalRate = cmp.Or(o.TotalRate, 2_000_000)
	o.WriteStall = cmp.Or(o.WriteStall, 15*time.Second)
	o.MinRate = cmp.Or(o.MinRate, 5000)
	o.MinRateOver = cmp.Or(o.MinRateOver, 30*time.Second)
	o.Takeover = cmp.Or(o.Takeover, 3*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Download is whom a download is for and who wants to know about it.
type Download struct {
	// Job and Camera have at most one download at a time; an empty one has any
	// number.
	Job, Camera string
	// Rate is a limit of this download in bytes a second; 0: the server's
	// Options.Rate; negative: none.
	Rate int64
	// Done ends the download when it is closed; nil: never. It is not the
	// request's context: that ends when a client closes its sending side, and
	// such a client may still read.
	Done <-chan struct{}
	// Progress is called after each piece that the network stack took, with the
	// piece's place in the file. The camera may be behind by what socket buffers
	// hold, on a slow link some tens of kilobytes. It must not block.
	Progress func(offset, n int64)
}

// Result is how a request ended.
type Result struct {
	Status int
	Offset int64 // of the first byte that was asked for
	Sent   int64 // bytes of the image that the network stack took
	Size   int64 // of the image; 0 if it was not opened
	Err    error // why Sent is less than was asked for, or why there was no download; nil: all was sent
}

// Why a download was refused or ended early, beside errors of the connection.
var (
	ErrTaken    = errors.New("another download of this camera or update is running")
	ErrBusy     = errors.New("too many downloads at a time")
	ErrStalled  = errors.New("the client stopped reading")
	ErrSlow     = errors.New("the client reads too slowly")
	ErrReplaced = errors.New("the camera began another download while this one stood still")
	ErrEnded    = errors.New("the download was called off")
	ErrClosed   = errors.New("the relay is shutting down")
)

// Stats count since the server was made.
type Stats struct {
	Active    int    // downloads now
	Completed uint64 // downloads whose bytes were all sent
	Broken    uint64 // downloads that ended early
	Refused   uint64 // answered with 409 or 503
	Bytes     uint64 // of images and probes
}

// Server serves images. It is safe for concurrent use.
type Server struct {
	images  Images
	probe   object
	opt     atomic.Pointer[Options]
	total   *rate.Limiter
	gate    gate
	closing chan struct{}
	close   func()

	completed, broken, refused, bytes atomic.Uint64
}

// New returns a server. Close ends it.
func New(images Images, opt Options) *Server {
	s := &Server{images: images, probe: newProbe(), total: rate.NewLimiter(rate.Inf, 0), closing: make(chan struct{})}
	s.close = sync.OnceFunc(func() { close(s.closing) })
	s.gate.active = make(map[*ticket]struct{})
	s.SetOptions(opt)
	return s
}

// SetOptions changes the limits for downloads that begin from now on, and the
// rate of all together at once.
func (s *Server) SetOptions(opt Options) {
	opt.setDefaults()
	s.opt.Store(&opt)
	limit, burst := bucket(opt.TotalRate)
	s.total.SetBurst(burst)
	s.total.SetLimit(limit)
}

// Close ends the downloads that are running, and refuses others. It does not
// wait for them; http.Server.Shutdown does.
func (s *Server) Close() { s.close() }

// Stats returns the counts.
func (s *Server) Stats() Stats {
	return Stats{s.gate.len(), s.completed.Load(), s.broken.Load(), s.refused.Load(), s.bytes.Load()}
}

// ServeImage answers GET and HEAD of /ota/images/{sha}.img. The caller has
// checked that whoever asks may have the image.
func (s *Server) ServeImage(w http.ResponseWriter, r *http.Request, sha string, who Download) Result {
	began := time.Now()
	result := s.image(w, r, sha, who)
	s.log(r, sha, who, result, time.Since(began))
	return result
}

func (s *Server) image(w http.ResponseWriter, r *http.Request, sha string, who Download) Result {
	opt := s.opt.Load()
	if !readable(r) {
		return notAllowed(w, r)
	}
	if !catalog.IsSHA256(sha) {
		return fail(w, http.StatusNotFound, fmt.Errorf("%w: %.80q is not a SHA-256 in lower case", catalog.ErrNotFound, sha))
	}
	t := newTicket(r.Context(), who)
	if r.Method != http.MethodHead {
		if err := s.enter(t, opt); err != nil {
			s.refused.Add(1)
			w.Header().Set("Retry-After", "5")
			status := http.StatusServiceUnavailable
			if errors.Is(err, ErrTaken) {
				status = http.StatusConflict
			}
			return fail(w, status, err)
		}
		defer s.gate.leave(t)
	}
	content, err := s.images.Content(sha)
	switch {
	case errors.Is(err, catalog.ErrNotFound), errors.Is(err, catalog.ErrDamaged):
		return fail(w, http.StatusNotFound, err)
	case err != nil:
		result := fail(w, http.StatusInternalServerError, errors.New("the image cannot be read; the relay's log says why"))
		result.Err = err
		return result
	}
	defer content.Close()
	return s.serve(w, r, object{sha, content.Size(), content}, t, opt)
}

// ServeProbe answers GET and HEAD of /ota/probe as if it were an image of
// ProbeSize bytes. A new firmware that can fetch it can be updated again.
func (s *Server) ServeProbe(w http.ResponseWriter, r *http.Request) Result {
	if !readable(r) {
		return notAllowed(w, r)
	}
	return s.serve(w, r, s.probe, newTicket(r.Context(), Download{}), s.opt.Load())
}

func (s *Server) enter(t *ticket, opt *Options) error {
	select {
	case <-s.closing:
		return ErrClosed
	default:
		return s.gate.enter(t, opt, time.Now())
	}
}

// log writes one line for each request of an image.
func (s *Server) log(r *http.Request, sha string, who Download, result Result, took time.Duration) {
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("camera", who.Camera), slog.String("job", who.Job), slog.String("remote", r.RemoteAddr),
		slog.String("method", r.Method), slog.String("sha256", fmt.Sprintf("%.64s", sha)), slog.Int("status", result.Status),
		slog.Int64("offset", result.Offset), slog.Int64("sent", result.Sent), slog.Int64("size", result.Size), slog.Duration("took", took),
	}
	if result.Err != nil {
		level, attrs = slog.LevelWarn, append(attrs, slog.Any("err", result.Err))
	}
	s.opt.Load().Logger.LogAttrs(r.Context(), level, "firmware download", attrs...)
}
