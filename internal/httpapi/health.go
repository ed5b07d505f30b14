package httpapi

import (
	_ "embed"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

//go:embed openapi.yaml
var openAPI []byte

func (a *API) openAPI(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", openAPI)
}

func (a *API) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "version": a.Version})
}

func (a *API) readyz(c echo.Context) error {
	if !a.ready.Load() {
		return errStopping
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ready"})
}

// metrics is for those networks that may read them without a token, and for
// viewers.
func (a *API) metrics(c echo.Context) error {
	if !a.mayMeasure(c.Request()) {
		who, err := a.who(c)
		if err != nil {
			return err
		}
		if who.Camera != "" {
			return errForbidden
		}
	}
	promhttp.HandlerFor(a.Metrics, promhttp.HandlerOpts{}).ServeHTTP(c.Response(), c.Request())
	return nil
}

// mayMeasure reports whether a request comes from a network that may read the
// metrics. The clients of a trusted proxy count by their own addresses; those
// of another one do not count at all, however near the proxy is.
func (a *API) mayMeasure(r *http.Request) bool {
	now := a.inForce.Load()
	address := now.proxies.ClientAddress(r)
	if remote, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || forwarded(r) && address == remote.Addr().Unmap() {
		return false
	}
	return now.cfg.Metrics.Allow.Contains(address)
}

func forwarded(r *http.Request) bool {
	return r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != ""
}
