package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"camrelay/internal/ota"
	"camrelay/internal/ota/catalog"
	"camrelay/internal/wire"
)

// updateInfo is what is known of a camera's firmware.
type updateInfo struct {
	Camera    string    `json:"camera"`
	Groups    []string  `json:"groups,omitempty"` // that rollouts name
	Updatable bool      `json:"updatable"`
	Firmware  string    `json:"firmware,omitempty"`
	Build     uint32    `json:"build,omitempty"`
	Board     string    `json:"board,omitempty"`
	Chip      string    `json:"chip,omitempty"`
	Slot      string    `json:"slot,omitempty"`
	State     string    `json:"state,omitempty"`
	Floor     uint32    `json:"floor,omitempty"`
	Newest    string    `json:"newest,omitempty"` // version of the newest image for it
	Job       *ota.Job  `json:"job,omitempty"`    // running, or the last one
	Jobs      []ota.Job `json:"jobs,omitempty"`   // all that are remembered, the newest first
}

func (a *API) updateInfo(camera string, history bool) updateInfo {
	in := updateInfo{Camera: camera}
	if spec, ok := a.Roster.Get(camera); ok {
		in.Groups = spec.Groups
	}
	if h, ok := a.OTA.Info(camera); ok {
		in.Updatable = h.Boot != ""
		in.Firmware, in.Build, in.Board, in.Chip, in.Slot, in.State, in.Floor = h.Firmware, h.Build, h.Board, h.Chip, h.Slot, h.State, h.Floor
		if img, err := a.Catalog.Match(h.Board, h.Chip, catalog.Criteria{}); err == nil {
			in.Newest = img.Version()
		}
	}
	jobs := a.OTA.Jobs(camera)
	if len(jobs) > 0 {
		in.Job = &jobs[0]
	}
	if history {
		in.Jobs = jobs
	}
	return in
}

func (a *API) listUpdates(c echo.Context, who access) error {
	list := []updateInfo{}
	for _, h := range a.Registry.All() {
		if who.CanView(h.ID()) {
			list = append(list, a.updateInfo(h.ID(), false))
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"cameras": list})
}

func (a *API) getUpdates(c echo.Context, _ access) error {
	h, err := a.find(c.Param("camera"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, a.updateInfo(h.ID(), true))
}

// trigger takes what R/ota/{camera} takes by MQTT: a word, a version, or JSON.
func (a *API) trigger(c echo.Context, who access) error {
	h, err := a.find(c.Param("camera"))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	t, err := ota.ParseTrigger(body)
	if errors.Is(err, ota.ErrEmpty) {
		t, err = ota.Trigger{Action: ota.Install}, nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errBadInput, err)
	}
	if t.By == "" {
		t.By = who.Name()
	}
	return a.answerTrigger(c, h.ID(), t)
}

func (a *API) cancelUpdate(c echo.Context, who access) error {
	h, err := a.find(c.Param("camera"))
	if err != nil {
		return err
	}
	return a.answerTrigger(c, h.ID(), ota.Trigger{Action: ota.Cancel, By: who.Name()})
}

func (a *API) answerTrigger(c echo.Context, camera string, t ota.Trigger) error {
	job, err := a.OTA.Trigger(camera, t, "api")
	var refused *ota.RefusedError
	switch {
	case errors.As(err, &refused) && (refused.Code == ota.Fine || refused.Code == ota.AlreadyThere):
		return c.JSON(http.StatusOK, map[string]any{"code": refused.Code, "text": refused.Text})
	case errors.As(err, &refused):
		return c.JSON(http.StatusConflict, map[string]any{"code": refused.Code, "error": refused.Text})
	case err != nil:
		return err
	}
	return c.JSON(http.StatusAccepted, job)
}

// imageInfo is an image in the catalog.
type imageInfo struct {
	SHA256  string     `json:"sha256"`
	Version string     `json:"version"`
	Build   uint32     `json:"build"`
	Board   string     `json:"board"`
	Chip    string     `json:"chip"`
	Size    int64      `json:"size"`
	Floor   uint32     `json:"floor,omitempty"`
	Base    uint32     `json:"base,omitempty"`
	Key     string     `json:"key"`
	Made    *time.Time `json:"made,omitempty"`
	Added   *time.Time `json:"added,omitempty"`
	By      string     `json:"by,omitempty"`
	RunsOn  []string   `json:"runs_on"` // cameras
}

func (a *API) imageInfo(i catalog.Image) imageInfo {
	in := imageInfo{
		SHA256: i.SHA256, Version: i.Version(), Build: i.Build(), Board: i.Board(), Chip: i.Chip(), Size: i.Size(),
		Floor: i.Header.Floor, Base: i.Header.Base, Key: i.Key(), By: i.By, RunsOn: []string{},
	}
	if made := i.Made(); !made.IsZero() {
		in.Made = &made
	}
	if !i.Added.IsZero() {
		in.Added = &i.Added
	}
	for _, h := range a.Registry.All() {
		if info, ok := a.OTA.Info(h.ID()); ok && runs(info, i) {
			in.RunsOn = append(in.RunsOn, h.ID())
		}
	}
	return in
}

func runs(h wire.Hello, i catalog.Image) bool {
	return h.Build == i.Build() && h.Board == i.Board() && h.Chip == i.Chip()
}

func (a *API) listImages(c echo.Context, _ access) error {
	list := []imageInfo{}
	for _, i := range a.Catalog.List() {
		list = append(list, a.imageInfo(i))
	}
	broken := []map[string]string{}
	for _, b := range a.Catalog.Broken() {
		broken = append(broken, map[string]string{"file": b.Name, "error": b.Err.Error()})
	}
	return c.JSON(http.StatusOK, map[string]any{"images": list, "broken": broken, "keys": len(a.config().OTA.Keys)})
}

func (a *API) addImage(c echo.Context, who access) error {
	if len(a.config().OTA.Keys) == 0 {
		return echo.NewHTTPError(http.StatusConflict, "the relay has no key to check images with: name the release's public key in ota.keys")
	}
	i, err := a.Catalog.Add(c.Request().Context(), c.Request().Body, who.Name())
	if err != nil {
		return imageError(err)
	}
	a.Logger.Info("image added", "version", i.Version(), "build", i.Build(), "board", i.Board(), "sha256", i.SHA256, "by", who.Name())
	return c.JSON(http.StatusCreated, a.imageInfo(i))
}

// imageError finds the status for an error of the catalog.
func imageError(err error) error {
	status := http.StatusInternalServerError
	var refused *catalog.RefusedError
	switch {
	case errors.As(err, &refused):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, catalog.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, catalog.ErrPinned):
		status = http.StatusConflict
	case errors.Is(err, catalog.ErrFull), catalog.Code(err) == "disk_full":
		status = http.StatusInsufficientStorage
	default:
		return err
	}
	return echo.NewHTTPError(status, err.Error())
}

func (a *API) getImage(c echo.Context, _ access) error {
	i, ok := a.Catalog.Get(c.Param("sha"))
	if !ok {
		return imageError(catalog.ErrNotFound)
	}
	return c.JSON(http.StatusOK, a.imageInfo(i))
}

func (a *API) deleteImage(c echo.Context, who access) error {
	if err := a.Catalog.Remove(c.Param("sha")); err != nil {
		return imageError(err)
	}
	a.Logger.Info("image removed", "sha256", c.Param("sha"), "by", who.Name())
	return c.NoContent(http.StatusNoContent)
}
