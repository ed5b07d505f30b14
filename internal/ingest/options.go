// Package ingest brings the frames of cameras into their hubs: pushed over a
// WebSocket, posted over HTTP, or pulled from a camera's own MJPEG stream.
//
// Callers authenticate cameras; this package bounds what one may do after that:
// how long a frame, how many a second, how long a message may take, how long
// the line may be silent.
package ingest

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"camrelay/internal/stream"
)

// Options are the limits of cameras that push or post. Zero values mean the
// defaults.
type Options struct {
	MaxFrame       int              // longest JPEG, bytes; default 1 MiB
	MaxFPS         int              // most frames a second of one camera; default 60
	PingInterval   time.Duration    // between the relay's pings; default 10 s
	PongTimeout    time.Duration    // a WebSocket that is silent for so long is dropped; default 30 s
	MessageTimeout time.Duration    // longest time from a message's first byte to its last; default 10 s
	WriteTimeout   time.Duration    // a camera that takes no byte for so long is dropped; default 10 s
	AckTimeout     time.Duration    // a command not answered for so long has failed; default 5 s
	PostIdle       time.Duration    // a POST whose body pauses for so long ends with 408; default 30 s
	Logger         *slog.Logger     // default slog.Default()
	Now            func() time.Time // stamps frames; default time.Now
	Updates        Updates          // default nobody
}

func (o *Options) setDefaults() {
	o.MaxFrame = cmp.Or(o.MaxFrame, 1<<20)
	o.MaxFPS = cmp.Or(o.MaxFPS, 60)
	o.PingInterval = cmp.Or(o.PingInterval, 10*time.Second)
	o.PongTimeout = cmp.Or(o.PongTimeout, 30*time.Second)
	o.MessageTimeout = cmp.Or(o.MessageTimeout, 10*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	o.AckTimeout = cmp.Or(o.AckTimeout, 5*time.Second)
	o.PostIdle = cmp.Or(o.PostIdle, 30*time.Second)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Updates == nil {
		o.Updates = noUpdates{}
	}
}

// Server takes the connections of cameras that push or post.
type Server struct {
	pool *stream.Pool
	opt  atomic.Pointer[Options]

	mu      sync.Mutex
	posters map[*stream.Hub]*poster

	orders orders
}

// NewServer returns a server whose frames come from pool.
func NewServer(pool *stream.Pool, opt Options) *Server {
	s := &Server{pool: pool, posters: make(map[*stream.Hub]*poster)}
	s.SetOptions(opt)
	return s
}

// SetOptions changes the limits for connections that come from now on.
func (s *Server) SetOptions(opt Options) {
	opt.setDefaults()
	s.opt.Store(&opt)
}

// fail answers with an error in the form that all of the relay's errors have.
func fail(w http.ResponseWriter, status int, sentence string) {
	body, _ := json.Marshal(map[string]string{"error": sentence})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
