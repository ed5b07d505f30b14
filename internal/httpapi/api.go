// Package httpapi is the relay's one HTTP port: it decides who may do what,
// hands cameras to ingest and viewers to egress, and serves the JSON API, the
// pages, health and metrics.
package httpapi

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/egress"
	"camrelay/internal/ingest"
	"camrelay/internal/roster"
	"camrelay/internal/store"
	"camrelay/internal/stream"
)

// Parts are what the API is made of.
type Parts struct {
	Registry *stream.Registry
	Roster   *roster.Roster
	Ingest   *ingest.Server
	Egress   *egress.Server
	Store    *store.Store
	Auth     *auth.Authenticator
	Pages    fs.FS
	Metrics  *prometheus.Registry
	Version  string
	Logger   *slog.Logger
}

// API serves the relay's addresses.
type API struct {
	Parts
	echo    *echo.Echo
	pages   *pages
	ready   atomic.Bool
	inForce atomic.Pointer[settings]
	counts  counters
}

// settings are what a reload can change.
type settings struct {
	cfg     *config.Config
	origins auth.Origins
	proxies auth.Proxies
}

// New returns an API that is not ready yet.
func New(parts Parts, cfg *config.Config) (*API, error) {
	a := &API{Parts: parts}
	if err := a.Apply(cfg); err != nil {
		return nil, err
	}
	pages, err := readPages(parts.Pages)
	if err != nil {
		return nil, err
	}
	a.pages = pages
	a.counts = newCounters(parts.Metrics)
	parts.Metrics.MustRegister(&collector{parts.Registry, parts.Egress})
	a.echo = echo.New()
	a.echo.HideBanner, a.echo.HidePort = true, true
	a.echo.HTTPErrorHandler = a.fail
	a.routes()
	return a, nil
}

// Apply takes the parts of a configuration that hold for requests from now on.
func (a *API) Apply(cfg *config.Config) error {
	allowed := append([]string(nil), cfg.Origins...)
	if u := cfg.PublicURL.Parse(); u != nil && u.Host != "" {
		allowed = append(allowed, u.Scheme+"://"+u.Host)
	}
	origins, err := auth.NewOrigins(allowed...)
	if err != nil {
		return err
	}
	a.inForce.Store(&settings{cfg, origins, auth.Proxies(cfg.TrustedProxies)})
	return nil
}

// SetReady says whether the relay takes cameras and viewers.
func (a *API) SetReady(ready bool) { a.ready.Store(ready) }

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.echo.ServeHTTP(w, r) }

func (a *API) config() *config.Config { return a.inForce.Load().cfg }

// pushPath is the one address whose requests last for hours.
const pushPath = "/push/:camera"

// routes lists every address there is. openapi.yaml describes them.
func (a *API) routes() {
	e := a.echo
	e.Use(a.guard)

	e.GET("/ws/push/:camera", a.push)
	e.POST(pushPath, a.post)

	e.GET("/ws/view", a.view)
	e.GET("/ws/view/:camera", a.viewPlain)
	e.GET("/cameras/:camera/stream.mjpg", a.mjpeg)
	e.HEAD("/cameras/:camera/stream.mjpg", a.mjpeg)
	e.GET("/cameras/:camera/snapshot.jpg", a.snapshot)
	e.HEAD("/cameras/:camera/snapshot.jpg", a.snapshot)

	v1 := e.Group("/api/v1", a.limitBody)
	v1.GET("/session", a.getSession)
	v1.POST("/session", a.createSession)
	v1.DELETE("/session", a.deleteSession)
	v1.GET("/cameras", a.viewer(a.listCameras))
	v1.POST("/cameras", a.admin(a.createCamera))
	v1.GET("/cameras/:camera", a.viewer(a.getCamera))
	v1.PATCH("/cameras/:camera", a.admin(a.renameCamera))
	v1.DELETE("/cameras/:camera", a.admin(a.deleteCamera))
	v1.POST("/cameras/:camera/key", a.admin(a.createKey))
	v1.PATCH("/cameras/:camera/settings", a.admin(a.changeSettings))
	v1.POST("/cameras/:camera/pause", a.admin(a.pause(true)))
	v1.POST("/cameras/:camera/resume", a.admin(a.pause(false)))
	v1.POST("/cameras/:camera/shares", a.admin(a.createShare))
	v1.GET("/tokens", a.admin(a.listTokens))
	v1.POST("/tokens", a.admin(a.createToken))
	v1.DELETE("/tokens/:id", a.admin(a.deleteToken))

	e.GET("/api/openapi.yaml", a.openAPI)
	e.GET("/healthz", a.healthz)
	e.GET("/readyz", a.readyz)
	e.GET("/metrics", a.metrics)

	for _, page := range []string{"/", "/login", "/add", "/settings", "/cameras/:camera"} {
		e.GET(page, a.page)
	}
	e.GET("/assets/*", a.asset)
	e.GET("/favicon.ico", func(c echo.Context) error { return c.Redirect(http.StatusMovedPermanently, "/assets/icon.svg") })
}

