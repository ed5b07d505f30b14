// Command vcam runs virtual cameras that push to a relay as real ones do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

// Exit codes.
const (
	exitOK    = 0
	exitFail  = 1 // a camera ended by itself
	exitUsage = 2
)

func run(args []string, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "firmware" {
		return makeFirmware(args[1:], stderr)
	}
	if len(args) > 0 && args[0] == "lab" {
		return makeLab(args[1:], stderr)
	}
	cameras, logger, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "vcam: %v\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if !runAll(ctx, cameras, logger) {
		return exitFail
	}
	return exitOK
}

// runAll runs cameras until ctx ends, and reports whether none ended before.
// They start one after another within a second, so that they do not paint in
// step.
func runAll(ctx context.Context, cameras []camera, logger *slog.Logger) bool {
	var wg sync.WaitGroup
	failed := make(chan error, len(cameras))
	for i, c := range cameras {
		wg.Go(func() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second * time.Duration(i) / time.Duration(len(cameras))):
			}
			if err := c.run(ctx); err != nil {
				logger.Error("camera ended", "camera", c.id, "reason", err)
				failed <- err
			}
		})
	}
	wg.Wait()
	return len(failed) == 0
}
