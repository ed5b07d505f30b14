package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"camrelay/internal/auth"
	"camrelay/internal/egress"
	"camrelay/internal/store"
)

type sessionInfo struct {
	SignedIn bool   `json:"signed_in"`
	Role     string `json:"role"`
	Name     string `json:"name"`
	Camera   string `json:"camera"`
	Lab      bool   `json:"lab"`
	Version  string `json:"version"`
}

func (a *API) session(who access) sessionInfo {
	return sessionInfo{
		SignedIn: true, Role: who.Role(), Name: who.Principal.Name, Camera: who.Camera,
		Lab: a.config().Lab, Version: a.Version,
	}
}

func (a *API) getSession(c echo.Context) error {
	who, err := a.who(c)
	var limited *auth.LimitedError
	if errors.As(err, &limited) {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if err != nil {
		return c.JSON(http.StatusOK, sessionInfo{Lab: a.config().Lab, Version: a.Version})
	}
	return c.JSON(http.StatusOK, a.session(who))
}

func (a *API) createSession(c echo.Context) error {
	var in struct {
		Token string `json:"token"`
	}
	if err := read(c, &in); err != nil {
		return err
	}
	if a.config().Lab {
		who, _ := a.who(c)
		return c.JSON(http.StatusOK, a.session(who))
	}
	p, cookie, err := a.Auth.Login(c.Request(), in.Token)
	if err != nil {
		a.Logger.Warn("sign-in refused", "from", a.inForce.Load().proxies.ClientAddress(c.Request()), "err", err)
		return err
	}
	c.SetCookie(cookie)
	return c.JSON(http.StatusOK, a.session(access{Principal: p}))
}

func (a *API) deleteSession(c echo.Context) error {
	c.SetCookie(a.Auth.Logout(c.Request()))
	return c.NoContent(http.StatusNoContent)
}

type tokenInfo struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    auth.Role `json:"role"`
	Created time.Time `json:"created"`
	Token   string    `json:"token,omitempty"`
}

func (a *API) listTokens(c echo.Context, _ access) error {
	tokens := []tokenInfo{}
	for _, t := range a.Store.Tokens() {
		tokens = append(tokens, tokenInfo{ID: t.ID, Name: t.Name, Role: t.Role, Created: t.Created})
	}
	return c.JSON(http.StatusOK, map[string]any{"tokens": tokens})
}

func (a *API) createToken(c echo.Context, who access) error {
	var in struct {
		Name string `json:"name"`
		Role string `json:"role"`
	}
	if err := read(c, &in); err != nil {
		return err
	}
	role, err := auth.ParseRole(in.Role)
	if err != nil {
		return fmt.Errorf("%w: %w", errBadInput, err)
	}
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" {
		return fmt.Errorf("%w: name is missing: say what the token is for", errBadInput)
	}
	if err := store.CheckTitle(in.Name); err != nil {
		return fmt.Errorf("%w: %w", errBadInput, err)
	}
	text, t, err := a.Store.AddToken(in.Name, role)
	if err != nil {
		return err
	}
	a.Logger.Info("token made", "id", t.ID, "name", t.Name, "role", t.Role, "by", who.Name())
	return c.JSON(http.StatusCreated, tokenInfo{ID: t.ID, Name: t.Name, Role: t.Role, Created: t.Created, Token: text})
}

func (a *API) deleteToken(c echo.Context, who access) error {
	id := c.Param("id")
	if err := a.Store.RemoveToken(id); err != nil {
		return err
	}
	a.Logger.Info("token deleted", "id", id, "by", who.Name())
	a.revoke()
	return c.NoContent(http.StatusNoContent)
}

// revoke ends the connections of those whose token, session or share link no
// longer holds.
func (a *API) revoke() {
	if a.config().Lab {
		return
	}
	if a.Revoked != nil {
		a.Revoked()
	}
	a.Egress.Revoke(func(who egress.Access) bool {
		return !who.Valid()
	})
}

// Revoke does what is due every minute: it ends what has expired.
func (a *API) Revoke() { a.revoke() }
