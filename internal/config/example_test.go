package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const exampleFile = "../../configs/relay.yaml"

// uncommented takes away the "#" of keys; prose has exactly one space after it.
func uncommented(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^( *)#( {2}|[^ \n])`).ReplaceAll(text, []byte("$1$2"))
}

func parseExample(t *testing.T, text []byte) *Config {
	t.Helper()
	r := newReader([]string{"GATE_KEY=correct horse battery"})
	r.file("relay.yaml", text)
	c, err := r.finish()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExampleIsDefault(t *testing.T) {
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := parseExample(t, text); !reflect.DeepEqual(got, Default()) {
		t.Errorf("the file as it is gives\n%+v\nwant the defaults\n%+v", got, Default())
	}
	got := parseExample(t, uncommented(t))
	if ids := []string{"door", "gate", "yard"}; len(got.Cameras) != len(ids) {
		t.Errorf("got %d example cameras, want %v", len(got.Cameras), ids)
	}
	got.Cameras, got.Name = nil, Default().Name
	if !reflect.DeepEqual(got, Default()) {
		t.Errorf("the file without \"#\" gives\n%+v\nwant the defaults\n%+v", got, Default())
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	var doc map[string]any
	if err := yaml.Unmarshal(uncommented(t), &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range Keys() {
		node, ok := any(doc), true
		for name := range strings.SplitSeq(key, ".") {
			var m map[string]any
			if m, ok = node.(map[string]any); ok {
				node, ok = m[name]
			}
			if !ok {
				t.Errorf("key %s is not in configs/relay.yaml", key)
				break
			}
		}
	}
	seen := map[string]bool{}
	for _, c := range doc["cameras"].([]any) {
		for name := range c.(map[string]any) {
			seen[name] = true
		}
	}
	for _, name := range fieldNames(reflect.TypeFor[Camera]()) {
		if !seen[name] {
			t.Errorf("key cameras[].%s is not in configs/relay.yaml", name)
		}
	}
}

// The comment above a key must say "(restart)" exactly if a change needs one.
func TestExampleMarksRestart(t *testing.T) {
	lines := strings.Split(string(uncommented(t)), "\n")
	walk(reflect.ValueOf(Config{}), "", func(key string, _ reflect.Value, f reflect.StructField) {
		if key == "cameras" {
			return
		}
		at := lineOf(t, lines, key)
		comment := ""
		for i := at - 1; i >= 0 && strings.HasPrefix(strings.TrimSpace(lines[i]), "# "); i-- {
			comment = lines[i] + comment
		}
		if comment == "" {
			t.Errorf("%s has no comment", key)
		}
		if got, want := strings.Contains(comment, "(restart)"), f.Tag.Get("reload") == "restart"; got != want {
			t.Errorf("%s: comment says restart: %v, tag says: %v", key, got, want)
		}
	})
}

// lineOf finds a key by its path.
func lineOf(t *testing.T, lines []string, key string) int {
	t.Helper()
	at := 0
	for depth, name := range strings.Split(key, ".") {
		prefix := strings.Repeat("  ", depth) + name + ":"
		for at < len(lines) && !strings.HasPrefix(lines[at], prefix) {
			at++
		}
	}
	if at == len(lines) {
		t.Fatalf("no line of %s", key)
	}
	return at
}
