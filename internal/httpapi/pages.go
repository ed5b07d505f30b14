package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
)

// policy is the pages' Content-Security-Policy: nothing but the relay's own
// files, and nobody may frame them.
const policy = "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; worker-src 'self'; " +
	"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// file is a page or an asset with its entity tag.
type file struct {
	body        []byte
	contentType string
	etag        string
}

// pages are all files of the web pages, by path.
type pages struct{ files map[string]file }

func readPages(from fs.FS) (*pages, error) {
	p := &pages{files: make(map[string]file)}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		p.files[name] = file{body, contentType(name), `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read pages: %w", err)
	}
	return p, nil
}

// contentType does not ask the operating system, whose tables differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func (a *API) page(c echo.Context) error {
	header := c.Response().Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", "no-referrer") // a share link's address is a secret
	return a.sendFile(c, "index.html")
}

func (a *API) asset(c echo.Context) error {
	return a.sendFile(c, "assets/"+c.Param("*"))
}

func (a *API) sendFile(c echo.Context, name string) error {
	f, ok := a.pages.files[name]
	if !ok {
		return echo.NewHTTPError(http.StatusNotFound, "there is no such page")
	}
	header := c.Response().Header()
	header.Set("Cache-Control", "no-cache") // ask each time; the tag makes it cheap
	header.Set("ETag", f.etag)
	if known := c.Request().Header.Get("If-None-Match"); known == "*" || strings.Contains(known, f.etag) {
		return c.NoContent(http.StatusNotModified)
	}
	header.Set("Content-Length", strconv.Itoa(len(f.body)))
	return c.Blob(http.StatusOK, f.contentType, f.body)
}
