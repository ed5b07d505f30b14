package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"camrelay/internal/roster"
	"camrelay/internal/store"
	"camrelay/internal/stream"
	"camrelay/internal/wire"
)

func (a *API) listCameras(c echo.Context, who access) error {
	cameras := []wire.Camera{}
	for _, h := range a.Registry.All() {
		if who.CanView(h.ID()) {
			cameras = append(cameras, h.Camera())
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"cameras": cameras})
}

// find is the hub of a camera.
func (a *API) find(id string) (*stream.Hub, error) {
	if h := a.Registry.Get(id); h != nil {
		return h, nil
	}
	return nil, fmt.Errorf("%w: %.40q", roster.ErrUnknown, id)
}

func (a *API) getCamera(c echo.Context, _ access) error {
	h, err := a.find(c.Param("camera"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, h.Camera())
}

func (a *API) createCamera(c echo.Context, who access) error {
	var in struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Kind       string `json:"kind"`
		URL        string `json:"url"`
		Username   string `json:"username"`
		Password   string `json:"password"`
		ControlURL string `json:"control_url"`

		Groups []string `json:"groups"`
	}
	if err := read(c, &in); err != nil {
		return err
	}
	key, err := a.Roster.Add(roster.Spec{
		ID: in.ID, Name: in.Name, Kind: in.Kind,
		URL: in.URL, Username: in.Username, Password: in.Password, ControlURL: in.ControlURL,
		Groups: in.Groups,
	})
	if err != nil {
		return err
	}
	a.Logger.Info("camera added", "camera", in.ID, "by", who.Name())
	h, err := a.find(in.ID)
	if err != nil {
		return err // removed again in this instant
	}
	out := map[string]any{"camera": h.Camera()}
	if key != "" {
		out["key"] = key
	}
	return c.JSON(http.StatusCreated, out)
}

func (a *API) changeCamera(c echo.Context, _ access) error {
	var in struct {
		Name   *string   `json:"name"`
		Groups *[]string `json:"groups"`
	}
	if err := read(c, &in); err != nil {
		return err
	}
	if in.Name == nil && in.Groups == nil {
		return fmt.Errorf(`%w: name is missing, or groups; the name "" makes it the id again`, errBadInput)
	}
	if in.Name != nil { // both or none
		if err := store.CheckTitle(*in.Name); err != nil {
			return fmt.Errorf("%w: %w", roster.ErrBad, err)
		}
	}
	if in.Groups != nil {
		if err := a.Roster.Regroup(c.Param("camera"), *in.Groups); err != nil {
			return err
		}
	}
	if in.Name != nil {
		if err := a.Roster.Rename(c.Param("camera"), *in.Name); err != nil {
			return err
		}
	}
	return a.getCamera(c, access{})
}

func (a *API) deleteCamera(c echo.Context, who access) error {
	id := c.Param("camera")
	if err := a.Roster.Remove(id); err != nil {
		return err
	}
	a.Auth.ForgetCamera(id)
	a.Logger.Info("camera removed", "camera", id, "by", who.Name())
	a.revoke()
	return c.NoContent(http.StatusNoContent)
}

func (a *API) createKey(c echo.Context, who access) error {
	id := c.Param("camera")
	key, err := a.Roster.NewKey(id)
	if err != nil {
		return err
	}
	a.Logger.Info("camera has a new key", "camera", id, "by", who.Name())
	a.revoke()
	return c.JSON(http.StatusOK, map[string]string{"key": key})
}

func (a *API) changeSettings(c echo.Context, who access) error {
	var in struct {
		Settings wire.Settings `json:"settings"`
		Take     bool          `json:"take"`
	}
	if err := read(c, &in); err != nil {
		return err
	}
	if len(in.Settings) == 0 {
		return fmt.Errorf("%w: settings is missing or empty", errBadInput)
	}
	if err := in.Settings.Check(); err != nil {
		return fmt.Errorf("%w: %w", errBadInput, err)
	}
	h, err := a.find(c.Param("camera"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), setTimeout)
	defer cancel()
	got, err := h.Set(ctx, who.Name(), in.Take, in.Settings)
	if err != nil {
		return &cameraError{err}
	}
	return c.JSON(http.StatusOK, map[string]any{"settings": got})
}

func (a *API) pause(on bool) func(echo.Context, access) error {
	return func(c echo.Context, _ access) error {
		h, err := a.find(c.Param("camera"))
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), setTimeout)
		defer cancel()
		if err := h.Pause(ctx, on); err != nil {
			return &cameraError{err}
		}
		return c.NoContent(http.StatusNoContent)
	}
}

func (a *API) createShare(c echo.Context, who access) error {
	var in struct {
		Hours float64 `json:"hours"`
	}
	if err := read(c, &in); err != nil {
		return err
	}
	const year = 365 * 24
	if !(in.Hours > 0 && in.Hours <= year) {
		return fmt.Errorf("%w: hours: %v: more than 0 and at most %d are allowed", errBadInput, in.Hours, year)
	}
	id := c.Param("camera")
	if _, err := a.find(id); err != nil {
		return err
	}
	epoch, err := a.Store.EnsureShareEpoch(id)
	if err != nil {
		return err
	}
	life := max(time.Duration(in.Hours*float64(time.Hour)), time.Minute)
	token, expires, err := a.Auth.Share(id, epoch, life)
	if err != nil {
		return fmt.Errorf("%w: %w", errBadInput, err)
	}
	a.Logger.Info("camera shared", "camera", id, "until", expires, "by", who.Name())
	return c.JSON(http.StatusCreated, map[string]any{
		"url":     a.base(c) + "/cameras/" + id + "?token=" + url.QueryEscape(token),
		"expires": expires.UTC(),
	})
}

// base is the relay's address as people use it, without a slash at its end.
func (a *API) base(c echo.Context) string {
	now := a.inForce.Load()
	if u := now.cfg.PublicURL.Parse(); u != nil && u.Host != "" {
		return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	}
	scheme := "http"
	if now.proxies.Secure(c.Request()) {
		scheme = "https"
	}
	return scheme + "://" + c.Request().Host
}
