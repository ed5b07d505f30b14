package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"camrelay/internal/testkit"
)

// patience bounds each wait for something that takes a moment on a quiet
// machine, and may take long on a loaded one.
const patience = 30 * time.Second

// process is a program that runs beside the test and ends with it.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	output testkit.Output // of both its outputs
	ended  chan struct{}
	err    error // of its end; only after ended
}

// start runs a program. When the test has failed, its last lines are logged.
func start(t testing.TB, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the end of what %s said:\n%s", p.cmd, tail(p.output.String(), 40))
		}
	})
	return p
}

// kill ends the program at once, as a power cut does.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// signal sends a signal.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%s: %v", p.cmd, err)
	}
}

// stop ends the program as a service manager does, and expects exit status 0.
func (p *process) stop() {
	p.t.Helper()
	select {
	case <-p.ended:
	default:
		p.signal(syscall.SIGTERM)
	}
	if err := p.wait(patience); err != nil {
		p.t.Errorf("%s ended with %v", p.cmd, err)
	}
}

// wait returns how the program ended; it must end by itself.
func (p *process) wait(within time.Duration) error {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(within):
		p.t.Fatalf("%s did not end within %v; it said:\n%s", p.cmd, within, tail(p.output.String(), 40))
		return nil
	}
}

// said waits until the program has said a text.
func (p *process) said(text string) {
	p.t.Helper()
	eventually(p.t, func() bool { return strings.Contains(p.output.String(), text) }, "%s says %q", p.cmd.Args[0], text)
}

// runProgram runs a program to its end and returns what it wrote to its standard
// output; it must succeed.
func runProgram(t testing.TB, within time.Duration, name string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", cmd, err, tail(string(out), 20), tail(stderr.String(), 40))
	}
	return out
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// freeAddr is a loopback address that nobody listens on. Its port is below
// those the kernel gives to outgoing connections: otherwise, while a program
// restarts, somebody's connection could take it.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(18000)))
		if err == nil {
			ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no free port found")
	return ""
}
