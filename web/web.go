// Package web holds the pages of the relay: plain HTML, CSS and ES modules, embedded as they are.
package web

import (
	"embed"
	"io/fs"
)

//go:embed index.html assets
var files embed.FS

// Files returns the pages: index.html, which answers every page address (/, /cameras/{id}, /login, /add, /updates, /settings), and the directory
// assets, to be served below /assets/.
func Files() fs.FS { return files }
