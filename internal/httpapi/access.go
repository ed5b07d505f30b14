package httpapi

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"camrelay/firmware/core/image"
	"camrelay/internal/auth"
	"camrelay/internal/config"
	"camrelay/internal/stream"
)

// access is a principal as viewers' connections know it.
type access struct {
	auth.Principal
	address string
	auth    *auth.Authenticator
}

// Valid reports whether the token, session or share link still holds.
func (a access) Valid() bool { return a.auth.Valid(a.Principal) }

// Name tells people who controls a camera.
func (a access) Name() string {
	if a.Principal.Name == "" {
		return a.address
	}
	return a.Principal.Name + " at " + a.address
}

// Role is "viewer" or "admin".
func (a access) Role() string { return a.Principal.Role.String() }

// CanControl reports whether settings may be changed.
func (a access) CanControl() bool { return a.CanAdmin() }

// who tells who a request comes from.
func (a *API) who(c echo.Context) (access, error) {
	now := a.inForce.Load()
	address := now.proxies.ClientAddress(c.Request()).String()
	if now.cfg.Lab {
		return access{auth.Principal{Role: auth.RoleAdmin}, address, a.Auth}, nil
	}
	p, err := a.Auth.Person(c.Request())
	return access{p, address, a.Auth}, err
}

// viewer lets those through who may see the camera of the address, or some.
func (a *API) viewer(next func(echo.Context, access) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, err := a.who(c)
		if err != nil {
			return err
		}
		if camera := c.Param("camera"); camera != "" && !who.CanView(camera) {
			return errForbidden
		}
		return next(c, who)
	}
}

// admin lets those through who may change things.
func (a *API) admin(next func(echo.Context, access) error) echo.HandlerFunc {
	return a.viewer(func(c echo.Context, who access) error {
		if !who.CanAdmin() {
			return errForbidden
		}
		return next(c, who)
	})
}

// hub finds the camera of the address for a viewer.
func (a *API) hub(c echo.Context) (*stream.Hub, access, error) {
	who, err := a.who(c)
	if err != nil {
		return nil, who, err
	}
	id := c.Param("camera")
	if !who.CanView(id) {
		return nil, who, errForbidden
	}
	h := a.Registry.Get(id)
	if h == nil {
		return nil, who, echo.NewHTTPError(http.StatusNotFound, fmt.Sprintf("there is no camera %.40q", id))
	}
	return h, who, nil
}

// camera authenticates a camera and finds its hub. void ends when the key that
// it showed is no longer valid.
func (a *API) camera(c echo.Context) (hub *stream.Hub, void context.Context, err error) {
	id := c.Param("camera")
	spec, known := a.Roster.Get(id)
	if !a.config().Lab || spec.KeyHash != "" {
		if err := a.Auth.Camera(c.Request(), id, spec.KeyHash); err != nil {
			return nil, nil, err
		}
	}
	if known && spec.Kind == config.KindPull {
		return nil, nil, echo.NewHTTPError(http.StatusConflict, id+" is pulled by the relay; it cannot push as well")
	}
	hub, err = a.Roster.Meet(id)
	return hub, spec.Void(), err
}

// guard is passed by every request: it bounds what it may take, checks where it
// comes from, answers errors, and counts.
func (a *API) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		a.bound(c)
		err := a.greet(c)
		if err == nil {
			if isPreflight(c.Request()) {
				err = c.NoContent(http.StatusNoContent)
			} else {
				err = next(c)
			}
		}
		if err != nil {
			a.fail(err, c)
		}
		a.count(c)
		return nil
	}
}

// greet checks the Origin (RFC 6454) and sets what every answer but a
// WebSocket's carries: that one must stay short for devices.
func (a *API) greet(c echo.Context) error {
	r, header := c.Request(), c.Response().Header()
	now := a.inForce.Load()
	origin := r.Header.Get("Origin")
	allowed := now.origins.Allowed(r, now.proxies.Secure(r))
	if !isUpgrade(r) {
		header.Set("X-Content-Type-Options", "nosniff")
		header.Add("Vary", "Origin")
		if allowed && origin != "" {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Expose-Headers", "ETag, X-Frame-Age, X-Frame-Sequence, Retry-After")
		}
	}
	if !allowed {
		return echo.NewHTTPError(http.StatusForbidden, fmt.Sprintf("pages of %.100q may not use this relay; list it in origins to allow it", origin))
	}
	if now.cfg.Lab && !localHost(r, now.cfg) {
		return echo.NewHTTPError(http.StatusForbidden, fmt.Sprintf("a lab does not answer to the name %.100q, as any page could use that; set public_url to allow it", r.Host))
	}
	if isPreflight(r) {
		header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE")
		header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		header.Set("Access-Control-Max-Age", "600")
	}
	return nil
}

// isPreflight reports whether a browser asks what another origin's page may do.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != ""
}

// bound limits how long a request may take to arrive and its answer to leave,
// and how long its body may be. Handlers of streams take over the connection,
// which lifts the times; a posted stream sets its own.
func (a *API) bound(c echo.Context) {
	r, limits := c.Request(), a.config().Limits
	control := http.NewResponseController(c.Response())
	control.SetReadDeadline(time.Now().Add(limits.Handshake))
	if c.Path() == pushPath {
		control.SetWriteDeadline(time.Time{}) // an earlier request of the connection had one
		return
	}
	if c.Path() == imagesPath && r.Method == http.MethodPost {
		control.SetReadDeadline(time.Now().Add(uploadTimeout))
		control.SetWriteDeadline(time.Now().Add(uploadTimeout + answerTimeout))
		r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, image.MaxLength+1)
		return
	}
	control.SetWriteDeadline(time.Now().Add(answerTimeout))
	r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, int64(limits.RequestBody))
}

// uploadTimeout bounds the upload of an image, of at most 4 MiB.
const uploadTimeout = 2 * time.Minute

// answerTimeout bounds the work on a request that is no stream and the sending
// of its answer: a snapshot to a phone, at worst.
const answerTimeout = 30 * time.Second

func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// isScript reports whether a request comes from a browser, but not because
// somebody opened this address: such as from a script or an image of a page.
// Browsers say so by Sec-Fetch-Mode only over TLS and to loopback.
func isScript(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode != "navigate"
	}
	return r.Header.Get("Origin") != "" ||
		strings.HasPrefix(r.UserAgent(), "Mozilla/") && !strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (a *API) count(c echo.Context) {
	status := c.Response().Status
	if isUpgrade(c.Request()) && !c.Response().Committed {
		status = http.StatusSwitchingProtocols // taken over: echo did not see it
	}
	a.counts.requests.WithLabelValues(strconv.Itoa(status)).Inc()
	a.Logger.Debug("request", "method", c.Request().Method, "url", auth.RedactURL(c.Request().URL.String()),
		"status", status, "from", c.Request().RemoteAddr)
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