// fail answers {"error":"…"} with the status that the error stands for.
func (a *API) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, message := a.judge(err)
	if status == http.StatusInternalServerError {
		a.Logger.Error("request failed", "method", c.Request().Method, "url", auth.RedactURL(c.Request().URL.String()), "err", err)
	}
	header := c.Response().Header()
	header.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Basic realm="camrelay", charset="UTF-8"`)
		if a.isPage(c.Request()) { // the pages have a login of their own
			header.Del("WWW-Authenticate")
		}
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "5")
	}
	var limited *auth.LimitedError
	if errors.As(err, &limited) {
		header.Set("Retry-After", seconds(limited.RetryAfter))
	}
	c.JSON(status, map[string]string{"error": message})
}

// judge finds the status and the sentence for an error.
func (a *API) judge(err error) (status int, message string) {
	var (
		limited *auth.LimitedError
		busy    *stream.BusyError
		refused *ingest.RefusedError
		he      *echo.HTTPError
		tooBig  *http.MaxBytesError
	)
	switch {
	case errors.As(err, &he):
		if text, ok := he.Message.(string); ok {
			return he.Code, text
		}
		return he.Code, http.StatusText(he.Code)
	case errors.As(err, &limited):
		return http.StatusTooManyRequests, err.Error()
	case errors.Is(err, auth.ErrMissing), errors.Is(err, auth.ErrWrong):
		a.counts.authFailures.Inc()
		return http.StatusUnauthorized, err.Error()
	case errors.Is(err, errForbidden):
		return http.StatusForbidden, err.Error()
	case errors.Is(err, roster.ErrUnknown), errors.Is(err, store.ErrNotFound):
		return http.StatusNotFound, err.Error()
	case errors.As(err, &busy), errors.Is(err, roster.ErrExists), errors.Is(err, roster.ErrDeclared), errors.Is(err, roster.ErrPulled),
		errors.Is(err, store.ErrLastAdmin), errors.Is(err, stream.ErrOffline), errors.Is(err, stream.ErrNoControl):
		return http.StatusConflict, err.Error()
	case errors.Is(err, roster.ErrBad), errors.Is(err, errBadInput), errors.As(err, &refused):
		return http.StatusUnprocessableEntity, err.Error()
	case errors.Is(err, roster.ErrFull), errors.Is(err, store.ErrTooMany), errors.Is(err, ingest.ErrTooMany):
		return http.StatusServiceUnavailable, err.Error()
	case errors.Is(err, ingest.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, ingest.ErrNoAnswer.Error()
	case errors.As(err, &tooBig):
		return http.StatusRequestEntityTooLarge, "the request's body is longer than limits.request_body allows"
	default:
		return http.StatusInternalServerError, "the relay failed to do this; its log says why"
	}
}

var (
	errForbidden = errors.New("this token does not allow that")
	errBadInput  = errors.New("bad request")
)

// setTimeout bounds a change of a camera's settings.
const setTimeout = 10 * time.Second
