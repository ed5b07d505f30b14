// Slim prepares the build of the camera: it copies lneto to a directory, with a
// logger that does nothing in place of log/slog, and writes a go.mod that uses the
// copy. The camera never logs through lneto, but TinyGo cannot know, and keeps
// slog, fmt, encoding/json and Unicode's tables: 120 KB of flash and 13 KB of
// memory.
//
//	go run ./cmd/slim build
//	GOFLAGS=-modfile=build/go.mod tinygo build …
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const module = "github.com/soypat/lneto"

// quiet stands in for log/slog.
//
//go:embed quiet.go.txt
var quiet []byte

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: slim DIRECTORY, which is below that of go.mod")
		os.Exit(2)
	}
	if err := run(filepath.Clean(os.Args[1])); err != nil {
		fmt.Fprintln(os.Stderr, "slim:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	if filepath.IsAbs(dir) || strings.HasPrefix(dir, "..") {
		return fmt.Errorf("directory %s is not below that of go.mod", dir)
	}
	if err := exec.Command("go", "mod", "download", module).Run(); err != nil {
		return fmt.Errorf("download %s: %w", module, err)
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return fmt.Errorf("find %s: %w", module, err)
	}
	into := filepath.Join(dir, "lneto")
	if err := os.RemoveAll(into); err != nil {
		return err
	}
	if err := copyModule(strings.TrimSpace(string(out)), into); err != nil {
		return fmt.Errorf("copy %s: %w", module, err)
	}
	return writeModFile(dir)
}

// unneeded are parts of lneto that are for other programs.
var unneeded = []string{"examples", "testdata", "internal/ltesto", "internal/benchci", "x/nts", "x/rawsock"}

func copyModule(from, into string) error {
	if err := write(filepath.Join(into, "internal/quiet/quiet.go"), quiet); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(unneeded, filepath.ToSlash(name)):
			return filepath.SkipDir
		case d.IsDir(), strings.HasSuffix(name, "_test.go"), !strings.HasSuffix(name, ".go") && name != "go.mod" && name != "LICENSE":
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content = bytes.ReplaceAll(content, []byte(`"log/slog"`), []byte(`slog "`+module+`/internal/quiet"`))
		return write(filepath.Join(into, name), content)
	})
}

func write(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	if strings.HasSuffix(name, ".go") {
		var err error
		if content, err = format.Source(content); err != nil {
			return fmt.Errorf("format %s: %w", name, err)
		}
	}
	return os.WriteFile(name, content, 0o666)
}

// writeModFile copies go.mod and go.sum, with a replacement more.
func writeModFile(dir string) error {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		return err
	}
	mod = fmt.Appendf(mod, "\nreplace %s => ./%s\n", module, filepath.ToSlash(filepath.Join(dir, "lneto")))
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		return err
	}
	if err := write(filepath.Join(dir, "go.mod"), mod); err != nil {
		return err
	}
	return write(filepath.Join(dir, "go.sum"), sum)
}
