package durable

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	for _, content := range []string{"one", "another", ""} {
		if err := Replace(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != content {
			t.Errorf("%q, %v", b, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := Replace(filepath.Join(name, "x"), nil, 0o600); err == nil {
		t.Error("a file is a directory")
	}
	// What cannot take the name leaves the old content.
	if err := os.Mkdir(name+"d", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(name+"d", nil, 0o600); err == nil {
		t.Error("a directory was replaced")
	}
}
