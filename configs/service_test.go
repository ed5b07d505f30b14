package configs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"camrelay/internal/testkit"
)

func TestServiceUnit(t *testing.T) {
	keys := map[string][]string{}
	for line := range strings.Lines(string(read(t, "configs/relay.service"))) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '[' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("%q is no setting", line)
		}
		keys[key] = append(keys[key], value)
	}
	for key, want := range map[string]string{
		"Type": "notify", "DynamicUser": "yes", "StateDirectory": "camrelay", "ProtectSystem": "strict",
		"NoNewPrivileges": "yes", "ExecReload": "/bin/kill -HUP $MAINPID", "CapabilityBoundingSet": "",
	} {
		if len(keys[key]) != 1 || keys[key][0] != want {
			t.Errorf("%s is %q, want %q", key, keys[key], want)
		}
	}
	if env := strings.Join(keys["Environment"], " "); !strings.Contains(env, "CAMRELAY_DATA=%S/camrelay") {
		t.Errorf("the relay's state is not in its state directory: %s", env)
	}
}

// TestServiceUnitVerifies asks systemd.
func TestServiceUnitVerifies(t *testing.T) {
	analyze := testkit.Tool(t, "systemd-analyze")
	// It insists on the programs being there.
	text := strings.ReplaceAll(string(read(t, "configs/relay.service")), "/usr/local/bin/relay", testkit.Tool(t, "true"))
	unit := filepath.Join(t.TempDir(), "relay.service")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), "relay.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
