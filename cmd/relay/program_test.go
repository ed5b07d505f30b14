package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"camrelay/internal/testkit"
)

// programFile is the built relay, "" until it is needed.
var programFile = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "relay-test")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "relay")
	out, err := exec.Command("go", "build", "-ldflags", "-X main.version=1.2.3-test", "-o", name, ".").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return name, nil
})

func TestMain(m *testing.M) {
	for _, pair := range os.Environ() { // what is set around the tests is not theirs
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "CAMRELAY_") || name == "NOTIFY_SOCKET" {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if name, err := programFile(); err == nil {
			os.RemoveAll(filepath.Dir(name))
		}
		os.Exit(code)
	}))
}

// program is the relay as users run it.
type program struct {
	*exec.Cmd
	t              *testing.T
	stdout, stderr testkit.Output
	ended          chan struct{}
}

// launch runs the built relay until the test ends.
func launch(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	name, err := programFile()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Cmd: exec.Command(name, args...), t: t, ended: make(chan struct{})}
	p.Env = append(os.Environ(), env...)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.ended
		if s := p.stderr.String(); strings.Contains(s, "DATA RACE") || strings.Contains(s, "panic") {
			t.Errorf("the relay says:\n%s", s)
		}
	})
	return p
}

var opened = regexp.MustCompile(`open (https?://\S+)/\n`)

// serving waits until the relay has said its address, and returns that.
func (p *program) serving() (base string) {
	p.t.Helper()
	testkit.Eventually(p.t, 20*time.Second, func() bool {
		select {
		case <-p.ended:
			p.t.Fatalf("the relay ended: %s", p.stderr.String())
		default:
		}
		return opened.MatchString(p.stdout.String())
	}, "the relay has started")
	return opened.FindStringSubmatch(p.stdout.String())[1]
}

// wantExit waits until the relay ends.
func (p *program) wantExit(within time.Duration, code int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.t.Fatalf("the relay runs on after %v; it says\n%s", within, p.stderr.String())
	}
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("exit status %d (%v), want %d; it says\n%s", got, p.ProcessState, code, p.stderr.String())
	}
}

// says waits until the relay has logged something.
func (p *program) says(what string) {
	p.t.Helper()
	testkit.Eventually(p.t, 10*time.Second, func() bool { return strings.Contains(p.stderr.String(), what) }, "the relay says %q", what)
}

// arguments are those of a relay that gets in nobody's way.
func arguments(data string, more ...string) []string {
	return append([]string{"--listen", "127.0.0.1:0", "--mqtt-listen", "", "--data", data}, more...)
}
