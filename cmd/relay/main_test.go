package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"camrelay/internal/store"
	"camrelay/internal/testkit"
)

// runHere runs the relay in this process.
func runHere(args ...string) (code int, stdout, stderr string) {
	var out, errs testkit.Output
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string // parts of it
	}{
		{"--help", 0, "relay [serve]", ""},
		{"-h", 0, "relay [serve]", ""},
		{"help", 0, "relay healthcheck", ""},
		{"serve --help", 0, "", "-config file"},
		{"check --help", 0, "", "-show"},
		{"version", 0, "dev", ""},
		{"version now", 2, "", "no arguments"},
		{"swerve", 2, "", `no command "swerve"`},
		{"--swerve", 2, "", "-swerve"},
		{"serve now", 2, "", `"now" is not a flag`},
		{"check --listen", 2, "", "needs an argument"},
		{"check --listen nowhere", 1, "", `listen: "nowhere" is not an address`},
		{"check --set limits.max_fps=0", 1, "", "limits.max_fps"},
		{"check --set limits.max_fsp=9", 1, "", `did you mean "limits.max_fps"?`},
		{"check --set nonsense", 1, "", "nonsense"},
		{"check --config /nowhere/relay.yaml", 1, "", "/nowhere/relay.yaml"},
		{"check --lab --lab=maybe", 1, "", "maybe"},
		{"check", 0, "declares 0 cameras", ""},
		{"token", 1, "", "--name is missing"},
		{"token --name x --role root", 1, "", "viewer or admin"},
		{"healthcheck --listen 127.0.0.1:1", 1, "", "refused"},
		{"healthcheck --timeout soon", 2, "", "soon"},
	} {
		code, stdout, stderr := runHere(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("relay %s: status %d\n%s\n%s\nwant status %d, %q, %q", c.args, code, stdout, stderr, c.code, c.stdout, c.stderr)
		}
		if c.code == 0 && !strings.Contains(c.args, "help") && stderr != "" {
			t.Errorf("relay %s complains: %s", c.args, stderr)
		}
	}
}

// TestOrderOfSources: file, environment, --set and flags, later ones winning.
func TestOrderOfSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	write(t, file, "name: from-file\nlimits: {max_fps: 11, cameras: 5}\n")
	t.Setenv("CAMRELAY_LIMITS_MAX_FPS", "22")
	t.Setenv("CAMRELAY_CONFIG", file)
	show := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := runHere(append([]string{"check", "--show"}, args...)...)
		if code != 0 {
			t.Fatal(stderr)
		}
		return stdout
	}
	for _, want := range []string{"name: from-file", "max_fps: 22", "cameras: 5"} {
		if got := show(); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := show("--set", "limits.max_fps=33", "--listen", ":1", "--listen", ":2"); !strings.Contains(got, "max_fps: 33") || !strings.Contains(got, `listen: :2`) {
		t.Errorf("flags do not win:\n%s", got)
	}
}

// TestAllErrorsAreTold: and nothing is started or made.
func TestAllErrorsAreTold(t *testing.T) {
	dir := t.TempDir()
	file, data := filepath.Join(dir, "relay.yaml"), filepath.Join(dir, "data")
	write(t, file, "lisen: x\nlimits:\n  max_fps: many\n  idle: 5\ncameras:\n  - id: Door\n  - id: yard\n    url: ftp://x\n")
	for _, command := range []string{"serve", "check", "healthcheck", "token"} {
		args := []string{command, "--config", file, "--data", data}
		if command == "token" {
			args = append(args, "--name", "x")
		}
		code, stdout, stderr := runHere(args...)
		if code != 1 || stdout != "" {
			t.Errorf("%s: status %d, %q", command, code, stdout)
		}
		for _, want := range []string{"relay.yaml:1", `did you mean "listen"`, "relay.yaml:3", "relay.yaml:4", "relay.yaml:6", "relay.yaml:8"} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: no %q in\n%s", command, want, stderr)
			}
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a data directory was made")
	}
}

func TestCheckHidesSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	write(t, file, `
mqtt: {url: "mqtt://user:mqtt-secret@broker:1883"}
cameras:
  - {id: door, key: a-secret-key-of-mine}
  - {id: yard, url: "http://admin:url-secret@192.0.2.1/s?user=admin&pwd=query-secret", control_url: "http://192.0.2.1/?token=control-secret"}
`)
	code, stdout, stderr := runHere("check", "--show", "--config", file)
	if code != 0 || !strings.Contains(stdout, "id: door") || !strings.Contains(stdout, "user=admin") {
		t.Errorf("status %d\n%s\n%s", code, stdout, stderr)
	}
	for _, secret := range []string{"mqtt-secret", "a-secret-key", "url-secret", "query-secret", "control-secret"} {
		if strings.Contains(stdout+stderr, secret) {
			t.Errorf("%s is shown:\n%s", secret, stdout)
		}
	}
	if !strings.Contains(stdout, "warning: ") { // the key is in plain text
		t.Errorf("no warning in\n%s", stdout)
	}
}

func TestCheckReadsCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := testkit.Certificate(t, dir, 1)
	if code, _, stderr := runHere("check", "--set", "tls.cert="+cert, "--set", "tls.key="+key); code != 0 {
		t.Error(stderr)
	}
	write(t, key, "nonsense")
	if code, _, stderr := runHere("check", "--set", "tls.cert="+cert, "--set", "tls.key="+key); code != 1 || !strings.Contains(stderr, key) {
		t.Errorf("status %d: %s", code, stderr)
	}
}

func TestToken(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	code, stdout, stderr := runHere("token", "--data", data, "--name", "way back in")
	if code != 0 || !regexp.MustCompile(`^crt_[a-z2-7]{32}\n$`).MatchString(stdout) || !strings.Contains(stderr, "first admin token") {
		t.Fatalf("status %d, %q, %q", code, stdout, stderr)
	}
	code, viewer, stderr := runHere("token", "--data", data, "--name", "tablet", "--role", "viewer")
	if code != 0 || stderr != "" {
		t.Fatalf("status %d, %q", code, stderr)
	}
	st, _, err := store.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := st.Tokens(); len(got) != 3 || got[1].Name != "way back in" || got[2].Role.String() != "viewer" {
		t.Errorf("tokens are %+v", got)
	}
	if code, _, stderr := runHere("token", "--data", data, "--name", "x"); code != 1 || !strings.Contains(stderr, "in use by another relay") {
		t.Errorf("while a relay runs: status %d, %s", code, stderr)
	}
	st.Close()

	p := launch(t, nil, arguments(data)...)
	if a := ask(t, p.serving()+"/api/v1/cameras", strings.TrimSpace(viewer)); a != http.StatusOK {
		t.Errorf("the token is answered %d", a)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
