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
	"os"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/egress"
	"camrelay/internal/ingest"
	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/imageserver"
	"camrelay/internal/ota/rollout"
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
	OTA      *ota.Coordinator
	Rollouts *rollout.Manager
	Catalog  *catalog.Catalog
	// ImageServer gives the catalog's images to cameras.
	ImageServer *imageserver.Server
	Pages       fs.FS
	Metrics     *prometheus.Registry
	Version     string
	Logger      *slog.Logger
	// Revoked is called when tokens, keys or share links have changed.
	Revoked func()
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

// imagesPath takes images, which are longer than other bodies.
const imagesPath = "/api/v1/ota/images"

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
	a.get("/cameras/:camera/stream.mjpg", a.mjpeg)
	a.get("/cameras/:camera/snapshot.jpg", a.snapshot)

	a.get("/api/v1/session", a.getSession)
	e.POST("/api/v1/session", a.createSession)
	e.DELETE("/api/v1/session", a.deleteSession)
	a.get("/api/v1/cameras", a.viewer(a.listCameras))
	e.POST("/api/v1/cameras", a.admin(a.createCamera))
	a.get("/api/v1/cameras/:camera", a.viewer(a.getCamera))
	e.PATCH("/api/v1/cameras/:camera", a.admin(a.changeCamera))
	e.DELETE("/api/v1/cameras/:camera", a.admin(a.deleteCamera))
	e.POST("/api/v1/cameras/:camera/key", a.admin(a.createKey))
	e.PATCH("/api/v1/cameras/:camera/settings", a.admin(a.changeSettings))
	e.POST("/api/v1/cameras/:camera/pause", a.admin(a.pause(true)))
	e.POST("/api/v1/cameras/:camera/resume", a.admin(a.pause(false)))
	e.POST("/api/v1/cameras/:camera/shares", a.admin(a.createShare))
	a.get("/api/v1/tokens", a.admin(a.listTokens))
	e.POST("/api/v1/tokens", a.admin(a.createToken))
	e.DELETE("/api/v1/tokens/:id", a.admin(a.deleteToken))

	a.get("/api/v1/ota/cameras", a.viewer(a.listUpdates))
	a.get("/api/v1/ota/cameras/:camera", a.viewer(a.getUpdates))
	e.POST("/api/v1/ota/cameras/:camera", a.admin(a.trigger))
	e.DELETE("/api/v1/ota/cameras/:camera", a.admin(a.cancelUpdate))
	a.get(imagesPath, a.admin(a.listImages))
	e.POST(imagesPath, a.admin(a.addImage))
	a.get("/api/v1/ota/images/:sha", a.admin(a.getImage))
	e.DELETE("/api/v1/ota/images/:sha", a.admin(a.deleteImage))
	a.get("/api/v1/ota/rollouts", a.everyCamera(a.listRollouts))
	e.POST("/api/v1/ota/rollouts", a.admin(a.createRollout))
	a.get("/api/v1/ota/rollouts/:id", a.everyCamera(a.getRollout))
	e.POST("/api/v1/ota/rollouts/:id/pause", a.admin(a.changeRollout(a.Rollouts.Pause)))
	e.POST("/api/v1/ota/rollouts/:id/resume", a.admin(a.changeRollout(a.Rollouts.Resume)))
	e.POST("/api/v1/ota/rollouts/:id/cancel", a.admin(a.changeRollout(a.Rollouts.Cancel)))
	a.get("/ota/images/:file", a.image)
	a.get("/ota/probe", a.probe)
	e.POST("/ota/cameras/:camera/report", a.report)
	a.get("/ota/cameras/:camera/job", a.order)

	a.get("/api/openapi.yaml", a.openAPI)
	a.get("/healthz", a.healthz)
	a.get("/readyz", a.readyz)
	a.get("/metrics", a.metrics)

	for _, page := range []string{"/", "/login", "/add", "/updates", "/settings", "/cameras/:camera"} {
		a.get(page, a.page)
	}
	a.get("/assets/*", a.asset)
	a.get("/favicon.ico", func(c echo.Context) error { return c.Redirect(http.StatusMovedPermanently, "/assets/icon.svg") })
}

// get serves GET, and HEAD, whose body net/http leaves out.
func (a *API) get(path string, h echo.HandlerFunc) {
	a.echo.GET(path, h)
	a.echo.HEAD(path, h)
}

// fail answers {"error":"…"} with the status that the error stands for.
func (a *API) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	r, header := c.Request(), c.Response().Header()
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		err = echo.NewHTTPError(statusClientGone, "the client did not wait for the answer")
	}
	status, message := a.judge(err)
	if status == http.StatusInternalServerError {
		a.Logger.Error("request failed", "method", r.Method, "url", auth.RedactURL(r.URL.String()), "err", err)
	}
	header.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusUnauthorized:
		header.Add("WWW-Authenticate", `Bearer realm="camrelay"`)
		if !isScript(r) { // for Basic, browsers would ask in a window of their own; the pages have a login
			header.Add("WWW-Authenticate", `Basic realm="camrelay", charset="UTF-8"`)
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

// statusClientGone is what nginx logs for a client that hung up. Nobody reads
// it but the counter of requests.
const statusClientGone = 499

// judge finds the status and the sentence for an error.
func (a *API) judge(err error) (status int, message string) {
	var he *echo.HTTPError
	if errors.As(err, &he) {
		if text, ok := he.Message.(string); ok {
			return he.Code, text
		}
		return he.Code, http.StatusText(he.Code)
	}
	var (
		limited *auth.LimitedError
		busy    *stream.BusyError
		refused *ingest.RefusedError
		tooBig  *http.MaxBytesError
		camera  *cameraError
	)
	switch {
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
	case errors.As(err, &tooBig):
		return http.StatusRequestEntityTooLarge, "the request's body is longer than limits.request_body allows"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, "the request's body did not come within limits.handshake"
	case errors.Is(err, errSyntax):
		return http.StatusBadRequest, err.Error()
	case errors.Is(err, roster.ErrBad), errors.Is(err, errBadInput), errors.As(err, &refused):
		return http.StatusUnprocessableEntity, err.Error()
	case errors.Is(err, roster.ErrFull), errors.Is(err, store.ErrTooMany), errors.Is(err, ingest.ErrTooMany):
		return http.StatusServiceUnavailable, err.Error()
	case errors.Is(err, ingest.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, ingest.ErrNoAnswer.Error()
	case errors.As(err, &camera):
		return http.StatusBadGateway, err.Error()
	default:
		return http.StatusInternalServerError, "the relay failed to do this; its log says why"
	}
}

var (
	errForbidden = errors.New("this token does not allow that")
	errSyntax    = errors.New("the body cannot be read")
	errBadInput  = errors.New("bad request")
)

// cameraError is what went wrong at a camera, in a sentence made for people.
type cameraError struct{ error }

func (e *cameraError) Unwrap() error { return e.error }

// setTimeout bounds a change of a camera's settings.
const setTimeout = 10 * time.Second
