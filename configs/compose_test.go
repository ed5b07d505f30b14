// Package configs_test keeps the files that run the relay elsewhere honest:
// they are read, checked against each other and the code, and, as far as that
// needs no container, run.
package configs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"camrelay/internal/config"
)

// root is the repository.
const root = ".."

// service is what the tests look at in docker-compose.yml.
type service struct {
	Image       string            `yaml:"image"`
	Build       *build            `yaml:"build"`
	Entrypoint  []string          `yaml:"entrypoint"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Profiles    []string          `yaml:"profiles"`
	ReadOnly    bool              `yaml:"read_only"`
	CapDrop     []string          `yaml:"cap_drop"`
	DependsOn   yaml.Node         `yaml:"depends_on"`
	Healthcheck struct {
		Test    []string `yaml:"test"`
		Disable bool     `yaml:"disable"`
	} `yaml:"healthcheck"`
}

type build struct {
	Context string            `yaml:"context"`
	Args    map[string]string `yaml:"args"`
}

type composeFile struct {
	Version  string               `yaml:"version"`
	Services map[string]service   `yaml:"services"`
	Volumes  map[string]yaml.Node `yaml:"volumes"`
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode reads YAML and fails on duplicate keys and bad syntax.
func decode(t testing.TB, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readCompose(t testing.TB) composeFile {
	t.Helper()
	var c composeFile
	decode(t, "docker-compose.yml", &c)
	return c
}

func TestComposeServices(t *testing.T) {
	c := readCompose(t)
	if c.Version != "" {
		t.Error("version: is obsolete")
	}
	var started, monitoring []string
	for name, s := range c.Services {
		if slices.Equal(s.Profiles, []string{"monitoring"}) {
			monitoring = append(monitoring, name)
		} else {
			started = append(started, name)
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("%s is not hardened", name)
		}
		if strings.HasSuffix(s.Image, ":latest") || !strings.Contains(s.Image, ":") && s.Image != "camrelay" {
			t.Errorf("%s: image %q may be another one tomorrow", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, declared := c.Volumes[source]; strings.HasPrefix(source, ".") {
				read := filepath.Join(root, source)
				if _, err := os.Stat(read); err != nil || !strings.HasSuffix(v, ":ro") {
					t.Errorf("%s: volume %s: %v", name, v, err)
				}
			} else if !declared {
				t.Errorf("%s: volume %s is not declared", name, source)
			}
		}
		var depends struct{ names []string }
		if s.DependsOn.Kind == yaml.MappingNode {
			for i := 0; i < len(s.DependsOn.Content); i += 2 {
				depends.names = append(depends.names, s.DependsOn.Content[i].Value)
			}
		} else if err := s.DependsOn.Decode(&depends.names); err != nil && s.DependsOn.Kind != 0 {
			t.Errorf("%s: depends_on: %v", name, err)
		}
		for _, other := range depends.names {
			if _, ok := c.Services[other]; !ok {
				t.Errorf("%s depends on %s, which does not exist", name, other)
			}
		}
	}
	slices.Sort(started)
	slices.Sort(monitoring)
	if want := []string{"camera-door", "camera-yard", "firmware", "lab", "mosquitto", "relay"}; !slices.Equal(started, want) {
		t.Errorf("starts %q, want %q", started, want)
	}
	if want := []string{"grafana", "prometheus"}; !slices.Equal(monitoring, want) {
		t.Errorf("profile monitoring starts %q, want %q", monitoring, want)
	}
}

func TestComposeRelay(t *testing.T) {
	services := readCompose(t).Services
	relay := services["relay"]
	var environ []string
	for name, value := range relay.Environment {
		environ = append(environ, name+"="+value)
	}
	cfg, err := config.Sources{Environ: environ}.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Warnings) > 0 {
		t.Errorf("warnings: %q", cfg.Warnings)
	}
	if !cfg.Lab || cfg.Listen != ":8080" || cfg.MQTT.URL != "mqtt://mosquitto:1883" || cfg.MQTT.Listen != "" {
		t.Errorf("the relay has listen %q, lab %v, mqtt %q %q", cfg.Listen, cfg.Lab, cfg.MQTT.URL, cfg.MQTT.Listen)
	}
	if first := services["lab"]; first.Build == nil || first.Build.Context != "." || first.Image != relay.Image {
		t.Error("the relay is not built from here")
	}
	if !slices.Contains(relay.Volumes, "data:/data") || !strings.Contains(string(read(t, "Dockerfile")), "CAMRELAY_DATA=/data") {
		t.Error("the relay's state is not in a volume")
	}
}

// TestDockerfile checks what Docker would only say in a build.
func TestDockerfile(t *testing.T) {
	text := string(read(t, "Dockerfile"))
	for _, want := range []string{
		"CGO_ENABLED=0", "-trimpath", "-X main.version=$VERSION", "--mount=type=cache,target=/go/pkg/mod",
		"USER 65532:65532", "HEALTHCHECK", `"/usr/local/bin/relay", "healthcheck"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
	var gomod = string(read(t, "go.mod"))
	goVersion := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(gomod)[1]
	if !strings.Contains(text, "golang:"+goVersion+" ") {
		t.Errorf("it does not build with Go %s, which go.mod wants", goVersion)
	}
	if !strings.Contains(string(read(t, "cmd/relay/main.go")), "var version string") {
		t.Error("cmd/relay has no variable version for the build to set")
	}
}

