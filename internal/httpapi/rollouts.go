package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"camrelay/internal/ota"
	"camrelay/internal/ota/rollout"
)

// everyCamera lets those through who may see all cameras.
func (a *API) everyCamera(next echo.HandlerFunc) echo.HandlerFunc {
	return a.viewer(func(c echo.Context, who access) error {
		if who.Camera != "" {
			return errForbidden
		}
		return next(c)
	})
}

func (a *API) listRollouts(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]any{"rollouts": a.Rollouts.List()})
}

func (a *API) getRollout(c echo.Context) error {
	v, ok := a.Rollouts.Get(c.Param("id"))
	if !ok {
		return echo.NewHTTPError(http.StatusNotFound, fmt.Sprintf("there is no rollout %.40q", c.Param("id")))
	}
	return c.JSON(http.StatusOK, v)
}

// createRollout takes what R/ota/all takes by MQTT, but for what is done to a
// rollout that there is.
func (a *API) createRollout(c echo.Context, who access) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	r, err := rollout.Parse(body)
	switch {
	case errors.Is(err, ota.ErrEmpty): // too little for something that large
		return fmt.Errorf("%w: it is empty; latest begins a rollout to the newest image", errSyntax)
	case err != nil:
		return fmt.Errorf("%w: %w", errBadInput, err)
	case r.Action != ota.Install && r.Action != ota.DryRun:
		return fmt.Errorf("%w: %s has an address of its own: /api/v1/ota/rollouts/{id}/%s", errBadInput, r.Action, r.Action)
	}
	if r.Document.By == "" {
		r.Document.By = who.Name()
		r.Document.By = r.Document.By[:min(len(r.Document.By), 64)]
	}
	dry := r.Action == ota.DryRun
	v, err := a.Rollouts.Create(r.Document, "", "api", dry)
	if err != nil {
		return a.answerRollout(c, v, err)
	}
	if dry {
		return c.JSON(http.StatusOK, v)
	}
	return c.JSON(http.StatusCreated, v)
}

// changeRollout does one of rollout.Manager's things to the rollout of the
// address.
func (a *API) changeRollout(change func(id string) (rollout.View, error)) func(echo.Context, access) error {
	return func(c echo.Context, who access) error {
		v, err := change(c.Param("id"))
		if err == nil {
			a.Logger.Info("rollout changed by a person", "rollout", v.ID, "state", v.State, "by", who.Name())
		}
		return a.answerRollout(c, v, err)
	}
}

func (a *API) answerRollout(c echo.Context, v rollout.View, err error) error {
	var refused *ota.RefusedError
	switch {
	case errors.As(err, &refused) && refused.Code == rollout.NotFound:
		return echo.NewHTTPError(http.StatusNotFound, refused.Text)
	case errors.As(err, &refused) && refused.Code == ota.BadRequest:
		return fmt.Errorf("%w: %s", errBadInput, refused.Text)
	case errors.As(err, &refused):
		return c.JSON(http.StatusConflict, map[string]any{"code": refused.Code, "error": refused.Text})
	case err != nil:
		return err
	}
	return c.JSON(http.StatusOK, v)
}
