package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"camrelay/internal/auth"
)

var errStopping = echo.NewHTTPError(http.StatusServiceUnavailable, "the relay starts or stops; try again in a few seconds")

func (a *API) push(c echo.Context) error {
	hub, _, err := a.camera(c)
	if err != nil {
		return err
	}
	if !a.ready.Load() {
		return errStopping
	}
	a.Ingest.ServePush(c.Response(), c.Request(), hub)
	return nil
}

func (a *API) post(c echo.Context) error {
	hub, void, err := a.camera(c)
	if err != nil {
		return err
	}
	if !a.ready.Load() {
		return errStopping
	}
	c.Request().Body = voidable{c.Request().Body, void}
	a.Ingest.ServePost(c.Response(), c.Request(), hub)
	// What is left of the body is read by net/http, to spare the sender a reset.
	http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(a.config().Limits.Handshake))
	return nil
}

// voidable is a body that ends with the key it was sent with: a post becomes the
// camera's connection only with its first frame, and may have waited for hours.
type voidable struct {
	io.ReadCloser
	void context.Context
}

func (v voidable) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	if v.void.Err() != nil {
		return 0, auth.ErrWrong
	}
	return n, err
}

// takesSocket says why a viewer's request cannot become a WebSocket.
func (a *API) takesSocket(c echo.Context) error {
	if !websocket.IsWebSocketUpgrade(c.Request()) {
		c.Response().Header().Set("Upgrade", "websocket")
		return echo.NewHTTPError(http.StatusUpgradeRequired, "this address takes a WebSocket")
	}
	if !a.ready.Load() {
		return errStopping
	}
	return nil
}

func (a *API) view(c echo.Context) error {
	who, err := a.who(c)
	if err != nil {
		return err
	}
	if err := a.takesSocket(c); err != nil {
		return err
	}
	a.Egress.ServeView(c.Response(), c.Request(), who)
	return nil
}

func (a *API) viewPlain(c echo.Context) error {
	hub, who, err := a.hub(c)
	if err != nil {
		return err
	}
	if err := a.takesSocket(c); err != nil {
		return err
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
