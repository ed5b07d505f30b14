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
// viewers. A proxy's clients count by their own address.
func (a *API) metrics(c echo.Context) error {
	now := a.inForce.Load()
	address := now.proxies.ClientAddress(c.Request())
	if !now.cfg.Metrics.Allow.Contains(netip.Addr.Unmap(address)) {
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
