package load

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

// Process is a server under measurement.
type Process struct {
	cmd  *exec.Cmd
	addr string
}

// Start runs a server and waits until it takes connections.
func Start(addr, name string, args ...string) (*Process, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not to be left behind
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	for range 100 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return &Process{cmd, addr}, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	cmd.Process.Kill()
	return nil, fmt.Errorf("%s does not listen on %s", name, addr)
}

// Stop ends the server.
func (p *Process) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	time.AfterFunc(5*time.Second, func() { p.cmd.Process.Kill() })
	p.cmd.Wait()
}

// CPU is the process's CPU time so far, by its CPU clock
// (clock_getcpuclockid(3)).
func (p *Process) CPU() (time.Duration, error) {
	const sched = 2
	clock := int32(^p.cmd.Process.Pid<<3 | sched)
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

// RSS is the process's resident memory in bytes.
func (p *Process) RSS() (int, error) {
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

// FreeAddr is a loopback address that nobody listens on.
func FreeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
