package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"
)

// PullConfig is a camera that serves MJPEG itself. Zero values of all but URL
// mean the defaults.
type PullConfig struct {
	URL                string // of the stream, or of a snapshot that is then polled; http or https
	Username, Password string // for Basic or Digest, sent to the hosts of URL and ControlURL alone
	// ControlURL is the root of the camera's /control and /status. By default
	// it follows from URL for the firmware that is known by it: CameraWebServer
	// (http://host:81/stream) and ESP32-CAM_MJPEG2SD (…/sustain?…).
	ControlURL string

	ConnectTimeout   time.Duration // default 5 s
	HeaderTimeout    time.Duration // a busy camera accepts and says nothing; default 10 s
	IdleTimeout      time.Duration // without a picture; default 10 s
	BackoffMin       time.Duration // default 1 s
	BackoffMax       time.Duration // default 60 s
	SnapshotInterval time.Duration // between two snapshots; default 1 s
	MaxFrame         int           // bytes; default 1 MiB
	MaxFPS           int           // default 60
	Now              func() time.Time
	Rand             func() float64 // in [0, 1), for back-off
	Logger           *slog.Logger
}

func (c *PullConfig) setDefaults() {
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 5*time.Second)
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, 10*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 10*time.Second)
	c.BackoffMin = cmp.Or(c.BackoffMin, time.Second)
	c.BackoffMax = max(cmp.Or(c.BackoffMax, time.Minute), c.BackoffMin)
	c.SnapshotInterval = cmp.Or(c.SnapshotInterval, time.Second)
	c.MaxFrame = cmp.Or(c.MaxFrame, 1<<20)
	c.MaxFPS = cmp.Or(c.MaxFPS, 60)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
}

func parseHTTP(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL") // the text may hold a password
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q is not supported: use http or https", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("it has no host")
	}
	return u, nil
}

// newClient returns a client for one host of a camera.
func newClient(cfg *PullConfig, u *url.URL) *http.Client {
	base := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: cfg.ConnectTimeout}).DialContext,
		TLSHandshakeTimeout:    cfg.ConnectTimeout,
		ResponseHeaderTimeout:  cfg.HeaderTimeout,
		MaxResponseHeaderBytes: 16 << 10,
		DisableKeepAlives:      true, // sockets are what cameras have least of
		DisableCompression:     true,
	}
	return &http.Client{
		Transport: &authTransport{
			base: base, username: cfg.Username, password: cfg.Password, host: u.Hostname(), secure: u.Scheme == "https",
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			req.Header.Del("Referer") // it may hold a secret
			if len(via) > 3 || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
				return errRedirect
			}
			return nil
		},
	}
}
