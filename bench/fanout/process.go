package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a server under measurement.
type process struct {
	cmd  *exec.Cmd
	addr string
}

// start runs a server and waits until it takes connections.
func start(addr, name string, args ...string) (*process, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	for range 100 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return &process{cmd, addr}, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	cmd.Process.Kill()
	return nil, fmt.Errorf("%s does not listen on %s", name, addr)
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	time.AfterFunc(5*time.Second, func() { p.cmd.Process.Kill() })
	p.cmd.Wait()
}

// cpu is the process's CPU time so far, by its CPU clock
// (clock_getcpuclockid(3)).
func (p *process) cpu() (time.Duration, error) {
	const sched = 2
	clock := int32(^p.cmd.Process.Pid<<3 | sched)
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

// rss is the process's resident memory in bytes.
func (p *process) rss() (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("no VmRSS for process %d", p.cmd.Process.Pid)
	}
	kb, err := strconv.Atoi(fields[0])
	return kb << 10, err
}
