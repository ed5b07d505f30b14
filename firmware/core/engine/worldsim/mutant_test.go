package worldsim

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// edit is a change of a source file.
type edit struct{ file, old, new string }

// mutants are bugs, which have to be found by a rule.
var mutants = []struct {
	name  string
	edits []edit
	rule  rule
	calm  bool
	hours int
}{
	{"the stream comes back during an update", []edit{{"engine/stream.go", "wanted := !s.held && ", "wanted := "}}, exclusive, false, 4},
	{"the server is not stopped", []edit{
		{"engine/broker.go", "{ e.control.Stop(e.now) }", "{}"},
		{"engine/broker.go", "{ return e.control.Stopped() }", "{ return true }"},
	}, quiet, false, 4},
	{"an update does not settle the record", []edit{
		{"update/start.go", "_ = u.log.Settle(u.slot, u.running)", "_ = u.log"},
		{"update/load.go", "u.log.Settle(u.slot, u.running); err != nil", "error(nil); err != nil"},
	}, concluded, true, 4},
	{"a frame that is given up is not ended", []edit{{"streamer/streamer.go", "s.phase = aborting\n\t\treturn", "s.phase = waiting\n\t\treturn"}}, whole, false, 4},
	{"who is sent away never comes back", []edit{{"engine/stream.go", "const awayTime = 5 * minute", "const awayTime = 500 * minute"}}, flowing, false, 24},
	{"the sensor stays off after an update that failed", []edit{{"engine/broker.go", "\t\te.sensor.Start()\n", ""}}, concluded, true, 12},
	{"the hello says too much", []edit{{"engine/report.go", `w.KeyString("sensor", sensorName)`, `w.KeyString("sensor", sensorName+e.key)`}}, private, false, 1},
}

// Worlds find bugs: with each mutant one of them ends early, by the rule that was
// broken.
func TestMutants(t *testing.T) {
	if testing.Short() || slow {
		t.Log("mutants are not compiled")
		return
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"test", "-overlay", overlay(t, m.edits), "-run", "^TestSeed$", ".", "-seed", "3",
				"-hours", strconv.Itoa(m.hours), "-calm=" + strconv.FormatBool(m.calm), "-quiet"}
			out, err := exec.Command("go", args...).CombinedOutput()
			if err == nil {
				t.Fatalf("nothing is found:\n%s", out)
			}
			for line := range strings.SplitSeq(string(out), "\n") {
				if at := strings.Index(line, "seed 3 at "); at >= 0 && strings.Contains(line, " "+string(m.rule)+": ") {
					t.Log(line[at:])
					return
				}
			}
			t.Errorf("not found by the rule %q:\n%s", m.rule, out)
		})
	}
}

// overlay writes changed copies of the sources, and the file that tells the go
// command of them. It returns the name of that.
func overlay(t *testing.T, edits []edit) string {
	t.Helper()
	dir, replace, texts := t.TempDir(), map[string]string{}, map[string]string{}
	for _, e := range edits {
		file, err := filepath.Abs(filepath.Join("../..", e.file))
		if err != nil {
			t.Fatal(err)
		}
		if texts[file] == "" {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(source)
		}
		if strings.Count(texts[file], e.old) != 1 {
			t.Fatalf("%s has not once %q: change the mutant as the source was changed", e.file, e.old)
		}
		texts[file] = strings.Replace(texts[file], e.old, e.new, 1)
		replace[file] = filepath.Join(dir, filepath.Base(file))
	}
	for file, text := range texts {
		if err := os.WriteFile(replace[file], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
