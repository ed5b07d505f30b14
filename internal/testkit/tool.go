package testkit

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Tool returns the absolute path of a program, or ends the test and says what
// to install.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		t.Fatalf("this test needs %s: apt-get install %s", name, debianPackage(name))
	}
	return path
}

// debianPackage names the package that holds a program, where the names
// differ.
func debianPackage(tool string) string {
	packages := map[string]string{
		"cvlc": "vlc-bin", "ffprobe": "ffmpeg", "mosquitto_pub": "mosquitto-clients",
		"mosquitto_sub": "mosquitto-clients", "node": "nodejs",
	}
	if name, ok := packages[tool]; ok {
		return name
	}
	return tool
}
