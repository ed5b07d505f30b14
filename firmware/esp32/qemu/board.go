package main

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// board is an emulated one.
type board struct {
	emulator, flash string
	command         *exec.Cmd
	input           io.WriteCloser
	lines           chan string
	last            []string
}

// start switches it on.
func (b *board) start() error {
	b.command = exec.Command(b.emulator, "-machine", "esp32", "-nographic", "-serial", "mon:stdio", "-drive", "file="+b.flash+",if=mtd,format=raw")
	var err error
	if b.input, err = b.command.StdinPipe(); err != nil {
		return err
	}
	output, err := b.command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := b.command.Start(); err != nil {
		return fmt.Errorf("start the emulator: %w", err)
	}
	lines := make(chan string, 1000)
	b.lines = lines
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(output); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return nil
}

// stop cuts the power.
func (b *board) stop() error {
	if b.command == nil {
		return nil
	}
	_ = b.command.Process.Kill()
	for range b.lines {
	}
	_ = b.command.Wait()
	b.command = nil
	return nil
}

func (b *board) send(command string) { _, _ = io.WriteString(b.input, command+"\n") }

// answer waits for a line of the console.
func (b *board) answer(patience time.Duration) (string, error) {
	late := time.After(patience)
	for {
		select {
		case line, ok := <-b.lines:
			if !ok {
				return "", fmt.Errorf("the emulator has ended")
			}
			line = strings.TrimSpace(line)
			b.last = append(b.last, line)
			if strings.HasPrefix(line, "ok") || strings.HasPrefix(line, "error") {
				return line, nil
			}
		case <-late:
			return "", fmt.Errorf("no answer within %v", patience)
		}
	}
}

// tell gives commands, all of which must succeed.
func (b *board) tell(commands ...string) error {
	for _, c := range commands {
		b.send(c)
		line, err := b.answer(120 * time.Second)
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		if !strings.HasPrefix(line, "ok") {
			return fmt.Errorf("%s: %s", c, line)
		}
	}
	return nil
}

// tail is what was said last.
func (b *board) tail() string { return strings.Join(b.last[max(0, len(b.last)-20):], "\n") }
