package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"camrelay/internal/auth"
	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/ota/imageserver"
	"camrelay/internal/wire"
)

// maxReport is the longest report of a camera, in bytes.
const maxReport = 1024

// device tells which camera loads or reports (docs/protocol.md section 7), by
// the token of its order or by its key; without an order only Camera is set. An
// admin may look too: Camera is then empty.
func (a *API) device(c echo.Context) (ota.Grant, error) {
	credential, ok := auth.CameraCredential(c.Request())
	if ok {
		if g, ok := a.OTA.Grant(credential.Secret); ok {
			return g, nil
		}
		if camera, ok := a.Roster.ByKey(credential.Secret); ok && (credential.User == "" || credential.User == camera) {
			if g, ok := a.OTA.Granted(camera); ok {
				return g, nil
			}
			return ota.Grant{Camera: camera}, nil
		}
	}
	who, err := a.who(c)
	if err == nil && !who.CanAdmin() {
		err = errForbidden
	}
	return ota.Grant{}, err
}

func (a *API) image(c echo.Context) error {
	g, err := a.device(c)
	if err != nil {
		return err
	}
	sha, ok := strings.CutSuffix(c.Param("file"), ".img")
	if !ok || !catalog.IsSHA256(sha) {
		return echo.NewHTTPError(http.StatusNotFound, "images are named by their SHA-256: /ota/images/{sha256}.img")
	}
	if g.Camera != "" && g.SHA256 != sha && !a.config().Lab {
		return errForbidden // a camera gets what it was told to load
	}
	who := imageserver.Download{Job: g.Order, Camera: g.Camera}
	if g.Order != "" && g.SHA256 == sha {
		who.Progress = func(offset, n int64) { a.OTA.Served(g.Camera, g.Order, offset+n) }
	}
	result := a.ImageServer.ServeImage(c.Response(), c.Request(), sha, who)
	a.Logger.Info("image served", "camera", g.Camera, "job", g.Order, "status", result.Status, "offset", result.Offset, "sent", result.Sent, "err", result.Err)
	return nil
}

func (a *API) probe(c echo.Context) error {
	if _, err := a.device(c); err != nil {
		return err
	}
	a.ImageServer.ServeProbe(c.Response(), c.Request())
	return nil
}

// report takes what a camera without a connection says of its update.
func (a *API) report(c echo.Context) error {
	g, err := a.ofCamera(c)
	if err != nil {
		return err
	}
	r := c.Request()
	r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, maxReport)
	var ack wire.UpdateAck
	if err := json.NewDecoder(r.Body).Decode(&ack); err != nil {
		return unreadable(err)
	}
	c.Response().Header().Set("Connection", "close")
	a.OTA.Ack(g.Camera, ack)
	if order := a.OTA.Answer(g.Camera, ack.Job); order != nil && ack.Phase != wire.PhaseBooted {
		return c.JSONBlob(http.StatusOK, order)
	}
	return c.JSONBlob(http.StatusOK, []byte("{}"))
}

// order is the order in force, for a camera that missed it.
func (a *API) order(c echo.Context) error {
	g, err := a.ofCamera(c)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Connection", "close")
	if order := a.OTA.Order(g.Camera); order != nil {
		return c.JSONBlob(http.StatusOK, order)
	}
	return c.NoContent(http.StatusNoContent)
}

// ofCamera is device for an address with the camera in it.
func (a *API) ofCamera(c echo.Context) (ota.Grant, error) {
	g, err := a.device(c)
	switch id := c.Param("camera"); {
	case err != nil:
		return g, err
	case g.Camera == "" && a.config().Lab:
		return ota.Grant{Camera: id}, nil
	case g.Camera != id:
		return g, fmt.Errorf("%w: it is not that of camera %.40q", errForbidden, id)
	}
	return g, nil
}