// TestDockerContext checks that .dockerignore leaves in what the image is built
// from.
func TestDockerContext(t *testing.T) {
	var ignored []string
	for line := range strings.Lines(string(read(t, ".dockerignore"))) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			ignored = append(ignored, line)
		}
	}
	if !slices.Contains(ignored, ".*") || !slices.Contains(ignored, "data") {
		t.Error(".git or the relay's state is sent to the builder")
	}
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,Module,GoFiles,EmbedFiles", "./cmd/relay", "./cmd/vcam")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"go.mod", "go.sum"}
	for list := json.NewDecoder(strings.NewReader(string(out))); list.More(); {
		var p struct {
			Dir                 string
			Module              *struct{ Main bool }
			GoFiles, EmbedFiles []string
		}
		if err := list.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, f := range append(p.GoFiles, p.EmbedFiles...) {
			rel, err := filepath.Rel(here, filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, rel)
		}
	}
	if len(files) < 50 {
		t.Fatalf("go list finds %d files", len(files))
	}
	for _, f := range files {
		if p := matchIgnored(t, ignored, f); p != "" {
			t.Errorf("%s is needed, but %s is ignored", f, p)
		}
	}
}

// matchIgnored says which pattern keeps a file out: patterns begin at the root,
// **/ is any number of directories, and a directory takes all in it along.
func matchIgnored(t *testing.T, patterns []string, file string) string {
	t.Helper()
	parts := strings.Split(file, "/")
	for _, pattern := range patterns {
		deep, any := strings.CutPrefix(pattern, "**/")
		for i := range parts {
			name := strings.Join(parts[:i+1], "/")
			if any {
				name = parts[i]
			}
			hit, err := filepath.Match(deep, name)
			if err != nil {
				t.Fatalf("%s: %v", pattern, err)
			}
			if hit {
				return pattern
			}
		}
	}
	return ""
}

func TestMatchIgnored(t *testing.T) {
	patterns := []string{".*", "data", "**/*_test.go"}
	for file, want := range map[string]string{
		"data/x": "data", "internal/data/x.go": "", ".git/config": ".*", "a/b_test.go": "**/*_test.go", "b_test.go": "**/*_test.go", "a/b.go": "",
	} {
		if got := matchIgnored(t, patterns, file); got != want {
			t.Errorf("%s is kept out by %q, want %q", file, got, want)
		}
	}
}
