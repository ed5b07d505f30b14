// Qemu runs the console of the firmware in an emulator and checks what it says:
// starts from both slots, a trial and its confirmation, the way back from an
// image that hangs, the flash, and power cuts in the middle of updates.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// flashSize is that of the emulated chip: the emulator takes whole ones only.
const flashSize = 4 << 20

func main() {
	emulator := flag.String("qemu", "", "the emulator's `path`")
	factory := flag.String("factory", "", "factory `file` of the console")
	cuts := flag.Int("cuts", 50, "how often to cut the power")
	flag.Parse()
	if err := run(*emulator, *factory, *cuts); err != nil {
		fmt.Fprintln(os.Stderr, "qemu:", err)
		os.Exit(1)
	}
}

func run(emulator, factory string, cuts int) error {
	dir, err := os.MkdirTemp("", "qemu")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	content, err := os.ReadFile(factory)
	if err != nil {
		return err
	}
	for len(content) < flashSize {
		content = append(content, 0xff)
	}
	b := &board{emulator: emulator, flash: filepath.Join(dir, "flash.bin")}
	if err := os.WriteFile(b.flash, content, 0o600); err != nil {
		return err
	}
	for _, test := range []struct {
		name string
		run  func(*board) error
	}{
		{"starts from slot A", startsFromA},
		{"the flash erases, programs and reads", flashWorks},
		{"an update is tried in slot B and confirmed", confirmed},
		{"an image that hangs is left after three trials", hangs},
		{"the power is cut in the middle of updates", func(b *board) error { return powerCuts(b, cuts) }},
	} {
		began := time.Now()
		if err := test.run(b); err != nil {
			return fmt.Errorf("%s: %w\n%s", test.name, err, b.tail())
		}
		fmt.Printf("ok    %s (%.0f s)\n", test.name, time.Since(began).Seconds())
	}
	return b.stop()
}

// booted waits for the console and wants its first line to have all of these.
func booted(b *board, want ...string) error {
	line, err := b.answer(60 * time.Second)
	if err != nil {
		return err
	}
	for _, w := range want {
		if !strings.Contains(line, w) {
			return fmt.Errorf("the console says %q, without %q", line, w)
		}
	}
	return nil
}

func startsFromA(b *board) error {
	if err := b.start(); err != nil {
		return err
	}
	return booted(b, "slot A")
}

func flashWorks(b *board) error { return b.tell("flash") }

func confirmed(b *board) error {
	if err := b.tell("copy", "activate", "reset"); err != nil {
		return err
	}
	if err := booted(b, "slot B", "pending", "attempts 1"); err != nil {
		return err
	}
	if err := b.tell("confirm", "reset"); err != nil {
		return err
	}
	return booted(b, "slot B", "confirmed")
}

func hangs(b *board) error {
	if err := b.tell("copy", "activate", "reset"); err != nil {
		return err
	}
	for attempt := 1; attempt <= 3; attempt++ {
		if err := booted(b, "slot A", fmt.Sprintf("attempts %d", attempt)); err != nil {
			return err
		}
		if err := b.tell("hang"); err != nil {
			return err
		}
	}
	if err := booted(b, "slot B", "watchdog"); err != nil {
		return err
	}
	return b.tell("settle")
}

// powerCuts ends the emulator at any moment of an update; whatever was written
// then, the next start must be one.
func powerCuts(b *board, cuts int) error {
	for i := range cuts {
		b.send("copy")
		b.send("activate")
		b.send("reset")
		time.Sleep(time.Duration(rand.Int64N(int64(20 * time.Second))))
		if err := b.stop(); err != nil {
			return err
		}
		if err := b.start(); err != nil {
			return err
		}
		if err := booted(b, "ok slot"); err != nil {
			return fmt.Errorf("after cut %d: %w", i+1, err)
		}
		// An image on trial has to be settled before the next update.
		b.send("confirm")
		if _, err := b.answer(10 * time.Second); err != nil {
			return err
		}
	}
	return nil
}
