package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"camrelay/internal/jpeg"
	"camrelay/internal/testkit"
	"camrelay/internal/wire"
)

func TestFlagErrors(t *testing.T) {
	t.Setenv("VCAM_KEY", "")
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for args, want := range map[string]string{
		"":                                      "--key",
		"--bogus":                               "bogus",
		"--key k door":                          "door",
		"--key k --fps 0":                       "--fps 0",
		"--key k --fps 61":                      "--fps 61",
		"--key k --size HUGE":                   "VGA",
		"--key k --quality 3":                   "4 to 63",
		"--key k --fragment -1":                 "--fragment -1",
		"--key k --cameras 1000":                "--cameras 1000",
		"--key long-enough --id A":              "A",
		"--key k --relay http//x":               "ws://",
		"--key k --fault boom":                  "boom",
		"--key short":                           "8 to 128",
		"--key long-enough --mqtt http://x":     "mqtt://",
		"--key long-enough --scheme digest":     "bearer",
		"--key long-enough --port 70000":        "--port 70000",
		"--key long-enough --build 0":           "--build 0",
		"--key long-enough --firmware A/B":      "--firmware",
		"--key long-enough --ring /nonexistent": "/nonexistent",
		"--key long-enough --fps 9 --size 5K":   "5K",
		"firmware":                              "--out",
		"firmware --out x --behaviour odd":      "odd",
		"firmware --out x --size 1":             "--size 1",
		"firmware --out x y":                    "y",
		"--key k --replay /nonexistent":         "/nonexistent",
		"--key k --ca /nonexistent":             "/nonexistent",
		"--key k --ca " + file("ca.pem", "x"):   "ca.pem",
		"--key k --key-file /nonexistent":       "one of them",
		"--key-file /nonexistent":               "/nonexistent",
		"--key-file " + file("keys", "a b c\n"): "line 1",
		"--cameras 2 --id door --key-file " + file("keys", "door-1 long-enough"): "door-2",
	} {
		var stderr bytes.Buffer
		if code := run(strings.Fields(args), &stderr); code != exitUsage {
			t.Errorf("%q: exit code %d", args, code)
		}
		said := stderr.String()
		if !strings.HasPrefix(said, "vcam: ") || strings.Count(said, "\n") != 1 || !strings.Contains(said, want) {
			t.Errorf("%q: said %q, want one line with %q", args, said, want)
		}
	}
	var help bytes.Buffer
	if code := run([]string{"--help"}, &help); code != exitOK || !strings.Contains(help.String(), "--esp-idf") {
		t.Errorf("--help: exit code %d, %q", code, help.String())
	}
}

func TestConfigs(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keyFile, []byte("# keys\ndoor-2 door-two\nall-of-them\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options{
		relay: "ws://127.0.0.1:8080", id: "door", cameras: 3, size: "svga", fps: 9, quality: 20, keyFile: keyFile, firmware: "1.0.0", build: 1,
		flash: t.TempDir(), port: 9000, given: map[string]bool{"size": true},
	}
	logger := slog.New(slog.DiscardHandler)
	pushers, err := o.pushers(logger)
	if err != nil || len(pushers) != 3 {
		t.Fatalf("got %d cameras, %v", len(pushers), err)
	}
	cameras, err := o.firmwares(logger)
	if err != nil || len(cameras) != 3 {
		t.Fatalf("got %d cameras, %v", len(cameras), err)
	}
	for i, want := range []struct{ id, key string }{{"door-1", "all-of-them"}, {"door-2", "door-two"}, {"door-3", "all-of-them"}} {
		v := cameras[i]
		if v.ID != want.id || v.Key != want.key || int(v.Number) != i+1 || v.Port != 9000+i || filepath.Base(v.Flash) != want.id+".flash" || v.Settings["quality"] != 20 {
			t.Errorf("camera %d: %+v", i, v)
		}
		c := pushers[i]
		size, _ := c.Settings.FrameSize()
		if c.ID != want.id || c.Key != want.key || int(c.Number) != i+1 || c.Fragment != -1 ||
			size.Name != "SVGA" || c.Settings["fps"] != 9 || c.Settings["quality"] != 20 {
			t.Errorf("camera %d: %+v", i, c)
		}
	}
}

// The program itself: several cameras push, and SIGTERM ends it cleanly.
func TestProgram(t *testing.T) {
	testkit.Leaks(t)
	program := filepath.Join(t.TempDir(), "vcam")
	if out, err := exec.Command(testkit.Tool(t, "go"), "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	frames, ends := make(chan string, 100), make(chan error, 2)
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{Subprotocols: []string{wire.CameraProtocol}}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		for {
			kind, body, err := ws.ReadMessage()
			if err != nil {
				ends <- err
				return
			}
			if _, err := jpeg.Scan(body); kind == websocket.BinaryMessage && err == nil {
				select {
				case frames <- r.URL.Path + " " + r.Header.Get("Authorization"):
				default:
				}
			}
		}
	}))
	defer relay.Close()

	var stderr bytes.Buffer
	cmd := exec.Command(program, "--relay", relay.URL, "--id", "door", "--cameras", "2", "--size", "QVGA")
	cmd.Env = append(os.Environ(), "VCAM_KEY=a-secret")
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	seen := map[string]bool{}
	for deadline := time.After(10 * time.Second); len(seen) < 2; {
		select {
		case from := <-frames:
			seen[from] = true
		case <-deadline:
			t.Fatalf("frames came from %v only", seen)
		}
	}
	if !seen["/ws/push/door-1 Bearer a-secret"] || !seen["/ws/push/door-2 Bearer a-secret"] {
		t.Errorf("frames came from %v", seen)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		<-ends // as when the power is cut
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("vcam ended with %v", err)
	}
	if said := stderr.String(); strings.Contains(said, "secret") || !strings.Contains(said, "camera=door-2") {
		t.Errorf("log:\n%s", said)
	}
}
