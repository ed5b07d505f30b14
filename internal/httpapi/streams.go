package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"camrelay/internal/stream"
)

var errStopping = echo.NewHTTPError(http.StatusServiceUnavailable, "the relay starts or stops; try again in a few seconds")

func (a *API) push(c echo.Context) error {
	return a.ingest(c, a.Ingest.ServePush)
}

func (a *API) post(c echo.Context) error {
	return a.ingest(c, a.Ingest.ServePost)
}

func (a *API) ingest(c echo.Context, serve func(http.ResponseWriter, *http.Request, *stream.Hub)) error {
	hub, err := a.camera(c)
	if err != nil {
		return err
	}
	if !a.ready.Load() {
		return errStopping
	}
	serve(c.Response(), c.Request(), hub)
	return nil
}

func (a *API) view(c echo.Context) error {
	who, err := a.who(c)
	if err != nil {
		return err
	}
	if !a.ready.Load() {
		return errStopping
	}
	a.Egress.ServeView(c.Response(), c.Request(), who)
	return nil
}

func (a *API) viewPlain(c echo.Context) error {
	hub, who, err := a.hub(c)
	if err != nil {
		return err
	}
	if !a.ready.Load() {
		return errStopping
	}
	a.Egress.ServePlain(c.Response(), c.Request(), hub, who)
	return nil
}

func (a *API) mjpeg(c echo.Context) error {
	hub, who, err := a.hub(c)
	if err != nil {
		return err
	}
	if !a.ready.Load() {
		return errStopping
	}
	a.Egress.ServeMJPEG(c.Response(), c.Request(), hub, who)
	return nil
}

func (a *API) snapshot(c echo.Context) error {
	hub, _, err := a.hub(c)
	if err != nil {
		return err
	}
	a.Egress.ServeSnapshot(c.Response(), c.Request(), hub)
	return nil
}
