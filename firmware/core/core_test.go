package core

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"camrelay/firmware/core/boot"
	"camrelay/firmware/core/image"
)

// onHosts are the packages that a camera does not have.
var onHosts = map[string]bool{"flash/norsim": true, "haltest": true, "ov2640/ovsim": true, "engine/worldsim": true}

// allowed is all of the standard library that the camera's packages import:
// what is listed here has been looked at for size and reflection.
var allowed = map[string]bool{"math/bits": true, "sync/atomic": true, "unicode/utf8": true}

// The camera's packages import nothing but each other and what is allowed, and
// start no goroutines.
func TestWhatACameraHas(t *testing.T) {
	packages := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && onHosts[path]:
			return fs.SkipDir
		case d.IsDir():
			packages++
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			name := strings.Trim(i.Path.Value, `"`)
			own, ok := strings.CutPrefix(name, "camrelay/firmware/core/")
			if ok && !onHosts[own] || allowed[name] {
				continue
			}
			t.Errorf("%s imports %s", path, name)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s starts a goroutine", path)
			}
			return true
		})
		return nil
	})
	if err != nil || packages < 8 {
		t.Errorf("%d packages: %v", packages, err)
	}
}

// docs/firmware.md has every reason for which an image is refused, and every
// place in the flash.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/firmware.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for r := image.Short; r.Code() != "unknown"; r++ {
		want = append(want, "`"+r.Code()+"`")
	}
	for _, off := range []int{boot.SelectorOffset, boot.FactoryOffset, boot.RecordsOffset, boot.SettingsOffset, boot.StateOffset, boot.NotesOffset,
		boot.SlotAOffset, boot.SlotBOffset, boot.SpareOffset} {
		want = append(want, fmt.Sprintf("| 0x%06x |", off))
	}
	for _, w := range want {
		if !strings.Contains(string(page), w) {
			t.Errorf("docs/firmware.md does not have %s", w)
		}
	}
}

// TestTinyGo compiles the packages for the camera where TinyGo is installed;
// the firmware's own build needs it anyway.
func TestTinyGo(t *testing.T) {
	tinygo, err := exec.LookPath("tinygo")
	if err != nil {
		t.Log("tinygo is not installed; nothing was compiled")
		return
	}
	out, err := exec.Command(tinygo, "build", "-target=esp32-generic", "-o", filepath.Join(t.TempDir(), "probe.bin"), "./internal/probe").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
